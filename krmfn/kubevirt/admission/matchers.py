"""Admission rules about the references to an instancetype and to a preference."""

from __future__ import annotations

from krmfn.kubevirt.admission.rule import Findings, by_name, choice, rule
from krmfn.kubevirt.vm_paths import (
    CPU,
    CPU_LIMIT,
    CPU_REQUEST,
    GUEST_MEMORY,
    INSTANCETYPE,
    MEMORY_LIMIT,
    MEMORY_REQUEST,
    SOCKETS,
    VOLUMES,
    Map,
    get,
    has_fallback_memory,
)
from krmfn.problems import Path, show

_MATCHERS: tuple[tuple[Path, str], ...] = (
    (INSTANCETYPE, "Instancetype"),
    (("spec", "preference"), "Preference"),
)
_POLICIES = ("Ignore", "Reject")
_CLAIMS = ("persistentVolumeClaim", "dataVolume")
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


@rule("matchers", "validateInstancetypeMatcher", "validatePreferenceMatcher")
def _matchers(vm: Map) -> Findings:
    """`instancetype` and `preference` have a name and a kind that there is, or `inferFromVolume`
    with the name of a PersistentVolumeClaim's or DataVolume's volume.
    """
    for path, noun in _MATCHERS:
        matcher = get(vm, path)
        if matcher is None:
            continue
        if matcher.get("inferFromVolume"):
            yield from _inferred(vm, matcher, path)
        elif not matcher.get("name"):
            yield path, "has neither name nor inferFromVolume; must have one"
        else:
            yield from _kind(matcher, path, noun)
        policy = matcher.get("inferFromVolumeFailurePolicy")
        if policy is not None:
            yield from choice((*path, "inferFromVolumeFailurePolicy"), policy, _POLICIES)


def _inferred(vm: Map, matcher: Map, path: Path) -> Findings:
    """Yield what stands beside `inferFromVolume`, and a volume that tells nothing."""
    for key in ("name", "kind"):
        if matcher.get(key):
            yield (*path, key), "stands beside inferFromVolume; keep one of them"
    name, at = matcher["inferFromVolume"], (*path, "inferFromVolume")
    volume = by_name(vm, VOLUMES).get(name)
    if volume is None:
        yield at, f"is {show(name)}, and no volume has that name"
    elif not any(key in volume for key in _CLAIMS) and not _is_ignored(matcher):
        yield at, f"is {show(name)}, which is neither a dataVolume nor a persistentVolumeClaim"


def _is_ignored(matcher: Map) -> bool:
    """Tell whether KubeVirt leaves the reference out where it can infer nothing."""
    return bool(matcher.get("inferFromVolumeFailurePolicy") == "Ignore")


def _kind(matcher: Map, path: Path, noun: str) -> Findings:
    """Yield a kind that is not one of the two, in singular or plural, in any case."""
    kinds = (f"VirtualMachine{noun}", f"VirtualMachineCluster{noun}")
    kind = matcher.get("kind") or ""
    if kind and kind.lower().removesuffix("s") not in [known.lower() for known in kinds]:
        yield from choice((*path, "kind"), kind, kinds)


@rule("instancetype-conflict")
def _instancetype_conflict(vm: Map) -> Findings:
    """Beside an instancetype there is no CPU topology, guest memory, or request or limit of CPU and
    memory. (Guest memory may be the fallback of one that is inferred.)
    """
    if not get(vm, INSTANCETYPE):
        return
    for path in _SIZES:
        if get(vm, path) and not (path == GUEST_MEMORY and has_fallback_memory(vm)):
            yield path, "stands beside spec.instancetype, which sets it; keep one of them"


RULES = (_matchers, _instancetype_conflict)
