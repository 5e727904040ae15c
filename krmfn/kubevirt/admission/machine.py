"""Admission rules about the machine as a whole: its run strategy, names and instancetype."""

from __future__ import annotations

from krmfn.kubernetes import names
from krmfn.kubevirt.admission.rule import Findings, choice, finding, rule
from krmfn.kubevirt.vm_paths import (
    CPU,
    CPU_LIMIT,
    CPU_REQUEST,
    GUEST_MEMORY,
    INSTANCE,
    INSTANCETYPE,
    MEMORY_LIMIT,
    MEMORY_REQUEST,
    RUN_STRATEGY,
    RUNNING,
    SOCKETS,
    Map,
    get,
)
from krmfn.problems import Path

_STRATEGIES = ("Always", "Halted", "Manual", "RerunOnFailure", "Once", "WaitAsReceiver")
# What an instancetype sets.
_SIZES: tuple[Path, ...] = (
    SOCKETS,
    (*CPU, "cores"),
    (*CPU, "threads"),
    GUEST_MEMORY,
    CPU_REQUEST,
    MEMORY_REQUEST,
    CPU_LIMIT,
    MEMORY_LIMIT,
)


@rule("run-strategy")
def _run_strategy(vm: Map) -> Findings:
    """Exactly one of `runStrategy` and `running`; `runStrategy` is Always, Halted, Manual,
    RerunOnFailure or Once.
    """
    spec = vm["spec"]
    if "running" in spec and "runStrategy" in spec:
        yield RUNNING, "stands beside runStrategy; keep that one"
    strategy = spec.get("runStrategy")
    if strategy is not None:
        yield from choice(RUN_STRATEGY, strategy, _STRATEGIES)


@rule("run-strategy-gate", gated=True)
def _wait_as_receiver(vm: Map) -> Findings:
    """`runStrategy: WaitAsReceiver` needs the feature gate DecentralizedLiveMigration."""
    if get(vm, RUN_STRATEGY) == "WaitAsReceiver":
        message = "is WaitAsReceiver, which needs the feature gate DecentralizedLiveMigration"
        yield RUN_STRATEGY, message


@rule("host-name")
def _host_name(vm: Map) -> Findings:
    """`hostname` is a DNS label, `subdomain` a DNS name."""
    for key, grammar in (("hostname", names.dns_label), ("subdomain", names.subdomain)):
        name = get(vm, (*INSTANCE, key))
        if name:
            yield from finding((*INSTANCE, key), grammar(name))


@rule("instancetype-conflict")
def _instancetype_conflict(vm: Map) -> Findings:
    """Beside an instancetype there is no CPU topology, guest memory, or request or limit of CPU and
    memory.
    """
    if not get(vm, INSTANCETYPE):
        return
    for path in _SIZES:
        if get(vm, path):
            yield path, "stands beside spec.instancetype, which sets it; keep one of them"


RULES = (_run_strategy, _wait_as_receiver, _host_name, _instancetype_conflict)
