"""The size that a node type gives its machines in `resources`, written where it takes effect.

KubeVirt takes the guest's size from several fields (its `GetCPUTopology` and
`GetVirtualMemory`).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from krmfn.kubernetes.quantity import Quantity
from krmfn.kubevirt.vm_paths import DOMAIN, RESOURCES, Map, get, put
from krmfn.machine.layers import LayerName
from krmfn.machine.prototype import Prototype
from krmfn.machine.provenance import Provenance, Source
from krmfn.problems import Code, Collector, Path, Place, Problem
from krmfn.records import record

_CPU: Path = (*DOMAIN, "cpu")
_MEMORY: Path = (*DOMAIN, "memory")


def resized(
    prototype: Prototype, resources: Mapping[str, Quantity], at: Place, problems: Collector
) -> Prototype:
    """Return the prototype with the CPU and memory of `resources`, which stands at `at`.

    Beside an instancetype they are for scheduling alone: KubeVirt refuses a machine that sets them.
    """
    wanted = {name: resources[name] for name in ("cpu", "memory") if name in resources}
    if not wanted or "instancetype" in prototype.vm["spec"]:
        return prototype
    domain = copy.deepcopy(get(prototype.vm, DOMAIN))
    provenance = prototype.provenance.copy()
    resizing = _Resizing(domain, provenance, at, problems)
    for name, amount in wanted.items():
        resizing.request(name, amount)
    if "memory" in wanted:
        resizing.guest_memory(wanted["memory"])
    if "cpu" in wanted:
        resizing.cores(wanted["cpu"])
    warnings = [*prototype.warnings, *_burstable(get(prototype.vm, DOMAIN), domain, at)]
    vm = put(prototype.vm, DOMAIN, domain)
    return replace(prototype, vm=vm, provenance=provenance, warnings=warnings)


def _burstable(before: Map, after: Map, at: Place) -> Iterator[Problem]:
    """Warn of machines whose requests equalled their limits, and do no more.

    Kubernetes gives a pod the quality of service Guaranteed only if all of them are equal.
    """
    if all(_is_guaranteed(before, name) for name in ("cpu", "memory")):
        for name in ("cpu", "memory"):
            if not _is_guaranteed(after, name):
                limit, amount = (
                    get(after, ("resources", kind, name)) for kind in ("limits", "requests")
                )
                message = f"is {amount}, below the template's limit of {limit}: the machines "
                message += "become Burstable, and were Guaranteed; give the limit this size too"
                yield at.field(name).warning(message, Code.BURSTABLE)


def _is_guaranteed(domain: Map, name: str) -> bool:
    """Tell whether a domain requests as much as its limit.

    Without a request KubeVirt asks for the guest's memory, or else for the limit.
    """
    limit = get(domain, ("resources", "limits", name))
    request = get(domain, ("resources", "requests", name))
    if request is None and name == "memory":
        request = get(domain, ("memory", "guest"))
    equal = request is None or limit is None or Quantity.parse(request) == Quantity.parse(limit)
    return limit is not None and equal


@record()
class _Resizing:
    """A domain that is being given another size."""

    domain: Map
    provenance: Provenance
    at: Place
    problems: Collector

    def set(self, fields: Map, path: Path, name: str, value: Any) -> None:
        """Set the last field of a path, and note which resource asks for it."""
        fields[str(path[-1])] = value
        source = Source(LayerName.RESOURCES, self.at.field(name))
        self.provenance.note(path, source)

    def request(self, name: str, amount: Quantity) -> None:
        """Write a request, and raise a limit that is below it."""
        resources = self.domain.setdefault("resources", {})
        requests = resources.setdefault("requests", {})
        path = (*RESOURCES, "requests", name)
        self.set(requests, path, name, str(amount))
        limits = resources.get("limits", {})
        if name not in limits:
            return
        if self._limit_decides(name) or Quantity.parse(limits[name]) < amount:
            path = (*RESOURCES, "limits", name)
            self.set(limits, path, name, str(amount))

    def _limit_decides(self, name: str) -> bool:
        """Tell whether the guest's size is the limit's.

        Without a topology the guest's CPUs are; dedicated CPUs need all limits equal to the
        requests.
        """
        dedicated = get(self.domain, ("cpu", "dedicatedCpuPlacement")) is True
        return dedicated or (name == "cpu" and "cpu" not in self.domain)

    def guest_memory(self, amount: Quantity) -> None:
        """Write the guest's memory if the template has it."""
        memory = self.domain.get("memory", {})
        if "guest" not in memory:
            return
        self.set(memory, (*_MEMORY, "guest"), "memory", str(amount))
        most = memory.get("maxGuest")
        if most is not None and Quantity.parse(most) < amount:
            at = self.at.field("memory")
            message = f"is {amount}, above the template's domain.memory.maxGuest of {most}"
            self.problems.append(at.error(message))

    def cores(self, amount: Quantity) -> None:
        """Write the cores if the template has a topology: CPU ÷ (sockets × threads)."""
        if "cpu" not in self.domain:
            return
        cpu = self.domain["cpu"]
        at = self.at.field("cpu")
        sockets = cpu.get("sockets") or 1
        threads = cpu.get("threads") or 1
        if not _is_count(sockets) or not _is_count(threads):
            message = "can't be divided by the template's domain.cpu: "
            message += "sockets and threads must be whole numbers above 0"
            self.problems.append(at.error(message))
            return
        cores = amount.value / (sockets * threads)
        if cores.denominator != 1:
            message = f"is {amount}, which {sockets} socket(s) × {threads} thread(s) "
            message += "of the template's domain.cpu can't share evenly"
            self.problems.append(at.error(message))
            return
        self.set(cpu, (*_CPU, "cores"), "cpu", int(cores))


def _is_count(value: Any) -> bool:
    """Tell whether a value is a whole number above 0."""
    return type(value) is int and value > 0
