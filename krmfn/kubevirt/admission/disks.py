"""Admission rules about disks."""

from __future__ import annotations

from collections.abc import Iterator

from krmfn.kubernetes import names
from krmfn.kubevirt.admission.rule import (
    Findings,
    Need,
    by_name,
    choice,
    cluster_rule,
    elements,
    finding,
    gate_rule,
    names_in,
    pci_address,
    rule,
)
from krmfn.kubevirt.cluster import Cluster
from krmfn.kubevirt.vm_paths import DEVICES, DISKS, INTERFACES, VOLUMES, Map, get
from krmfn.patterns import pattern
from krmfn.problems import Path, show

_TARGETS = ("disk", "lun", "cdrom")
BUSES = ("virtio", "scsi", "sata", "usb")
CACHES = ("none", "writethrough", "writeback")
_IO_MODES = ("native", "threads")
_ERROR_POLICIES = ("stop", "ignore", "report", "enospace")
_SERIAL = pattern(r"[A-Za-z0-9_.+-]{1,256}")
_CLAIMS = {"persistentVolumeClaim", "dataVolume"}
_LEAST_BLOCK, _LARGEST_BLOCK = 512, 2**21


@cluster_rule(
    "disk-names", "validateDiskName", "validateDiskNameAsContainerName", "validateBootOrder"
)
def _disk_names(vm: Map, cluster: Cluster) -> Findings:
    """A disk's name is a DNS label of its own, and a volume has it (a CD-ROM may be empty)."""
    volumes = names_in(vm, VOLUMES)
    seen: set[str] = set()
    for path, disk in elements(vm, DISKS):
        name, at = disk.get("name", ""), (*path, "name")
        if name in seen:
            yield at, f"is {show(name)} a second time"
        seen.add(name)
        yield from finding(at, names.dns_label(name))
        may_be_empty = "cdrom" in disk and cluster.is_within("1.6", None)
        if name not in volumes and not may_be_empty:
            yield at, f"is {show(name)}, and no volume has that name"
    file_systems = names_in(vm, (*DEVICES, "filesystems"))
    for path, volume in elements(vm, VOLUMES):
        # KubeVirt appends a disk of that name.
        if volume.get("name") not in seen | file_systems:
            yield from finding((*path, "name"), names.dns_label(volume.get("name") or ""))


@gate_rule("empty-cdrom", "validateBootOrder", since="1.6")
def _empty_cdrom(vm: Map, _: Cluster) -> Iterator[Need]:
    """A CD-ROM without a volume needs the feature gate DeclarativeHotplugVolumes."""
    volumes = names_in(vm, VOLUMES)
    for path, disk in elements(vm, DISKS):
        if disk.get("name") not in volumes and "cdrom" in disk:
            yield (*path, "name"), "DeclarativeHotplugVolumes", "is an empty CD-ROM"


@cluster_rule("disk-target", "validateDeviceTarget", "validateBusSupport", "validateBootOrder")
def _disk_target(vm: Map, cluster: Cluster) -> Findings:
    """A disk is one of disk, lun and cdrom; its bus is virtio, scsi, sata or usb, as its kind
    allows.
    """
    volumes = by_name(vm, VOLUMES)
    for path, disk in elements(vm, DISKS):
        targets = [target for target in _TARGETS if target in disk]
        if len(targets) > 1:
            yield path, f"has {' and '.join(targets)}; a disk is one of them"
        yield from _disk_bus(disk, path, cluster.architecture_of(vm))
        volume = volumes.get(disk.get("name"))
        if "lun" in disk and volume and not _CLAIMS & volume.keys():
            yield (*path, "lun"), "needs a dataVolume or persistentVolumeClaim"
        if (
            volume
            and "downwardMetrics" in volume
            and not _may_be_metrics(disk, cluster.architecture_of(vm))
        ):
            yield path, "is of downward metrics, and so must be a disk with the bus virtio"
        if volume and "containerPath" in volume:
            message = "is of a container path, which is for filesystems, not for disks"
            yield path, f"{message}: the machine would never start"
    yield from _metrics_without_disk(vm)


def _metrics_without_disk(vm: Map) -> Findings:
    """Yield volumes of downward metrics whose disk would be KubeVirt's own, without a bus."""
    used = names_in(vm, DISKS) | names_in(vm, (*DEVICES, "filesystems"))
    for path, volume in elements(vm, VOLUMES):
        if "downwardMetrics" in volume and volume.get("name") not in used:
            yield (*path, "downwardMetrics"), "needs a disk of its name with the bus virtio"


def _may_be_metrics(disk: Map, architecture: str) -> bool:
    """Tell whether a disk can show downward metrics."""
    return "disk" in disk and _bus(disk, architecture) == "virtio"


