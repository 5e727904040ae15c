"""The verdict on a change, by the field that changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal, NamedTuple

from krmfn.kubernetes.quantity import Quantity
from krmfn.kubevirt import hotplug
from krmfn.kubevirt.cluster import Cluster
from krmfn.kubevirt.differences import Change
from krmfn.kubevirt.vm_paths import (
    CPU,
    DATA_VOLUMES,
    DISKS,
    FIRMWARE,
    GUEST_MEMORY,
    INSTANCE,
    INSTANCE_METADATA,
    INSTANCETYPE,
    INTERFACES,
    MAX_GUEST_MEMORY,
    NETWORKS,
    RUN_STRATEGY,
    RUNNING,
    SOCKETS,
    UPDATE_VOLUMES,
    VOLUMES,
    Map,
    get,
    mappings,
)
from krmfn.problems import Path
from krmfn.records import record

# KubeVirt's roll-out strategies (`vmRolloutStrategy`).
Strategy = Literal["LiveUpdate", "Stage"]

SCHEDULING: tuple[Path, ...] = (
    (*INSTANCE, "nodeSelector"),
    (*INSTANCE, "affinity"),
    (*INSTANCE, "tolerations"),
)
_REVISION = (*INSTANCETYPE, "revisionName")
_UUID: Path = (*FIRMWARE, "uuid")
_DESCHEDULER = (
    "descheduler.alpha.kubernetes.io/evict",
    "descheduler.alpha.kubernetes.io/prefer-no-eviction",
)


class Verdict(NamedTuple):
    """What comes of a change, and why if that is not plain."""

    name: str
    why: str = ""


@record(frozen=True)
class Update:
    """The declarations of a machine before and after, and the cluster and its roll-out strategy."""

    old: Map
    new: Map
    strategy: Strategy
    cluster: Cluster

    @property
    def is_staged(self) -> bool:
        """Whether no change of the instance is made while it runs."""
        return self.strategy == "Stage"


_CLAIMS = ("dataVolume", "persistentVolumeClaim")
_RESTART = Verdict("restart")
_NEXT_START = Verdict("next-start")
Rule = Callable[[Change, Update], Verdict]


def run_strategy(vm: Map) -> Any:
    """Return the run strategy, by which `running` may stand instead."""
    strategy = get(vm, RUN_STRATEGY)
    running = get(vm, RUNNING)
    if strategy or not isinstance(running, bool):
        return strategy or None
    return "Always" if running else "Halted"


def _always(verdict: str, why: str = "") -> Rule:
    """Return a rule that has one verdict."""
    return lambda change, update: Verdict(verdict, why)


def _run_strategy(change: Change, update: Update) -> Verdict:
    """Judge whether the machine is started or stopped."""
    before = run_strategy(update.old)
    after = run_strategy(update.new)
    if before == after:
        return Verdict("no-effect")
    if after == "Halted":
        return Verdict("stop")
    if before == "Halted" and after != "Manual":
        return Verdict("start")
    return Verdict("no-effect", "counts when the machine next stops")


def _data_volumes(change: Change, update: Update) -> Verdict:
    """Judge DataVolume templates, which count when the DataVolume is made."""
    is_whole = len(change.path) == len(DATA_VOLUMES) + 1
    if is_whole and change.old is None:
        return Verdict("live", "the DataVolume is made at once")
    if is_whole and change.new is None:
        return Verdict("no-effect", "the DataVolume stays until the machine is deleted")
    if change.path == DATA_VOLUMES:
        return Verdict("no-effect", "their order does not matter")
    return Verdict("no-effect", "a DataVolume that exists stays as it is")


def _instancetype(change: Change, update: Update) -> Verdict:
    """Judge an instancetype, whose revision pins it."""
    before = get(update.old, _REVISION)
    after = get(update.new, _REVISION)
    if change.path[-1] == "name" and before and before == after:
        return Verdict("rejected", "revisionName has to go, or change with it")
    if change.path == (*INSTANCETYPE, "name") and not update.is_staged:
        # The sizes of both are not known here. KubeVirt judges what they make of the machine.
        return Verdict("restart", "unless the other one only adds CPUs or memory")
    return _RESTART


def _template_metadata(change: Change, update: Update) -> Verdict:
    """Judge labels and annotations of the instance."""
    if change.path[-1] in _DESCHEDULER:
        return Verdict("live")
    return _NEXT_START


def _sockets(change: Change, update: Update) -> Verdict:
    """Judge sockets, which can be plugged in up to a limit."""
    before, after = change.old, change.new
    if not isinstance(before, int) or not isinstance(after, int):
        return _RESTART
    limit = get(update.new, (*CPU, "maxSockets"))
    if isinstance(limit, int) and after > limit:
        return Verdict("rejected", "is above maxSockets")
    old = update.old
    grows = before <= after <= hotplug.most_sockets(old, before)
    can_plug = grows and hotplug.is_amd64(old)
    if update.is_staged or not can_plug:
        return _RESTART
    if not hotplug.can_migrate(old):
        return Verdict("next-start", "the machine can't migrate: a bridge on the pod network")
    return Verdict("pending")


def _guest_memory(change: Change, update: Update) -> Verdict:
    """Judge guest memory, which can grow up to a limit."""
    if update.is_staged or change.old is None or change.new is None:
        return _RESTART
    try:
        return _memory_growth(change, update)
    except ValueError:
        # An earlier state is taken as it is, quantities that are none included.
        return _RESTART


def _memory_growth(change: Change, update: Update) -> Verdict:
    """Judge a change of guest memory. Raises ValueError for what is not a quantity."""
    before = Quantity.parse(change.old).value
    after = Quantity.parse(change.new).value
    most = hotplug.most_memory(update.old, before)
    limit = get(update.new, MAX_GUEST_MEMORY)
    if limit is not None and after > Quantity.parse(limit).value:
        return Verdict("rejected", "is above maxGuest")
    if limit is not None and after % hotplug.ALIGNED:
        return Verdict("rejected", "must be a multiple of 2Mi beside maxGuest")
    can_grow = (
        before <= after <= most
        and hotplug.memory_can_grow(update.old, before)
        and hotplug.memory_can_grow(update.new, after)
        and hotplug.memory_can_grow(update.old, most)
    )
    if can_grow and hotplug.can_migrate(update.old):
        return Verdict("pending", "if its disks can migrate")
    return _RESTART


def _firmware(change: Change, update: Update) -> Verdict:
    """Judge firmware, which holds the UUID by which cloud-init knows the machine again.

    Without a UUID, KubeVirt writes one into the machine. It goes with the last declared key, and
    KubeVirt then writes another one.
    """
    old, new = (get(vm, _UUID) for vm in (update.old, update.new))
    goes = change.path == FIRMWARE and change.new is None
    if goes or (old != new and change.path in (FIRMWARE, _UUID)):
        why = "the guest gets another system UUID, so cloud-init runs again on the old disk"
        return Verdict("restart", why)
    return _RESTART


def _scheduling(change: Change, update: Update) -> Verdict:
    """Judge what decides on the node that the machine runs on."""
    if update.is_staged:
        return _RESTART
    return Verdict("pending", "at the next migration or start")


def _volumes(change: Change, update: Update) -> Verdict:
    """Judge a volume, and name the machine's own disk that it leaves."""
    verdict = _volume(change, update)
    if verdict.name == "pending":
        return verdict
    reasons = [why for why in (verdict.why, _disk_left(change, update)) if why]
    return verdict._replace(why="; ".join(reasons))


