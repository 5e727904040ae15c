"""What a change of its declaration does to a machine that runs: a verdict for each field.

The rules are those of KubeVirt v1.8.2's webhooks and its VirtualMachine controller (`pkg/virt-controller/watch/vm/vm.go`,
`pkg/network/vmliveupdate`), for its two roll-out strategies. What manifests don't show (feature gates, workloadUpdateMethods, whether a
disk can migrate) has its default here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Literal

from krmfn.kubernetes.quantity import Quantity
from krmfn.kubevirt.merge import Map
from krmfn.kubevirt.vm_paths import (
    DATA_VOLUMES,
    DISKS,
    DOMAIN,
    INTERFACES,
    NAMED,
    NETWORKS,
    VOLUMES,
    Named,
    get,
    has,
    mappings,
)
from krmfn.problems import Path, path_text

Strategy = Literal["LiveUpdate", "Stage"]
# From the heaviest on: an object's verdict is its heaviest field's.
VERDICTS = (
    "rejected", "delete", "create", "stop", "start", "restart", "next-start", "pending", "live", "no-effect", "unchanged",
)  # fmt: skip
_T = ("spec", "template", "spec")
_METADATA = ("spec", "template", "metadata")
_BRIDGE_MIGRATES = "kubevirt.io/allow-pod-bridge-network-live-migration"
_DESCHEDULER = (
    "descheduler.alpha.kubernetes.io/evict",
    "descheduler.alpha.kubernetes.io/prefer-no-eviction",
)
_GIB, _ALIGNED = 2**30, 2 * 2**20
_HOTPLUG_RATIO, _MAX_VCPUS = 4, 512


@dataclass(frozen=True, slots=True)
class Change:
    """One field: its path, both values (None: not there), what comes of it, and why where that is not plain."""

    path: Path
    old: Any
    new: Any
    verdict: str = "unchanged"
    why: str = ""

    @property
    def text(self) -> str:
        """The path: `spec.template.spec.volumes[root].dataVolume.name`."""
        text = ""
        for step in self.path:
            plain = not isinstance(step, Named) and not path_text((step,)).startswith("[")
            text += f"[{step}]" if not plain else f".{step}" if text else str(step)
        return text


def heaviest(verdicts: Iterator[str] | list[str]) -> str:
    """The heaviest of some verdicts."""
    return min(verdicts, key=VERDICTS.index, default="unchanged")


def differences(old: Any, new: Any, live: bool = False, path: Path = ()) -> Iterator[Change]:
    """The fields that differ. Of a `live` object, what only it has is the server's: defaults and status, not a change."""
    if old == new:
        return
    if (
        path[: len(_METADATA)] == _METADATA
        and None in (old, new)
        and dict in (type(old), type(new))
    ):
        # Labels and annotations each have a verdict of their own, the first and the last as well.
        old, new = old or {}, new or {}
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            if key in new or not live:
                yield from differences(old.get(key), new.get(key), live, (*path, key))
        return
    name = NAMED.get(path)
    before, after = (
        _by_name([] if values is None else values, name) if name else None for values in (old, new)
    )
    if before is None or after is None:
        yield Change(path, old, new)
        return
    for key in [*before, *(key for key in after if key not in before)]:
        yield from differences(before.get(key), after.get(key), live, (*path, Named(key)))
    # What is new comes last; in any other order the list has changed as a whole too.
    if [
        *(key for key in before if key in after),
        *(key for key in after if key not in before),
    ] != list(after):
        yield Change(path, list(before), list(after))


def _by_name(values: Any, name: Path) -> dict[str, Map] | None:
    """The elements of a list by their names, None where they have none of their own."""
    if not isinstance(values, list):
        return None
    found = {get(value, name): value for value in values if isinstance(get(value, name), str)}
    return found if len(found) == len(values) else None


def judged(old: Map, new: Map, strategy: Strategy, live: bool = False) -> list[Change]:
    """What differs between two declarations of one machine, each with its verdict; both have their quantities in canonical form."""
    changes = [
        _judged(change, old, new, strategy)
        for change in differences(_declared(old), _declared(new), live)
    ]
    if _is_off(old) or _is_off(new):
        # Without an instance that runs on, all of it waits for the next start.
        return [
            replace(change, verdict="next-start") if _of_instance(change) else change
            for change in changes
        ]
    if strategy == "LiveUpdate" and any(
        change.verdict == "restart" and not _live_able(change) for change in changes
    ):
        held = "is held back until the restart that another field needs"
        return [
            replace(change, verdict="restart", why=held)
            if change.verdict == "pending" and _live_able(change)
            else change
            for change in changes
        ]
    return changes


def _declared(vm: Map) -> Map:
    metadata = {key: get(vm, ("metadata", key)) or {} for key in ("labels", "annotations")}
    return {"metadata": metadata, "spec": vm.get("spec")}


def _is_off(vm: Map) -> bool:
    return bool(_strategy(vm) == "Halted")


