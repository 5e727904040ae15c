"""An annotation for Argo CD or Flux on a declaration that no machine has is a warning."""

from typing import Any

import pytest

from tests.support import CLAIM, CONFIG, PROVIDER, SECRET, changed, function, resource_list

PRUNE = {"argocd.argoproj.io/sync-options": "Prune=confirm,Delete=confirm"}
KEPT = {"kustomize.toolkit.fluxcd.io/prune": "disabled"}
LOST = "is on a declaration, which is not applied"


def said(
    *, provider: Any = PROVIDER, claim: Any = CLAIM, secret: Any = SECRET, config: Any = CONFIG
) -> list[str]:
    reply = function(resource_list(provider, claim, secret, config=config))
    assert reply.code == 0, reply.stderr
    return [line for line in reply.stderr.splitlines() if LOST in line]


@pytest.mark.parametrize("annotations", [PRUNE, KEPT])
@pytest.mark.parametrize("part", ["annotations", "labels"])
def test_what_a_declaration_carries_in_vain(part: str, annotations: dict[str, str]) -> None:
    [key] = annotations
    assert said(provider=changed(PROVIDER, f"metadata.{part}", annotations)) == [
        f"warning: NodeProvider edge: metadata.{part}[{key}]: {LOST}, and on no machine; set it under "
        "spec.annotations.virtualMachine of the config (lost-annotation)"
    ]


def test_what_is_on_all_declarations_is_told_once() -> None:
    on = {
        "provider": changed(PROVIDER, "metadata.annotations", {**PRUNE, **KEPT}),
        "secret": changed(SECRET, "metadata.annotations", {**PRUNE, **KEPT}),
    }
    lines = said(**on)
    assert len(lines) == 2
    assert all(f"{LOST}, here and on 1 more, and on no machine" in line for line in lines)


@pytest.mark.parametrize(
    "annotations",
    [
        {"example.com/owner": "a"},
        # Argo CD and Flux track by these what they apply.
        {"argocd.argoproj.io/tracking-id": "a", "kustomize.toolkit.fluxcd.io/name": "a"},
    ],
)
def test_what_means_nothing_to_a_client(annotations: dict[str, str]) -> None:
    assert said(provider=changed(PROVIDER, "metadata.annotations", annotations)) == []


def test_what_the_machines_have_is_not_lost() -> None:
    provider = changed(PROVIDER, "metadata.annotations", PRUNE)
    config = changed(CONFIG, "spec.annotations", {"virtualMachine": PRUNE})
    assert said(provider=provider, config=config) == []
    other = dict.fromkeys(PRUNE, "Prune=false")
    config = changed(CONFIG, "spec.annotations", {"virtualMachine": other})
    assert len(said(provider=provider, config=config)) == 1


def test_what_only_the_machine_of_a_claim_gets_is_lost_to_those_of_a_pool() -> None:
    """Such are kustomize's commonAnnotations beside krmfn, which stand on all inputs."""
    claim = changed(CLAIM, "metadata.annotations", PRUNE)
    provider = changed(PROVIDER, "metadata.annotations", PRUNE)
    assert said(provider=provider, claim=claim) == []
    static = [{"name": "workers", "quantity": 1}]
    pool = {
        "privateNodes": {"enabled": True, "autoNodes": [{"provider": "edge", "static": static}]}
    }
    config = changed(CONFIG, "spec.virtualClusters.0.values", pool)
    assert len(said(provider=provider, claim=claim, config=config)) == 1
    pools = [{"name": "workers", "annotations": PRUNE}]
    config = changed(config, "spec.virtualClusters.0.pools", pools)
    assert said(provider=provider, claim=claim, config=config) == []


def test_the_warning_can_be_accepted() -> None:
    config = changed(CONFIG, "spec.acceptWarnings", ["lost-annotation"])
    assert said(provider=changed(PROVIDER, "metadata.annotations", PRUNE), config=config) == []
