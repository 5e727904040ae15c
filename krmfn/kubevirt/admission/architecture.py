"""Rules for the instance that KubeVirt makes of a machine: its architecture and Hyper-V features.

KubeVirt's webhook admits a machine that breaks them, and then refuses its instance: the machine
never starts.
"""

from __future__ import annotations

from collections.abc import Iterator

from krmfn.kubevirt.admission.rule import Findings, choice, cluster_rule, elements, rule
from krmfn.kubevirt.cluster import ARCHITECTURES, Cluster
from krmfn.kubevirt.vm_paths import ARCHITECTURE, CPU, DEVICES, DISKS, DOMAIN, FIRMWARE, Map, get
from krmfn.problems import Path, show

_WATCHDOG = (*DEVICES, "watchdog")
_VIDEO = (*DEVICES, "video", "type")
_MODEL = (*CPU, "model")
_HYPERV = (*DOMAIN, "features", "hyperv")
_VIDEO_TYPES = {
    "amd64": ("vga", "cirrus", "virtio", "ramfb", "bochs"),
    "arm64": ("virtio", "ramfb"),
    "s390x": ("virtio",),
}
# The kind of watchdog that KubeVirt adds where a machine has another one or none.
_WATCHDOGS = {"amd64": "i6300esb", "s390x": "diag288"}
_ARM_BUSES = ("virtio", "scsi")
# Hyper-V features, with those that they need.
_NEEDS = (
    ("evmcs", "vapic"),
    ("ipi", "vpindex"),
    ("tlbflush", "vpindex"),
    ("synictimer", "synic"),
    ("synic", "vpindex"),
)


@cluster_rule("architecture", "ValidateVirtualMachineInstancePerArch", "validateArchitecture")
def _architecture(vm: Map, cluster: Cluster) -> Findings:
    """The architecture is amd64, arm64 or s390x: Go's names, not uname's. (KubeVirt takes others,
    and the machine never starts.)
    """
    architecture = get(vm, ARCHITECTURE)
    if architecture and not (architecture == "ppc64le" and not cluster.is_within("1.7", None)):
        yield from choice(ARCHITECTURE, architecture, ARCHITECTURES)


@rule("architecture-gate", "validateArchitecture", before="1.8", sure=False)
def _other_architecture(vm: Map) -> Findings:
    """Before KubeVirt 1.8, another architecture than the control plane's needs the feature gate
    MultiArchitecture. A warning for all but amd64.
    """
    architecture = get(vm, ARCHITECTURE)
    if architecture and architecture != "amd64":
        message = f"is {architecture}, which needs the feature gate MultiArchitecture"
        yield ARCHITECTURE, f"{message} unless KubeVirt's own nodes are {architecture}"


@cluster_rule(
    "architecture-devices",
    "ValidateVirtualMachineInstanceAmd64Setting",
    "ValidateVirtualMachineInstanceArm64Setting",
    "ValidateVirtualMachineInstanceS390XSetting",
    "validateWatchdogAmd64",
    "isOnlyI6300ESBWatchdog",
    "validateVideoTypeAmd64",
    "validateVideoTypeArm64",
    "validateVideoTypeS390x",
    "validateBootOptions",
    "validateCPUModel",
    "validateDiskBus",
    "validateWatchdog",
    "validateSoundDevice",
    "validateWatchdogS390x",
    "isOnlyDiag288Watchdog",
)
def _devices(vm: Map, cluster: Cluster) -> Findings:
    """Watchdog, video, CPU model, disk buses, sound and boot loader are ones that the architecture
    has. (KubeVirt takes others, and the machine never starts.)
    """
    architecture = cluster.architecture_of(vm)
    yield from _watchdog(vm, architecture)
    video = get(vm, (*DEVICES, "video"))
    if video is not None and architecture in _VIDEO_TYPES:
        message = f"is {show(video.get('type'))}, which {architecture} does not have; must be "
        types = _VIDEO_TYPES[architecture]
        if video.get("type") not in types:
            yield _VIDEO, message + f"one of {', '.join(types)}"
    if architecture == "arm64":
        yield from _arm(vm, cluster)


def _watchdog(vm: Map, architecture: str) -> Findings:
    """Yield a watchdog that the architecture does not have."""
    watchdog = get(vm, _WATCHDOG)
    if watchdog is None:
        return
    if architecture == "arm64":
        yield _WATCHDOG, "is not supported on arm64"
    for own, kind in _WATCHDOGS.items():
        if kind in watchdog and own != architecture and architecture in _WATCHDOGS:
            wanted = _WATCHDOGS[architecture]
            yield (*_WATCHDOG, kind), f"is for {own}; {architecture} has {wanted}"


def _arm(vm: Map, cluster: Cluster) -> Findings:
    """Yield what arm64 does not have."""
    if get(vm, (*FIRMWARE, "bootloader", "bios")) is not None:
        yield (*FIRMWARE, "bootloader", "bios"), "is not supported on arm64; use efi"
    efi = get(vm, (*FIRMWARE, "bootloader", "efi"))
    if not cluster.is_within("1.9", None) and efi is not None and efi.get("secureBoot"):
        yield (*FIRMWARE, "bootloader", "efi", "secureBoot"), "is not supported on arm64"
    model = get(vm, _MODEL)
    is_refused = model == "host-model"
    if cluster.is_within("1.6", None):
        is_refused = bool(model) and model != "host-passthrough"
    if is_refused:
        yield _MODEL, f"is {show(model)}; arm64 has host-passthrough only"
    for path, disk in elements(vm, DISKS):
        for target in ("disk", "cdrom", "lun"):
            bus = get(disk, (target, "bus"))
            if bus and bus not in _ARM_BUSES:
                message = f"is {show(bus)}, which arm64 does not have; must be virtio or scsi"
                yield (*path, target, "bus"), message
    if get(vm, (*DEVICES, "sound")) is not None:
        yield (*DEVICES, "sound"), "is not supported on arm64"


@rule(
    "hyperv",
    "ValidateVirtualMachineInstanceHyperv",
    "ValidateVirtualMachineInstanceHypervMode",
    "ValidateVirtualMachineInstanceHypervFeatureDependencies",
    "IsRequirementFulfilled",
    "isRequirementOK",
    "isFeatureStateEnabled",
    "isFeatureStateMissing",
    "getHypervFeatureDependencies",
)
def _hyperv(vm: Map) -> Findings:
    """Hyper-V features stand beside no passthrough of them, and with those that they need.
    (KubeVirt takes others, and the machine never starts.)
    """
    hyperv = get(vm, _HYPERV)
    if hyperv is None:
        return
    if get(vm, (*DOMAIN, "features", "hypervPassthrough")) is not None:
        yield _HYPERV, "stands beside hypervPassthrough; keep one of them"
    yield from _dependencies(hyperv)


def _dependencies(hyperv: Map) -> Iterator[tuple[Path, str]]:
    """Yield features that are on while one that they need is off."""
    for feature, needed in _NEEDS:
        is_on = get(hyperv, (feature, "enabled")) is True
        if is_on and get(hyperv, (needed, "enabled")) is False:
            yield (*_HYPERV, feature), f"needs {needed}, which is switched off"


RULES = (_architecture, _other_architecture, _devices, _hyperv)
