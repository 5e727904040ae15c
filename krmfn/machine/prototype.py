"""A provider's template and a node type become one prototype: the VirtualMachine of every claim of that type, without its names.

The order is the design's: base template, then replaced or merged, then properties, `resources`, runStrategy.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from krmfn.kubernetes.quantity import Quantity
from krmfn.kubevirt import types
from krmfn.kubevirt.canonical import canonical
from krmfn.kubevirt.merge import Map, MergeError, merge, without_nulls
from krmfn.kubevirt.vm_paths import DISKS, INTERFACES, NETWORKS, VOLUMES, get, mappings
from krmfn.machine.layers import Layer, Layers
from krmfn.machine.shape import shape_problems, template_problems
from krmfn.platform.model import Model, Taint, validate
from krmfn.platform.node_provider import KubeVirt
from krmfn.problems import Code, Path, Place, Problem


@dataclass(frozen=True, slots=True)
class Added:
    """An element that properties made: the place of the one that asks for it, those of single fields, and the texts merged over it.

    The texts are by the path of the list that the element stands in.
    """

    at: Place
    fields: dict[str, Place] = field(default_factory=dict)
    texts: dict[Path, Layer] = field(default_factory=dict)


@dataclass(slots=True)
class Prototype:
    """What all claims of a node type share: the VirtualMachine's metadata and spec, and the taints that are kubelet's business.

    `layers` tell where a field was written, `advice` holds the warnings that came up in the making. `sizes` are the places of the
    resources that a node type gives it; `added` are the elements that properties made, by their names.
    """

    vm: Map
    taints: list[Taint] = field(default_factory=list)
    layers: Layers = field(default_factory=lambda: Layers(()))
    advice: list[Problem] = field(default_factory=list)
    sizes: dict[str, Place] = field(default_factory=dict)
    added: dict[str, Added] = field(default_factory=dict)


class _Taints(Model):
    taints: list[Taint]


def layers(kubevirt: KubeVirt, index: int, at: Place) -> tuple[Layer, ...]:
    """The layers of node type `index` of a provider; `at` is the place of its `spec.kubeVirt`."""
    node_type, of_type = kubevirt.node_types[index], at.field("nodeTypes", index)
    if node_type.virtual_machine_template is not None:
        return (Layer(node_type.virtual_machine_template, of_type.field("virtualMachineTemplate")),)
    found = [Layer(kubevirt.virtual_machine_template or {}, at.field("virtualMachineTemplate"))]
    if node_type.merge_virtual_machine_template is not None:
        found.append(
            Layer(
                node_type.merge_virtual_machine_template,
                of_type.field("mergeVirtualMachineTemplate"),
                patch=True,
            )
        )
    return tuple(found)


def prototype(of: tuple[Layer, ...]) -> tuple[Prototype, list[Problem]]:
    """Compile a template from its layers."""
    stack = Layers(of)
    problems = [
        problem for layer in of for problem in template_problems(layer.value, layer.at, layer.patch)
    ]
    if problems:
        return Prototype({}), problems
    vm: Map = {}
    found: list[Problem] = []
    for layer in of:
        try:
            merged = merge(vm, layer.value) if layer.patch else layer.value
        except MergeError as error:
            return Prototype({}), [layer.at.field(*error.path).error(error.message)]
        if layer.patch:
            found += dropped(vm, merged, layer.at)
        vm = merged
    vm = {key: without_nulls(vm[key]) for key in ("metadata", "spec") if vm.get(key) is not None}
    problems += shape_problems(vm, stack)
    if problems:
        return Prototype({}), problems
    taints, wrong = _taken_taints(vm, stack)
    problems += wrong
    vm = canonical(vm, types.ROOT, stack.place, problems)
    if problems:
        return Prototype({}), problems
    if "runStrategy" not in vm["spec"] and "running" not in vm["spec"]:
        vm["spec"] = {"runStrategy": "Always", **vm["spec"]}
    return Prototype(vm, taints, stack, found), problems


def resized(
    prototype: Prototype, resources: Mapping[str, Quantity], at: Place
) -> tuple[Prototype, list[Problem]]:
    """The prototype with the size that a node type gives it in its `resources`, which stand at `at`."""
    wanted = {name: resources[name] for name in ("cpu", "memory") if name in resources}
    if not wanted:
        return prototype, []
    vm = prototype.vm
    if "instancetype" in vm["spec"]:
        return prototype, [
            at.error(
                "stands beside spec.instancetype of the template, which sets CPU and memory; keep one of them"
            )
        ]
    domain = copy.deepcopy(vm["spec"]["template"]["spec"]["domain"])
    problems = list(_resize(domain, wanted, at))
    spec = {**vm["spec"]["template"]["spec"], "domain": domain}
    vm = {**vm, "spec": {**vm["spec"], "template": {**vm["spec"]["template"], "spec": spec}}}
    return replace(prototype, vm=vm, sizes={name: at.field(name) for name in wanted}), problems


def dropped(base: Map, merged: Map, at: Place) -> Iterator[Problem]:
    """What a merge patch took out of the base's named lists, without saying so."""
    for path in (DISKS, VOLUMES, INTERFACES, NETWORKS):
        left = {str(value.get("name")) for value in mappings(get(merged, path))}
        gone = [
            name
            for value in mappings(get(base, path))
            if (name := str(value.get("name"))) not in left
        ]
        if gone:
            yield at.field(*path).warning(
                f"replaces the list, and drops {', '.join(gone)} of the provider's template",
                Code.MERGE_DROPS,
            )


