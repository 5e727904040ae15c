"""What KubeVirt takes and users regret: warnings about a prototype's machines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from krmfn.kubevirt.vm_paths import (
    DATA_VOLUMES,
    DISKS,
    DOMAIN,
    INTERFACES,
    NETWORKS,
    VOLUMES,
    Map,
    cloud_init_kind,
    get,
    mappings,
)
from krmfn.machine.additions import ordered_networks
from krmfn.problems import Code, Place, Problem


def machine_warnings(vm: Map, at: Place, machines: int, neighbours: int) -> Iterator[Problem]:
    """Yield warnings about a prototype at `at`.

    `machines` are made of it; `neighbours` is the most nodes that one of their virtual
    clusters has.
    """
    if neighbours > 1:
        yield from _masquerade(vm, at)
    if machines > 1:
        yield from _shared_volumes(vm, at)
    yield from _ephemeral_root(vm, at)
    yield from _no_root_disk(vm, at)
    yield from _network_order(vm, at)


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


def _ephemeral_root(vm: Map, at: Place) -> Iterator[Problem]:
    """Warn of a root disk that loses what is written to it."""
    root = _boot_disk(vm)
    for volume in mappings(get(vm, VOLUMES)):
        is_root = root is not None and volume.get("name") == root
        if is_root and "containerDisk" in volume:
            message = f"boots from container disk {root}: "
            message += "what is written to it is lost at every restart"
            yield at.warning(message, Code.EPHEMERAL_ROOT)


def _boot_disk(vm: Map) -> Any:
    """Return the name of the disk that a machine boots from, None if it has no disk."""
    disks = mappings(get(vm, DISKS))
    if not disks:
        return None
    ordered = [disk for disk in disks if isinstance(disk.get("bootOrder"), int)]
    first = disks[0]
    if ordered:
        first = min(ordered, key=lambda disk: disk["bootOrder"])
    return first.get("name")


def _no_root_disk(vm: Map, at: Place) -> Iterator[Problem]:
    """Warn of machines that have nothing to boot from."""
    if get(vm, (*DOMAIN, "firmware", "kernelBoot")):
        return
    interfaces = mappings(get(vm, INTERFACES))
    if any("bootOrder" in interface for interface in interfaces):
        return
    volumes = mappings(get(vm, VOLUMES))
    cloud_init = [volume.get("name") for volume in volumes if cloud_init_kind(volume)]
    disks = mappings(get(vm, DISKS))
    if all(disk.get("name") in cloud_init for disk in disks):
        message = "has no disk but cloud-init's: its machines have nothing to boot from"
        yield at.warning(message, Code.NO_ROOT_DISK)


def _network_order(vm: Map, at: Place) -> Iterator[Problem]:
    """Warn of networks that KubeVirt would put in another order."""
    networks = get(vm, NETWORKS)
    if not networks or ordered_networks(vm) == networks:
        return
    names = ", ".join(str(network.get("name")) for network in ordered_networks(vm))
    message = "has networks in another order than interfaces, for which KubeVirt would rewrite "
    message += f"its machines for ever: rendered as {names}"
    yield at.warning(message, Code.NETWORK_ORDER)
