"""A template that works but surprises gets a warning, and a template that does not gets none."""

import re
from typing import Any

import pytest

from tests.support import (
    CLAIM,
    CONFIG,
    PROVIDER,
    REMOVED,
    SECRET,
    changed,
    function,
    made,
    refusal,
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


def warned(*changes: tuple[str, Any]) -> str:
    provider = PROVIDER
    for path, value in changes:
        provider = changed(provider, path, value)
    done = function(resource_list(provider, CLAIM, SECRET))
    assert done.code == 0, done.stderr
    return done.stderr


NULL = "is null, which leaves it out; write {} or its fields if it is meant (null-field)"


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("domain.devices.tpm", None, "domain.devices.tpm"),
        ("domain.devices.rng", None, "domain.devices.rng"),
        ("domain.firmware", {"bootloader": {"efi": None}}, "domain.firmware.bootloader.efi"),
        ("domain.features", {"smm": None}, "domain.features.smm"),
        ("domain.features", {"hyperv": {"vapic": None}}, "domain.features.hyperv.vapic"),
        (
            "domain.devices.disks.0",
            {"name": "root", "cdrom": None},
            "domain.devices.disks[0].cdrom",
        ),
        ("domain.launchSecurity", None, "domain.launchSecurity"),
    ],
)
def test_an_object_that_is_null_is_told(path: str, value: Any, field: str) -> None:
    assert f"{SPEC}.{field}: {NULL}" in warned((f"{SPEC}.{path}", value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("affinity", None),
        ("nodeSelector", None),
        ("tolerations", None),
        ("domain.devices.disks", None),
        ("domain.devices.disks.0", {"name": "root", "disk": None}),
        ("domain.features", None),
        ("domain.memory", {"guest": "2Gi", "maxGuest": None}),
        ("domain.devices.tpm", {}),
    ],
)
def test_other_nulls_mean_what_they_say(path: str, value: Any) -> None:
    assert "(null-field)" not in warned((f"{SPEC}.{path}", value))


def test_a_null_in_a_patch_takes_out_what_is_there() -> None:
    def patch(devices: Any) -> tuple[str, Any]:
        return PATCH, {"spec": {"template": {"spec": {"domain": {"devices": devices}}}}}

    tpm: tuple[str, Any] = (f"{DEVICES}.tpm", {})
    assert "(null-field)" not in warned(tpm, patch({"tpm": None}))
    said = warned(patch({"tpm": None}))
    assert f"mergeVirtualMachineTemplate.spec.template.spec.domain.devices.tpm: {NULL}" in said


def test_a_label_that_a_patch_takes_out() -> None:
    labels = ("spec.kubeVirt.virtualMachineTemplate.metadata", {"labels": {"a": "b"}})
    patch = (PATCH, {"metadata": {"labels": {"a": None}}})
    assert "(null-field)" not in warned(labels, patch)
    message = "labels.a: is null, but there is no such key to remove (null-field)"
    assert f"mergeVirtualMachineTemplate.metadata.{message}" in warned(patch)


def test_a_null_kind_in_a_property_is_told() -> None:
    prefix = "kubevirt.vcluster.com"
    properties = {
        f"{prefix}/network-attachment-definition": "lan",
        f"{prefix}/interface-template": "sriov:",
    }
    said = warned(("spec.properties", properties))
    assert f"spec.properties[{prefix}/interface-template].sriov: {NULL}" in said


def test_a_template_that_types_share_is_told_of_once() -> None:
    types = ("spec.kubeVirt.nodeTypes", [{"name": "small"}, {"name": "large"}])
    provider = changed(changed(PROVIDER, f"{DEVICES}.tpm", None), *types)
    claims = [CLAIM, changed(CLAIMS[1], "spec.typeRef", "large")]
    assert function(resource_list(provider, *claims, SECRET)).stderr.count(NULL) == 1


def test_what_a_merge_drops_is_told_before_the_error_that_comes_of_it() -> None:
    provider = changed(PROVIDER, f"{SPEC}.volumes", [ROOT])
    provider = changed(provider, TEMPLATES, [IMAGE])
    disks: dict[str, Any] = {"domain": {"devices": {"disks": [{**DISK, "name": "b"}]}}}
    patch: dict[str, Any] = {"spec": {"template": {"spec": {**disks, "volumes": [EMPTY]}}}}
    done = function(resource_list(changed(provider, PATCH, patch), CLAIM, SECRET))
    refusal(done)
    lines = done.stderr.splitlines()
    at = "mergeVirtualMachineTemplate.spec.template.spec"
    dropped = "replaces the list, and drops root of the provider's template (merge-drops)"
    assert f"{at}.domain.devices.disks: {dropped}" in lines[0]
    assert f"{at}.volumes: {dropped}" in lines[1]
    assert "dataVolumeTemplates[0].metadata.name: is used by no volume" in lines[2]
    # The size of a node type may be lost by it as well.
    small = {**patch["spec"]["template"]["spec"], "volumes": [{**ROOT, "name": "b"}]}
    small["domain"] = {**disks["domain"], "memory": None}
    patch_2 = {"spec": {"template": {"spec": small}}}
    said = function(resource_list(changed(provider, PATCH, patch_2), CLAIM, SECRET)).stderr
    assert said.index("(merge-drops)") < said.index("resources.memory: is required")
    # Without these warnings the error stands alone.
    accepted = changed(CONFIG, "spec.acceptWarnings", ["merge-drops"])
    done = function(resource_list(changed(provider, PATCH, patch), CLAIM, SECRET, config=accepted))
    assert done.stderr.startswith("error: ")


