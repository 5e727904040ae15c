"""Where the fields of a VirtualMachine are: paths from its root, and what reads along them."""

from __future__ import annotations

from typing import Any

from krmfn.problems import Path

Map = dict[str, Any]

RUNNING: Path = ("spec", "running")
RUN_STRATEGY: Path = ("spec", "runStrategy")
INSTANCETYPE: Path = ("spec", "instancetype")
DATA_VOLUMES: Path = ("spec", "dataVolumeTemplates")
UPDATE_VOLUMES: Path = ("spec", "updateVolumesStrategy")
# Of the instance (KubeVirt's VirtualMachineInstance) that the machine's template describes.
INSTANCE_METADATA: Path = ("spec", "template", "metadata")
INSTANCE: Path = ("spec", "template", "spec")
ARCHITECTURE: Path = (*INSTANCE, "architecture")
VOLUMES: Path = (*INSTANCE, "volumes")
NETWORKS: Path = (*INSTANCE, "networks")
DOMAIN = ("spec", "template", "spec", "domain")
CPU: Path = (*DOMAIN, "cpu")
SOCKETS: Path = (*CPU, "sockets")
MEMORY: Path = (*DOMAIN, "memory")
GUEST_MEMORY: Path = (*MEMORY, "guest")
MAX_GUEST_MEMORY: Path = (*MEMORY, "maxGuest")
HUGE_PAGE_SIZE: Path = (*MEMORY, "hugepages", "pageSize")
RESOURCES = (*DOMAIN, "resources")
CPU_REQUEST: Path = (*RESOURCES, "requests", "cpu")
CPU_LIMIT: Path = (*RESOURCES, "limits", "cpu")
MEMORY_REQUEST: Path = (*RESOURCES, "requests", "memory")
MEMORY_LIMIT: Path = (*RESOURCES, "limits", "memory")
DEVICES: Path = (*DOMAIN, "devices")
DISKS: Path = (*DEVICES, "disks")
INTERFACES: Path = (*DEVICES, "interfaces")
FIRMWARE: Path = (*DOMAIN, "firmware")
MACHINE_TYPE: Path = (*DOMAIN, "machine", "type")
TOPOLOGY_SPREAD: Path = (*INSTANCE, "topologySpreadConstraints")
CLOUD_INIT_KINDS = ("cloudInitNoCloud", "cloudInitConfigDrive")
# The lists whose elements have names, with the path to the name in each.
NAMED: dict[Path, Path] = dict.fromkeys((DISKS, VOLUMES, INTERFACES, NETWORKS), ("name",)) | {
    DATA_VOLUMES: ("metadata", "name")
}


class Named(str):
    """The step of a path to the element of a list that has this name."""

    __slots__ = ()


def mappings(values: Any) -> list[Map]:
    """Return the mappings in a list that is not checked yet."""
    if not isinstance(values, list):
        return []
    return [value for value in values if isinstance(value, dict)]


def get(value: Any, path: Path) -> Any:
    """Return the value at a path of keys, or None if there is none."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def cloud_init_kind(volume: Map) -> str | None:
    """Return the key of a cloud-init volume's source, or None for any other volume."""
    kinds = (key for key in CLOUD_INIT_KINDS if key in volume)
    return next(kinds, None)


def has_fallback_memory(vm: Map) -> bool:
    """Tell whether a machine's memory is for the case that KubeVirt can infer no instancetype.

    `virtctl create vm` writes such machines. KubeVirt drops `domain.memory` where it can
    (pkg/instancetype/infer/handler.go).
    """
    matcher = get(vm, INSTANCETYPE)
    is_ignored = get(matcher, ("inferFromVolumeFailurePolicy",)) == "Ignore"
    return is_ignored and bool(get(matcher, ("inferFromVolume",)))


def has(value: Any, path: Path) -> bool:
    """Tell whether a text writes the field at a path."""
    for key in path:
        if not isinstance(value, dict) or key not in value:
            # A list is replaced as a whole: it has all that is below it.
            return isinstance(value, list)
        value = value[key]
    return True


def put(value: Map, path: Path, new: Any) -> Map:
    """Return a copy of a mapping with another value at a path.

    Mappings that are missing on the way are made.
    """
    key, rest = str(path[0]), path[1:]
    return {**value, key: put(value.get(key) or {}, rest, new) if rest else new}
