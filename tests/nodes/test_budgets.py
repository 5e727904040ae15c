"""A ResourceQuota or `maxCapacity` that the machines exceed, now or at the peak of a change, is an error."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import ROOT, krmfn

QUOTA: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "compute", "namespace": "machines"},
}
HARD = {
    "count/virtualmachines.kubevirt.io": "3",
    "limits.memory": "1Gi",
    "persistentvolumeclaims": 5,
    "pods": "2",
    "requests.cpu": "400m",
    "requests.memory": "8Gi",
    "requests.storage": "100Gi",
    "secrets": "10",
    "services": "1",
}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Two machines of 2 CPUs, 4Gi and 20Gi, in `in`, and what they gave, in `out`."""
    shutil.copytree(ROOT / "krmfn" / "commands" / "starter", tmp_path / "in")
    assert krmfn("render", "-o", "out", "in", cwd=tmp_path).returncode == 0
    return tmp_path


def add(package: Path, hard: dict[str, Any], **more: Any) -> None:
    quota = {**QUOTA, "spec": {"hard": hard, **more}}
    (package / "in" / "quota.yaml").write_text(yaml.safe_dump(quota))


def replace(package: Path, file: str, old: str, new: str) -> None:
    path = package / "in" / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def plan(package: Path, *more: str) -> Any:
    done = krmfn("plan", "in", "-o", "json", *more, cwd=package)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def test_what_machines_ask_of_a_quota(package: Path) -> None:
    add(package, HARD)
    found, said = plan(package)
    quota = [row for row in found["budgets"] if row["budget"] == "quota compute"]
    assert {row["resource"]: (row["used"], row["hard"]) for row in quota} == {
        "count/virtualmachines.kubevirt.io": ("2", "3"),
        "persistentvolumeclaims": ("2", "5"),
        "pods": ("2", "2"),
        "requests.cpu": ("400m", "400m"),
        "requests.memory": ("8Gi", "8Gi"),
        "requests.storage": ("40Gi", "100Gi"),
        "secrets": ("2", "10"),
    }
    assert {row["cluster"] for row in quota} == {"kubevirt-1"}
    assert {row["namespace"] for row in quota} == {"machines"}
    assert next(row for row in found["budgets"] if row["budget"] == "maxCapacity") == {
        "cluster": "kubevirt-1", "namespace": "", "budget": "maxCapacity", "resource": "kubevirt.large", "used": "0", "hard": "5"
    }  # fmt: skip
    assert "(quota)" not in said
    assert "quota compute   requests.storage" in krmfn("plan", "in", cwd=package).stdout


@pytest.mark.parametrize(
    ("template", "resource", "used"),
    [
        ("resources: {requests: {memory: 5Gi}}", "requests.memory", "10Gi"),
        ("resources: {requests: {cpu: 1500m}}", "requests.cpu", "3"),
        ("resources: {requests: {cpu: 500m}}", "cpu", "1"),
        ("resources: {limits: {memory: 6Gi}}", "limits.memory", "12Gi"),
    ],
)
def test_what_the_template_requests_counts(
    package: Path, template: str, resource: str, used: str
) -> None:
    replace(
        package,
        "provider.yaml",
        "                guest: 4Gi\n",
        f"                guest: 4Gi\n              {template}\n",
    )
    add(package, {resource: "100Gi"})
    assert [row["used"] for row in plan(package)[0]["budgets"] if row["resource"] == resource] == [
        used
    ]


def test_dedicated_cpus_and_storage_classes(package: Path) -> None:
    replace(
        package,
        "provider.yaml",
        "cores: 2\n",
        "cores: 2\n                dedicatedCpuPlacement: true\n",
    )
    replace(
        package,
        "provider.yaml",
        "            storage:\n",
        "            storage:\n              storageClassName: fast\n",
    )
    of = "fast.storageclass.storage.k8s.io/"
    add(package, {"requests.cpu": "9", f"{of}requests.storage": "1Ti", f"{of}persistentvolumeclaims": "9", "slow.storageclass.storage.k8s.io/requests.storage": "1"})  # fmt: skip
    quota = [row for row in plan(package)[0]["budgets"] if row["budget"] == "quota compute"]
    assert {row["resource"]: row["used"] for row in quota} == {
        "requests.cpu": "4", f"{of}requests.storage": "40Gi", f"{of}persistentvolumeclaims": "2"
    }  # fmt: skip


def test_a_quota_that_is_not_kept(package: Path) -> None:
    add(package, {"requests.storage": "30Gi"})
    text = "in/quota.yaml:8:5: ResourceQuota machines/compute: spec.hard[requests.storage]: is 30Gi, but the machines in machines ask for 40Gi"
    assert f"warning: {text} (quota)\n" in plan(package)[1]
    replace(package, "nodes.yaml", "spec:\n", "spec:\n  acceptWarnings: [quota]\n")
    assert plan(package)[1] == ""


