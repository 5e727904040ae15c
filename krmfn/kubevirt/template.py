"""A provider's template and a node type become one prototype: the VirtualMachine of every claim of that type, without its names.

The order is the design's: base template, then replaced or merged, then properties, `resources`, runStrategy.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from krmfn import names
from krmfn.api.common import Model, Taint, validate
from krmfn.api.nodeprovider import KubeVirt
from krmfn.krm import ORCHESTRATORS
from krmfn.kubevirt import types
from krmfn.kubevirt.merge import Map, MergeError, merge, without_nulls
from krmfn.problems import Path, Place, Problem, nearest, show
from krmfn.quantity import Quantity
from krmfn.yamlio import Timestamp

MANAGED_BY = "app.kubernetes.io/managed-by"
OURS = "krmfn.dev/"
CLOUD_INIT = "cloudinit"
# The name of the disk that brings a token, and the label by which the guest finds it.
JOIN_DISK = "krmfn-join"
DOMAIN = ("spec", "template", "spec", "domain")
_RESOURCES = (*DOMAIN, "resources")
VOLUMES: Path = ("spec", "template", "spec", "volumes")
NETWORKS: Path = ("spec", "template", "spec", "networks")
DISKS: Path = (*DOMAIN, "devices", "disks")
INTERFACES: Path = (*DOMAIN, "devices", "interfaces")
DATA_VOLUMES: Path = ("spec", "dataVolumeTemplates")


@dataclass(slots=True)
class Prototype:
    """What all claims of a node type share: the VirtualMachine's metadata and spec, and the taints that are kubelet's business.

    `layers` tell where a field was written, `advice` holds the warnings that came up in the making. `added` are the names of elements
    that properties made, with the places of these: "" for the element, and for a field by its name.
    """

    vm: Map
    taints: list[Taint] = field(default_factory=list)
    layers: Layers = field(default_factory=lambda: Layers(()))
    advice: list[Problem] = field(default_factory=list)
    added: dict[str, dict[str, Place]] = field(default_factory=dict)


class _Taints(Model):
    taints: list[Taint]


@dataclass(frozen=True, slots=True)
class Layer:
    """One text that a template is made of: a whole template, or a patch that is merged into what stands before it."""

    value: Map
    at: Place
    patch: bool = False


@dataclass(frozen=True, slots=True)
class Layers:
    """The layers of a template in order, so that a problem names the text that has to change."""

    layers: tuple[Layer, ...]

    def place(self, path: Path) -> Place:
        """The place of a field of the prototype in the layer that wrote it last."""
        for layer in reversed(self.layers):
            if not layer.patch or _has(layer.value, path):
                return layer.at.field(*path)
        raise AssertionError("a template begins with a layer that is no patch")


def layers(kubevirt: KubeVirt, index: int, at: Place) -> tuple[Layer, ...]:
    """The layers of node type `index` of a provider; `at` is the place of its `spec.kubeVirt`."""
    node_type, of_type = kubevirt.node_types[index], at.field("nodeTypes", index)
    if node_type.virtual_machine_template is not None:
        return (Layer(node_type.virtual_machine_template, of_type.field("virtualMachineTemplate")),)
    found = [Layer(kubevirt.virtual_machine_template or {}, at.field("virtualMachineTemplate"))]
    if node_type.merge_virtual_machine_template is not None:
        found.append(Layer(node_type.merge_virtual_machine_template, of_type.field("mergeVirtualMachineTemplate"), patch=True))
    return tuple(found)


def prototype(of: tuple[Layer, ...]) -> tuple[Prototype, list[Problem]]:
    """Compile a template from its layers."""
    stack = Layers(of)
    problems = [problem for layer in of for problem in _template_problems(layer.value, layer.at, layer.patch)]
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
    problems += _shape_problems(vm, stack)
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


def resized(prototype: Prototype, resources: Mapping[str, Quantity], at: Place) -> tuple[Prototype, list[Problem]]:
    """The prototype with the size that a node type gives it in its `resources`, which stand at `at`."""
    wanted = {name: resources[name] for name in ("cpu", "memory") if name in resources}
    if not wanted:
        return prototype, []
    vm = prototype.vm
    if "instancetype" in vm["spec"]:
        return prototype, [at.error("stands beside spec.instancetype of the template, which sets CPU and memory; keep one of them")]
    domain = copy.deepcopy(vm["spec"]["template"]["spec"]["domain"])
    problems = list(_resize(domain, wanted, at))
    spec = {**vm["spec"]["template"]["spec"], "domain": domain}
    vm = {**vm, "spec": {**vm["spec"], "template": {**vm["spec"]["template"], "spec": spec}}}
    return replace(prototype, vm=vm), problems


def dropped(base: Map, merged: Map, at: Place) -> Iterator[Problem]:
    """What a merge patch took out of the base's named lists, without saying so."""
    for path in (DISKS, VOLUMES, INTERFACES, NETWORKS):
        left = {str(value.get("name")) for value in mappings(get(merged, path))}
        gone = [name for value in mappings(get(base, path)) if (name := str(value.get("name"))) not in left]
        if gone:
            yield at.field(*path).warning("merge-drops", f"replaces the list, and drops {', '.join(gone)} of the provider's template")


