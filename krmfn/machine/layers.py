"""The layers that a machine is made of, and the texts that users write for them."""

from __future__ import annotations

from enum import StrEnum

from krmfn.kubevirt.vm_paths import Map
from krmfn.platform.node_provider import KubeVirt
from krmfn.problems import Place
from krmfn.records import record


class LayerName(StrEnum):
    """Who set a field of a machine, in the order in which they do."""

    BASE = "base"
    REPLACEMENT = "replacement"
    MERGE = "merge"
    PROPERTY = "property"
    RESOURCES = "resources"
    CLAIM = "claim"
    CONFIG = "config"
    KRMFN = "krmfn"


@record(frozen=True)
class Layer:
    """One text of a template: a whole one, or a `patch` that is merged into what came before."""

    name: LayerName
    value: Map
    at: Place
    patch: bool = False


def type_layers(kubevirt: KubeVirt, index: int, at: Place) -> tuple[Layer, ...]:
    """Return the layers of node type `index` of a provider, whose `spec.kubeVirt` is at `at`."""
    node_type = kubevirt.node_types[index]
    where = at.field("nodeTypes", index)
    template = node_type.virtual_machine_template
    if template is not None:
        place = where.field("virtualMachineTemplate")
        return (Layer(LayerName.REPLACEMENT, template, place),)
    base = base_layer(kubevirt, at)
    patch = node_type.merge_virtual_machine_template
    if patch is None:
        return (base,)
    place = where.field("mergeVirtualMachineTemplate")
    return (base, Layer(LayerName.MERGE, patch, place, patch=True))


def base_layer(kubevirt: KubeVirt, at: Place) -> Layer:
    """Return the provider's own template, which is empty if it has none."""
    value = kubevirt.virtual_machine_template or {}
    return Layer(LayerName.BASE, value, at.field("virtualMachineTemplate"))
