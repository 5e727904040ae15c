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
DISK = {"name": "root", "disk": {"bus": "virtio"}}


def warnings(*claims: dict[str, Any], **changes: Any) -> set[str]:
    provider = changed(
        PROVIDER, f"{SPEC}.volumes", [{"name": "root", "emptyDisk": {"capacity": "1Gi"}}]
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
BASE = {**EMPTY, "name": "root"}
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
            set(),
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
                                "volumes": [EMPTY],
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
                "volumes": [BASE, EMPTY],
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
        ({f"{DEVICES}.disks": [DISK], f"{SPEC}.volumes": [BASE]}, False),
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
