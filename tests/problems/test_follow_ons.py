"""The cause alone is told, and one mistake hides no other one."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import (  # fmt: skip
    CLAIM,
    CONFIG,
    PROVIDER,
    SECRET,
    changed,
    function,
    krmfn,
    refusal,
    resource_list,
)

TEMPLATE = "spec.kubeVirt.virtualMachineTemplate.spec"
DOMAIN = f"{TEMPLATE}.template.spec.domain"


def errors(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("error: ")]


@pytest.mark.parametrize(
    ("provider", "claim", "cause"),
    [
        ({f"{DOMAIN}.memroy": {"guest": "1Gi"}}, {}, "domain.memroy: is an unknown field"),
        ({}, {"spec.taints": [{"key": "a", "efect": "NoSchedule"}]}, "taints[0].efect: is an unknown field"),
        ({"spec.kubeVirt.clusterRf": {"cluster": "k"}}, {}, "clusterRf: is an unknown field"),
    ],
)  # fmt: skip
def test_a_misspelt_field_is_the_only_error(
    provider: dict[str, Any], claim: dict[str, Any], cause: str
) -> None:
    edited, asked = PROVIDER, CLAIM
    for path, value in provider.items():
        edited = changed(edited, path, value)
    if "memroy" in cause:
        domain = {"memroy": {"guest": "1Gi"}, "devices": {}}
        edited = changed(edited, DOMAIN, domain)
    if "clusterRf" in cause:
        spec = dict(edited["spec"]["kubeVirt"])
        del spec["clusterRef"]
        edited = changed(edited, "spec.kubeVirt", spec)
    for path, value in claim.items():
        asked = changed(asked, path, value)
    said = errors(refusal(function(resource_list(edited, asked, SECRET))))
    assert len(said) == 1
    assert cause in said[0]


@pytest.mark.parametrize(
    ("domain", "follows"),
    [
        ({"cpu": {"core": 2}}, True),
        ({"cpus": {"cores": 2}}, True),
        ({"resources": {"request": {"cpu": "2"}}}, True),
        ({"cpu": {}, "machnie": {"type": "q35"}}, False),
    ],
)
def test_a_cpu_whose_field_is_misspelt_is_not_called_missing(
    domain: dict[str, Any], follows: bool
) -> None:
    provider = changed(PROVIDER, DOMAIN, {"memory": {"guest": "2Gi"}, "devices": {}, **domain})
    said = refusal(function(resource_list(provider, CLAIM, SECRET)))
    assert ("no-cpu" not in said) == follows
    assert len(errors(said)) == 1


def test_what_is_missing_elsewhere_is_told_beside_a_misspelt_field() -> None:
    taints = [{"key": "a", "efect": "NoSchedule"}, {"key": "b"}]
    said = errors(refusal(function(resource_list(PROVIDER, changed(CLAIM, "spec.taints", taints), SECRET))))  # fmt: skip
    assert len(said) == 2
    assert any("spec.taints[1].effect: is required" in line for line in said)


MISTAKES = {
    "provider.yaml": changed(PROVIDER, f"{DOMAIN}.cpu", {"coers": 2}),
    "claim.yaml": changed(CLAIM, "spec.taints", [{"key": "a"}]),
}
CAUSES = ("domain.cpu.coers: is an unknown field", "spec.taints[0].effect: is required")


def folder(where: Path, **files: str) -> Path:
    for name, item in MISTAKES.items():
        (where / name).write_text(yaml.safe_dump(item))
    (where / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    (where / "token.yaml").write_text(yaml.safe_dump(SECRET))
    for name, text in files.items():
        (where / f"{name}.yaml").write_text(text)
    return where


BROKEN_CONFIG = yaml.safe_dump(changed(CONFIG, "spec.secretEncoding", "base64"))


@pytest.mark.parametrize(
    ("files", "first"),
    [
        ({"config": BROKEN_CONFIG}, "secretEncoding"),
        # What stands in it is not called missing: neither the token nor anything else.
        ({"token": "a: [\n"}, "token.yaml"),
        ({"another": "apiVersion: v1\n"}, "no kind"),
    ],
)
def test_what_can_not_be_read_hides_nothing_else(
    tmp_path: Path, files: dict[str, str], first: str
) -> None:
    done = krmfn("plan", str(folder(tmp_path, **files)))
    said = errors(done.stderr)
    assert (done.returncode, done.stdout) == (1, "")
    assert first in said[0]
    assert len(said) == 1 + len(CAUSES), said
    assert all(any(cause in line for line in said) for cause in CAUSES)


def test_a_function_tells_all_too() -> None:
    items = [*MISTAKES.values(), SECRET]
    config = changed(CONFIG, "spec.secretEncoding", "base64")
    said = errors(refusal(function(resource_list(*items, config=config))))
    assert len(said) == 1 + len(CAUSES)
