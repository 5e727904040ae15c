"""What KubeVirt takes and users regret: warnings about a node type's machines, one small function each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from krmfn.kubevirt.merge import Map
from krmfn.kubevirt.template import DATA_VOLUMES, DISKS, DOMAIN, VOLUMES, get
from krmfn.problems import Path, Place, Problem

_NETWORKS = ("spec", "template", "spec", "networks")
_INTERFACES = (*DOMAIN, "devices", "interfaces")
_NAMED: tuple[Path, ...] = (DISKS, VOLUMES, _INTERFACES, _NETWORKS)


def advice(vm: Map, at: Place, machines: int, neighbours: int) -> Iterator[Problem]:
    """Warnings about a prototype; `machines` are made of it, `neighbours` is the most nodes that one of their virtual clusters has."""
    if neighbours > 1:
        yield from _masquerade(vm, at)
    if machines > 1:
        yield from _shared(vm, at)
    yield from _ephemeral_root(vm, at)


def _masquerade(vm: Map, at: Place) -> Iterator[Problem]:
    pod = {network.get("name") for network in _mappings(get(vm, _NETWORKS)) if "pod" in network}
    for interface in _mappings(get(vm, _INTERFACES)):
        if "masquerade" in interface and interface.get("name") in pod:
            text = f"masquerades {interface.get('name')} on the pod network: nodes of a virtual cluster can't reach each other"
            yield at.warning("masquerade-pod-network", text)


def _shared(vm: Map, at: Place) -> Iterator[Problem]:
    own = {get(template, ("metadata", "name")) for template in _mappings(get(vm, DATA_VOLUMES))}
    for volume in _mappings(get(vm, VOLUMES)):
        name = get(volume, ("dataVolume", "name")) or get(volume, ("persistentVolumeClaim", "claimName"))
        if name and name not in own:
            yield at.warning("shared-volume", f"has volume {volume.get('name')} from {name}, which all of its machines share")


def _ephemeral_root(vm: Map, at: Place) -> Iterator[Problem]:
    disks = _mappings(get(vm, DISKS))
    ordered = sorted((disk for disk in disks if isinstance(disk.get("bootOrder"), int)), key=lambda disk: disk["bootOrder"]) or disks
    for volume in _mappings(get(vm, VOLUMES)):
        if ordered and volume.get("name") == ordered[0].get("name") and "containerDisk" in volume:
            yield at.warning(
                "ephemeral-root", f"boots from container disk {volume.get('name')}: what is written to it is lost at every restart"
            )


def dropped(base: Map, merged: Map, at: Place) -> Iterator[Problem]:
    """What a merge patch took out of the base's named lists, without saying so."""
    for path in _NAMED:
        left = {value.get("name") for value in _mappings(get(merged, path))}
        gone = [str(value.get("name")) for value in _mappings(get(base, path)) if value.get("name") not in left]
        if gone:
            yield at.field(*path).warning("merge-drops", f"replaces the list, and drops {', '.join(gone)} of the provider's template")


def _mappings(values: Any) -> list[dict[str, Any]]:
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []
