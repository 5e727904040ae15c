"""Paths and names in a VirtualMachine that krmfn looks into."""

from __future__ import annotations

from typing import Any

from krmfn.kubevirt.merge import Map
from krmfn.problems import Path

MANAGED_BY = "app.kubernetes.io/managed-by"
OURS = "krmfn.dev/"
OWNER = OURS + "owner"
SECRET_SUFFIX = "-cloud-init"
CLOUD_INIT = "cloudinit"
# The name of the disk that brings a token, and the label by which the guest finds it.
JOIN_DISK = "krmfn-join"
DOMAIN = ("spec", "template", "spec", "domain")
RESOURCES = (*DOMAIN, "resources")
VOLUMES: Path = ("spec", "template", "spec", "volumes")
NETWORKS: Path = ("spec", "template", "spec", "networks")
DISKS: Path = (*DOMAIN, "devices", "disks")
INTERFACES: Path = (*DOMAIN, "devices", "interfaces")
DATA_VOLUMES: Path = ("spec", "dataVolumeTemplates")
# The lists whose elements have names, with the path to the name in each.
NAMED: dict[Path, Path] = dict.fromkeys((DISKS, VOLUMES, INTERFACES, NETWORKS), ("name",)) | {
    DATA_VOLUMES: ("metadata", "name")
}


class Named(str):
    """The step of a path to the element of a list that has this name."""

    __slots__ = ()


def mappings(values: Any) -> list[Map]:
    """The mappings in a list that is not checked yet."""
    return (
        [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []
    )


def get(value: Any, path: Path) -> Any:
    """The value at a path, None where there is none."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def cloud_init_kind(volume: Map) -> str | None:
    """The key of a cloud-init volume's source, None of any other volume."""
    return next(
        (key for key in ("cloudInitNoCloud", "cloudInitConfigDrive") if key in volume), None
    )


def has(value: Any, path: Path) -> bool:
    """Whether a text writes the field at a path."""
    for key in path:
        if not isinstance(value, dict) or key not in value:
            # A list is replaced as a whole: it has all that is below it.
            return isinstance(value, list)
        value = value[key]
    return True
