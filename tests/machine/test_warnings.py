"""A template that works but surprises gets a warning, and a template that does not gets none."""

import re
from typing import Any

import pytest

from tests.support import (
    CLAIM,
    PROVIDER,
    SECRET,
    changed,
    function,
    made,
    resource_list,
)

SPEC = "spec.kubeVirt.virtualMachineTemplate.spec.template.spec"
DEVICES = f"{SPEC}.domain.devices"
CLAIMS = [CLAIM, changed(CLAIM, "metadata.name", "node-2")]
TEMPLATES = "spec.kubeVirt.virtualMachineTemplate.spec.dataVolumeTemplates"
DISK = {"name": "root", "disk": {"bus": "virtio"}}
ROOT = {"name": "root", "dataVolume": {"name": "root"}}
SIZE = {"resources": {"requests": {"storage": "10Gi"}}}
IMAGE = {
    "metadata": {"name": "root"},
    "spec": {"source": {"registry": {"url": "docker://example.com/image"}}, "storage": SIZE},
}


def volumes_of(provider: dict[str, Any], changes: dict[str, Any]) -> Any:
    template = provider["spec"]["kubeVirt"]["virtualMachineTemplate"]
    return changes.get("volumes", template["spec"]["template"]["spec"]["volumes"])


def warnings(*claims: dict[str, Any], **changes: Any) -> set[str]:
    provider = PROVIDER
    if "volumes" not in changes:
        provider = changed(provider, f"{SPEC}.volumes", [ROOT])
    provider = changed(
        provider, TEMPLATES, [IMAGE] if ROOT in volumes_of(provider, changes) else []
    )
    for path, value in changes.items():
        provider = changed(
            provider,
            {"volumes": f"{SPEC}.volumes", "networks": f"{SPEC}.networks", "patch": PATCH}.get(
                path, f"{DEVICES}.{path}"
            ),
            value,
        )
    done = function(resource_list(provider, *(claims or CLAIMS), SECRET))
    assert done.code == 0, done.stderr
    return set(re.findall(r"\(([a-z-]+)\)$", done.stderr, re.MULTILINE)) - {"plaintext-token"}


PATCH = "spec.kubeVirt.nodeTypes.0.mergeVirtualMachineTemplate"
MASQUERADE = {
    "interfaces": [{"name": "a", "masquerade": {}}],
    "networks": [{"name": "a", "pod": {}}],
}
TWO = {
    "interfaces": [{"name": "a", "bridge": {}}, {"name": "b", "bridge": {}}],
    "networks": [{"name": "b", "multus": {"networkName": "b"}}, {"name": "a", "pod": {}}],
}
EMPTY = {"name": "b", "emptyDisk": {"capacity": "1Gi"}}
CLAIMED = {"name": "root", "persistentVolumeClaim": {"claimName": "x"}}
CONTAINER = {"volumes": [{"name": "root", "containerDisk": {"image": "x"}}]}


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({}, set()),
        (MASQUERADE, {"masquerade-pod-network"}),
        ({**MASQUERADE, "interfaces": [{"name": "a", "bridge": {}}]}, set()),
        (TWO, {"network-order"}),
        ({**TWO, "networks": TWO["networks"][::-1]}, set()),
        (CONTAINER, {"ephemeral-root"}),
        (
            {
                "volumes": [*CONTAINER["volumes"], EMPTY],
                "disks": [DISK, {"name": "b", "bootOrder": 1, "disk": {}}],
            },
            {"no-root-disk"},
        ),
        (
            {"volumes": [{"name": "root", "persistentVolumeClaim": {"claimName": "x"}}]},
            {"shared-volume"},
        ),
        ({"volumes": [{"name": "root", "dataVolume": {"name": "x"}}]}, {"shared-volume"}),
        (
            {
                "patch": {
                    "spec": {
                        "template": {
                            "spec": {
                                "volumes": [{**ROOT, "name": "b"}],
                                "domain": {"devices": {"disks": [{**DISK, "name": "b"}]}},
                            }
                        }
                    }
                }
            },
            {"merge-drops"},
        ),
        (
            {
                "volumes": [ROOT, EMPTY],
                "patch": {
                    "spec": {
                        "template": {
                            "spec": {
                                "domain": {"devices": {"disks": [DISK, {**DISK, "name": "b"}]}}
                            }
                        }
                    }
                },
            },
            set(),
        ),
    ],
)
def test_what_is_warned_of(changes: dict[str, Any], codes: set[str]) -> None:
    assert warnings(**changes) == codes


def test_networks_are_rendered_in_the_order_of_their_interfaces() -> None:
    provider = changed(
        changed(PROVIDER, f"{DEVICES}.interfaces", TWO["interfaces"]),
        f"{SPEC}.networks",
        TWO["networks"],
    )
    [machine] = made(function(resource_list(provider, CLAIM, SECRET)))
    assert machine["spec"]["template"]["spec"]["networks"] == TWO["networks"][::-1]


def test_one_machine_has_no_neighbours() -> None:
    assert warnings(CLAIM, **MASQUERADE) == set()
    assert warnings(CLAIM, volumes=[{"name": "root", "dataVolume": {"name": "x"}}]) == set()


BOOT = {"container": {"image": "kernel:1", "kernelPath": "/vmlinuz"}}


