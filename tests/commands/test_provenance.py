"""`explain` and the causes of `plan --against` say who set a field, in any spelling of its path."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import CLAIM as A_CLAIM
from tests.support import ROOT, changed, krmfn

STARTER = ROOT / "krmfn" / "commands" / "starter"
CLAIM = "tenant-1-workers-0"
TEMPLATE = "spec.kubeVirt.virtualMachineTemplate"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(STARTER, tmp_path / "in")
    return tmp_path


def edit(folder: Path, file: str, path: str, value: Any) -> None:
    """Set the field at a dotted path of a file, in which numbers index lists."""
    target = folder / "in" / file
    document = yaml.safe_load(target.read_text())
    *parents, last = [int(key) if key.isdigit() else key for key in path.split(".")]
    parent = document
    for key in parents:
        parent = parent[key] if isinstance(key, int) else parent.setdefault(key, {})
    if isinstance(parent, list) and last == len(parent):
        parent.append(value)
    else:
        parent[last] = value
    target.write_text(yaml.safe_dump(document))


def add_claim(folder: Path, name: str, **spec: Any) -> None:
    """Add a claim for a small node, with more in its spec."""
    file = folder / "in" / f"{name}.yaml"
    references = {"providerRef": "kubevirt", "typeRef": "small", "vClusterRef": "tenant-1"}
    file.write_text(
        yaml.safe_dump({**changed(A_CLAIM, "metadata.name", name), "spec": references | spec})
    )


def explained(folder: Path, field: str) -> tuple[str, str]:
    """The layer of a field, and the place that has to change for it to change."""
    done = krmfn("explain", CLAIM, field, "-f", "in", cwd=folder)
    assert done.returncode == 0, done.stderr
    _, row, *places = done.stdout.splitlines()
    return re.split(r" {2,}", row)[0], places[0] if places else ""


# What users write, and then: field, layer, and the end of the place that set it.
PROVIDER = f"provider.yaml {TEMPLATE}"
SPREAD = [
    {
        "maxSkew": 1,
        "topologyKey": "zone",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"krmfn.dev/virtual-cluster": "tenant-1"}},
    }
]
SMALL = "provider.yaml spec.kubeVirt.nodeTypes.0"
MERGE = f"{SMALL}.mergeVirtualMachineTemplate"
INSTANCE = "spec.template.spec"
IMAGE = {
    "kubevirt.vcluster.com/image-url": "docker://example.com/image",
    "kubevirt.vcluster.com/root-disk-size": "10Gi",
    "kubevirt.vcluster.com/root-disk-template": "disk: {bus: sata}",
}
CASES: list[tuple[dict[str, Any], str, str, str]] = [
    # A path may hold any word: labels called `properties`, annotations called `nodeTypes`.
    (
        {f"{PROVIDER}.metadata": {"labels": {"properties": "team-a"}}},
        "metadata.labels.properties",
        "base",
        f"provider.yaml: NodeProvider kubevirt: {TEMPLATE}.metadata.labels.properties",
    ),
    (
        {f"{PROVIDER}.metadata": {"annotations": {"nodeTypes": "y"}}},
        "metadata.annotations.nodeTypes",
        "base",
        f"{TEMPLATE}.metadata.annotations.nodeTypes",
    ),
    (
        {f"{PROVIDER}.{INSTANCE}.topologySpreadConstraints": SPREAD},
        f"{INSTANCE}.topologySpreadConstraints[0].labelSelector.matchLabels"
        "[krmfn.dev/virtual-cluster]",
        "base",
        f"{TEMPLATE}.{INSTANCE}.topologySpreadConstraints[0].labelSelector.matchLabels"
        "[krmfn.dev/virtual-cluster]",
    ),
    # The config's annotations, and the Secret in a cloud-init volume of the template.
    (
        {"nodes.yaml spec.annotations": {"virtualMachine": {"example.com/owner": "team-a"}}},
        "metadata.annotations[example.com/owner]",
        "config",
        "nodes.yaml: KubeVirtNodes nodes: spec.annotations.virtualMachine[example.com/owner]",
    ),
    (
        {
            f"{PROVIDER}.{INSTANCE}.volumes.1": {
                "name": "seed",
                "cloudInitNoCloud": {"userData": "#cloud-config\npackages: [vim]\n"},
            },
        },
        f"{INSTANCE}.volumes[seed].cloudInitNoCloud.secretRef.name",
        "krmfn",
        "",
    ),
    # A merge: what it sets, what it leaves alone beside that, and elements of a keyed list.
    (
        {MERGE: {"spec": {"template": {"spec": {"nodeSelector": {"disk": "ssd"}}}}}},
        f"{INSTANCE}.nodeSelector.disk",
        "merge",
        "nodeTypes[0].mergeVirtualMachineTemplate.spec.template.spec.nodeSelector.disk",
    ),
    (
        {
            f"{PROVIDER}.{INSTANCE}.nodeSelector": {"rack": "a"},
            MERGE: {"spec": {"template": {"spec": {"nodeSelector": {"disk": "ssd"}}}}},
        },
        f"{INSTANCE}.nodeSelector.rack",
        "base",
        f"{TEMPLATE}.{INSTANCE}.nodeSelector.rack",
    ),
    (
        {
            f"{PROVIDER}.{INSTANCE}.topologySpreadConstraints": SPREAD,
            MERGE: {
                "spec": {
                    "template": {
                        "spec": {
                            "topologySpreadConstraints": [
                                {
                                    "topologyKey": "rack",
                                    "maxSkew": 2,
                                    "whenUnsatisfiable": "ScheduleAnyway",
                                },
                                {"topologyKey": "zone", "maxSkew": 3},
                            ]
                        }
                    }
                }
            },
            "nodes.yaml spec.unknownFields": "Warn",
        },
        f"{INSTANCE}.topologySpreadConstraints[1].maxSkew",
        "merge",
        "mergeVirtualMachineTemplate.spec.template.spec.topologySpreadConstraints[1].maxSkew",
    ),
    # A whole template of a node type, its size, and the switch of a claim.
    (
        {f"{SMALL}.resources": {"cpu": "4", "memory": "8Gi"}},
        f"{INSTANCE}.domain.cpu.cores",
        "resources",
        "spec.kubeVirt.nodeTypes[0].resources.cpu",
    ),
    ({}, "spec.runStrategy", "krmfn", ""),
    ({f"{PROVIDER}.spec.runStrategy": "Always"}, "spec.runStrategy", "base", "spec.runStrategy"),
    # What properties ask for, and what their own text sets.
    (
        {"provider.yaml spec.properties": IMAGE},
        f"{INSTANCE}.volumes[rootdisk].dataVolume.name",
        "property",
        "spec.properties[kubevirt.vcluster.com/image-url]",
    ),
    (
        {"provider.yaml spec.properties": IMAGE},
        f"{INSTANCE}.domain.devices.disks[rootdisk].disk.bus",
        "property",
        "spec.properties[kubevirt.vcluster.com/root-disk-template].disk.bus",
    ),
]


@pytest.mark.parametrize(("edits", "field", "layer", "place"), CASES)
def test_the_layer_that_set_a_field(
    folder: Path, edits: dict[str, Any], field: str, layer: str, place: str
) -> None:
    for where, value in edits.items():
        file, path = where.split(" ")
        edit(folder, file, path, value)
    found = explained(folder, field)
    assert found[0] == layer
    assert found[1].endswith(place)
    assert bool(found[1]) == bool(place)


def test_what_a_merge_adds_is_not_among_what_it_replaced(folder: Path) -> None:
    file, path = MERGE.split(" ")
    added = {"spec": {"template": {"spec": {"nodeSelector": {"disk": "ssd"}}}}}
    edit(folder, file, path, added)
    shown = krmfn("explain", CLAIM, "-f", "in", cwd=folder).stdout
    assert "spec.template.spec.nodeSelector.disk" in shown
    assert "REPLACED BY A MERGE" not in shown


def test_a_claim_that_is_switched_off_says_so_itself(folder: Path) -> None:
    """Two claims that ask for the same share a machine, and each has a place of its own."""
    for name in ("a", "b"):
        add_claim(folder, name, power={"state": "Off"})
    for name in ("a", "b"):
        done = krmfn("explain", name, "spec.runStrategy", "-f", "in", cwd=folder)
        assert done.stdout.splitlines()[1:] == [
            'claim   spec.runStrategy   "Halted"',
            f"in/{name}.yaml: NodeClaim p-default/{name}: spec.power.state",
        ]


def test_the_place_of_a_property_is_the_claims_own(folder: Path) -> None:
    for name in ("a", "b"):
        taint = {"key": name, "effect": "NoSchedule"}
        add_claim(folder, name, properties=IMAGE, taints=[taint])
    field = f"{INSTANCE}.volumes[rootdisk].dataVolume.name"
    for name in ("a", "b"):
        done = krmfn("explain", name, field, "-f", "in", cwd=folder)
        assert done.stdout.splitlines()[2] == (
            f"in/{name}.yaml: NodeClaim p-default/{name}: "
            "spec.properties[kubevirt.vcluster.com/image-url]"
        )


@pytest.mark.parametrize(
    ("edits", "path", "cause"),
    [
        (
            {f"{PROVIDER}.metadata": {"labels": {"properties": "new"}}},
            "metadata.labels.properties",
            "metadata.labels.properties",
        ),
        (
            {"nodes.yaml spec.annotations": {"virtualMachine": {"example.com/owner": "b"}}},
            "metadata.annotations[example.com/owner]",
            "spec.annotations.virtualMachine[example.com/owner]",
        ),
        (
            {MERGE: {"spec": {"template": {"spec": {"domain": {"cpu": None}}}}}},
            f"{INSTANCE}.domain.cpu",
            "mergeVirtualMachineTemplate.spec.template.spec.domain.cpu",
        ),
        # What is taken out of a named list comes from the list.
        (
            {
                f"{PROVIDER}.{INSTANCE}.domain.devices.interfaces": [],
                f"{PROVIDER}.{INSTANCE}.networks": [],
            },
            f"{INSTANCE}.networks[default]",
            f"{TEMPLATE}.{INSTANCE}.networks",
        ),
    ],
)
def test_the_cause_of_a_change(folder: Path, edits: dict[str, Any], path: str, cause: str) -> None:
    assert krmfn("render", "-o", "out", "in", cwd=folder).returncode == 0
    for where, value in edits.items():
        file, field = where.split(" ")
        edit(folder, file, field, value)
    done = krmfn("plan", "in", "--against", "out", "-o", "json", cwd=folder)
    assert done.returncode == 0, done.stderr
    changes = json.loads(done.stdout)["changes"]
    causes = {field["path"]: field["cause"] for one in changes for field in one["fields"]}
    assert causes[path].endswith(cause)
