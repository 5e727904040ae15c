"""KubeVirt's admission rules about disks, volumes, DataVolumes, firmware and other devices; see `rules.py`."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from krmfn.kubernetes import names
from krmfn.kubevirt.admission.rules import DOMAIN, VMI, Finding, amount, at, listed, one_of, rule
from krmfn.kubevirt.merge import Map
from krmfn.problems import Code, Path, show

DEVICES: Path = (*DOMAIN, "devices")
DISKS: Path = (*DEVICES, "disks")
VOLUMES: Path = (*VMI, "volumes")
INTERFACES: Path = (*DEVICES, "interfaces")
PCI = re.compile(r"[0-9a-fA-F]{4}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\.[0-7]")
_TARGETS = ("disk", "lun", "cdrom")
SOURCES = (
    "persistentVolumeClaim", "sysprep", "cloudInitNoCloud", "cloudInitConfigDrive", "containerDisk", "ephemeral", "emptyDisk", "hostDisk",
    "dataVolume", "configMap", "secret", "downwardAPI", "serviceAccount", "downwardMetrics", "memoryDump", "containerPath",
)  # fmt: skip


_REFERENCES = (
    ("dataVolume", "name"),
    ("configMap", "name"),
    ("secret", "secretName"),
    ("serviceAccount", "serviceAccountName"),
)


def _bus(disk: Map) -> str:
    return next((at(disk, target, "bus") or "" for target in _TARGETS if target in disk), "")


@rule(
    "disk-names",
    "A disk's name is a DNS label of its own, and a volume has it (a CD-ROM may be empty).",
)
def _disk_names(spec: Map) -> Iterator[Finding]:
    volumes = {volume.get("name") for _, volume in listed(spec, *VOLUMES)}
    seen: set[str] = set()
    for index, disk in listed(spec, *DISKS):
        name = disk.get("name", "")
        if name in seen:
            yield (*DISKS, index, "name"), f"is {show(name)} a second time"
        seen.add(name)
        if wrong := names.dns_label(name):
            yield (*DISKS, index, "name"), wrong
        if name not in volumes and "cdrom" not in disk:
            yield (*DISKS, index, "name"), f"is {show(name)}, and no volume has that name"


@rule(
    "empty-cdrom",
    "A CD-ROM without a volume needs the feature gate DeclarativeHotplugVolumes.",
    gated=True,
)
def _empty_cdrom(spec: Map) -> Iterator[Finding]:
    volumes = {volume.get("name") for _, volume in listed(spec, *VOLUMES)}
    for index, disk in listed(spec, *DISKS):
        if disk.get("name") not in volumes and "cdrom" in disk:
            yield (
                (*DISKS, index, "name"),
                "is an empty CD-ROM, which needs the feature gate DeclarativeHotplugVolumes",
            )


@rule(
    "disk-target",
    "A disk is one of disk, lun and cdrom; its bus is virtio, scsi, sata or usb, as its kind allows.",
)
def _disk_target(spec: Map) -> Iterator[Finding]:
    kinds = {volume.get("name"): volume for _, volume in listed(spec, *VOLUMES)}
    for index, disk in listed(spec, *DISKS):
        targets = [target for target in _TARGETS if target in disk]
        path = (*DISKS, index)
        if len(targets) > 1:
            yield path, f"has {' and '.join(targets)}; a disk is one of them"
        bus, target = _bus(disk), targets[0] if targets else ""
        if bus and (wrong := one_of(bus, ("virtio", "scsi", "sata", "usb"))):
            yield (*path, target, "bus"), wrong
        elif bus == "virtio" and target == "cdrom":
            yield (*path, target, "bus"), "is virtio, which a CD-ROM can't have"
        elif bus == "sata" and at(disk, "disk", "readonly"):
            yield (*path, "disk", "readonly"), "is set on a sata disk, which can't be read-only"
        if bus and disk.get("dedicatedIOThread") and bus != "virtio":
            yield (*path, "dedicatedIOThread"), "needs the bus virtio"
        volume = kinds.get(disk.get("name"))
        if (
            "lun" in disk
            and volume
            and "persistentVolumeClaim" not in volume
            and "dataVolume" not in volume
        ):
            yield (*path, "lun"), "needs a dataVolume or persistentVolumeClaim"


@rule(
    "disk-settings",
    "Serial, cache, io, error policy, PCI address and block size of a disk are ones that KubeVirt knows.",
)
def _disk_settings(spec: Map) -> Iterator[Finding]:
    for index, disk in listed(spec, *DISKS):
        path = (*DISKS, index)
        serial = disk.get("serial") or ""
        if serial and (not re.fullmatch(r"[A-Za-z0-9_.+-]+", serial) or len(serial) > 256):
            yield (
                (*path, "serial"),
                f"is {show(serial)}; must be at most 256 of A-Z, a-z, 0-9, _, ., + and -",
            )
        for key, allowed in (
            ("cache", ("none", "writethrough", "writeback")),
            ("io", ("native", "threads")),
        ):
            if disk.get(key) and (wrong := one_of(disk[key], allowed)):
                yield (*path, key), wrong
        if "errorPolicy" in disk and (
            wrong := one_of(disk["errorPolicy"], ("stop", "ignore", "report", "enospace"))
        ):
            yield (*path, "errorPolicy"), wrong
        pci = at(disk, "disk", "pciAddress")
        if pci and at(disk, "disk", "bus") != "virtio":
            yield (*path, "disk", "pciAddress"), "needs the bus virtio"
        if pci and not PCI.fullmatch(pci):
            yield (*path, "disk", "pciAddress"), f"is {show(pci)}; must be as 0000:81:11.1"
        yield from _block_size(disk, path)


def _block_size(disk: Map, path: Path) -> Iterator[Finding]:
    custom, match = at(disk, "blockSize", "custom"), at(disk, "blockSize", "matchVolume")
    if custom is None:
        return
    where = (*path, "blockSize", "custom")
    if match is not None and match.get("enabled", True):
        yield where, "stands beside matchVolume"
        return
    logical, physical, discard = (
        custom.get(key) or 0 for key in ("logical", "physical", "discardGranularity")
    )
    if logical > physical:
        yield where, f"has a logical size of {logical}, above the physical one of {physical}"
    elif _bus(disk) == "sata" and logical != 512:
        yield where, f"has a logical size of {logical}; must be 512 with sata"
    elif logical and discard % logical:
        yield where, f"has a discard granularity of {discard}, no multiple of {logical}"
    else:
        for key, size in (("logical", logical), ("physical", physical)):
            if not 512 <= size <= 2**21 or size & (size - 1):
                yield (*where, key), f"is {size}; must be a power of 2, 512 to {2**21}"


@rule("boot-order", "Boot orders are above 0, and no two of disks and interfaces are equal.")
def _boot_order(spec: Map) -> Iterator[Finding]:
    seen: set[int] = set()
    for path in (DISKS, INTERFACES):
        for index, device in listed(spec, *path):
            order = device.get("bootOrder")
            if order is not None and order < 1:
                yield (*path, index, "bootOrder"), f"is {order}; must be 1 or more"
            elif order in seen:
                yield (*path, index, "bootOrder"), f"is {order} a second time"
            if order is not None:
                seen.add(order)


@rule("volume-source", "A volume has exactly one source, and the source its name.")
def _volume_source(spec: Map) -> Iterator[Finding]:
    for index, volume in listed(spec, *VOLUMES):
        there = [source for source in SOURCES if source in volume]
        if len(there) != 1:
            yield (*VOLUMES, index), f"has {' and '.join(there) or 'no source'}; must have one"
        for source, key in _REFERENCES:
            if source in volume and not at(volume, source, key):
                yield (*VOLUMES, index, source, key), "is required"


@rule(
    "volume-names",
    "Volume names are unique; at most one serviceAccount, downwardMetrics and memoryDump volume each.",
)
def _volume_names(spec: Map) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, volume in listed(spec, *VOLUMES):
        if volume.get("name") in seen:
            yield (*VOLUMES, index, "name"), f"is {show(volume.get('name'))} a second time"
        seen.add(volume.get("name", ""))
    for source in ("serviceAccount", "downwardMetrics", "memoryDump"):
        if sum(source in volume for _, volume in listed(spec, *VOLUMES)) > 1:
            yield VOLUMES, f"has several {source} volumes; at most one"


@rule(
    "empty-disk",
    "An empty disk's capacity is above 0. (KubeVirt takes less, and the machine fails to start.)",
)
def _empty_disk(spec: Map) -> Iterator[Finding]:
    for index, volume in listed(spec, *VOLUMES):
        capacity = amount(volume, "emptyDisk", Code.CAPACITY)
        if capacity and capacity.value <= 0:
            yield (*VOLUMES, index, "emptyDisk", Code.CAPACITY), f"is {capacity}; must be above 0"


@rule(
    "host-disk",
    "A host disk has a path, and its type is Disk or DiskOrCreate; a capacity goes with DiskOrCreate.",
)
def _host_disk(spec: Map) -> Iterator[Finding]:
    for index, volume in listed(spec, *VOLUMES):
        if "hostDisk" not in volume:
            continue
        path = (*VOLUMES, index, "hostDisk")
        if not at(volume, "hostDisk", "path"):
            yield (*path, "path"), "is required"
        kind = at(volume, "hostDisk", "type") or ""
        if wrong := one_of(kind, ("Disk", "DiskOrCreate")):
            yield (*path, "type"), wrong
        capacity = amount(volume, "hostDisk", Code.CAPACITY)
        if kind == "Disk" and capacity and capacity.value:
            yield (*path, Code.CAPACITY), "goes with the type DiskOrCreate only"


@rule(
    "volume-gate",
    "Host disks, downward metrics and volumes as file systems need feature gates.",
    gated=True,
)
def _volume_gate(spec: Map) -> Iterator[Finding]:
    for index, volume in listed(spec, *VOLUMES):
        for source, gate in (("hostDisk", "HostDisk"), ("downwardMetrics", "DownwardMetrics")):
            if source in volume:
                yield (*VOLUMES, index, source), f"needs the feature gate {gate}"
    shared = {system.get("name") for _, system in listed(spec, *DEVICES, "filesystems")}
    for index, volume in listed(spec, *VOLUMES):
        if volume.get("name") in shared and (
            "persistentVolumeClaim" in volume or "dataVolume" in volume
        ):
            yield (
                (*VOLUMES, index),
                "is a file system of the guest, which needs the feature gate VirtIOFSStorageVolume",
            )
    for index, disk in listed(spec, *DISKS):
        if at(disk, "lun", "reservation"):
            yield (
                (*DISKS, index, "lun", "reservation"),
                "needs the feature gate PersistentReservation",
            )


def _path_problem(path: str) -> str:
    if path == "/":
        return "is the root; must be a file"
    clean = posixpath.normpath("/" + path) if path else "/"
    return (
        ""
        if clean.replace("//", "/") == path.removesuffix("/")
        else f"is {show(path)}; must be an absolute path without . and .."
    )


@rule("container-disk", "The path in a container disk, and of a kernel and initrd, is absolute.")
def _container_disk(spec: Map) -> Iterator[Finding]:
    for index, volume in listed(spec, *VOLUMES):
        path = at(volume, "containerDisk", "path")
        if path and (wrong := _path_problem(path)):
            yield (*VOLUMES, index, "containerDisk", "path"), wrong
    boot = (*DOMAIN, "firmware", "kernelBoot")
    container = at(spec, *boot, "container")
    if container is None and at(spec, *boot, "kernelArgs"):
        yield (*boot, "kernelArgs"), "needs a container with a kernel"
    if container is not None:
        if not container.get("image"):
            yield (*boot, "container", "image"), "is required"
        if not container.get("kernelPath") and not container.get("initrdPath"):
            yield (*boot, "container"), "needs kernelPath or initrdPath"
        for key in ("kernelPath", "initrdPath"):
            if container.get(key) and (wrong := _path_problem(container[key])):
                yield (*boot, "container", key), wrong


@rule(
    "firmware",
    "Not both EFI and BIOS; secure boot needs SMM; ACPI tables come from Secret volumes.",
)
def _firmware(spec: Map) -> Iterator[Finding]:
    path = (*DOMAIN, "firmware", "bootloader")
    efi = at(spec, *path, "efi")
    if efi is not None and at(spec, *path, "bios") is not None:
        yield path, "has efi and bios; keep one"
    smm = at(spec, *DOMAIN, "features", "smm")
    if (
        efi is not None
        and efi.get("secureBoot", True)
        and not (smm is not None and smm.get("enabled", True))
    ):
        yield (
            (*path, "efi"),
            "has secure boot (its default), which needs features.smm; or set secureBoot: false",
        )
    acpi = at(spec, *DOMAIN, "firmware", "acpi")
    if acpi is None:
        return
    if not acpi.get("slicNameRef") and not acpi.get("msdmNameRef"):
        yield (*DOMAIN, "firmware", "acpi"), "needs slicNameRef or msdmNameRef"
    secrets = {volume.get("name") for _, volume in listed(spec, *VOLUMES) if "secret" in volume}
    for key in ("slicNameRef", "msdmNameRef"):
        if acpi.get(key) and acpi[key] not in secrets:
            yield (
                (*DOMAIN, "firmware", "acpi", key),
                f"is {show(acpi[key])}, which is no Secret volume",
            )


@rule(
    "data-volumes",
    "A DataVolume template has storage or pvc, exactly one source, and a volume that uses it.",
)
def _data_volumes(spec: Map) -> Iterator[Finding]:
    used = {
        name
        for _, volume in listed(spec, *VOLUMES)
        for name in (
            at(volume, "dataVolume", "name"),
            at(volume, "persistentVolumeClaim", "claimName"),
        )
    }
    for index, template in listed(spec, "dataVolumeTemplates"):
        path: Path = ("dataVolumeTemplates", index)
        body = template.get("spec") or {}
        storage = [key for key in ("pvc", "storage") if key in body]
        if len(storage) != 1:
            yield (
                (*path, "spec"),
                f"has {' and '.join(storage) or 'neither storage nor pvc'}; must have one",
            )
            continue
        populated = any(
            at(body, storage[0], key) is not None for key in ("dataSource", "dataSourceRef")
        )
        sourced = "source" in body or "sourceRef" in body
        if populated == sourced:
            yield (
                (*path, "spec", "source"),
                "stands beside a data source of its storage"
                if sourced
                else "or sourceRef is required",
            )
        elif "source" in body and len(body["source"]) != 1:
            yield (
                (*path, "spec", "source"),
                f"has {' and '.join(body['source']) or 'no source'}; must have one",
            )
        elif at(template, "metadata", "name") not in used:
            yield (*path, "metadata", "name"), "is used by no volume"


@rule(
    "other-devices",
    "Inputs are tablets by virtio or usb; a sound card is ich9 or ac97 and has a name; the IO thread policy is known.",
)
def _other_devices(spec: Map) -> Iterator[Finding]:
    for index, device in listed(spec, *DEVICES, "inputs"):
        if device.get("bus") and (wrong := one_of(device["bus"], ("virtio", "usb"))):
            yield (*DEVICES, "inputs", index, "bus"), wrong
        if wrong := one_of(device.get("type", ""), ("tablet",)):
            yield (*DEVICES, "inputs", index, "type"), wrong
    sound = at(spec, *DEVICES, "sound")
    if sound is not None:
        if sound.get("model") and (wrong := one_of(sound["model"], ("ich9", "ac97"))):
            yield (*DEVICES, "sound", "model"), wrong
        if not sound.get("name"):
            yield (*DEVICES, "sound", "name"), "is required"
    for key in ("gpus", "hostDevices"):
        for index, device in listed(spec, *DEVICES, key):
            if (
                not device.get("deviceName")
                and not device.get("claimName")
                and not device.get("requestName")
            ):
                yield (*DEVICES, key, index, "deviceName"), "is required"
    policy = at(spec, *DOMAIN, "ioThreadsPolicy")
    if policy is not None and (wrong := one_of(policy, ("shared", "auto", "supplementalPool"))):
        yield (*DOMAIN, "ioThreadsPolicy"), wrong
    if (
        policy == "supplementalPool"
        and (at(spec, *DOMAIN, "ioThreads", "supplementalPoolThreadCount") or 0) < 1
    ):
        yield (
            (*DOMAIN, "ioThreads", "supplementalPoolThreadCount"),
            "is required with supplementalPool",
        )