@pytest.mark.parametrize(
    ("quota", "rows"),
    [
        ({"metadata": {"name": "compute", "namespace": "others"}}, 0),
        ({"spec": {"hard": {"pods": "1"}, "scopes": ["Terminating"]}}, 0),
        ({"spec": {"hard": {"pods": "1"}, "scopeSelector": {"matchExpressions": []}}}, 1),
        (
            {
                "spec": {
                    "hard": {"pods": "1"},
                    "scopeSelector": {
                        "matchExpressions": [{"scopeName": "Terminating", "operator": "Exists"}]
                    },
                }
            },
            0,
        ),
        ({"spec": {"hard": ["pods"]}}, 0),
        ({"spec": None}, 0),
        ({"apiVersion": "example.com/v1"}, 0),
        ({}, 1),
    ],
)
def test_quotas_of_something_else(package: Path, quota: dict[str, Any], rows: int) -> None:
    (package / "in" / "quota.yaml").write_text(
        yaml.safe_dump({**QUOTA, "spec": {"hard": {"pods": "1"}}, **quota})
    )
    assert (
        len([row for row in plan(package)[0]["budgets"] if row["budget"] == "quota compute"])
        == rows
    )


@pytest.mark.parametrize("against", [[], ["--against", "out"]])
def test_a_limit_that_is_no_quantity(package: Path, against: list[str]) -> None:
    add(package, {"pods": "many", "secrets": []})
    done = krmfn("plan", "in", *against, cwd=package)
    assert (done.returncode, done.stdout) == (1, "")
    assert 'spec.hard.pods: is not a quantity; write it as "4", "500m" or "16Gi"' in done.stderr
    assert "spec.hard.secrets: is not a quantity" in done.stderr


def test_the_peak_of_a_change(package: Path) -> None:
    replace(package, "tenant-1.yaml", "name: workers", "name: others")
    replace(package, "provider.yaml", "maxCapacity: 20", "maxCapacity: 3")
    add(package, {"requests.storage": "60Gi", "requests.memory": "16Gi"})
    found, said = plan(package, "--against", "out")
    sums = {"cluster": "kubevirt-1", "namespace": "machines"}
    assert found["totals"] == [
        {
            **sums,
            "virtualMachines": 2,
            "off": 0,
            "resources": {"cpu": "4", "memory": "8Gi", "storage": "40Gi"},
        }
    ]
    assert found["peak"] == [
        {
            **sums,
            "virtualMachines": 4,
            "off": 0,
            "resources": {"cpu": "8", "memory": "16Gi", "storage": "80Gi"},
        }
    ]
    assert {
        row["resource"]: (row["used"], row["peak"], row["hard"]) for row in found["budgets"]
    } == {
        "requests.storage": ("40Gi", "80Gi", "60Gi"),
        "requests.memory": ("8Gi", "16Gi", "16Gi"),
        "kubevirt.small": ("2", "4", "3"),
        "kubevirt.large": ("0", "0", "5"),
    }
    later = "as long as those that are to be deleted are still there"
    assert (
        f"is 60Gi, but the machines in machines ask for 80Gi {later} (40Gi afterwards) (quota)"
        in said
    )
    assert (
        f"maxCapacity: is 3, but the machines of this type are 4 {later} (2 afterwards) (quota)"
        in said
    )
    done = krmfn("plan", "in", "--against", "out", "--fail-on", "quota", cwd=package)
    assert done.returncode == 4
    assert "error: 2 budgets are not kept, on which --fail-on fails" in done.stderr
    assert done.stdout.partition("and created again.\n")[2] == (
        "\nAt its peak, with new and old machines side by side:\n"
        "CLUSTER      NAMESPACE   VMS   CPU   MEMORY   STORAGE   OTHER\n"
        "kubevirt-1   machines    4     8     16Gi     80Gi      -\n"
        "\nBudgets that are not kept:\n"
        "CLUSTER      NAMESPACE   BUDGET          RESOURCE           USED   PEAK   HARD\n"
        "kubevirt-1   machines    quota compute   requests.storage   40Gi   80Gi   60Gi\n"
        "kubevirt-1   -           maxCapacity     kubevirt.small     2      4      3\n"
    )
    assert (
        "```\nAt its peak"
        in krmfn("plan", "in", "--against", "out", "-o", "markdown", cwd=package).stdout
    )


def test_disks_stay_until_their_machine_goes(package: Path) -> None:
    replace(package, "provider.yaml", "name: root\n", "name: system\n")
    add(package, {"requests.storage": "60Gi"})
    found, _ = plan(package, "--against", "out")
    assert found["summary"] == {"restart": 2}
    # The machines themselves are no more than before.
    [capacity] = [row for row in found["budgets"] if row["resource"] == "kubevirt.small"]
    assert (capacity["used"], capacity["peak"]) == ("2", "2")
    assert [
        (row["used"], row["peak"])
        for row in found["budgets"]
        if row["resource"] == "requests.storage"
    ] == [("40Gi", "80Gi")]
    assert found["peak"][0]["virtualMachines"] == 2
