"""Admission rules about volumes."""

from __future__ import annotations

from krmfn.kubevirt.admission.rule import (
    Findings,
    amount,
    choice,
    elements,
    exactly_one,
    names_in,
    rule,
)
from krmfn.kubevirt.vm_paths import DEVICES, DISKS, VOLUMES, Map, get
from krmfn.problems import show

_SOURCES = (
    "persistentVolumeClaim",
    "sysprep",
    "cloudInitNoCloud",
    "cloudInitConfigDrive",
    "containerDisk",
    "ephemeral",
    "emptyDisk",
    "hostDisk",
    "dataVolume",
    "configMap",
    "secret",
    "downwardAPI",
    "serviceAccount",
    "downwardMetrics",
    "memoryDump",
    "containerPath",
)
# Sources that refer to an object, with the field that names it.
_REFERENCES = (
    ("dataVolume", "name"),
    ("configMap", "name"),
    ("secret", "secretName"),
    ("serviceAccount", "serviceAccountName"),
)
_AT_MOST_ONE = ("serviceAccount", "downwardMetrics", "memoryDump")
_GATES = (("hostDisk", "HostDisk"), ("downwardMetrics", "DownwardMetrics"))
_HOST_DISK_TYPES = ("Disk", "DiskOrCreate")


@rule("volume-source")
def _volume_source(vm: Map) -> Findings:
    """A volume has exactly one source, and the source its name."""
    for path, volume in elements(vm, VOLUMES):
        sources = [source for source in _SOURCES if source in volume]
        yield from exactly_one(path, sources, "no source")
        for source, key in _REFERENCES:
            if source in volume and not get(volume, (source, key)):
                yield (*path, source, key), "is required"


@rule("volume-names")
def _volume_names(vm: Map) -> Findings:
    """Volume names are unique; at most one serviceAccount, downwardMetrics and memoryDump volume
    each.
    """
    volumes = elements(vm, VOLUMES)
    seen: set[str] = set()
    for path, volume in volumes:
        if volume.get("name") in seen:
            yield (*path, "name"), f"is {show(volume.get('name'))} a second time"
        seen.add(volume.get("name", ""))
    for source in _AT_MOST_ONE:
        if sum(source in volume for _, volume in volumes) > 1:
            yield VOLUMES, f"has several {source} volumes; at most one"


@rule("empty-disk")
def _empty_disk(vm: Map) -> Findings:
    """An empty disk's capacity is above 0. (KubeVirt takes less, and the machine fails to
    start.)
    """
    for path, volume in elements(vm, VOLUMES):
        capacity = amount(volume, ("emptyDisk", "capacity"))
        if capacity and capacity.value <= 0:
            yield (*path, "emptyDisk", "capacity"), f"is {capacity}; must be above 0"


@rule("host-disk")
def _host_disk(vm: Map) -> Findings:
    """A host disk has a path, and its type is Disk or DiskOrCreate; a capacity goes with
    DiskOrCreate.
    """
    for path, volume in elements(vm, VOLUMES):
        if "hostDisk" not in volume:
            continue
        at = (*path, "hostDisk")
        if not get(volume, ("hostDisk", "path")):
            yield (*at, "path"), "is required"
        kind = get(volume, ("hostDisk", "type")) or ""
        yield from choice((*at, "type"), kind, _HOST_DISK_TYPES)
        capacity = amount(volume, ("hostDisk", "capacity"))
        if kind == "Disk" and capacity and capacity.value:
            yield (*at, "capacity"), "goes with the type DiskOrCreate only"


@rule("volume-gate", gated=True)
def _volume_gates(vm: Map) -> Findings:
    """Host disks, downward metrics and volumes as file systems need feature gates."""
    volumes = elements(vm, VOLUMES)
    for path, volume in volumes:
        for source, gate in _GATES:
            if source in volume:
                yield (*path, source), f"needs the feature gate {gate}"
    file_systems = names_in(vm, (*DEVICES, "filesystems"))
    for path, volume in volumes:
        claimed = "persistentVolumeClaim" in volume or "dataVolume" in volume
        if claimed and volume.get("name") in file_systems:
            gate = "VirtIOFSStorageVolume"
            yield path, f"is a file system of the guest, which needs the feature gate {gate}"
    for path, disk in elements(vm, DISKS):
        if get(disk, ("lun", "reservation")):
            yield (*path, "lun", "reservation"), "needs the feature gate PersistentReservation"


RULES = (_volume_source, _volume_names, _empty_disk, _host_disk, _volume_gates)
