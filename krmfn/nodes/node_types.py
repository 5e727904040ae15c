"""The node types that providers offer: their properties, cost and capacity."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import field
from fractions import Fraction

from krmfn.kubernetes.quantity import Quantity
from krmfn.kubernetes.requirements import Allowed, offered
from krmfn.machine.prototype import Prototype
from krmfn.platform import properties as platform_properties
from krmfn.platform.node_provider import KubeVirt, NodeProvider, NodeType
from krmfn.platform.properties import Leave
from krmfn.problems import Place, Problem
from krmfn.records import record

NODE_TYPE = "vcluster.com/node-type"
INSTANCE_TYPE = "node.kubernetes.io/instance-type"
BUILT_IN = (NODE_TYPE, INSTANCE_TYPE)
# What every node has without a provider saying so: no reason to choose a type or to avoid it.
ORDINARY = ("cpu", "memory", "pods", "ephemeral-storage")
_DEFAULTS = {
    "kubernetes.io/os": "linux",
    "topology.kubernetes.io/zone": "global",
    "karpenter.sh/capacity-type": "on-demand",
}
_COST = {"cpu": Fraction(10), "memory": Fraction(2, 2**30)}
_OTHER_COST = 10_000


@record(eq=False)
class Offer:
    """A node type that a provider offers; `at` is its place.

    A claim with a template of its own gets an offer without `node_type` and `index`.
    `resources` is its size and `prototype` its machine, once they are known. `siblings` are
    all offers of the provider.
    """

    provider: NodeProvider
    kubevirt: KubeVirt
    at: Place
    node_type: NodeType | None = None
    index: int | None = None
    resources: dict[str, Quantity] = field(default_factory=dict)
    prototype: Prototype | None = field(default=None, repr=False)
    siblings: list[Offer] = field(default_factory=list, repr=False)

    @property
    def name(self) -> str | None:
        """The bare name, unique within the provider."""
        return self.node_type.name if self.node_type else None

    @property
    def full_name(self) -> str:
        """`<provider>.<name>`, the name of the Platform's NodeType object."""
        return f"{self.provider.metadata.name}.{self.name or ''}"

    @property
    def cluster(self) -> str:
        """The KubeVirt cluster of the provider's machines."""
        return self.kubevirt.cluster_ref.cluster

    @property
    def namespace(self) -> str | None:
        """The namespace of the provider's machines, None if each virtual cluster has its own."""
        by_provider = self.kubevirt.namespace_strategy == "Provider"
        return self.kubevirt.cluster_ref.namespace if by_provider else None

    @property
    def max_capacity(self) -> int:
        """How many nodes there may be, 0 for any number."""
        return self.node_type.max_capacity if self.node_type else 0

    @property
    def given_resources(self) -> dict[str, Quantity]:
        """The size that the node type states."""
        return self.node_type.resources if self.node_type else {}

    @property
    def reserved(self) -> dict[str, Quantity]:
        """What the node's kubelet keeps for itself."""
        overhead = self.node_type.overhead if self.node_type else None
        return overhead.kube_reserved if overhead else {}

    @property
    def type_properties(self) -> dict[str, str]:
        """The properties of the node type alone."""
        return self.node_type.properties if self.node_type else {}

    @property
    def properties(self) -> dict[str, str]:
        """The properties that users gave: the node type's over the provider's."""
        return {**self.provider.spec.properties, **self.type_properties}

    @property
    def cost(self) -> int:
        """The cost as the Platform's documentation computes it.

        10 a CPU, 2 a GiB, 10000 a piece of any custom resource; the node type's `cost`
        overrides it. It is computed exactly and rounded once, halves up.
        """
        if self.node_type and self.node_type.cost is not None:
            return self.node_type.cost
        total = Fraction(0)
        for name, amount in self.resources.items():
            each = _COST.get(name, 0 if name in ORDINARY else _OTHER_COST)
            total += amount.value * each
        return math.floor(total + Fraction(1, 2))

    @property
    def names(self) -> dict[str, str]:
        """The built-in properties that tell the node type, as its nodes' labels have them."""
        return dict.fromkeys(BUILT_IN, self.full_name) if self.node_type else {}

    @property
    def defaults(self) -> dict[str, str]:
        """The built-in properties that hold unless a property of the same key is given."""
        return _DEFAULTS if self.node_type else {}

    def offers(self, key: str) -> Allowed:
        """Return the values of a property, built-in ones included."""
        if key in BUILT_IN:
            return Allowed(frozenset({self.full_name}))
        return offered(self.properties.get(key, _DEFAULTS.get(key)))


def provider_offers(provider: NodeProvider, kubevirt: KubeVirt, at: Place) -> list[Offer]:
    """Return the node types of a provider, whose `spec.kubeVirt` is at `at`."""
    offers: list[Offer] = []
    for index, node_type in enumerate(kubevirt.node_types):
        place = at.field("nodeTypes", index)
        offers.append(Offer(provider, kubevirt, place, node_type, index, siblings=offers))
    return offers


def name_clashes(offers: Iterable[Offer]) -> Iterator[Problem]:
    """Yield node types with equal full names: `a` of provider `b.c`, `c.a` of provider `b`."""
    seen: dict[str, Offer] = {}
    for offer in offers:
        other = seen.setdefault(offer.full_name, offer)
        if other.provider is not offer.provider:
            who = f"provider {other.provider.metadata.name}"
            message = f"has the full name {offer.full_name}, as one of {who} has"
            yield offer.at.field("name").error(message)


def property_problems(
    properties: dict[str, str], at: Place, leave: Leave, by_claim: bool = False
) -> Iterator[Problem]:
    """Yield what is wrong with the properties that are written in one place.

    `by_claim`: a claim or a pool writes them.
    """
    others = {key: value for key, value in properties.items() if key not in BUILT_IN}
    yield from platform_properties.problems(others, at, leave, by_claim)
    for key in properties:
        if key in BUILT_IN:
            yield at.field(key).error("is built in: it is the node type's name")