def _of_instance(change: Change) -> bool:
    return change.path[:2] == ("spec", "template") and change.verdict != "rejected"


def _live_able(change: Change) -> bool:
    """Whether a restart of another field holds the change back: CPU, memory, scheduling. Interfaces go ahead."""
    return any(change.path[: len(prefix)] == prefix for prefix in (_SOCKETS, _GUEST, *_SCHEDULING))


def _judged(change: Change, old: Map, new: Map, strategy: Strategy) -> Change:
    for prefix, rule in _RULES:
        if change.path[: len(prefix)] == prefix:
            verdict, why = rule(change, old, new, strategy)
            return replace(change, verdict=verdict, why=why)
    return replace(change, verdict="restart")


Found = tuple[str, str]
Rule = Callable[[Change, Map, Map, Strategy], Found]


def _always(verdict: str, why: str = "") -> Rule:
    return lambda change, old, new, strategy: (verdict, why)


def _run(change: Change, old: Map, new: Map, strategy: Strategy) -> Found:
    before, after = _strategy(old), _strategy(new)
    if before == after:
        return "no-effect", ""
    if after == "Halted":
        return "stop", ""
    if before == "Halted" and after != "Manual":
        return "start", ""
    return "no-effect", "counts when the machine next stops"


def _strategy(vm: Map) -> Any:
    running = get(vm, ("spec", "running"))
    return get(vm, ("spec", "runStrategy")) or (
        {True: "Always", False: "Halted"}[running] if isinstance(running, bool) else None
    )


def _data_volumes(change: Change, old: Map, new: Map, strategy: Strategy) -> Found:
    if len(change.path) == len(DATA_VOLUMES) + 1 and change.old is None:
        return "live", "the DataVolume is made at once"
    if len(change.path) == len(DATA_VOLUMES) + 1 and change.new is None:
        return "no-effect", "the DataVolume stays until the machine is deleted"
    return "no-effect", "a DataVolume that exists stays as it is"


def _instancetype(change: Change, old: Map, new: Map, strategy: Strategy) -> Found:
    revisions = [get(vm, ("spec", "instancetype", "revisionName")) for vm in (old, new)]
    if change.path[-1] == "name" and revisions[0] and revisions[0] == revisions[1]:
        return "rejected", "revisionName has to go, or change with it"
    return "restart", ""


def _template_metadata(change: Change, old: Map, new: Map, strategy: Strategy) -> Found:
    return ("live", "") if change.path[-1] in _DESCHEDULER else ("next-start", "")


def _sockets(change: Change, old: Map, new: Map, strategy: Strategy) -> Found:
    before, after = change.old, change.new
    if not isinstance(before, int) or not isinstance(after, int):
        return "restart", ""
    written = get(new, (*DOMAIN, "cpu", "maxSockets"))
    if isinstance(written, int) and after > written:
        return "rejected", "is above maxSockets"
    if (
        strategy == "Stage"
        or not before <= after <= _most_sockets(old, before)
        or not _is_amd64(old)
    ):
        return "restart", ""
    if not _migratable(old):
        return "next-start", "the machine can't migrate: a bridge on the pod network"
    return "pending", ""