def _disk_bus(disk: Map, path: Path, architecture: str) -> Findings:
    """Yield a bus that the disk's target does not allow, and what the bus does not."""
    target, bus = _target(disk), _bus(disk, architecture)
    at = (*path, target, "bus")
    if not bus:
        return
    if bus not in BUSES:
        yield from choice(at, bus, BUSES)
    elif bus == "virtio" and target == "cdrom":
        yield at, "is virtio, which a CD-ROM can't have"
    elif bus == "sata" and get(disk, ("disk", "readonly")):
        yield (*path, "disk", "readonly"), "is set on a sata disk, which can't be read-only"
    if disk.get("dedicatedIOThread") and bus != "virtio":
        yield (*path, "dedicatedIOThread"), "needs the bus virtio"


def _target(disk: Map) -> str:
    """Return the key of the disk that says what it is to the guest, or ""."""
    return next((target for target in _TARGETS if target in disk), "")


def _bus(disk: Map, architecture: str) -> str:
    """Return the bus of a disk: its own, or the one that KubeVirt gives to its instance.

    A disk that does not say what it is gets none here.
    """
    target = _target(disk)
    default = "sata" if architecture == "amd64" else "virtio"
    return get(disk, (target, "bus")) or (default if target else "")


@cluster_rule(
    "disk-settings",
    "validateSerialNumValue",
    "validateSerialNumLength",
    "validateCacheMode",
    "validateIOMode",
    "validateErrorPolicy",
    "validatePciAddress",
    "validateBlockSize",
    "validateCustomBlockSize",
)
def _disk_settings(vm: Map, cluster: Cluster) -> Findings:
    """Serial, cache, io, error policy, PCI address and block size of a disk are ones that KubeVirt
    knows.
    """
    for path, disk in elements(vm, DISKS):
        serial = disk.get("serial")
        if serial and not _SERIAL.fullmatch(serial):
            limit = "must be at most 256 of A-Z, a-z, 0-9, _, ., + and -"
            yield (*path, "serial"), f"is {show(serial)}; {limit}"
        for key, allowed in (("cache", CACHES), ("io", _IO_MODES)):
            if disk.get(key):
                yield from choice((*path, key), disk[key], allowed)
        if "errorPolicy" in disk:
            yield from choice((*path, "errorPolicy"), disk["errorPolicy"], _ERROR_POLICIES)
        at = (*path, "disk", "pciAddress")
        pci = get(disk, ("disk", "pciAddress"))
        if pci and get(disk, ("disk", "bus")) != "virtio":
            yield at, "needs the bus virtio"
        yield from pci_address(at, pci)
        yield from _block_size(disk, path, cluster.architecture_of(vm))


def _block_size(disk: Map, path: Path, architecture: str) -> Findings:
    """Yield what is wrong with the block size of a disk."""
    custom = get(disk, ("blockSize", "custom"))
    match = get(disk, ("blockSize", "matchVolume"))
    at = (*path, "blockSize", "custom")
    if custom is None:
        return
    if match is not None and match.get("enabled", True):
        yield at, "stands beside matchVolume"
    else:
        yield from _custom_block_size(custom, _bus(disk, architecture), at)


def _custom_block_size(custom: Map, bus: str, path: Path) -> Findings:
    """Yield sizes that do not go together, or that no disk has."""
    logical = custom.get("logical") or 0
    physical = custom.get("physical") or 0
    discard = custom.get("discardGranularity") or 0
    if logical > physical:
        yield path, f"has a logical size of {logical}, above the physical one of {physical}"
    elif bus == "sata" and logical != _LEAST_BLOCK:
        yield path, f"has a logical size of {logical}; must be 512 with sata"
    elif logical and discard % logical:
        yield path, f"has a discard granularity of {discard}, no multiple of {logical}"
    else:
        yield from _power_of_two((*path, "logical"), logical)
        yield from _power_of_two((*path, "physical"), physical)


def _power_of_two(path: Path, size: int) -> Findings:
    """Yield a size that is not a power of two, or out of range."""
    if not _LEAST_BLOCK <= size <= _LARGEST_BLOCK or size & (size - 1):
        yield path, f"is {size}; must be a power of 2, 512 to {_LARGEST_BLOCK}"


@rule("boot-order", "validateBootOrder", "validateBootOrderValue", "validateInterfaceBootOrder")
def _boot_order(vm: Map) -> Findings:
    """Boot orders are above 0, and no two of disks and interfaces are equal."""
    seen: set[int] = set()
    for path, device in elements(vm, DISKS) + elements(vm, INTERFACES):
        order = device.get("bootOrder")
        at = (*path, "bootOrder")
        if order is None:
            continue
        if order < 1:
            yield at, f"is {order}; must be 1 or more"
        elif order in seen:
            yield at, f"is {order} a second time"
        seen.add(order)


RULES = (_disk_names, _empty_cdrom, _disk_target, _disk_settings, _boot_order)
