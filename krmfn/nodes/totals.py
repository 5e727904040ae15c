"""What the machines of a run add up to, by cluster and namespace."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import field
from typing import Any

from krmfn.kubernetes.quantity import Quantity
from krmfn.machine.prototype import Prototype
from krmfn.nodes.build import Build
from krmfn.nodes.needs import STORAGE, Former, Need, add, storage
from krmfn.nodes.node_types import Offer
from krmfn.records import record


@record()
class Total:
    """What the machines in one namespace of a cluster ask for, those that are `off` included."""

    cluster: str
    namespace: str
    machines: int = 0
    off: int = 0
    amounts: Need = field(default_factory=dict)

    @property
    def row(self) -> dict[str, Any]:
        """The total as programs read it; quantities are canonical strings."""
        return {
            "cluster": self.cluster,
            "namespace": self.namespace,
            "virtualMachines": self.machines,
            "off": self.off,
            "resources": {name: str(amount) for name, amount in sorted(self.amounts.items())},
        }


class _Totals(dict[tuple[str, str], Total]):
    """The totals by cluster and namespace."""

    def __missing__(self, key: tuple[str, str]) -> Total:
        """Start a total at nothing."""
        total = self[key] = Total(*key)
        return total

    def sorted(self) -> list[Total]:
        """Return the totals by cluster and namespace."""
        return [total for _, total in sorted(self.items())]


def totals(built: Build) -> list[Total]:
    """Sum up the machines of each cluster and namespace.

    A machine that is switched off counts, since it can be switched on.
    """
    sums = _Totals()
    alike: Counter[tuple[str, str, Offer, Prototype]] = Counter()
    for claim in built.claims:
        total = sums[claim.cluster, claim.namespace]
        total.machines += 1
        total.off += claim.status == "Off"
        if claim.node:
            alike[claim.cluster, claim.namespace, claim.offer, claim.node.prototype] += 1
    for (cluster, namespace, offer, prototype), count in alike.items():
        add(sums[cluster, namespace].amounts, _size(offer, prototype), count)
    return sums.sorted()


def peak(after: Iterable[Total], former: Iterable[Former]) -> list[Total]:
    """Return the totals while machines that are to be deleted still stand beside the others."""
    sums = _Totals()
    for total in after:
        amounts = dict(total.amounts)
        sums[total.cluster, total.namespace] = Total(
            total.cluster, total.namespace, total.machines, total.off, amounts
        )
    for gone in former:
        total = sums[gone.cluster, gone.namespace]
        total.machines += gone.whole
        add(total.amounts, gone.resources)
    return sums.sorted()


def _size(offer: Offer, prototype: Prototype) -> Need:
    """Return what one machine asks for: its type's resources, and its DataVolumes' storage."""
    stored = storage(prototype.vm)
    need: dict[str, Quantity] = dict(offer.resources)
    if stored:
        need[STORAGE] = stored
    return need
