"""What machines ask of a namespace, against the ResourceQuotas among the items, and how many there are of a node type.

Kubernetes refuses what goes beyond a quota, object by object. The amounts are at least: KubeVirt's overhead of each machine is not
among them. Of its CPU a pod requests a tenth (KubeVirt's cpuAllocationRatio) where the template says nothing else.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from krmfn.kubernetes.quantity import Quantity
from krmfn.kubevirt.merge import Map
from krmfn.kubevirt.vm_paths import DATA_VOLUMES, DOMAIN, RESOURCES, get, mappings
from krmfn.machine.size import discover
from krmfn.manifests.item import Item
from krmfn.nodes.build import Build
from krmfn.nodes.claims import Claim
from krmfn.problems import Code, Place, Problem

Need = dict[str, Quantity]
STORAGE = "storage"
_ALLOCATION_RATIO = 10
_ONE = Quantity(Fraction(1))
_EACH = (
    "count/virtualmachines.kubevirt.io",
    "count/virtualmachineinstances.kubevirt.io",
    "pods",
    "count/pods",
    "secrets",
    "count/secrets",
)
_DISK = (
    "persistentvolumeclaims",
    "count/persistentvolumeclaims",
    "count/datavolumes.cdi.kubevirt.io",
)


@dataclass(frozen=True, slots=True)
class Former:
    """A machine that an earlier state has and the new one has not; or, not `whole`, disks that a machine's declaration no longer has."""

    cluster: str
    namespace: str
    node_type: str
    vm: Map
    whole: bool = True

    @property
    def resources(self) -> Need:
        """CPU, memory and storage, as far as its manifest tells."""
        sizes = discover(self.vm) if self.whole else {}
        return {
            name: amount
            for name, amount in {**sizes, STORAGE: storage(self.vm)}.items()
            if amount is not None
        }


@dataclass(slots=True)
class _Sum:
    """What is asked for in one namespace of one cluster: by the machines, and with those that were there before."""

    used: Need = field(default_factory=dict)
    peak: Need = field(default_factory=dict)


def budgets(
    built: Build, items: Iterable[Item], former: list[Former]
) -> tuple[list[dict[str, Any]], list[Problem]]:
    """Every limit with what is asked of it, as rows (cluster, namespace, budget, resource, used, peak, hard); going beyond is a warning.

    At the `peak`, machines that are made stand beside those that are deleted later.
    """
    sums = _sums(built, former)
    rows: list[dict[str, Any]] = []
    problems: list[Problem] = []
    for quota in sorted(items, key=lambda item: (item.namespace, item.name)):
        if quota.kind != "ResourceQuota" or quota.api_version != "v1":
            continue
        hard = get(quota.data, ("spec", "hard"))
        # A scope is of some pods only: which of the machines' these are, no manifest shows.
        scoped = get(quota.data, ("spec", "scopes")) or get(
            quota.data, ("spec", "scopeSelector", "matchExpressions")
        )
        for (cluster, namespace), asked in sorted(sums.items()):
            if namespace != quota.namespace or scoped or not isinstance(hard, dict):
                continue
            for resource, limit in sorted(hard.items()):
                if resource not in asked.peak:
                    continue
                at = quota.place.field("spec", "hard", resource)
                try:
                    most = Quantity.parse(limit)
                except ValueError as error:
                    problems.append(at.error(str(error)))
                    continue
                used, peak = asked.used.get(resource, Quantity(Fraction())), asked.peak[resource]
                rows.append(
                    _row(cluster, namespace, f"quota {quota.name}", resource, used, peak, most)
                )
                problems += _beyond(used, peak, most, f"the machines in {namespace} ask for", at)
    for row, problem in _capacities(built, former):
        rows.append(row)
        problems += problem
    return rows, [problem for problem in problems if problem.code not in built.accepted]


def exceeded(row: dict[str, Any]) -> bool:
    """Whether more is asked, at least at the peak, than a budget has."""
    return Quantity.parse(row["peak"]) > Quantity.parse(row["hard"])


def peak(totals: list[dict[str, Any]], former: list[Former]) -> list[dict[str, Any]]:
    """The totals of namespaces (see `plan.totals`) with what was there before."""
    sums = {(row["cluster"], row["namespace"]): dict(row["resources"]) for row in totals}
    count = Counter({(row["cluster"], row["namespace"]): row["virtualMachines"] for row in totals})
    for one in former:
        key = (one.cluster, one.namespace)
        count[key] += one.whole
        amounts = sums.setdefault(key, {})
        for name, amount in one.resources.items():
            amounts[name] = str(
                Quantity.parse(amounts[name]) + amount if name in amounts else amount
            )
    return [
        {
            "cluster": cluster,
            "namespace": namespace,
            "virtualMachines": count[cluster, namespace],
            "resources": dict(sorted(amounts.items())),
        }
        for (cluster, namespace), amounts in sorted(sums.items())
    ]


def storage(vm: Map) -> Quantity | None:
    """What the DataVolumes of a machine hold together, None where they tell nothing."""
    total: Quantity | None = None
    for _, amount in _disks(vm):
        total = total + amount if total and amount else amount or total
    return total


