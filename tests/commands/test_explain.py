"""`krmfn explain` says where each field comes from, why this node type, and what the guest is told."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support import FIXTURES, TOKEN, krmfn, objects


def explained(claim: str, *more: str, case: str = "sizes") -> "subprocess.CompletedProcess[str]":
    return krmfn(
        "explain",
        claim,
        *more,
        "-f",
        str(FIXTURES / case),
        "--config",
        str(FIXTURES / case / "config.yaml"),
    )


def layers(text: str) -> dict[str, str]:
    return {
        path: layer
        for layer, path in re.findall(
            r"^(base|replacement|merge|property|resources|claim|krmfn) +(\S+)", text, re.MULTILINE
        )
    }


@pytest.mark.parametrize(
    ("case", "claim", "expected"),
    [
        ("sizes", "tenant-1-small", {"spec.template.spec.domain.resources.requests.cpu": "base", "spec.runStrategy": "krmfn"}),
        ("sizes", "tenant-1-resized", {"spec.template.spec.domain.resources.requests.cpu": "resources", "spec.template.spec.volumes[cloudinit].name": "krmfn"}),
    ],
)  # fmt: skip
def test_every_field_has_a_layer(case: str, claim: str, expected: dict[str, str]) -> None:
    names = [
        value["metadata"]["name"]
        for value in objects((FIXTURES / case / "expected.yaml").read_text())
        if value["kind"] == "VirtualMachine"
    ]
    seen: set[str] = set()
    for name in names:
        done = explained(name, case=case)
        assert done.returncode == 0, done.stderr
        found = layers(done.stdout)
        seen |= set(found.values())
        assert found["metadata.name"] == "krmfn"
        assert found["metadata.labels[krmfn.dev/node-claim]"] == "krmfn"
    assert {"base", "replacement", "merge", "resources", "krmfn"} <= seen
    if claim in names:
        found = layers(explained(claim, case=case).stdout)
        assert {path: found.get(path) for path in expected} == expected


def test_a_property_is_a_layer() -> None:
    machine = next(
        value
        for value in objects((FIXTURES / "images" / "expected.yaml").read_text())
        if value["kind"] == "VirtualMachine"
    )
    found = layers(explained(machine["metadata"]["name"], case="images").stdout)
    assert found["spec.template.spec.volumes[rootdisk].dataVolume.name"] == "property"


def test_a_field_alone_with_its_place() -> None:
    done = explained("tenant-1-a", "spec.template.spec.domain.resources", case="minimal")
    assert done.stdout.splitlines()[1:3] == [
        'base    spec.template.spec.domain.resources.requests.cpu      "1"',
        'base    spec.template.spec.domain.resources.requests.memory   "2Gi"',
    ]
    assert (
        "provider.yaml: NodeProvider edge: spec.kubeVirt.virtualMachineTemplate.spec.template.spec.domain.resources.requests.cpu"
        in done.stdout
    )


def test_why_this_node_type() -> None:
    done = explained("tenant-1-standard-0", case="pool")
    assert re.search(r"^standard +28 +the cheapest that meets all$", done.stdout, re.MULTILINE), (
        done.stdout
    )
    assert re.search(r"^large +72 +(misses|would do)", done.stdout, re.MULTILINE), done.stdout


def test_what_merges_replaced() -> None:
    stdout = explained("lists", case="patches").stdout
    heading, *rows = stdout[stdout.index("REPLACED BY A MERGE") :].split("\n\n")[0].splitlines()
    assert heading.split() == ["REPLACED", "BY", "A", "MERGE", "WAS", "IS"]
    found = {path: values for path, *values in (re.split(r" {2,}", row) for row in rows)}
    assert found["spec.template.spec.tolerations"] == [
        '[{"key": "infra", "operator": "Exists"}]',
        '[{"key": "gpu", "operator": "Exists"}]',
    ]
    assert "REPLACED" not in explained("tenant-1-a", case="minimal").stdout


def test_user_data_is_in_clear_and_the_token_is_not(tmp_path: Path) -> None:
    shutil.copytree(
        FIXTURES / "minimal", tmp_path / "in", ignore=shutil.ignore_patterns("expected.yaml")
    )
    provider = tmp_path / "in" / "provider.yaml"
    key = (
        "-----BEGIN OPENSSH PRIVATE KEY-----\\n    c2VjcmV0\\n    -----END OPENSSH PRIVATE KEY-----"
    )
    data = f'  properties:\n    vcluster.com/user-data: "#cloud-config\\nwrite_files:\\n- path: /k\\n  content: |\\n    {key}\\n- path: /l\\n"\n'
    provider.write_text(provider.read_text().replace("spec:\n", "spec:\n" + data, 1))
    done = krmfn("explain", "tenant-1-a", "-f", "in", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "#cloud-config\nhostname: tenant-1-a\n" in done.stdout
    assert "-----BEGIN CERTIFICATE-----" in done.stdout
    assert "path: /l" in done.stdout
    for secret in (TOKEN, "c2VjcmV0", "PRIVATE KEY"):
        assert secret not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["tenant-1-b"],
            '"tenant-1-b" is not a claim; there are p-default/tenant-1-a (did you mean "tenant-1-a"?)',
        ),
        (["other/tenant-1-a"], '"other/tenant-1-a" is not a claim; there are p-default/tenant-1-a'),
        (
            ["tenant-1-a", "spec.runStrateg"],
            '"spec.runStrateg" is not a field of vcluster-platform/tenant-1-a (did you mean "spec.runStrategy"?)',
        ),
    ],
)
def test_what_is_not_there(arguments: list[str], said: str) -> None:
    done = explained(*arguments, case="minimal")
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr


def test_a_node_of_a_pool_shows_both_its_secrets_and_how_to_join_anew() -> None:
    shown = explained("tenant-1-workers-0", case="addresses").stdout
    assert "tenant-1-workers-cloud-init" in shown
    assert "tenant-1-workers-0-network" in shown
    assert "root@vm/tenant-1-workers-0 --command 'rm -f /var/lib/krmfn/joined && sync'" in shown
