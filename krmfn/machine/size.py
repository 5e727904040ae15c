"""The size of a node type: as given, else as its template or its instancetype tells."""

from __future__ import annotations

import math
from collections.abc import Iterable

from krmfn.kubernetes.quantity import Quantity
from krmfn.kubevirt.merge import Map
from krmfn.kubevirt.vm_paths import DOMAIN, get
from krmfn.machine.prototype import Prototype
from krmfn.manifests.item import Item
from krmfn.platform.node_provider import NodeType
from krmfn.problems import Code, Place, Problem


def discover(vm: Map) -> dict[str, Quantity | None]:
    """The CPU and memory of a prototype's guest, None where its template tells none: `domain`, else requests, else limits."""
    domain = get(vm, DOMAIN) or {}
    resources = domain.get("resources") or {}
    listed = [resources.get(kind) or {} for kind in ("requests", "limits")]

    def first(name: str, own: Quantity | None) -> Quantity | None:
        amounts = (Quantity.parse(amounts[name]) for amounts in listed if name in amounts)
        return own or next(amounts, None)

    topology = [domain.get("cpu", {}).get(key) for key in ("cores", "sockets", "threads")]
    # Anything but small whole numbers is for KubeVirt's schema to judge.
    topology = [count for count in topology if type(count) is int and 0 < count < 2**16]
    cpu = Quantity.parse(math.prod(topology)) if topology else None
    guest = domain.get("memory", {}).get("guest")
    return {
        "cpu": first("cpu", cpu),
        "memory": first("memory", Quantity.parse(guest) if guest else None),
    }


MEMORY_PATHS = (
    "spec.template.spec.domain.memory.guest",
    "spec.template.spec.domain.resources.requests.memory",
    "spec.template.spec.domain.resources.limits.memory",
)


class Instancetypes:
    """The instancetypes among the items (instancetype.kubevirt.io), which give the size of templates that name one."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._found = {
            (item.kind, item.name): item
            for item in items
            if item.api_version.startswith("instancetype.kubevirt.io/")
        }

    def size(
        self, compiled: Prototype, node_type: NodeType, at: Place
    ) -> tuple[dict[str, Quantity], list[Problem]]:
        """The resources of a node type: as given, else as its template or instancetype tells.

        No memory is an error, since the Platform can't use such a type either (loft-sh/vcluster#3570); no CPU counts 1, as KubeVirt gives.
        """
        sized = dict(node_type.resources)
        told = discover(compiled.vm)
        looked = list(MEMORY_PATHS)
        if reference := compiled.vm["spec"].get("instancetype"):
            kind = get(reference, ("kind",)) or "VirtualMachineClusterInstancetype"
            item = self._found.get((_full_kind(kind), get(reference, ("name",)) or ""))
            told = _guest(item.data) if item else told
            looked.append(
                f"{kind} {get(reference, ('name',))}, which is not among the items"
                if item is None
                else f"spec.memory.guest of {kind}"
            )
        problems = []
        for name in ("cpu", "memory"):
            amount = told[name]
            if name not in sized and amount is not None:
                sized[name] = amount
        if "memory" not in sized:
            problems.append(
                at.field("resources", "memory").error(
                    f"is required: the template has none of {', '.join(looked)}"
                )
            )
        if "cpu" not in sized:
            sized["cpu"] = Quantity.parse(1)
            problems.append(
                at.field("resources", "cpu").warning(
                    "is not told by the template either; the guest gets 1 CPU, and 1 is counted",
                    Code.NO_CPU,
                )
            )
        return sized, problems


def _full_kind(kind: str) -> str:
    """KubeVirt takes the plural, in any case, as well."""
    cluster = "cluster" in kind.lower()
    return "VirtualMachineClusterInstancetype" if cluster else "VirtualMachineInstancetype"


def _guest(instancetype: Map) -> dict[str, Quantity | None]:
    found: dict[str, Quantity | None] = {}
    for name in ("cpu", "memory"):
        try:
            found[name] = Quantity.parse(get(instancetype, ("spec", name, "guest")))
        except ValueError:
            found[name] = None
    return found