def _most_sockets(vm: Map, sockets: int) -> int:
    """How many sockets a machine that started with some can have: four times as many, up to 512 vCPUs."""
    written, cores, threads = (
        get(vm, (*DOMAIN, "cpu", key)) for key in ("maxSockets", "cores", "threads")
    )
    if isinstance(written, int):
        return written
    # As KubeVirt counts: before defaults, so that nothing is limited where either is left out.
    each = cores * threads if isinstance(cores, int) and isinstance(threads, int) else 0
    most = _HOTPLUG_RATIO * sockets
    return most if most * each <= _MAX_VCPUS else max(_MAX_VCPUS // each, sockets)


def _guest(change: Change, old: Map, new: Map, strategy: Strategy) -> Found:
    if strategy == "Stage" or change.old is None or change.new is None:
        return "restart", ""
    started, written = (get(vm, (*DOMAIN, "memory", "maxGuest")) for vm in (old, new))
    try:
        before, after = (Quantity.parse(amount).value for amount in (change.old, change.new))
        most = Quantity.parse(started).value if started is not None else _HOTPLUG_RATIO * before
        if written is not None and after > Quantity.parse(written).value:
            return "rejected", "is above maxGuest"
        if written is not None and after % _ALIGNED:
            return "rejected", "is no multiple of 2Mi, as it has to be beside maxGuest"
    except ValueError:
        # An earlier state is taken as it is.
        return "restart", ""
    able = before <= after <= most and all(
        _takes_memory(vm, amount) for vm, amount in ((old, before), (new, after), (old, most))
    )
    return ("pending", "if its disks can migrate") if able and _migratable(old) else ("restart", "")


def _takes_memory(vm: Map, amount: int | Fraction) -> bool:
    """Whether memory of this size can grow while the machine runs."""
    cpu, page = get(vm, (*DOMAIN, "cpu")), get(vm, (*DOMAIN, "memory", "hugepages", "pageSize"))
    fixed = isinstance(cpu, dict) and (
        "realtime" in cpu or get(cpu, ("numa", "guestMappingPassthrough")) is not None
    )
    return (
        not fixed
        and get(vm, (*DOMAIN, "launchSecurity")) is None
        and amount >= _GIB
        and amount % (_GIB if page == "1Gi" else _ALIGNED) == 0
        and _is_amd64(vm)
    )


def _is_amd64(vm: Map) -> bool:
    return (get(vm, (*_T, "architecture")) or "amd64") == "amd64"


def _migratable(vm: Map) -> bool:
    """As far as manifests tell: a bridge on the pod network can't migrate, unless an annotation says that it can."""
    if has(vm, (*_METADATA, "annotations", _BRIDGE_MIGRATES)):
        return True
    pod = [network.get("name") for network in mappings(get(vm, NETWORKS)) if "pod" in network]
    return not any(
        "bridge" in interface and interface.get("name") in pod
        for interface in mappings(get(vm, INTERFACES))
    )


def _scheduling(change: Change, old: Map, new: Map, strategy: Strategy) -> Found:
    return ("restart", "") if strategy == "Stage" else ("pending", "at the next migration or start")


def _volumes(change: Change, old: Map, new: Map, strategy: Strategy) -> Found:
    if len(change.path) == len(VOLUMES):
        return "next-start", "the guest's names of its disks may swap"
    name = change.path[len(VOLUMES)]
    pair = [
        next((value for value in mappings(get(vm, VOLUMES)) if value.get("name") == name), {})
        for vm in (old, new)
    ]
    before, after = map(_claimed, pair)
    if before and after and get(new, ("spec", "updateVolumesStrategy")) == "Migration":
        if before == after:
            return "next-start", "the disk is the same"
        return (
            ("pending", "the volume migrates") if strategy == "LiveUpdate" else ("next-start", "")
        )
    if any(
        get(value, (source, "hotpluggable"))
        for value in pair
        for source in ("dataVolume", "persistentVolumeClaim")
    ):
        return "next-start", "hot-pluggable, without the feature gate DeclarativeHotplugVolumes"
    return "restart", ""


def _claimed(volume: Map) -> Any:
    """The PersistentVolumeClaim that a volume is on, if it is on one."""
    return get(volume, ("dataVolume", "name")) or get(
        volume, ("persistentVolumeClaim", "claimName")
    )


def _disks(change: Change, old: Map, new: Map, strategy: Strategy) -> Found:
    if len(change.path) == len(DISKS):
        return "next-start", "the guest's names of its disks may swap"
    return _volumes(
        replace(change, path=(*VOLUMES, *change.path[len(DISKS) :])), old, new, strategy
    )


def _interfaces(change: Change, old: Map, new: Map, strategy: Strategy) -> Found:
    inner = change.path[len(INTERFACES) :]
    if inner[1:] == ("state",):
        return "live", ""
    return _attached(inner[0], new) if len(inner) == 1 and change.old is None else ("restart", "")


def _networks(change: Change, old: Map, new: Map, strategy: Strategy) -> Found:
    if len(change.path) == len(NETWORKS) + 1 and change.old is None:
        return _attached(change.path[len(NETWORKS)], new)
    return ("no-effect", "") if len(change.path) == len(NETWORKS) else ("restart", "")


def _attached(name: Any, new: Map) -> Found:
    """A network that is new: by a bridge or SR-IOV to Multus it can be plugged in."""
    network = next(
        (value for value in mappings(get(new, NETWORKS)) if value.get("name") == name), {}
    )
    interface = next(
        (value for value in mappings(get(new, INTERFACES)) if value.get("name") == name), {}
    )
    if "pod" in network:
        return "restart", ""
    if interface.get("state") == "absent":
        return "no-effect", "what is new and absent is taken out by KubeVirt again"
    if "bridge" in interface or "sriov" in interface:
        return "pending", "it is plugged in at the next migration"
    return "next-start", ""


_SOCKETS: Path = (*DOMAIN, "cpu", "sockets")
_GUEST: Path = (*DOMAIN, "memory", "guest")
_SCHEDULING: tuple[Path, ...] = tuple(
    (*_T, key) for key in ("nodeSelector", "affinity", "tolerations")
)
_RULES: tuple[tuple[Path, Rule], ...] = (
    (("metadata",), _always("live", "the guest does not see it")),
    (("spec", "runStrategy"), _run),
    (("spec", "running"), _run),
    (("spec", "updateVolumesStrategy"), _always("live")),
    (DATA_VOLUMES, _data_volumes),
    (("spec", "instancetype"), _instancetype),
    (_METADATA, _template_metadata),
    (_SOCKETS, _sockets),
    (_GUEST, _guest),
    *((path, _scheduling) for path in _SCHEDULING),
    (VOLUMES, _volumes),
    (DISKS, _disks),
    (INTERFACES, _interfaces),
    (NETWORKS, _networks),
)
