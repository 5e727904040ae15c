"""Where a field of a claim's machine comes from."""

from __future__ import annotations

from dataclasses import replace

from krmfn.kubevirt.vm_paths import DATA_VOLUMES, INSTANCE_METADATA, Named
from krmfn.machine.data_volumes import without_hash
from krmfn.machine.layers import LayerName
from krmfn.machine.marks import MANAGED_BY, OURS
from krmfn.nodes.claim import Claim
from krmfn.nodes.machine_set import CompiledMachine
from krmfn.problems import Path, Place

_METADATA = [
    (*metadata, kind)
    for metadata in (("metadata",), INSTANCE_METADATA)
    for kind in ("labels", "annotations")
]
# Objects of which one may ask for machines with the same properties as another.
_ASKING = ("NodeClaim", "ConfigMap", "KubeVirtNodes")


def field_source(claim: Claim, path: Path) -> tuple[LayerName, Place | None]:
    """Return the layer that set a field, and the place that has to change for it to change.

    The place is None if krmfn sets the field. Elements of keyed lists are `Named` in `path`,
    which comes from the rendered machine.
    """
    machine = claim.group.machine
    if machine is None or _is_reserved(path):
        return LayerName.KRMFN, None
    if path[:-1] in _METADATA[:2] and not machine.provenance.is_written(path[:-1], path):
        # The template has none: it was the claim's own, or what the config says of its pool.
        is_claim = claim.pool is None
        at = claim.request.at if is_claim else claim.tenant.at
        return (LayerName.CLAIM if is_claim else LayerName.CONFIG), at
    path = _template_path(path, claim.name, machine)
    layer = machine.provenance.find(path)[0].layer
    place = machine.provenance.place(path)
    if layer is LayerName.CLAIM:
        is_metadata = path[0] == "metadata"
        return layer, claim.request.at.field(*path) if is_metadata else claim.request.asked.off
    if layer is LayerName.PROPERTY and place:
        return layer, _claims_place(claim, place)
    return layer, place


def _is_reserved(path: Path) -> bool:
    """Tell whether only krmfn may set a field: names, and labels and annotations of its own.

    One that it no longer sets is not in the record.
    """
    if path[:2] in (("metadata", "name"), ("metadata", "namespace")):
        return True
    is_metadata = path[:-1] in _METADATA
    return is_metadata and str(path[-1]).startswith((OURS, MANAGED_BY))


def _template_path(path: Path, name: str, machine: CompiledMachine) -> Path:
    """Return the path with the names that DataVolumes have in the template.

    An earlier DataVolume may have the hash of another image in its name.
    """
    depth = len(DATA_VOLUMES)
    if path[:depth] != DATA_VOLUMES or len(path) == depth:
        return path
    step = path[depth]
    if isinstance(step, Named):
        own = str(step).removeprefix(f"{name}-")
        step = Named(machine.data_volumes.get(own) or without_hash(own))
    return (*DATA_VOLUMES, step, *path[depth + 1 :])


def _claims_place(claim: Claim, place: Place) -> Place:
    """Return the place of a property in the claim or pool itself.

    Machines of equal properties share one prototype, whoever asked for them first.
    """
    resource = place.origin.resource
    if resource is None or resource.kind not in _ASKING:
        return place
    for part in reversed(claim.request.asked.written):
        for key in part.properties:
            if key in place.path:
                below = place.path[place.path.index(key) :]
                return replace(part.at, path=(*part.at.path, *below))
    return place
