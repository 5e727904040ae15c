"""What a change of its declaration does to a machine that runs: a verdict for each field.

The rules are those of KubeVirt v1.9.0's webhooks and its VirtualMachine controller
(`pkg/virt-controller/watch/vm/vm.go`, `pkg/network/vmliveupdate`), for its two roll-out
strategies. What manifests don't show (feature gates, workloadUpdateMethods, whether a disk can
migrate) has its default here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from krmfn.kubevirt.cluster import Cluster
from krmfn.kubevirt.differences import Change, differences
from krmfn.kubevirt.verdict_rules import RULES, SCHEDULING, Strategy, Update, run_strategy
from krmfn.kubevirt.vm_paths import (
    ARCHITECTURE,
    GUEST_MEMORY,
    INSTANCE,
    MACHINE_TYPE,
    SOCKETS,
    Map,
    get,
    put,
)

__all__ = ["VERDICTS", "Strategy", "heaviest", "judged"]

# From the heaviest on: an object's verdict is its heaviest field's.
VERDICTS = (
    "rejected",
    "delete",
    "create",
    "stop",
    "start",
    "restart",
    "next-start",
    "pending",
    "live",
    "no-effect",
    "unchanged",
)
# A restart that another field needs holds these back. Interfaces go ahead.
_HELD_BACK = (SOCKETS, GUEST_MEMORY, *SCHEDULING)


def heaviest(verdicts: Iterable[str]) -> str:
    """Return the heaviest of some verdicts."""
    return min(verdicts, key=VERDICTS.index, default="unchanged")


def judged(old: Map, new: Map, strategy: Strategy, cluster: Cluster | None = None) -> list[Change]:
    """Return what differs between two declarations of one machine, each with its verdict.

    Both have their quantities in canonical form.
    """
    cluster = cluster or Cluster()
    old, new = _with_default(old, new, cluster), _with_default(new, old, cluster)
    update = Update(old, new, strategy, cluster)
    changed = differences(_declared(old), _declared(new))
    changes = [_judged(change, update) for change in changed]
    if "Halted" in (run_strategy(old), run_strategy(new)):
        return [_at_next_start(change) for change in changes]
    if strategy == "LiveUpdate" and any(_forces_restart(change) for change in changes):
        return [_held_back(change) for change in changes]
    return changes


def _with_default(vm: Map, other: Map, cluster: Cluster) -> Map:
    """Return a machine with what only the other one names, if it is what KubeVirt's webhook adds.

    The webhook adds an architecture and a machine type, which a preference may name.
    """
    if get(vm, INSTANCE) is None or get(vm, ("spec", "preference")) is not None:
        return vm
    given = {ARCHITECTURE: cluster.architecture_of(vm), MACHINE_TYPE: cluster.machine_type_of(vm)}
    for path, default in given.items():
        if get(vm, path) is None and get(other, path) == default:
            vm = put(vm, path, default)
    return vm


def _declared(vm: Map) -> Map:
    """Return the parts of a machine that a declaration sets."""
    metadata = {}
    for key in ("labels", "annotations"):
        metadata[key] = get(vm, ("metadata", key)) or {}
    return {"metadata": metadata, "spec": vm.get("spec")}


def _judged(change: Change, update: Update) -> Change:
    """Judge a change by the first rule whose path begins its own."""
    for prefix, rule in RULES:
        if change.path[: len(prefix)] == prefix:
            verdict = rule(change, update)
            return replace(change, verdict=verdict.name, why=verdict.why)
    return replace(change, verdict="restart")


def _at_next_start(change: Change) -> Change:
    """Without an instance that runs on, all of the instance waits for the next start."""
    if change.path[:2] == ("spec", "template") and change.verdict != "rejected":
        return replace(change, verdict="next-start")
    return change


def _forces_restart(change: Change) -> bool:
    """Tell whether a change restarts the machine, and others with it."""
    return change.verdict == "restart" and not _can_be_held_back(change)


def _held_back(change: Change) -> Change:
    """Let a change wait for the restart that another field needs."""
    if change.verdict == "pending" and _can_be_held_back(change):
        why = "is held back until the restart that another field needs"
        return replace(change, verdict="restart", why=why)
    return change


def _can_be_held_back(change: Change) -> bool:
    """Tell whether a change of this field waits for the restart of others."""
    return any(change.path[: len(prefix)] == prefix for prefix in _HELD_BACK)
