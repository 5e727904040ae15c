"""The size of a node type: as given, else as its template or its instancetype says."""

from __future__ import annotations

import math
from typing import Any

from krmfn.kubernetes.quantity import Quantity
from krmfn.kubevirt.vm_paths import DOMAIN, Map, get
from krmfn.machine.prototype import Prototype
from krmfn.manifests.index import Index
from krmfn.manifests.item import Item
from krmfn.problems import Code, Collector, Place

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


def node_type_size(
    prototype: Prototype,
    given: dict[str, Quantity],
    index: Index,
    at: Place,
    problems: Collector,
) -> dict[str, Quantity]:
    """Return the resources of a node type at `at`: as `given`, completed from its template.

    A type without memory is an error, since the Platform can't use it either
    (loft-sh/vcluster#3570). A type without CPU counts as 1 CPU, which KubeVirt gives it.
    """
    size = dict(given)
    discovered, searched = _discover(prototype.vm, index)
    for name in ("cpu", "memory"):
        amount = discovered[name]
        if name not in size and amount is not None:
            size[name] = amount
    if "memory" not in size:
        message = f"is required: the template has none of {', '.join(searched)}"
        problems.append(at.field("resources", "memory").error(message))
    if "cpu" not in size:
        size["cpu"] = Quantity.parse(1)
        message = "is not told by the template either; the guest gets 1 CPU, and 1 is counted"
        problems.append(at.field("resources", "cpu").warning(message, Code.NO_CPU))
    return size


def _discover(vm: Map, index: Index) -> tuple[Size, list[str]]:
    """Find a machine's size, and list the fields that were searched for its memory."""
    reference = vm["spec"].get("instancetype")
    if not reference:
        return template_size(vm), list(MEMORY_PATHS)
    kind = get(reference, ("kind",)) or _CLUSTER_KIND
    name = get(reference, ("name",))
    item = _instancetype(kind, name or "", index)
    if item is None:
        missing = f"{kind} {name}, which is not among the items"
        return template_size(vm), [*MEMORY_PATHS, missing]
    return _guest_size(item.data), [*MEMORY_PATHS, f"spec.memory.guest of {kind}"]


def _instancetype(kind: str, name: str, index: Index) -> Item | None:
    """Find an instancetype among the items."""
    # KubeVirt takes the plural, in any case, as well.
    full = _CLUSTER_KIND if "cluster" in kind.lower() else _NAMESPACED_KIND
    candidates = [item for item in index.named(full, name) if item.group == _GROUP]
    return candidates[-1] if candidates else None


def _guest_size(instancetype: Map) -> Size:
    """Read the size that an instancetype gives its guests."""
    return {name: _amount(get(instancetype, ("spec", name, "guest"))) for name in ("cpu", "memory")}


def _amount(value: Any) -> Quantity | None:
    """Read a quantity. Return None if the value is not one."""
    try:
        return Quantity.parse(value)
    except ValueError:
        return None
