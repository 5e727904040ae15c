"""Every golden file is what krmfn makes today, whatever the order of its input, and every machine in one is one that KubeVirt takes."""

import base64
from random import Random
from typing import Any

import pytest

from krmfn.commands.render import render
from tests.fixtures import cases, expected, released
from tests.support import FIXTURES, function, kustomize, machines, objects, oracle

FOLDERS = [case for case in cases() if (FIXTURES / case / "config.yaml").exists()]


@pytest.mark.parametrize("case", [*cases(), *released()])
def test_output_is_as_promised(case: str) -> None:
    assert expected(case) == (FIXTURES / case / "expected.yaml").read_text()


def test_kubevirt_takes_every_machine() -> None:
    rendered = [
        machine
        for case in FOLDERS
        for machine in machines((FIXTURES / case / "expected.yaml").read_text())
    ]
    assert len(rendered) > 20
    for machine, verdict in zip(rendered, oracle("vm", rendered), strict=True):
        assert verdict == {"pruned": [], "schema": [], "admission": []}, machine["metadata"]["name"]
    assert all(answer == {"errors": []} for answer in oracle("objectmeta", rendered))


@pytest.mark.parametrize("case", FOLDERS)
def test_kustomize_builds_the_same_objects(case: str) -> None:
    built = kustomize(FIXTURES / case)
    assert built.returncode == 0, built.stderr
    made = {
        key(value): value
        for value in objects(built.stdout)
        if value["metadata"].get("labels", {}).get("app.kubernetes.io/managed-by") == "krmfn"
    }
    promised = {
        key(value): value for value in objects((FIXTURES / case / "expected.yaml").read_text())
    }
    assert made == promised
    # What was consumed is not left for the cluster.
    assert not [
        value
        for value in objects(built.stdout)
        if value["kind"] in ("NodeProvider", "NodeClaim", "KubeVirtNodes")
    ]


@pytest.mark.parametrize("case", FOLDERS)
def test_order_of_files_never_matters(case: str) -> None:
    folder = FIXTURES / case
    paths = [str(path) for path in sorted(folder.glob("*.yaml")) if path.name != "expected.yaml"]
    for seed in range(3):
        Random(seed).shuffle(paths)
        assert (
            render(paths, str(folder / "config.yaml")).stdout
            == (folder / "expected.yaml").read_text()
        )


def test_a_run_on_its_own_output_changes_nothing() -> None:
    once = function((FIXTURES / "package" / "input.yaml").read_text()).stdout
    assert function(once).stdout == once


def test_secrets_read_alike_in_both_encodings() -> None:
    for case in FOLDERS:
        for secret in objects((FIXTURES / case / "expected.yaml").read_text()):
            if secret["kind"] == "Secret":
                text = (
                    secret.get("stringData", {}).get("userdata")
                    or base64.b64decode(secret["data"]["userdata"]).decode()
                )
                assert text.startswith("#cloud-config\nhostname: ")


def key(value: dict[str, Any]) -> tuple[str, str, str]:
    return value["kind"], value["metadata"].get("namespace", ""), value["metadata"]["name"]
