"""Budgets: what machines ask of ResourceQuotas, and how many there are of each node type.

Kubernetes refuses what goes beyond a quota, object by object.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import field
from fractions import Fraction
from typing import Any

from krmfn.kubernetes.quantity import Quantity
from krmfn.kubevirt.vm_paths import get
from krmfn.machine.prototype import Prototype
from krmfn.manifests.item import Item
from krmfn.nodes.build import Build
from krmfn.nodes.claim import Claim
from krmfn.nodes.needs import Former, Need, add, disk_need, machine_need
from krmfn.problems import Code, Collector, Place, Problem
from krmfn.records import record

_Namespace = tuple[str, str]


@record(frozen=True)
class Budget:
    """A limit, and what is asked of it.

    At the `peak`, machines that are made stand beside those that are deleted later.
    `namespace` is "" for a node type's capacity.
    """

    cluster: str
    namespace: str
    name: str
    resource: str
    used: Quantity
    peak: Quantity
    hard: Quantity

    @property
    def row(self) -> dict[str, Any]:
        """The budget as programs read it; quantities are canonical strings."""
        return {
            "cluster": self.cluster,
            "namespace": self.namespace,
            "budget": self.name,
            "resource": self.resource,
            "used": str(self.used),
            "peak": str(self.peak),
            "hard": str(self.hard),
        }

    @property
    def is_exceeded(self) -> bool:
        """Whether more is asked, at least at the peak."""
        return self.peak > self.hard

    def warnings(self, who: str, at: Place) -> Iterator[Problem]:
        """Warn of a budget that is not kept; `who` is the subject of the sentence."""
        if self.used > self.hard:
            yield at.warning(f"is {self.hard}, but {who} {self.used}", Code.QUOTA)
        elif self.is_exceeded:
            message = f"is {self.hard}, but {who} {self.peak} as long as those that are to be "
            message += f"deleted are still there ({self.used} afterwards)"
            yield at.warning(message, Code.QUOTA)


@record()
class _Sum:
    """What is asked for in one namespace of one cluster, and at the peak of a change."""

    used: Need = field(default_factory=dict)
    peak: Need = field(default_factory=dict)


def budgets(
    built: Build, items: Iterable[Item], former: list[Former], problems: Collector
) -> list[Budget]:
    """Return every limit among the items with what is asked of it.

    Going beyond one is a warning, unless the config accepts it.
    """
    collected = Collector()
    rows = _quotas(built, items, former, collected)
    rows += _capacities(built, former, collected)
    problems += (problem for problem in collected if problem.code not in built.accepted)
    return rows


def _quotas(
    built: Build, items: Iterable[Item], former: list[Former], problems: Collector
) -> list[Budget]:
    """Return the ResourceQuotas with what is asked of them."""
    sums = sorted(_sums(built, former).items())
    quotas = [item for item in items if _is_quota(item)]
    quotas.sort(key=lambda quota: (quota.namespace, quota.name))
    rows = []
    for quota in quotas:
        for (cluster, namespace), asked in sums:
            if namespace == quota.namespace:
                rows += _quota(quota, cluster, asked, problems)
    return rows


def _is_quota(item: Item) -> bool:
    """Tell whether an item is a ResourceQuota of all pods."""
    is_core = item.kind == "ResourceQuota" and item.api_version == "v1"
    return is_core and not _is_scoped(item)


def _is_scoped(quota: Item) -> bool:
    """Tell whether a quota is of some pods only; no manifest shows which those are."""
    scopes = get(quota.data, ("spec", "scopes"))
    expressions = get(quota.data, ("spec", "scopeSelector", "matchExpressions"))
    return bool(scopes or expressions)


def _quota(quota: Item, cluster: str, asked: _Sum, problems: Collector) -> list[Budget]:
    """Return the limits of one ResourceQuota."""
    hard = get(quota.data, ("spec", "hard"))
    limits = hard if isinstance(hard, dict) else {}
    rows = []
    for resource, limit in sorted(limits.items()):
        if resource not in asked.peak:
            continue
        at = quota.place.field("spec", "hard", resource)
        try:
            most = Quantity.parse(limit)
        except ValueError as error:
            problems.append(at.error(str(error)))
            continue
        budget = Budget(
            cluster=cluster,
            namespace=quota.namespace,
            name=f"quota {quota.name}",
            resource=resource,
            used=asked.used.get(resource, Quantity(Fraction())),
            peak=asked.peak[resource],
            hard=most,
        )
        problems += budget.warnings(f"the machines in {quota.namespace} ask for", at)
        rows.append(budget)
    return rows


def _sums(built: Build, former: list[Former]) -> dict[_Namespace, _Sum]:
    """Sum up what all machines ask for, by cluster and namespace."""
    sums: dict[_Namespace, _Sum] = defaultdict(_Sum)
    for (namespace, prototype), claims in _alike(built).items():
        size = claims[0].offer.resources
        need = machine_need(prototype.vm, size)
        add(sums[namespace].used, need, len(claims))
    for asked in sums.values():
        asked.peak = dict(asked.used)
    for gone in former:
        namespace = (gone.cluster, gone.namespace)
        need = disk_need(gone.vm)
        if gone.whole:
            need = machine_need(gone.vm, gone.resources)
        add(sums[namespace].peak, need)
    return sums


def _alike(built: Build) -> dict[tuple[_Namespace, Prototype], list[Claim]]:
    """Group the claims of a namespace whose machines need the same."""
    groups: dict[tuple[_Namespace, Prototype], list[Claim]] = defaultdict(list)
    for claim in built.claims:
        if claim.node:
            namespace = (claim.cluster, claim.namespace)
            groups[namespace, claim.node.prototype].append(claim)
    return groups


def _number(count: int) -> Quantity:
    """Return a count as a quantity."""
    return Quantity(Fraction(count))


def _capacities(built: Build, former: list[Former], problems: Collector) -> list[Budget]:
    """Return the node types that have a `maxCapacity`.

    More claims than that are an error of the build.
    """
    claimed = Counter(claim.offer.full_name for claim in built.claims)
    gone = Counter(machine.node_type for machine in former if machine.whole)
    rows = []
    for offer in built.node_types:
        if not offer.max_capacity:
            continue
        name = offer.full_name
        budget = Budget(
            cluster=offer.cluster,
            namespace="",
            name="maxCapacity",
            resource=name,
            used=_number(claimed[name]),
            peak=_number(claimed[name] + gone[name]),
            hard=_number(offer.max_capacity),
        )
        at = offer.at.field("maxCapacity")
        problems += budget.warnings("the machines of this type are", at)
        rows.append(budget)
    return rows
