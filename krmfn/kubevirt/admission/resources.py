"""Admission rules about the machine's resource requests and limits."""

from __future__ import annotations

from krmfn.kubernetes.quantity import Quantity
from krmfn.kubevirt.admission.rule import Findings, amount, milli, rule, whole
from krmfn.kubevirt.vm_paths import CPU_LIMIT, CPU_REQUEST, MEMORY_LIMIT, MEMORY_REQUEST, Map

_LEAST_MEMORY = Quantity.parse("1M")


@rule(
    "memory-request", "validateMemoryRequestsNegativeOrNull", "validateMemoryLimitsNegativeOrNull"
)
def _memory_request(vm: Map) -> Findings:
    """A memory request is not negative, at least 1M, and at most its limit."""
    request = amount(vm, MEMORY_REQUEST)
    limit = amount(vm, MEMORY_LIMIT)
    if whole(request) < 0:
        yield MEMORY_REQUEST, f"is {request}; must be 0 or more"
    elif request and whole(request) > 0 and request < _LEAST_MEMORY:
        yield MEMORY_REQUEST, f"is {request}; must be 1M or more"
    if whole(limit) < 0:
        yield MEMORY_LIMIT, f"is {limit}; must be 0 or more"
    elif whole(request) > whole(limit) > 0:
        yield MEMORY_REQUEST, f"is {request}, above its limit of {limit}"


@rule(
    "cpu-request",
    "validateCPURequestNotNegative",
    "validateCPULimitNotNegative",
    "validateCpuRequestDoesNotExceedLimit",
)
def _cpu_request(vm: Map) -> Findings:
    """A CPU request is not negative and at most its limit."""
    request = amount(vm, CPU_REQUEST)
    limit = amount(vm, CPU_LIMIT)
    if milli(request) < 0:
        yield CPU_REQUEST, f"is {request}; must be 0 or more"
    if milli(limit) < 0:
        yield CPU_LIMIT, f"is {limit}; must be 0 or more"
    if milli(request) > milli(limit) > 0:
        yield CPU_REQUEST, f"is {request}, above its limit of {limit}"


RULES = (_memory_request, _cpu_request)