ALL = {"requests": {"cpu": "4", "memory": "8Gi"}, "limits": {"cpu": "4", "memory": "8Gi"}}
LIMITS = {"limits": ALL["limits"]}


@pytest.mark.parametrize(
    ("domain", "size", "told"),
    [
        ({"resources": ALL}, {"cpu": 2, "memory": "4Gi"}, ["memory"]),
        ({"resources": ALL, "cpu": {"cores": 4}}, {"cpu": 2, "memory": "4Gi"}, ["cpu", "memory"]),
        ({"resources": LIMITS, "cpu": {"cores": 4}}, {"cpu": 2}, ["cpu"]),
        ({"resources": ALL}, {"cpu": 4, "memory": "8Gi"}, []),
        ({"resources": ALL}, {"cpu": 8, "memory": "16Gi"}, []),
        ({"resources": {**ALL, "requests": {"cpu": "1"}}}, {"memory": "4Gi"}, []),
        ({"resources": {"limits": {"memory": "8Gi"}}}, {"cpu": 2, "memory": "4Gi"}, []),
        ({"resources": LIMITS, "memory": {"guest": "2Gi"}}, {"memory": "4Gi"}, []),
    ],
)
def test_a_size_below_the_limits_is_no_longer_guaranteed(
    domain: dict[str, Any], size: dict[str, Any], told: list[str]
) -> None:
    devices = {"disks": [DISK]}
    said = warned(
        (f"{SPEC}.domain", {**domain, "devices": devices}),
        ("spec.kubeVirt.nodeTypes.0.resources", size),
    )
    found = re.findall(r"nodeTypes\[0\]\.resources\.(\w+): is .* \(burstable\)", said)
    assert found == told


@pytest.mark.parametrize(
    ("field", "value", "instead"),
    [("running", True, "Always"), ("running", False, "Halted"), ("runStrategy", "Always", None)],
)
def test_running_is_deprecated(field: str, value: Any, instead: str | None) -> None:
    path = f"spec.kubeVirt.virtualMachineTemplate.spec.{field}"
    done = function(resource_list(changed(PROVIDER, path, value), *CLAIMS, SECRET))
    told = f"warns of at each apply: write runStrategy: {instead} (deprecated-running)"
    assert (done.code, done.stderr.count("(deprecated-running)")) == (0, int(instead is not None))
    assert instead is None or told in done.stderr


A_GPU = {"name": "a", "deviceName": "nvidia.com/GB100_B200"}
B_GPU = {**A_GPU, "name": "b"}
NIC = {"name": "c", "deviceName": "intel.com/nic"}


@pytest.mark.parametrize(
    ("resources", "domain", "missing"),
    [
        ({"nvidia.com/gpu": 1}, {}, "nvidia.com/gpu]: is 1, but the template's machines have no"),
        ({"nvidia.com/gpu": 0}, {}, None),
        ({"nvidia.com/gpu": 1}, {"devices": {"gpus": [A_GPU]}}, None),
        ({"nvidia.com/gpu": 1}, {"devices": {"hostDevices": [A_GPU]}}, None),
        ({"nvidia.com/gpu": 1}, {"devices": {"gpus": [NIC]}}, "have no such devices"),
        ({"gpu.nvidia.com/mig": "1"}, {"devices": {"gpus": [A_GPU]}}, None),
        ({"nvidia.com/gpu": 2}, {"devices": {"gpus": [A_GPU]}}, "is 2, but the template's machines have 1 such device:"),
        ({"nvidia.com/gpu": 2}, {"devices": {"gpus": [A_GPU, B_GPU]}}, None),
        ({"example.com/nic": 1}, {"resources": {"limits": {"example.com/nic": "1"}}}, None),
        ({"hugepages-2Mi": "1Gi", "pods": 110, "ephemeral-storage": "1Gi"}, {}, None),
    ],
)  # fmt: skip
def test_a_resource_needs_a_device(
    resources: dict[str, Any], domain: dict[str, Any], missing: str | None
) -> None:
    provider = changed(PROVIDER, "spec.kubeVirt.nodeTypes.0.resources", resources)
    patch = {"spec": {"template": {"spec": {"domain": domain}}}}
    done = function(resource_list(changed(provider, PATCH, patch), CLAIM, SECRET))
    assert done.code == 0, done.stderr
    assert ("(no-device)" in done.stderr) == bool(missing)
    assert (missing or "") in done.stderr


@pytest.mark.parametrize(
    ("devices", "is_told"), [({}, True), ({"gpus": [A_GPU]}, False), (None, False)]
)
def test_an_instancetype_can_bring_the_device(devices: Any, is_told: bool) -> None:
    kind = "VirtualMachineClusterInstancetype"
    size = {"cpu": {"guest": 1}, "memory": {"guest": "2Gi"}}
    item = {
        "apiVersion": "instancetype.kubevirt.io/v1beta1",
        "kind": kind,
        "metadata": {"name": "a"},
        "spec": {**size, **(devices or {})},
    }
    template = "spec.kubeVirt.virtualMachineTemplate.spec"
    provider = changed(PROVIDER, f"{template}.instancetype", {"kind": kind, "name": "a"})
    for field in ("cpu", "memory"):
        provider = changed(provider, f"{SPEC}.domain.{field}", REMOVED)
    resources = {"cpu": 1, "memory": "2Gi", "nvidia.com/gpu": 1}
    provider = changed(provider, "spec.kubeVirt.nodeTypes.0.resources", resources)
    items = [provider, CLAIM, SECRET, *([] if devices is None else [item])]
    done = function(resource_list(*items))
    assert done.code == 0, done.stderr
    assert ("(no-device)" in done.stderr) == is_told