def mappings(values: Any) -> list[Map]:
    """The mappings in a list that is not checked yet."""
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []


def get(value: Any, path: Path) -> Any:
    """The value at a path, None where there is none."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def ordered_networks(vm: Map) -> list[Map]:
    """The networks in the order of their interfaces: KubeVirt's controller rewrites a machine for ever that has them in another."""
    order = {interface.get("name"): index for index, interface in enumerate(mappings(get(vm, INTERFACES)))}
    return sorted(mappings(get(vm, NETWORKS)), key=lambda network: order.get(network.get("name"), len(order)))


def cloud_init_kind(volume: Map) -> str | None:
    """The key of a cloud-init volume's source, None of any other volume."""
    return next((key for key in ("cloudInitNoCloud", "cloudInitConfigDrive") if key in volume), None)


def _has(value: Any, path: Path) -> bool:
    for key in path:
        if not isinstance(value, dict) or key not in value:
            # A list is replaced as a whole: it has all that is below it.
            return isinstance(value, list)
        value = value[key]
    return True


def _template_problems(template: Map, at: Place, patch: bool) -> Iterator[Problem]:
    """What a layer may not set, because krmfn sets it or because it is no part of a declaration."""
    allowed = {} if patch else {"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine"}
    for key, value in template.items():
        if key in allowed and value == allowed[key]:
            continue
        if key in ("apiVersion", "kind"):
            yield at.field(key).error("can't be set in a patch" if patch else f'is {show(value)}; must be "{allowed[key]}", or left out')
        elif key not in ("metadata", "spec") and not (patch and key.startswith("$")) and value is not None:
            yield at.field(key).error(f"is no part of a template; known are metadata and spec{nearest(key, ('metadata', 'spec'))}")
    metadata = template.get("metadata")
    for key, value in (metadata if isinstance(metadata, dict) else {}).items():
        if key not in ("labels", "annotations", "finalizers") and not key.startswith("$") and value is not None:
            yield at.field("metadata", key).error(
                "can't be set: krmfn names each virtual machine after its claim; known are labels, annotations and finalizers"
            )
    yield from _unreadable(template, at)