def _disk_left(change: Change, update: Update) -> str:
    """Say what becomes of a DataVolume of the machine that a change takes from a volume."""
    inner = change.path[len(VOLUMES) :]
    # The volume as a whole, its source, or the name in the source.
    names_disk = len(inner) in (1, 2) or inner[-1:] in (("name",), ("claimName",))
    if not names_disk or change.old is None:
        return ""
    before, after = (_claim_name(_named(vm, VOLUMES, inner[0])) for vm in (update.old, update.new))
    templates = mappings(get(update.old, DATA_VOLUMES))
    owned = [get(template, ("metadata", "name")) for template in templates]
    if before is None or before == after or before not in owned:
        return ""
    another = "the next start is on another disk; " if after else ""
    return f"{another}{before} stays until the machine is deleted, with all that was written to it"


def _volume(change: Change, update: Update) -> Verdict:
    """Judge a volume, which may migrate or be hot-pluggable."""
    if len(change.path) == len(VOLUMES):
        return Verdict("next-start", "the guest's names of its disks may swap")
    name = change.path[len(VOLUMES)]
    volumes = [_named(vm, VOLUMES, name) for vm in (update.old, update.new)]
    before, after = map(_claim_name, volumes)
    if before and after and get(update.new, UPDATE_VOLUMES) == "Migration":
        if before == after:
            return Verdict("next-start", "the disk is the same")
        if update.is_staged:
            return _NEXT_START
        return Verdict("pending", "the volume migrates")
    if any(map(_is_hotpluggable, volumes)):
        return _hotplug(update, change.path[len(VOLUMES) + 1 :])
    return _RESTART