def ordered_networks(vm: Map) -> list[Map]:
    """The networks in the order of their interfaces: KubeVirt's controller rewrites a machine for ever that has them in another."""
    order = {
        interface.get("name"): index
        for index, interface in enumerate(mappings(get(vm, INTERFACES)))
    }
    return sorted(
        mappings(get(vm, NETWORKS)), key=lambda network: order.get(network.get("name"), len(order))
    )


def _taken_taints(vm: Map, layers: Layers) -> tuple[list[Taint], list[Problem]]:
    """Take out `spec.template.spec.taints`.

    The Platform's docs put node taints there, but KubeVirt's VirtualMachine has no such field: strict API servers reject it.
    """
    spec = vm["spec"]["template"]["spec"]
    if "taints" not in spec:
        return [], []
    taken, problems = validate(
        _Taints, {"taints": spec.pop("taints")}, layers.place(("spec", "template", "spec"))
    )
    return (taken.taints if taken else []), problems


def _resize(domain: Map, wanted: Mapping[str, Quantity], at: Place) -> Iterator[Problem]:
    """Write the size to where KubeVirt takes the guest's from (its `GetCPUTopology`, `GetVirtualMemory`)."""
    resources = domain.setdefault("resources", {})
    requests, limits = resources.setdefault("requests", {}), resources.get("limits", {})
    for name, amount in wanted.items():
        requests[name] = str(amount)
        # Without a topology the guest's CPUs are the limit's; dedicated CPUs need all limits equal to the requests.
        decides = (name == "cpu" and "cpu" not in domain) or get(
            domain, ("cpu", "dedicatedCpuPlacement")
        ) is True
        if name in limits and (decides or Quantity.parse(limits[name]) < amount):
            limits[name] = str(amount)
    memory = domain.get("memory", {})
    if "memory" in wanted and "guest" in memory:
        memory["guest"] = str(wanted["memory"])
        if "maxGuest" in memory and Quantity.parse(memory["maxGuest"]) < wanted["memory"]:
            yield at.field("memory").error(
                f"is {wanted['memory']}, above the template's domain.memory.maxGuest of {memory['maxGuest']}"
            )
    if "cpu" in wanted and "cpu" in domain:
        yield from _cores(domain["cpu"], wanted["cpu"], at.field("cpu"))


def _cores(cpu: Map, wanted: Quantity, at: Place) -> Iterator[Problem]:
    sockets, threads = (cpu.get(key) or 1 for key in ("sockets", "threads"))
    if not all(type(count) is int and count > 0 for count in (sockets, threads)):
        yield at.error(
            "can't be divided by the template's domain.cpu: sockets and threads must be whole numbers above 0"
        )
        return
    cores = wanted.value / (sockets * threads)
    if cores.denominator != 1:
        yield at.error(
            f"is {wanted}, which {sockets} socket(s) × {threads} thread(s) of the template's domain.cpu can't share evenly"
        )
        return
    cpu["cores"] = int(cores)