@pytest.mark.parametrize(
    ("changes", "warned"),
    [
        ({}, True),
        ({f"{SPEC}.domain.firmware": {"kernelBoot": BOOT}}, False),
        ({f"{SPEC}.domain.firmware": {"serial": "x"}}, True),
        ({f"{DEVICES}.interfaces": [{"name": "a", "bridge": {}, "bootOrder": 1}]}, False),
        ({f"{DEVICES}.interfaces": [{"name": "a", "bridge": {}}]}, True),
        (
            {
                f"{DEVICES}.disks": [DISK],
                f"{SPEC}.volumes": [{"name": "root", "cloudInitNoCloud": {}}],
            },
            True,
        ),
        ({f"{DEVICES}.disks": [DISK], f"{SPEC}.volumes": [CLAIMED]}, False),
    ],
)
def test_a_machine_boots_from_a_disk_a_kernel_or_a_network(
    changes: dict[str, Any], warned: bool
) -> None:
    provider = changed(changed(PROVIDER, f"{DEVICES}.disks", []), f"{SPEC}.volumes", [])
    provider = changed(provider, f"{SPEC}.networks", [{"name": "a", "pod": {}}])
    interfaces = {f"{DEVICES}.interfaces": [{"name": "a", "bridge": {}}]}
    for path, value in (interfaces | changes).items():
        provider = changed(provider, path, value)
    done = function(resource_list(provider, CLAIM, SECRET))
    assert done.code == 0, done.stderr
    assert ("nothing to boot from (no-root-disk)" in done.stderr) == warned


CLOUD_INIT = {"name": "ci", "cloudInitNoCloud": {"userData": "#cloud-config\n{}\n"}}
CLAIM_2 = {"name": "r2", "persistentVolumeClaim": {"claimName": "x"}}
CONTAINER_2 = {"name": "d", "containerDisk": {"image": "example.com/d:1"}}
EPHEMERAL = {"name": "e", "ephemeral": {"persistentVolumeClaim": {"claimName": "x"}}}
BLANK = {"name": "k", "dataVolume": {"name": "k"}}
BLANK_TEMPLATE = {"metadata": {"name": "k"}, "spec": {"source": {"blank": {}}, "storage": SIZE}}


def disk(name: str, bus: str = "virtio", kind: str = "disk", **others: Any) -> dict[str, Any]:
    return {"name": name, kind: {"bus": bus}, **others}


@pytest.mark.parametrize(
    ("disks", "volumes", "expected"),
    [
        # Without disks, KubeVirt makes them in the volumes' order.
        ([], [CLAIM_2], None),
        ([], [CLAIM_2, EMPTY], None),
        ([], [EMPTY, CLAIM_2], "boots from disk b, a volume with emptyDisk, and not from r2"),
        ([], [CLOUD_INIT, CLAIM_2], "boots from disk ci, a volume with cloudInitNoCloud"),
        ([disk("b")], [CLAIM_2, EMPTY], "boots from disk b, a volume with emptyDisk"),
        ([], [CONTAINER_2], "boots from container disk d: what is written"),
        ([], [EPHEMERAL], "boots from ephemeral disk e: what is written"),
        ([], [BLANK, CLAIM_2], "boots from disk k, a volume with a blank DataVolume"),
        ([], [BLANK], "has no disk with an operating system, only k"),
        ([], [CLOUD_INIT], "has no disk but cloud-init's"),
        # The first disk boots, not the first CD-ROM.
        ([disk("d", "sata", "cdrom"), disk("r2")], [CONTAINER_2, CLAIM_2], None),
        ([disk("d", "sata", "cdrom")], [CONTAINER_2], "has no disk but cloud-init's"),
        ([disk("r2"), disk("b", bootOrder=1)], [CLAIM_2, EMPTY], "only b: its machines have"),
        (
            [disk("r2", bootOrder=2), disk("b", bootOrder=1)],
            [CLAIM_2, EMPTY],
            "boots from disk b, a volume with emptyDisk, and not from r2",
        ),
        ([disk("b"), disk("r2", bootOrder=1)], [CLAIM_2, EMPTY], None),
        # A live system, and an installer: the CD-ROM is asked first, by its order.
        ([disk("d", "sata", "cdrom", bootOrder=1)], [CONTAINER_2], None),
        (
            [disk("d", "sata", "cdrom", bootOrder=1), disk("r2", bootOrder=2)],
            [CONTAINER_2, CLAIM_2],
            None,
        ),
        # libvirt keeps the disks of a bus together.
        (
            [disk("d", "sata", "cdrom"), disk("r2"), disk("b", "sata")],
            [CONTAINER_2, CLAIM_2, EMPTY],
            "boots from disk b, a volume with emptyDisk, and not from r2",
        ),
        (
            [disk("d", "sata", "cdrom"), disk("r2")],
            [CONTAINER_2, CLAIM_2, EMPTY],
            "disk b, a volume",
        ),
        ([disk("r2", "sata"), disk("b")], [CLAIM_2, EMPTY], None),
        ([disk("r2", "virtio", "lun")], [CLAIM_2, EMPTY], None),
    ],
)
def test_a_machine_boots_from_its_first_disk(
    disks: list[Any], volumes: list[Any], expected: str | None
) -> None:
    provider = changed(PROVIDER, f"{SPEC}.volumes", volumes)
    provider = changed(provider, f"{DEVICES}.disks", disks)
    provider = changed(provider, TEMPLATES, [BLANK_TEMPLATE] if BLANK in volumes else [])
    done = function(resource_list(provider, CLAIM, SECRET))
    assert done.code == 0, done.stderr
    if expected:
        assert expected in done.stderr
    codes = set(re.findall(r"\(([a-z-]+)\)$", done.stderr, re.MULTILINE))
    assert len(codes & {"boot-disk", "ephemeral-root", "no-root-disk"}) == bool(expected)
