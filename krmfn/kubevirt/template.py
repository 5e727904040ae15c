"""A provider's template and a node type become one prototype: the VirtualMachine of every claim of that type, without its names.

The order is the design's: base template, then replaced or merged, then properties, `resources`, runStrategy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from krmfn import names
from krmfn.api.common import Model, Taint, validate
from krmfn.api.nodeprovider import KubeVirt, NodeType
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


@dataclass(slots=True)
class Prototype:
    """What all claims of a node type share: the VirtualMachine's metadata and spec, and the taints that are kubelet's business."""

    vm: Map
    taints: list[Taint] = field(default_factory=list)


class _Taints(Model):
    taints: list[Taint]


@dataclass(slots=True)
class Layers:
    """The layers of a node type's template and their places, so that a problem names the text that has to change."""

    at: Place
    kubevirt: KubeVirt
    node_type: NodeType
    index: int

    def place(self, path: Path) -> Place:
        """The place of a field of the prototype in the layer that wrote it last."""
        of_type = self.at.field("nodeTypes", self.index)
        for key, layer in (
            ("mergeVirtualMachineTemplate", self.node_type.merge_virtual_machine_template),
            ("virtualMachineTemplate", self.node_type.virtual_machine_template),
        ):
            if layer is not None and (key == "virtualMachineTemplate" or _has(layer, path)):
                return of_type.field(key, *path)
        return self.at.field("virtualMachineTemplate", *path)


def prototype(kubevirt: KubeVirt, index: int, at: Place) -> tuple[Prototype, list[Problem]]:
    """Compile node type `index` of a provider; `at` is the place of its `spec.kubeVirt`."""
    node_type = kubevirt.node_types[index]
    layers = Layers(at, kubevirt, node_type, index)
    problems = list(_layer_problems(layers))
    if problems:
        return Prototype({}), problems
    vm = node_type.virtual_machine_template if node_type.virtual_machine_template is not None else kubevirt.virtual_machine_template or {}
    patch = node_type.merge_virtual_machine_template
    try:
        vm = merge(vm, patch) if patch is not None else vm
    except MergeError as error:
        return Prototype({}), [at.field("nodeTypes", index, "mergeVirtualMachineTemplate", *error.path).error(error.message)]
    vm = {key: without_nulls(vm[key]) for key in ("metadata", "spec") if vm.get(key) is not None}
    problems += _shape_problems(vm, layers)
    if problems:
        return Prototype({}), problems
    taints, found = _taken_taints(vm, layers)
    problems += found
    vm = _canonical(vm, types.ROOT, (), layers, problems)
    if problems:
        return Prototype({}), problems
    problems += _resize(vm, node_type, at.field("nodeTypes", index, "resources"))
    if "runStrategy" not in vm["spec"] and "running" not in vm["spec"]:
        vm["spec"] = {"runStrategy": "Always", **vm["spec"]}
    return Prototype(vm, taints), problems


def get(value: Any, path: Path) -> Any:
    """The value at a path, None where there is none."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _has(value: Any, path: Path) -> bool:
    for key in path:
        if not isinstance(value, dict) or key not in value:
            # A list is replaced as a whole: it has all that is below it.
            return isinstance(value, list)
        value = value[key]
    return True


def _layer_problems(layers: Layers) -> Iterator[Problem]:
    of_type = layers.at.field("nodeTypes", layers.index)
    if layers.node_type.virtual_machine_template is None and layers.kubevirt.virtual_machine_template is not None:
        yield from _template_problems(layers.kubevirt.virtual_machine_template, layers.at.field("virtualMachineTemplate"), patch=False)
    if layers.node_type.virtual_machine_template is not None:
        yield from _template_problems(layers.node_type.virtual_machine_template, of_type.field("virtualMachineTemplate"), patch=False)
    if layers.node_type.merge_virtual_machine_template is not None:
        yield from _template_problems(
            layers.node_type.merge_virtual_machine_template, of_type.field("mergeVirtualMachineTemplate"), patch=True
        )


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
VOLUMES: Path = ("spec", "template", "spec", "volumes")
DISKS: Path = (*DOMAIN, "devices", "disks")
DATA_VOLUMES: Path = ("spec", "dataVolumeTemplates")


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


def _canonical(value: Any, kind: types.Type, path: Path, layers: Layers, problems: list[Problem]) -> Any:
    """The value with every quantity in the form in which the API server stores it: any other shows as drift for ever."""
    if kind.name == "Quantity":
        try:
            return str(Quantity.parse(value))
        except ValueError as error:
            problems.append(layers.place(path).error(f"{error}: {show(value)}"))
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
            result[key] = [_canonical(element, of.type, (*path, key, i), layers, problems) for i, element in enumerate(child)]
        elif of.kind == "map" and isinstance(child, dict):
            result[key] = {name: _canonical(element, of.type, (*path, key, name), layers, problems) for name, element in child.items()}
        else:
            result[key] = _canonical(child, of.type, (*path, key), layers, problems)
    return result


def _resize(vm: Map, node_type: NodeType, at: Place) -> Iterator[Problem]:
    """Write a node type's `resources` to where KubeVirt takes the guest's size from (its `GetCPUTopology`, `GetVirtualMemory`)."""
    wanted = {name: node_type.resources[name] for name in ("cpu", "memory") if name in node_type.resources}
    if not wanted:
        return
    if "instancetype" in vm["spec"]:
        yield at.error("stands beside spec.instancetype of the template, which sets CPU and memory; keep one of them")
        return
    domain = vm["spec"]["template"]["spec"]["domain"]
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
