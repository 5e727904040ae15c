"""Admission rules about volumes."""

from __future__ import annotations

from collections.abc import Iterator

from krmfn.kubernetes import names
from krmfn.kubevirt.admission.rule import (
    Findings,
    Need,
    amount,
    choice,
    elements,
    exactly_one,
    finding,
    gate_rule,
    names_in,
    rule,
)
from krmfn.kubevirt.cluster import Cluster
from krmfn.kubevirt.vm_paths import DEVICES, DISKS, INSTANCE, VOLUMES, Map, get
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
_GATES = (
    ("hostDisk", "HostDisk"),
    ("downwardMetrics", "DownwardMetrics"),
    ("containerPath", "ContainerPathVolumes"),
)
_CONFIG_SOURCES = ("configMap", "secret", "serviceAccount", "downwardAPI")
_OWN_PATHS = ("/var/run/kubevirt", "/var/run/libvirt")
_HOST_DISK_TYPES = ("Disk", "DiskOrCreate")


@rule("volume-source", "validateVolumes")
def _volume_source(vm: Map) -> Findings:
    """A volume has exactly one source, and the source its name."""
    for path, volume in elements(vm, VOLUMES):
        sources = [source for source in _SOURCES if source in volume]
        yield from exactly_one(path, sources, "no source")
        for source, key in _REFERENCES:
            if source in volume and not get(volume, (source, key)):
                yield (*path, source, key), "is required"


@rule("volume-names", "validateVolumes")
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


@rule("host-disk", "validateVolumes")
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


@gate_rule(
    "volume-gate",
    "validateVolumes",
    "validatePersistentReservation",
    "validateFilesystemsWithVirtIOFSEnabled",
)
def _volume_gates(vm: Map, cluster: Cluster) -> Iterator[Need]:
    """Host disks, downward metrics and volumes as file systems need feature gates."""
    volumes = elements(vm, VOLUMES)
    for path, volume in volumes:
        for source, gate in _GATES:
            if source in volume:
                yield (*path, source), gate, ""
    file_systems = names_in(vm, (*DEVICES, "filesystems"))
    for path, volume in volumes:
        gate = _file_system_gate(volume)
        if gate and volume.get("name") in file_systems and not _has_old_gate(cluster):
            yield path, gate, "is a file system of the guest"
    for path, disk in elements(vm, DISKS):
        if get(disk, ("lun", "reservation")):
            yield (*path, "lun", "reservation"), "PersistentReservation", ""


def _file_system_gate(volume: Map) -> str:
    """Return the feature gate that a volume needs in order to be a file system, or ""."""
    if "persistentVolumeClaim" in volume or "dataVolume" in volume:
        return "EnableVirtioFsStorageVolumes"
    is_config = any(source in volume for source in _CONFIG_SOURCES)
    return "EnableVirtioFsConfigVolumes" if is_config else ""


def _has_old_gate(cluster: Cluster) -> bool:
    """Tell whether the cluster has the gate that stood for both others before KubeVirt 1.8."""
    is_old = cluster.is_within(None, "1.8")
    return is_old and bool(cluster.gate("ExperimentalVirtiofsSupport"))


@rule("file-systems", "validateVirtualMachineInstanceSpecVolumeDisks")
def _file_systems(vm: Map) -> Findings:
    """A container path is a file system, and none of KubeVirt's own paths. (KubeVirt takes others,
    and the machine never starts.)
    """
    file_systems = names_in(vm, (*DEVICES, "filesystems"))
    for path, volume in elements(vm, VOLUMES):
        inner = get(volume, ("containerPath", "path")) or ""
        at = (*path, "containerPath")
        if "containerPath" in volume and volume.get("name") not in file_systems:
            yield at, "needs one of devices.filesystems with the volume's name"
        if inner.startswith(_OWN_PATHS):
            yield (*at, "path"), f"is {show(inner)}, which is KubeVirt's own"


@rule("utility-volumes", "ValidateUtilityVolumesNotPresentOnCreation")
def _utility_volumes(vm: Map) -> Findings:
    """There are no utility volumes: those are for running instances."""
    if get(vm, (*INSTANCE, "utilityVolumes")):
        yield (*INSTANCE, "utilityVolumes"), "are for running instances; a template has none"


@rule("service-account", "validateServiceAccountName", since="1.9")
def _service_account(vm: Map) -> Findings:
    """`serviceAccountName` is a DNS name, and that of a serviceAccount volume."""
    name, at = get(vm, (*INSTANCE, "serviceAccountName")), (*INSTANCE, "serviceAccountName")
    if not name:
        return
    yield from finding(at, names.subdomain(name))
    for path, volume in elements(vm, VOLUMES):
        other = get(volume, ("serviceAccount", "serviceAccountName"))
        if "serviceAccount" in volume and other != name:
            where = (*path, "serviceAccount", "serviceAccountName")
            yield where, f"is {show(other)}, but the machine's serviceAccountName {show(name)}"


RULES = (
    _volume_source,
    _volume_names,
    _empty_disk,
    _host_disk,
    _volume_gates,
    _file_systems,
    _utility_volumes,
    _service_account,
)
