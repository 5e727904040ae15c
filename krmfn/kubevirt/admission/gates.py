"""Admission rules about the start strategy, and about fields that need a feature gate."""

from __future__ import annotations

from collections.abc import Iterator

from krmfn.kubevirt.admission.rule import Findings, Need, choice, gate_rule, rule
from krmfn.kubevirt.cluster import Cluster
from krmfn.kubevirt.vm_paths import DEVICES, DOMAIN, FIRMWARE, INSTANCE, MEMORY, Map, get
from krmfn.problems import Path

_START_STRATEGY = (*INSTANCE, "startStrategy")
# Fields that need a gate if they are there at all.
_GATED: tuple[tuple[Path, str], ...] = (
    ((*DEVICES, "video"), "VideoConfig"),
    ((*DEVICES, "downwardMetrics"), "DownwardMetrics"),
    ((*DOMAIN, "rebootPolicy"), "RebootPolicy"),
    ((*MEMORY, "reservedOverhead"), "ReservedOverheadMemlock"),
)
# Fields that need a gate unless they are empty or false.
_GATED_IF_SET: tuple[tuple[Path, str], ...] = (
    ((*DEVICES, "hostDevices"), "HostDevices"),
    ((*DEVICES, "panicDevices"), "PanicDevices"),
    ((*DEVICES, "autoattachVSOCK"), "VSOCK"),
    ((*DEVICES, "tpm", "persistent"), "VMPersistentState"),
    ((*FIRMWARE, "bootloader", "efi", "persistent"), "VMPersistentState"),
)


@rule("start-strategy", "validateStartStrategy")
def _start_strategy(vm: Map) -> Findings:
    """`startStrategy` is Paused, and then there is no liveness probe."""
    strategy = get(vm, _START_STRATEGY)
    if strategy is not None:
        yield from choice(_START_STRATEGY, strategy, ("Paused",))
    if strategy == "Paused" and get(vm, (*INSTANCE, "livenessProbe")) is not None:
        yield _START_STRATEGY, "is Paused beside a livenessProbe"


@gate_rule(
    "feature-gate",
    "validateHostDevicesWithPassthroughEnabled",
    "validateVideoConfig",
    "validatePanicDevices",
    "validateDownwardMetrics",
    "validateRebootPolicy",
    "validateReservedOverheadMemlock",
    "validateVSOCK",
    "validatePersistentState",
)
def _feature_gates(vm: Map, _: Cluster) -> Iterator[Need]:
    """Some fields need a feature gate of KubeVirt."""
    for path, gate in _GATED:
        if get(vm, path) is not None:
            yield path, gate, ""
    for path, gate in _GATED_IF_SET:
        if get(vm, path):
            yield path, gate, ""


RULES = (_start_strategy, _feature_gates)