def _hotplug(update: Update, inner: Path) -> Verdict:
    """Judge a hot-pluggable volume, by the gate for it and the older one that stands in its way.

    `inner` is the path of the change in the volume: only a volume as a whole is plugged.
    """
    gate, older = "DeclarativeHotplugVolumes", "HotplugVolumes"
    is_on = update.cluster.gate(gate)
    is_plugged = inner[:1] in ((), *((source,) for source in _CLAIMS))
    if is_on and not is_plugged:
        return _NEXT_START
    if is_on and update.cluster.gate(older) is not True:
        return Verdict("live", "hot-pluggable")
    if is_on is None:
        return Verdict("next-start", f"hot-pluggable; live with the feature gate {gate}")
    return Verdict("next-start", f"hot-pluggable, without the feature gate {gate}")


def _claim_name(volume: Map) -> Any:
    """Return the name of the PersistentVolumeClaim that a volume is on, if it is on one."""
    data_volume = get(volume, ("dataVolume", "name"))
    return data_volume or get(volume, ("persistentVolumeClaim", "claimName"))


def _is_hotpluggable(volume: Map) -> bool:
    """Tell whether a volume says that it is hot-pluggable."""
    return any(get(volume, (source, "hotpluggable")) for source in _CLAIMS)


def _disks(change: Change, update: Update) -> Verdict:
    """Judge a disk as the volume that it is of."""
    path = (*VOLUMES, *change.path[len(DISKS) :])
    return _volume(replace(change, path=path), update)


def _interfaces(change: Change, update: Update) -> Verdict:
    """Judge an interface, whose link state is changed at once."""
    inner = change.path[len(INTERFACES) :]
    if inner[1:] == ("state",):
        return Verdict("live")
    if len(inner) == 1 and change.old is None:
        return _attachment(inner[0], update.new)
    return _RESTART


def _networks(change: Change, update: Update) -> Verdict:
    """Judge a network, which does not change while an interface is on it."""
    inner = change.path[len(NETWORKS) :]
    if len(inner) == 1 and change.old is None:
        return _attachment(inner[0], update.new)
    if inner[1:] == ("multus", "networkName") and update.cluster.gate("LiveUpdateNADRef"):
        return Verdict("pending", "the machine moves to the network at the next migration")
    return _RESTART if inner else Verdict("no-effect")


def _attachment(name: Any, vm: Map) -> Verdict:
    """Judge a network that is new: by a bridge or SR-IOV to Multus it can be plugged in."""
    network = _named(vm, NETWORKS, name)
    interface = _named(vm, INTERFACES, name)
    if "pod" in network:
        return _RESTART
    if interface.get("state") == "absent":
        return Verdict("no-effect", "what is new and absent is taken out by KubeVirt again")
    if "bridge" in interface or "sriov" in interface:
        return Verdict("pending", "it is plugged in at the next migration")
    return _NEXT_START


def _named(vm: Map, path: Path, name: Any) -> Map:
    """Return the element of a list that has this name, or {}."""
    for element in mappings(get(vm, path)):
        if element.get("name") == name:
            return element
    return {}


# The first whose path begins that of a change judges it. What no rule is about needs a restart.
RULES: tuple[tuple[Path, Rule], ...] = (
    (("metadata",), _always("live", "the guest does not see it")),
    (RUN_STRATEGY, _run_strategy),
    (RUNNING, _run_strategy),
    (UPDATE_VOLUMES, _always("live")),
    (DATA_VOLUMES, _data_volumes),
    (INSTANCETYPE, _instancetype),
    (INSTANCE_METADATA, _template_metadata),
    (SOCKETS, _sockets),
    (GUEST_MEMORY, _guest_memory),
    (FIRMWARE, _firmware),
    *((path, _scheduling) for path in SCHEDULING),
    (VOLUMES, _volumes),
    (DISKS, _disks),
    (INTERFACES, _interfaces),
    (NETWORKS, _networks),
)