def _disks(vm: Map) -> Iterator[tuple[str, Quantity | None]]:
    """The storage class ("" for the default) and the size of each DataVolume of a machine."""
    for template in mappings(get(vm, DATA_VOLUMES)):
        claims = [get(template, ("spec", kind)) for kind in ("pvc", "storage")]
        for claim in claims:
            if isinstance(claim, dict):
                yield (
                    str(claim.get("storageClassName") or ""),
                    _amount(get(claim, ("resources", "requests", "storage"))),
                )


def _amount(value: Any) -> Quantity | None:
    try:
        return Quantity.parse(value)
    except ValueError:
        return None


def _need(vm: Map, sized: dict[str, Quantity]) -> Need:
    """What one machine takes of a ResourceQuota, by the names that its `hard` has."""
    need: Need = dict.fromkeys(_EACH, _ONE)
    limits, requests = (get(vm, (*RESOURCES, kind)) or {} for kind in ("limits", "requests"))
    for name in ("cpu", "memory"):
        limit, request = (
            _amount(given.get(name)) if isinstance(given, dict) else None
            for given in (limits, requests)
        )
        if limit:
            need[f"limits.{name}"] = limit
        whole = get(vm, (*DOMAIN, "cpu", "dedicatedCpuPlacement")) is True
        ratio = _ALLOCATION_RATIO if name == "cpu" and not whole else 1
        asked = request or (
            Quantity(sized[name].value / ratio, sized[name].form) if name in sized else None
        )
        if asked:
            need[name] = need[f"requests.{name}"] = asked
    return _add(need, _disk_need(vm))


def _disk_need(vm: Map) -> Need:
    need: Need = {}
    for of, size in _disks(vm):
        one = dict.fromkeys(_DISK, _ONE)
        if size:
            one["requests.storage"] = size
        if of:
            prefix = f"{of}.storageclass.storage.k8s.io/"
            one |= {f"{prefix}persistentvolumeclaims": _ONE} | (
                {f"{prefix}requests.storage": size} if size else {}
            )
        _add(need, one)
    return need


def _add(to: Need, more: Need, times: int = 1) -> Need:
    for name, amount in more.items():
        many = Quantity(amount.value * times, amount.form)
        to[name] = to[name] + many if name in to else many
    return to


def _sums(built: Build, former: list[Former]) -> dict[tuple[str, str], _Sum]:
    alike: dict[tuple[str, str, int], list[Claim]] = defaultdict(list)
    for claim in built.claims:
        if claim.node:
            alike[claim.cluster, claim.namespace, id(claim.node.prototype)].append(claim)
    sums: dict[tuple[str, str], _Sum] = defaultdict(_Sum)
    for (cluster, namespace, _), claims in alike.items():
        node = claims[0].node
        if node:
            _add(
                sums[cluster, namespace].used,
                _need(node.prototype.vm, claims[0].offer.resources),
                len(claims),
            )
    for found in sums.values():
        found.peak = dict(found.used)
    for one in former:
        _add(
            sums[one.cluster, one.namespace].peak,
            _need(one.vm, one.resources) if one.whole else _disk_need(one.vm),
        )
    return sums


def _capacities(
    built: Build, former: list[Former]
) -> Iterator[tuple[dict[str, Any], list[Problem]]]:
    """The node types that have a `maxCapacity`; more claims than that are an error of the build."""
    claimed = Counter(claim.offer.full_name for claim in built.claims)
    gone = Counter(one.node_type for one in former if one.whole)
    for offer in built.node_types:
        if most := offer.node_type.max_capacity:
            used, peak, hard = (
                Quantity(Fraction(count))
                for count in (
                    claimed[offer.full_name],
                    claimed[offer.full_name] + gone[offer.full_name],
                    most,
                )
            )
            kubevirt = offer.provider.spec.kube_virt
            cluster = kubevirt.cluster_ref.cluster if kubevirt else ""
            row = _row(cluster, "", "maxCapacity", offer.full_name, used, peak, hard)
            yield (
                row,
                list(
                    _beyond(
                        used,
                        peak,
                        hard,
                        "the machines of this type are",
                        offer.at.field("maxCapacity"),
                    )
                ),
            )


def _row(
    cluster: str,
    namespace: str,
    budget: str,
    resource: str,
    used: Quantity,
    peak: Quantity,
    hard: Quantity,
) -> dict[str, Any]:
    amounts = {"used": str(used), "peak": str(peak), "hard": str(hard)}
    return {
        "cluster": cluster,
        "namespace": namespace,
        "budget": budget,
        "resource": resource,
        **amounts,
    }


def _beyond(
    used: Quantity, peak: Quantity, hard: Quantity, who: str, at: Place
) -> Iterator[Problem]:
    if used > hard:
        yield at.warning(f"is {hard}, but {who} {used}", Code.QUOTA)
    elif peak > hard:
        yield at.warning(
            f"is {hard}, but {who} {peak} as long as those that are to be deleted are still there ({used} afterwards)",
            Code.QUOTA,
        )