def _unreadable(value: Any, at: Place) -> Iterator[Problem]:
    """Values that YAML readers disagree on, or that JSON can't hold."""
    if isinstance(value, Timestamp):
        yield at.error("is a date to YAML; quote it")
    elif isinstance(value, float) and not math.isfinite(value):
        yield at.error("is no number that JSON can hold")
    elif isinstance(value, dict):
        for key, child in value.items():
            if len(key) > 1000:
                yield at.field(key).error("is a key of over 1000 characters, which YAML can't hold on a line")
            yield from _unreadable(child, at.field(key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _unreadable(child, at.field(index))


# The collections that krmfn looks into or adds to; all else is for KubeVirt's schema to judge.
_MAPPINGS: tuple[Path, ...] = (
    ("metadata",), ("metadata", "labels"), ("metadata", "annotations"),
    ("spec",), ("spec", "template"), ("spec", "template", "metadata"),
    ("spec", "template", "metadata", "labels"), ("spec", "template", "metadata", "annotations"),
    ("spec", "template", "spec"), DOMAIN, (*DOMAIN, "cpu"), (*DOMAIN, "memory"), (*DOMAIN, "devices"),
    _RESOURCES, (*_RESOURCES, "requests"), (*_RESOURCES, "limits"),
)  # fmt: skip
_REQUIRED: tuple[Path, ...] = (("spec",), ("spec", "template"), ("spec", "template", "spec"), DOMAIN)


def _shape_problems(vm: Map, layers: Layers) -> Iterator[Problem]:
    for path in _MAPPINGS:
        value = get(vm, path)
        if value is None and path in _REQUIRED and (path == ("spec",) or isinstance(get(vm, path[:-1]), dict)):
            yield layers.place(path).error("is required")
        elif value is not None and not isinstance(value, dict):
            yield layers.place(path).error(f"is {show(value)}; must be a mapping")
    for path in (VOLUMES, DISKS):
        yield from _list_problems(get(vm, path), ("name",), layers.place(path))
    yield from _list_problems(get(vm, DATA_VOLUMES), ("metadata", "name"), layers.place(DATA_VOLUMES))
    for path in (("metadata",), ("spec", "template", "metadata")):
        yield from _label_problems(get(vm, (*path, "labels")), layers.place((*path, "labels")), names.label_value)
        yield from _label_problems(get(vm, (*path, "annotations")), layers.place((*path, "annotations")), lambda value: "")


def _list_problems(values: Any, name: Path, at: Place) -> Iterator[Problem]:
    """A list of mappings, each with a name of its own."""
    if values is not None and not isinstance(values, list):
        yield at.error(f"is {show(values)}; must be a list")
        return
    seen: set[str] = set()
    for index, value in enumerate(values or ()):
        found = get(value, name)
        if not isinstance(value, dict):
            yield at.field(index).error(f"is {show(value)}; must be a mapping")
        elif not isinstance(found, str):
            yield at.field(index, *name).error("is required" if found is None else f"is {show(found)}; must be text in quotes")
        elif found in seen:
            yield at.field(index, *name).error(f'is "{found}" a second time')
        elif wrong := names.subdomain(found):
            yield at.field(index, *name).error(wrong)
        else:
            seen.add(found)


def _label_problems(labels: Any, at: Place, check: Callable[[str], str]) -> Iterator[Problem]:
    for key, value in (labels if isinstance(labels, dict) else {}).items():
        if not isinstance(value, str):
            yield at.field(key).error(f"is {show(value)}; must be text in quotes")
        elif wrong := names.label_key(key) or check(value):
            yield at.field(key).error(wrong)
        elif key == MANAGED_BY or key.startswith((OURS, *ORCHESTRATORS)):
            yield at.field(key).error("can't be set: krmfn or an orchestrator sets it itself")


def _taken_taints(vm: Map, layers: Layers) -> tuple[list[Taint], list[Problem]]:
    """Take out `spec.template.spec.taints`.

    The Platform's docs put node taints there, but KubeVirt's VirtualMachine has no such field: strict API servers reject it.
    """
    spec = vm["spec"]["template"]["spec"]
    if "taints" not in spec:
        return [], []
    taken, problems = validate(_Taints, {"taints": spec.pop("taints")}, layers.place(("spec", "template", "spec")))
    return (taken.taints if taken else []), problems


def canonical(value: Any, kind: types.Type, place: Callable[[Path], Place], problems: list[Problem], path: Path = ()) -> Any:
    """The value with every quantity in the form in which the API server stores it: any other shows as drift for ever."""
    if kind.name == "Quantity":
        try:
            return str(Quantity.parse(value))
        except ValueError as error:
            problems.append(place(path).error(f"{error}: {show(value)}"))
            return value
    if not isinstance(value, dict) or kind.kind != "struct":
        return value
    result = {}
    for key, child in value.items():
        try:
            of = kind.field(key)
        except LookupError:
            result[key] = child
            continue
        if of.kind == "list" and isinstance(child, list):
            result[key] = [canonical(element, of.type, place, problems, (*path, key, i)) for i, element in enumerate(child)]
        elif of.kind == "map" and isinstance(child, dict):
            result[key] = {name: canonical(element, of.type, place, problems, (*path, key, name)) for name, element in child.items()}
        else:
            result[key] = canonical(child, of.type, place, problems, (*path, key))
    return result


def _resize(domain: Map, wanted: Mapping[str, Quantity], at: Place) -> Iterator[Problem]:
    """Write the size to where KubeVirt takes the guest's from (its `GetCPUTopology`, `GetVirtualMemory`)."""
    resources = domain.setdefault("resources", {})
    requests, limits = resources.setdefault("requests", {}), resources.get("limits", {})
    for name, amount in wanted.items():
        requests[name] = str(amount)
        # Without a topology the guest's CPUs are the limit's; dedicated CPUs need all limits equal to the requests.
        decides = (name == "cpu" and "cpu" not in domain) or get(domain, ("cpu", "dedicatedCpuPlacement")) is True
        if name in limits and (decides or Quantity.parse(limits[name]) < amount):
            limits[name] = str(amount)
    memory = domain.get("memory", {})
    if "memory" in wanted and "guest" in memory:
        memory["guest"] = str(wanted["memory"])
        if "maxGuest" in memory and Quantity.parse(memory["maxGuest"]) < wanted["memory"]:
            yield at.field("memory").error(f"is {wanted['memory']}, above the template's domain.memory.maxGuest of {memory['maxGuest']}")
    if "cpu" in wanted and "cpu" in domain:
        yield from _cores(domain["cpu"], wanted["cpu"], at.field("cpu"))


def _cores(cpu: Map, wanted: Quantity, at: Place) -> Iterator[Problem]:
    sockets, threads = (cpu.get(key) or 1 for key in ("sockets", "threads"))
    if not all(type(count) is int and count > 0 for count in (sockets, threads)):
        yield at.error("can't be divided by the template's domain.cpu: sockets and threads must be whole numbers above 0")
        return
    cores = wanted.value / (sockets * threads)
    if cores.denominator != 1:
        yield at.error(f"is {wanted}, which {sockets} socket(s) × {threads} thread(s) of the template's domain.cpu can't share evenly")
        return
    cpu["cores"] = int(cores)
