"""What KubeVirt takes and users regret: warnings about a prototype's machines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from krmfn.kubevirt.disks import boot_sequence, has_boot_order, is_cdrom
from krmfn.kubevirt.vm_paths import (
    CLOUD_INIT_KINDS,
    DATA_VOLUMES,
    DOMAIN,
    INTERFACES,
    NETWORKS,
    RUNNING,
    VOLUMES,
    Map,
    get,
    mappings,
)
from krmfn.machine.additions import ordered_networks
from krmfn.problems import Code, Place, Problem

# The sources of volumes that are lost when a machine stops, and what messages call their disks.
_EPHEMERAL = {"containerDisk": "container disk", "ephemeral": "ephemeral disk"}
# The sources of volumes that can hold an operating system. All others are empty at first, or hold
# cloud-init's files, or those of Kubernetes' objects.
_BOOTABLE = ("persistentVolumeClaim", "dataVolume", "hostDisk", *_EPHEMERAL)


def machine_warnings(vm: Map, at: Place, machines: int, neighbours: int) -> Iterator[Problem]:
    """Yield warnings about a prototype at `at`.

    `machines` are made of it; `neighbours` is the most nodes that one of their virtual
    clusters has.
    """
    if neighbours > 1:
        yield from _masquerade(vm, at)
    if machines > 1:
        yield from _shared_volumes(vm, at)
    yield from _root_disk(vm, at)
    yield from _network_order(vm, at)
    yield from _running(vm, at)


def _masquerade(vm: Map, at: Place) -> Iterator[Problem]:
    """Warn of nodes that all have one address behind the pod network."""
    networks = mappings(get(vm, NETWORKS))
    pods = {network.get("name") for network in networks if "pod" in network}
    for interface in mappings(get(vm, INTERFACES)):
        name = interface.get("name")
        if "masquerade" in interface and name in pods:
            message = f"masquerades {name} on the pod network: "
            message += "nodes of a virtual cluster can't reach each other"
            yield at.warning(message, Code.MASQUERADE_POD_NETWORK)


def _shared_volumes(vm: Map, at: Place) -> Iterator[Problem]:
    """Warn of volumes that several machines would share."""
    templates = mappings(get(vm, DATA_VOLUMES))
    copied = {get(template, ("metadata", "name")) for template in templates}
    for volume in mappings(get(vm, VOLUMES)):
        claim = get(volume, ("persistentVolumeClaim", "claimName"))
        name = get(volume, ("dataVolume", "name")) or claim
        if name and name not in copied:
            message = f"has volume {volume.get('name')} from {name}"
            message += ", which all of its machines share"
            yield at.warning(message, Code.SHARED_VOLUME)


def _root_disk(vm: Map, at: Place) -> Iterator[Problem]:
    """Warn of machines that boot from no disk, from a wrong one, or from one that is lost."""
    if get(vm, (*DOMAIN, "firmware", "kernelBoot")):
        return
    interfaces = mappings(get(vm, INTERFACES))
    sources = _sources(vm)
    sequence = boot_sequence(vm)
    roots = [disk.get("name") for disk in sequence if _may_be_root(disk, sources)]
    if not roots:
        is_live = any(is_cdrom(disk) for disk in sequence)
        if not is_live and not has_boot_order(interfaces):
            yield _no_root_disk(sequence, sources, at)
        return
    first = next(disk for disk in sequence if not is_cdrom(disk)).get("name")
    root = roots[0]
    if first != root:
        source = sources.get(first)
        message = f"boots from disk {first}, a volume with {source}, and not from {root}: "
        message += f"put the disk {root} before it, or give {root} the lowest bootOrder"
        yield at.warning(message, Code.BOOT_DISK)
    if sources[root] in _EPHEMERAL:
        message = f"boots from {_EPHEMERAL[sources[root]]} {root}: "
        message += "what is written to it is lost at every restart"
        yield at.warning(message, Code.EPHEMERAL_ROOT)


def _no_root_disk(sequence: list[Map], sources: dict[Any, str], at: Place) -> Problem:
    """Warn of a machine that has nothing to boot from."""
    message = "has no disk but cloud-init's: its machines have nothing to boot from"
    others = [disk for disk in sequence if sources.get(disk.get("name")) not in CLOUD_INIT_KINDS]
    if others:
        names = ", ".join(str(disk.get("name")) for disk in others)
        message = f"has no disk with an operating system, only {names}: "
        message += "its machines have nothing to boot from"
    return at.warning(message, Code.NO_ROOT_DISK)


def _sources(vm: Map) -> dict[Any, str]:
    """Return what each volume holds, by the volume's name: the key of its source.

    A DataVolume that is blank when the machine gets it is a data disk: it has its source's name.
    """
    templates = mappings(get(vm, DATA_VOLUMES))
    blank = [
        get(template, ("metadata", "name"))
        for template in templates
        if get(template, ("spec", "source", "blank")) is not None
    ]
    result = {}
    for volume in mappings(get(vm, VOLUMES)):
        source = next((key for key in volume if key != "name"), "")
        if get(volume, ("dataVolume", "name")) in blank:
            source = "a blank DataVolume"
        result[volume.get("name")] = source
    return result


def _may_be_root(disk: Map, sources: dict[Any, str]) -> bool:
    """Tell whether an operating system can be on a disk."""
    return not is_cdrom(disk) and sources.get(disk.get("name")) in _BOOTABLE


def _network_order(vm: Map, at: Place) -> Iterator[Problem]:
    """Warn of networks that KubeVirt would put in another order."""
    networks = get(vm, NETWORKS)
    if not networks or ordered_networks(vm) == networks:
        return
    names = ", ".join(str(network.get("name")) for network in ordered_networks(vm))
    message = "has networks in another order than interfaces, for which KubeVirt would rewrite "
    message += f"its machines for ever: rendered as {names}"
    yield at.warning(message, Code.NETWORK_ORDER)


def _running(vm: Map, at: Place) -> Iterator[Problem]:
    """Warn of `running`, for which KubeVirt's webhook prints a warning at each apply."""
    running = get(vm, RUNNING)
    if running is not None:
        strategy = "Always" if running else "Halted"
        message = "has spec.running, which KubeVirt deprecates and warns of at each apply: "
        yield at.warning(f"{message}write runStrategy: {strategy}", Code.DEPRECATED_RUNNING)
