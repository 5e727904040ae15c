"""What KubeVirt takes and users regret: warnings about a node type's machines, one small function each."""

from __future__ import annotations

from collections.abc import Iterator

from krmfn.kubevirt.merge import Map
from krmfn.kubevirt.vm_paths import (
    DATA_VOLUMES,
    DISKS,
    DOMAIN,
    INTERFACES,
    NETWORKS,
    VOLUMES,
    cloud_init_kind,
    get,
    mappings,
)
from krmfn.machine.prototype import ordered_networks
from krmfn.problems import Code, Place, Problem


def advice(vm: Map, at: Place, machines: int, neighbours: int) -> Iterator[Problem]:
    """Warnings about a prototype; `machines` are made of it, `neighbours` is the most nodes that one of their virtual clusters has."""
    if neighbours > 1:
        yield from _masquerade(vm, at)
    if machines > 1:
        yield from _shared(vm, at)
    yield from _ephemeral_root(vm, at)
    yield from _no_root(vm, at)
    yield from _order(vm, at)


def _order(vm: Map, at: Place) -> Iterator[Problem]:
    written = mappings(get(vm, NETWORKS))
    rendered = ordered_networks(vm)
    if rendered != written:
        names = ", ".join(str(network.get("name")) for network in rendered)
        text = f"has networks in another order than interfaces, for which KubeVirt would rewrite its machines for ever: rendered as {names}"
        yield at.warning(text, Code.NETWORK_ORDER)


def _no_root(vm: Map, at: Place) -> Iterator[Problem]:
    own = {volume.get("name") for volume in mappings(get(vm, VOLUMES)) if cloud_init_kind(volume)}
    firmware = get(vm, (*DOMAIN, "firmware", "kernelBoot"))
    booting = any("bootOrder" in interface for interface in mappings(get(vm, INTERFACES)))
    if (
        not booting
        and not firmware
        and all(disk.get("name") in own for disk in mappings(get(vm, DISKS)))
    ):
        yield at.warning(
            "has no disk but cloud-init's: its machines have nothing to boot from",
            Code.NO_ROOT_DISK,
        )


def _masquerade(vm: Map, at: Place) -> Iterator[Problem]:
    pod = {network.get("name") for network in mappings(get(vm, NETWORKS)) if "pod" in network}
    for interface in mappings(get(vm, INTERFACES)):
        if "masquerade" in interface and interface.get("name") in pod:
            text = f"masquerades {interface.get('name')} on the pod network: nodes of a virtual cluster can't reach each other"
            yield at.warning(text, Code.MASQUERADE_POD_NETWORK)


def _shared(vm: Map, at: Place) -> Iterator[Problem]:
    own = {get(template, ("metadata", "name")) for template in mappings(get(vm, DATA_VOLUMES))}
    for volume in mappings(get(vm, VOLUMES)):
        name = get(volume, ("dataVolume", "name")) or get(
            volume, ("persistentVolumeClaim", "claimName")
        )
        if name and name not in own:
            yield at.warning(
                f"has volume {volume.get('name')} from {name}, which all of its machines share",
                Code.SHARED_VOLUME,
            )


def _ephemeral_root(vm: Map, at: Place) -> Iterator[Problem]:
    disks = mappings(get(vm, DISKS))
    ordered = (
        sorted(
            (disk for disk in disks if isinstance(disk.get("bootOrder"), int)),
            key=lambda disk: disk["bootOrder"],
        )
        or disks
    )
    for volume in mappings(get(vm, VOLUMES)):
        if ordered and volume.get("name") == ordered[0].get("name") and "containerDisk" in volume:
            yield at.warning(
                f"boots from container disk {volume.get('name')}: what is written to it is lost at every restart",
                Code.EPHEMERAL_ROOT,
            )
