"""The disks that KubeVirt gives a machine, and the one of them that its firmware boots from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from krmfn.kubevirt.vm_paths import (
    ARCHITECTURE,
    DEVICES,
    DISKS,
    INTERFACES,
    VOLUMES,
    Map,
    get,
    mappings,
)

_FILE_SYSTEMS = (*DEVICES, "filesystems")
_TARGETS = ("disk", "lun", "cdrom")


def default_disks(vm: Map) -> list[Map]:
    """Return the disks that KubeVirt appends: one for each volume without a disk or file system.

    They have a name alone, as in KubeVirt's `SetDefaultVolumeDisk` (pkg/util/util.go, the same
    from v1.5 to v1.9). Their kind and bus come from later defaults, which depend on the
    architecture and on a preference: to write those here would make another machine.
    """
    named = (
        element.get("name")
        for path in (DISKS, _FILE_SYSTEMS)
        for element in mappings(get(vm, path))
    )
    # The machine is not checked yet.
    used = {name for name in named if isinstance(name, str | None)}
    names = [volume.get("name") for volume in mappings(get(vm, VOLUMES))]
    return [{"name": name} for name in names if isinstance(name, str | None) and name not in used]


def all_disks(vm: Map) -> list[Map]:
    """Return the disks of a machine, with those that KubeVirt appends."""
    return [*mappings(get(vm, DISKS)), *default_disks(vm)]


def is_cdrom(disk: Map) -> bool:
    """Tell whether a disk is a CD-ROM."""
    return "cdrom" in disk


def boot_sequence(vm: Map) -> list[Map]:
    """Return the disks in the order in which the firmware prefers them.

    With a `bootOrder` somewhere, libvirt lets the firmware try the devices that have one, and
    no others (`-boot strict=on`). Without any, KubeVirt's converter writes no boot device, and
    libvirt takes `hd`: the first disk or LUN, never a CD-ROM. (libvirt: the documentation of
    `<os><boot dev>`; `qemuProcessPrepareDeviceBootorder` gives the boot index to one disk.)
    """
    disks = all_disks(vm)
    if has_boot_order([*disks, *mappings(get(vm, INTERFACES))]):
        ordered = [disk for disk in disks if has_boot_order([disk])]
        return sorted(ordered, key=lambda disk: int(disk["bootOrder"]))
    return [disk for disk in _by_bus(disks, vm) if not is_cdrom(disk)]


def has_boot_order(devices: Sequence[Map]) -> bool:
    """Tell whether one of the devices has a boot order."""
    return any(type(device.get("bootOrder")) is int for device in devices)


def _by_bus(disks: Sequence[Map], vm: Map) -> list[Map]:
    """Return disks as libvirt keeps them: each after the last one of its bus, if there is one.

    (`virDomainDiskInsert`: a SATA disk comes right after a SATA CD-ROM, before disks of virtio.)
    """
    buses = list(dict.fromkeys(_bus(disk, vm) for disk in disks))
    return sorted(disks, key=lambda disk: buses.index(_bus(disk, vm)))


def _bus(disk: Map, vm: Map) -> Any:
    """Return the bus of a disk; by default KubeVirt gives it SATA, where the architecture has it.

    (pkg/defaults: amd64.go, arm64.go, s390x.go.)
    """
    default = "virtio" if get(vm, ARCHITECTURE) in ("arm64", "s390x") else "sata"
    return next((bus for kind in _TARGETS if (bus := get(disk, (kind, "bus")))), default)
