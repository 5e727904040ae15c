"""Admission rules about the machine type, CPU features and topology, dedicated CPUs and NUMA."""

from __future__ import annotations

import math
import re

from krmfn.kubernetes.quantity import Quantity
from krmfn.kubevirt.admission.rule import Findings, amount, choice, elements, milli, rule, whole
from krmfn.kubevirt.vm_paths import (
    ARCHITECTURE,
    CPU,
    CPU_LIMIT,
    CPU_REQUEST,
    GUEST_MEMORY,
    MACHINE_TYPE,
    MEMORY,
    MEMORY_LIMIT,
    MEMORY_REQUEST,
    SOCKETS,
    Map,
    get,
)
from krmfn.patterns import pattern
from krmfn.problems import show

_MACHINE_TYPES = {
    "amd64": pattern(r"q35|pc-q35.*", re.DOTALL),
    "arm64": pattern(r"virt.*", re.DOTALL),
    "s390x": pattern(r"s390-ccw-virtio.*", re.DOTALL),
}
_FEATURE_POLICIES = ("", "force", "require", "optional", "disable", "forbid")
_THREADS = (*CPU, "threads")
_DEDICATED = (*CPU, "dedicatedCpuPlacement")
_ISOLATED = (*CPU, "isolateEmulatorThread")
_REALTIME = (*CPU, "realtime")
_PASSTHROUGH = (*CPU, "numa", "guestMappingPassthrough")
_HUGE_PAGES = (*MEMORY, "hugepages")


@rule("machine-type", "validateEmulatedMachine", sure=False)
def _machine_type(vm: Map) -> Findings:
    """The machine type is q35, pc-q35 or pc-q35-…, unless the cluster is configured otherwise."""
    machine = get(vm, MACHINE_TYPE)
    supported = _MACHINE_TYPES.get(get(vm, ARCHITECTURE) or "amd64")
    if machine and supported and not supported.fullmatch(machine):
        reason = "which KubeVirt does not support unless it is configured to"
        yield MACHINE_TYPE, f"is {show(machine)}, {reason}"


@rule("cpu-features", "validateCPUFeaturePolicies")
def _cpu_features(vm: Map) -> Findings:
    """The policy of a CPU feature is force, require, optional, disable or forbid."""
    for path, feature in elements(vm, (*CPU, "features")):
        yield from choice((*path, "policy"), feature.get("policy", ""), _FEATURE_POLICIES)


@rule("cpu-hotplug", "validateCPUHotplug", "validateLiveUpdateCPU")
def _sockets(vm: Map) -> Findings:
    """`sockets` is at most `maxSockets`."""
    sockets = get(vm, SOCKETS) or 0
    most = get(vm, (*CPU, "maxSockets")) or 0
    if most and sockets > most:
        yield SOCKETS, f"is {sockets}, above maxSockets of {most}"


@rule(
    "dedicated-cpus",
    "validateCpuPinning",
    "validateCPUIsolatorThread",
    "validateMemoryIsProvided",
    "validateMemoryLimitAndRequestProvided",
    "validateCPURequestIsInteger",
    "validateCPULimitIsInteger",
    "validateMemoryRequestsAndLimits",
    "validateRequestLimitOrCoresProvidedOnDedicatedCPUPlacement",
    "validateRequestEqualsLimitOnDedicatedCPUPlacement",
    "validateRequestOrLimitWithCoresProvidedOnDedicatedCPUPlacement",
    "validateThreadCountOnArchitecture",
    "validateThreadCountOnDedicatedCPUPlacement",
)
def _dedicated_cpus(vm: Map) -> Findings:
    """Dedicated CPUs: memory is given, CPU is whole, requests equal limits and the topology, at
    most two threads.
    """
    dedicated = get(vm, _DEDICATED)
    if get(vm, _ISOLATED) and not dedicated:
        yield _ISOLATED, "needs dedicatedCpuPlacement"
    if dedicated:
        yield from _dedicated_resources(vm)
        yield from _dedicated_topology(vm)


def _dedicated_resources(vm: Map) -> Findings:
    """Yield requests and limits that dedicated CPUs do not allow."""
    if not _has_memory(vm):
        yield _DEDICATED, "needs memory: domain.memory.guest, or a request or limit"
    for path in (CPU_REQUEST, CPU_LIMIT):
        cpu = amount(vm, path)
        is_whole = whole(cpu) * 1000 == milli(cpu)
        if whole(cpu) > 0 and not is_whole:
            yield path, f"is {cpu}; must be whole with dedicatedCpuPlacement"
    request = amount(vm, MEMORY_REQUEST)
    limit = amount(vm, MEMORY_LIMIT)
    if _differ(request, limit):
        message = f"is {request}; must equal its limit of {limit} with dedicatedCpuPlacement"
        yield MEMORY_REQUEST, message


def _differ(request: Quantity | None, limit: Quantity | None) -> bool:
    """Tell whether request and limit are both set, and differ."""
    both_set = whole(request) > 0 and whole(limit) > 0
    return both_set and whole(request) != whole(limit)


def _has_memory(vm: Map) -> bool:
    """Tell whether anything gives the machine memory."""
    if get(vm, _HUGE_PAGES) is not None:
        return True
    sizes = [amount(vm, path) for path in (MEMORY_LIMIT, MEMORY_REQUEST, GUEST_MEMORY)]
    return any(size and size.value for size in sizes)


def _dedicated_topology(vm: Map) -> Findings:
    """Yield a number of CPUs that requests, limits and topology do not agree on."""
    request = amount(vm, CPU_REQUEST)
    limit = amount(vm, CPU_LIMIT)
    count = _virtual_cpus(vm)
    if _differ(request, limit):
        yield _DEDICATED, f"needs equal CPU request and limit, not {request} and {limit}"
    if count > 0 and not _is_met(count, request, limit):
        yield _DEDICATED, f"needs a CPU request or limit of {count}, as domain.cpu has it"
    threads = get(vm, _THREADS) or 0
    most = 1 if get(vm, ARCHITECTURE) == "arm64" else 2
    if threads > most:
        message = f"is {threads}; dedicated CPUs take two threads at most, on arm64 one"
        yield _THREADS, message


def _virtual_cpus(vm: Map) -> int:
    """Return how many virtual CPUs the topology gives, or 0 if it is not set."""
    counts = [get(vm, (*CPU, key)) or 0 for key in ("cores", "sockets", "threads")]
    if not any(counts):
        return 0
    return math.prod(count or 1 for count in counts)


def _is_met(count: int, request: Quantity | None, limit: Quantity | None) -> bool:
    """Tell whether request or limit are that many CPUs, or neither is set."""
    given = (whole(request), whole(limit))
    return max(given) <= 0 or count in given


@rule("numa", "validateNUMA", "validateRealtime", "validateCPURealtime", "validateMemoryRealtime")
def _numa(vm: Map) -> Findings:
    """NUMA passthrough needs dedicated CPUs and huge pages; realtime needs it and dedicated
    CPUs.
    """
    dedicated = get(vm, _DEDICATED)
    passes = get(vm, _PASSTHROUGH) is not None
    if passes and not dedicated:
        yield _PASSTHROUGH, "needs dedicatedCpuPlacement"
    if passes and get(vm, _HUGE_PAGES) is None:
        yield _PASSTHROUGH, "needs domain.memory.hugepages"
    if get(vm, _REALTIME) is not None and not (dedicated and passes):
        yield _REALTIME, "needs dedicatedCpuPlacement and numa.guestMappingPassthrough"


RULES = (_machine_type, _cpu_features, _sockets, _dedicated_cpus, _numa)
