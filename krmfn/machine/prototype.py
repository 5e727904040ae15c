"""A provider's template and a node type become one prototype, a machine without names.

The order is the design's: base template, then replacement or merge, then properties,
`resources` and the run strategy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field

from krmfn.kubevirt import types
from krmfn.kubevirt.canonical import canonical
from krmfn.kubevirt.merge import merge, without_nulls
from krmfn.kubevirt.merge_elements import MergeError
from krmfn.kubevirt.vm_paths import DISKS, INTERFACES, NETWORKS, VOLUMES, Map, get, mappings
from krmfn.machine.layers import Layer, LayerName
from krmfn.machine.null_checks import null_warnings
from krmfn.machine.provenance import Provenance, Source, named, value_at
from krmfn.machine.template_checks import memory_problems, shape_problems, template_problems
from krmfn.platform.model import Taint, Taints
from krmfn.platform.validation import validate
from krmfn.problems import Code, Collector, Path, Place, Problem
from krmfn.records import record

_POD_SPEC: Path = ("spec", "template", "spec")


@record(eq=False)
class Prototype:
    """What all claims of a node type share.

    `vm` holds the VirtualMachine's metadata and spec. `taints`, each with its
    place, are kubelet's business.
    `warnings` came up while it was made.
    """

    vm: Map
    layers: tuple[Layer, ...]
    provenance: Provenance
    taints: list[tuple[Taint, Place]] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    @property
    def causes(self) -> list[Problem]:
        """The warnings, for a prototype with errors that they may explain: they come first."""
        return [warning.leading() for warning in self.warnings]

    def place(self, path: Path) -> Place:
        """Return the place to name in a message about a field."""
        place = self.provenance.place(named(path, self.vm))
        return place or self.layers[0].at.field(*path)


def compile_layers(layers: tuple[Layer, ...], problems: Collector) -> Prototype | None:
    """Compile a template from its layers, None if one of them can't be used."""
    collected = Collector()
    for layer in layers:
        collected += template_problems(layer.value, layer.at, layer.patch)
    if collected:
        problems += collected
        return None
    prototype = Prototype({}, layers, Provenance())
    for layer in layers:
        try:
            _apply(layer, prototype)
        except MergeError as error:
            problems.append(layer.at.field(*error.path).error(error.message))
            return None
    if faults := _settle(prototype):
        problems += prototype.causes
        problems += faults
        return None
    _default_run_strategy(prototype)
    return prototype


def _settle(prototype: Prototype) -> list[Problem]:
    """Bring a prototype whose layers are merged to its final form; return what is wrong with it."""
    vm = prototype.vm
    vm = {key: without_nulls(vm[key]) for key in ("metadata", "spec") if vm.get(key) is not None}
    prototype.vm = vm
    problems = Collector(shape_problems(vm, prototype.place))
    if problems:
        return problems
    prototype.taints = _take_taints(prototype, problems)
    prototype.vm = canonical(vm, types.ROOT, prototype.place, problems)
    if not problems:
        problems += memory_problems(prototype.vm, prototype.place)
    return problems


def _apply(layer: Layer, prototype: Prototype) -> None:
    """Put a layer over a prototype, and note what it sets."""
    prototype.warnings += null_warnings(layer.value, prototype.vm, layer.at, layer.patch)
    if not layer.patch:
        prototype.vm = layer.value
        source = Source(layer.name, layer.at, layer.value, literal=True)
        prototype.provenance.note((), source)
        return

    def note(target: Path, path: Path) -> None:
        """Note the text of the layer that set a field."""
        value = value_at(layer.value, path)
        at = layer.at.field(*path)
        source = Source(layer.name, at, value, literal=True)
        prototype.provenance.note(target, source)

    before = prototype.vm
    prototype.vm = merge(before, layer.value, note)
    prototype.warnings += dropped(before, prototype.vm, layer.at)


def _default_run_strategy(prototype: Prototype) -> None:
    """Let machines run unless the template says otherwise."""
    spec = prototype.vm["spec"]
    if "runStrategy" in spec or "running" in spec:
        return
    prototype.vm["spec"] = {"runStrategy": "Always", **spec}
    source = Source(LayerName.KRMFN)
    prototype.provenance.note(("spec", "runStrategy"), source)


def dropped(base: Map, merged: Map, at: Place) -> Iterator[Problem]:
    """Warn of elements of named lists that a merge patch silently removes."""
    for path in (DISKS, VOLUMES, INTERFACES, NETWORKS):
        before = _names(base, path)
        after = _names(merged, path)
        gone = [name for name in before if name not in after]
        if gone:
            names = ", ".join(gone)
            message = f"replaces the list, and drops {names} of the provider's template"
            yield at.field(*path).warning(message, Code.MERGE_DROPS)


def _names(vm: Map, path: Path) -> list[str]:
    """List the names of the elements of a list."""
    return [str(value.get("name")) for value in mappings(get(vm, path))]


def _take_taints(prototype: Prototype, problems: Collector) -> list[tuple[Taint, Place]]:
    """Take out `spec.template.spec.taints`.

    The Platform's docs put node taints there, but KubeVirt's VirtualMachine has no such field:
    strict API servers reject it.
    """
    spec = get(prototype.vm, _POD_SPEC)
    if "taints" not in spec:
        return []
    at = prototype.place(_POD_SPEC)
    taken = validate(Taints, {"taints": spec.pop("taints")}, at, problems)
    taints = taken.taints if taken else []
    return [(taint, at.field("taints", index)) for index, taint in enumerate(taints)]
