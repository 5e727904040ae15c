"""The size of a node type: as given, else as its template or its instancetype says."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from krmfn.kubernetes.quantity import Quantity, memory_fault
from krmfn.kubevirt.vm_paths import DOMAIN, Map, get, has_fallback_memory
from krmfn.machine.prototype import Prototype
from krmfn.manifests.index import Index
from krmfn.manifests.item import Item
from krmfn.problems import Code, Collector, Place
from krmfn.records import record

# The CPU and memory of a guest, None where nothing says them.
Size = dict[str, Quantity | None]
MEMORY_PATHS = (
    "spec.template.spec.domain.memory.guest",
    "spec.template.spec.domain.resources.requests.memory",
    "spec.template.spec.domain.resources.limits.memory",
)
_CLUSTER_KIND = "VirtualMachineClusterInstancetype"
_NAMESPACED_KIND = "VirtualMachineInstancetype"
_GROUP = "instancetype.kubevirt.io"
_MOST_CPUS = 2**16


def template_size(vm: Map) -> Size:
    """Find the CPU and memory of a machine's guest: `domain`, else requests, else limits."""
    domain = get(vm, DOMAIN)
    guest = get(domain, ("memory", "guest"))
    memory = _amount(guest) if guest else None
    size: Size = {"cpu": _topology(domain), "memory": memory}
    for name in size:
        for kind in ("requests", "limits"):
            amount = get(domain, ("resources", kind, name))
            if size[name] is None and amount is not None:
                size[name] = _amount(amount)
    return size


def _topology(domain: Any) -> Quantity | None:
    """Multiply the counts of a CPU topology. Return None if it has none."""
    counts = [get(domain, ("cpu", key)) for key in ("cores", "sockets", "threads")]
    # Anything but small whole numbers is for KubeVirt's schema to judge.
    whole = [count for count in counts if type(count) is int]
    legal = [count for count in whole if 0 < count < _MOST_CPUS]
    if not legal:
        return None
    return Quantity.parse(math.prod(legal))


class Instancetypes:
    """The instancetypes among the items of a run.

    `elsewhere` are the namespaces of machines that are not in their provider's. All are consumed,
    whether a machine has them or not: one that was applied until a machine has it would be pruned
    from under that machine.
    """

    def __init__(self, index: Index, elsewhere: Iterable[str | None] = ()) -> None:
        self._index = index
        self._elsewhere = tuple(dict.fromkeys(elsewhere))
        kinds = (_CLUSTER_KIND, _NAMESPACED_KIND)
        found = [item for kind in kinds for item in index.of_kind(kind)]
        self.consumed = [item for item in found if item.group == _GROUP]

    def find(self, reference: Map, namespace: str | None) -> list[Item]:
        """Return the items that a template's reference names, for machines in a namespace.

        Without a namespace, the machines are in those of the virtual clusters. An item without
        one goes where the others go. (KubeVirt looks a namespaced kind up in the machine's.)
        """
        kind, name = _kind(reference), str(get(reference, ("name",)) or "")
        items = [item for item in self._index.named(kind, name) if item.group == _GROUP]
        if kind == _NAMESPACED_KIND:
            places = self._elsewhere if namespace is None else (namespace,)
            near = [item for item in items if item.namespace in places]
            items = near or [item for item in items if not item.namespace]
        return items


def _kind(reference: Map) -> str:
    """Return the kind that a template's reference names; KubeVirt takes the plural as well."""
    kind = str(get(reference, ("kind",)) or _CLUSTER_KIND)
    return _CLUSTER_KIND if "cluster" in kind.lower() else _NAMESPACED_KIND


@record(frozen=True)
class SizeOf:
    """What the size of a node type comes from, beside its template.

    `given` are the resources that it states; `namespace` is its machines', None if it is not the
    provider's. `at` is the node type's place.
    """

    given: Mapping[str, Quantity]
    instancetypes: Instancetypes
    namespace: str | None
    at: Place


def node_type_size(
    prototype: Prototype, source: SizeOf, problems: Collector
) -> dict[str, Quantity]:
    """Return the resources of a node type: as stated, completed from its template.

    A type without memory is an error, since the Platform can't use it either
    (loft-sh/vcluster#3570). A type without CPU counts as 1 CPU, which KubeVirt gives it.
    """
    size, at = dict(source.given), source.at.field("resources")
    discovered = instancetype_size(prototype.vm, source, problems)
    known = template_size(prototype.vm) if discovered is None else discovered
    if has_fallback_memory(prototype.vm):
        known["memory"] = None
    for name in ("cpu", "memory"):
        amount = known[name]
        if name not in size and amount is not None:
            size[name] = amount
    reference = prototype.vm["spec"].get("instancetype")
    unknown = _described(reference) if reference and discovered is None else ""
    if "memory" not in size:
        message = f"is required: the template has none of {', '.join(MEMORY_PATHS)}"
        if unknown:
            message = f"is required: the template has {unknown}; state the size in resources"
        elif reference:
            message = f"is required: {_described(reference, known=True)} has no spec.memory.guest"
        problems.append(at.field("memory").error(message))
    if "cpu" not in size:
        size["cpu"] = Quantity.parse(1)
        message = "is not set in the template either; the guest gets 1 CPU, and krmfn counts 1"
        if unknown:
            message = f"is not stated, and the template has {unknown}; 1 is counted"
        problems.append(at.field("cpu").warning(message, Code.NO_CPU))
    return size


def instancetype_size(vm: Map, source: SizeOf, problems: Collector) -> Size | None:
    """Return the size that an instancetype among the items gives, None if there is none.

    A node type may state that size too, but no other.
    """
    reference = vm["spec"].get("instancetype")
    items = source.instancetypes.find(reference, source.namespace) if reference else []
    if not items:
        return None
    size = _guest_size(items[0].data)
    memory = size["memory"]
    if memory is not None and (fault := memory_fault(memory)):
        problems.append(items[0].place.field("spec", "memory", "guest").error(fault))
    described, at = _described(reference, known=True), source.at.field("resources")
    for other in items[1:]:
        if _guest_size(other.data) != size:
            message = f"can't be told: {described} is among the items in several sizes"
            problems.append(at.error(f"{message}; keep one of them"))
            return size
    for name, amount in size.items():
        stated = source.given.get(name)
        if stated is not None and amount is not None and stated != amount:
            message = f"is {stated}, but {described} of the template gives {amount}"
            problems.append(at.field(name).error(f"{message}; leave it out"))
    return size


def _described(reference: Any, known: bool = False) -> str:
    """Name a template's instancetype as messages do; `known`: it is among the items."""
    volume = get(reference, ("inferFromVolume",))
    if volume:
        return f"an instancetype that KubeVirt infers from volume {volume}"
    named = f"{_kind(reference)} {get(reference, ('name',))}"
    return named if known else f"{named}, which is not among the items"


def _guest_size(instancetype: Map) -> Size:
    """Read the size that an instancetype gives its guests."""
    return {name: _amount(get(instancetype, ("spec", name, "guest"))) for name in ("cpu", "memory")}


def _amount(value: Any) -> Quantity | None:
    """Read a quantity. Return None if the value is not one."""
    try:
        return Quantity.parse(value)
    except ValueError:
        return None
