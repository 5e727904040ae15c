"""`krmfn plan` shows node types, claims and totals as they are."""

import json
from pathlib import Path

import pytest

from tests.commands.test_screen import on_terminal
from tests.fixtures import cases
from tests.support import (
    CLAIM,
    CONFIG,
    FIXTURES,
    PROVIDER,
    SECRET,
    changed,
    krmfn,
)

WALK = FIXTURES / "pool"


def test_the_walk_through() -> None:
    done = krmfn("plan", str(WALK))
    assert done.returncode == 0, done.stderr
    assert (
        done.stdout
        == """\
NAME       AVAILABLE   TOTAL   PROVIDER    COST   PHASE
large      4           5       networked   72     Available
standard   8           10      networked   28     Available

NAMESPACE   NAME                  STATUS     VCLUSTER   NODETYPE   VM
p-default   tenant-1-memory-0     Rendered   tenant-1   large      vcluster-platform/tenant-1-memory-0
p-default   tenant-1-standard-0   Rendered   tenant-1   standard   vcluster-platform/tenant-1-standard-0
p-default   tenant-1-standard-1   Rendered   tenant-1   standard   vcluster-platform/tenant-1-standard-1

CLUSTER      NAMESPACE           VMS   CPU   MEMORY   STORAGE   OTHER
kubevirt-1   vcluster-platform   3     8     24Gi     60Gi      -
"""
    )


@pytest.mark.parametrize(
    "case", [case for case in cases() if (FIXTURES / case / "config.yaml").exists()]
)
def test_every_plan_fits_a_terminal_of_a_hundred_columns(case: str) -> None:
    command = ("plan", str(FIXTURES / case), "--config", str(FIXTURES / case / "config.yaml"))
    shown = on_terminal(*command, "--no-color", columns=100)
    assert max(map(len, shown.splitlines())) <= 100


def test_json() -> None:
    plan = json.loads(krmfn("plan", str(FIXTURES / "requirements"), "-o", "json").stdout)
    assert plan["nodeTypes"][0] == {
        "name": "gpu",
        "fullName": "zones.gpu",
        "provider": "zones",
        "cluster": "kubevirt-1",
        "available": None,
        "total": None,
        "cost": 50,
        "resources": {"cpu": "8", "memory": "32Gi", "nvidia.com/gpu": "1"},
        "phase": "Available",
    }
    assert plan["claims"][-1] == {
        "namespace": "p-default",
        "name": "tenant-1-bronze-0",
        "status": "Rendered",
        "virtualCluster": "tenant-1",
        "nodeType": "small-a",
        "provider": "zones",
        "pool": "bronze",
        "machine": {"cluster": "kubevirt-1", "namespace": "machines", "name": "tenant-1-bronze-0"},
    }
    assert plan["totals"] == [
        {
            "cluster": "kubevirt-1",
            "namespace": "machines",
            "virtualMachines": 5,
            "off": 0,
            "resources": {"cpu": "22", "memory": "80Gi", "nvidia.com/gpu": "1"},
        }
    ]


def test_a_plan_with_problems_is_none() -> None:
    done = krmfn("plan", str(WALK / "provider.yaml"), str(WALK / "config.yaml"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ")


def test_a_claim_that_is_switched_off_has_the_status_off(tmp_path: Path) -> None:
    off = changed(changed(CLAIM, "metadata.name", "node-2"), "spec.power", {"state": "Off"})
    for name, item in enumerate((PROVIDER, CLAIM, off, SECRET, CONFIG)):
        (tmp_path / f"{name}.yaml").write_text(json.dumps(item))
    plan = json.loads(krmfn("plan", str(tmp_path), "-o", "json").stdout)
    statuses = {claim["name"]: claim["status"] for claim in plan["claims"]}
    assert statuses == {"node-1": "Rendered", "node-2": "Off"}
    rows = [line.split() for line in krmfn("plan", str(tmp_path)).stdout.splitlines()]
    assert [row[1:3] for row in rows if row and row[0] == "p-default"] == [
        ["node-1", "Rendered"],
        ["node-2", "Off"],
    ]


def test_the_machines_column_gives_way_first_and_keeps_twelve_letters(tmp_path: Path) -> None:
    claim = changed(CLAIM, "metadata", {"name": f"node-{'y' * 50}", "namespace": "p" * 40})
    for name, item in enumerate((PROVIDER, claim, SECRET, CONFIG)):
        (tmp_path / f"{name}.yaml").write_text(json.dumps(item))
    lines = on_terminal("plan", str(tmp_path), "--no-color", columns=100).splitlines()
    [row] = [line.split() for line in lines if line.startswith("ppp")]
    assert row[2:] == ["Rendered", "tenant-1", "small", "machi…yyyyyy"]
    assert max(map(len, lines)) == 100


@pytest.mark.parametrize(
    ("spec", "status"),
    [
        ({}, "Rendered"),
        ({"running": True}, "Rendered"),
        ({"running": False}, "Off"),
        ({"runStrategy": "Halted"}, "Off"),
        ({"runStrategy": "Manual"}, "Manual"),
        ({"runStrategy": "Once"}, "Rendered"),
    ],
)
def test_machines_that_a_template_switches_off(
    tmp_path: Path, spec: dict[str, object], status: str
) -> None:
    provider = PROVIDER
    for key, value in spec.items():
        provider = changed(provider, f"spec.kubeVirt.virtualMachineTemplate.spec.{key}", value)
    other = changed(PROVIDER, "metadata.name", "other")
    claim = changed(changed(CLAIM, "metadata.name", "node-2"), "spec.providerRef", "other")
    items = [provider, other, CLAIM, claim, SECRET, CONFIG]
    file = tmp_path / "all.yaml"
    file.write_text("---\n".join(json.dumps(item) + "\n" for item in items))
    plan = json.loads(krmfn("plan", str(file), "-o", "json").stdout)
    assert [claim["status"] for claim in plan["claims"]] == [status, "Rendered"]
    off = int(status == "Off")
    assert plan["totals"][0]["off"] == off
    assert plan["totals"][0]["virtualMachines"] == 2
    shown = "2 (1 off)" if off else "2  "
    assert f"machines    {shown}" in krmfn("plan", str(file)).stdout
