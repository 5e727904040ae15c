"""The node types that providers offer: their properties, cost and capacity, and the one that a request gets."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from krmfn.kubernetes.quantity import Quantity
from krmfn.kubernetes.requirements import Allowed, offered
from krmfn.nodes.pools import Asked
from krmfn.platform import properties as rendering
from krmfn.platform.node_provider import NodeProvider, NodeType
from krmfn.problems import Code, Place, Problem, listed, nearest, show

NODE_TYPE = "vcluster.com/node-type"
INSTANCE_TYPE = "node.kubernetes.io/instance-type"
BUILT_IN = (NODE_TYPE, INSTANCE_TYPE)
_DEFAULTS = {
    "kubernetes.io/os": "linux",
    "topology.kubernetes.io/zone": "global",
    "karpenter.sh/capacity-type": "on-demand",
}
# What every node has without a provider saying so: not a reason to choose a type, nor to avoid one.
_ORDINARY = ("cpu", "memory", "pods", "ephemeral-storage")
_COST = {"cpu": Fraction(10), "memory": Fraction(2, 2**30)}
_OTHER_COST = 10_000


@dataclass(slots=True)
class Offer:
    """A node type of a provider among the items; `at` is its place, `index` its number in the provider, `resources` its size once known."""

    provider: NodeProvider
    node_type: NodeType
    index: int
    at: Place
    resources: dict[str, Quantity] = field(default_factory=dict)
    siblings: list[Offer] = field(default_factory=list, repr=False)

    @property
    def name(self) -> str:
        """The bare name, unique within the provider."""
        return self.node_type.name

    @property
    def full_name(self) -> str:
        """`<provider>.<name>`, the name of the Platform's NodeType object."""
        return f"{self.provider.metadata.name}.{self.node_type.name}"

    @property
    def cost(self) -> int:
        """What the Platform's documentation computes: 10 a CPU, 2 a GiB, 10000 a piece of any custom resource; `cost` overrides.

        Computed exactly and rounded once, to the nearest whole number, halves up.
        """
        if self.node_type.cost is not None:
            return self.node_type.cost
        total = Fraction(0)
        for name, amount in self.resources.items():
            total += amount.value * _COST.get(name, 0 if name in _ORDINARY else _OTHER_COST)
        return math.floor(total + Fraction(1, 2))

    @property
    def properties(self) -> dict[str, str]:
        """The properties that users gave: the node type's over the provider's."""
        return {**self.provider.spec.properties, **self.node_type.properties}

    def offers(self, key: str) -> Allowed:
        """The values of a property, built-in ones included."""
        if key in BUILT_IN:
            return Allowed(frozenset({self.full_name}))
        return offered(self.properties.get(key, _DEFAULTS.get(key)))


def offers(provider: NodeProvider, at: Place) -> list[Offer]:
    """The node types of a provider."""
    kubevirt = provider.spec.kube_virt
    types = kubevirt.node_types if kubevirt else []
    found: list[Offer] = []
    for index, node_type in enumerate(types):
        found.append(
            Offer(
                provider,
                node_type,
                index,
                at.field("spec", "kubeVirt", "nodeTypes", index),
                siblings=found,
            )
        )
    return found


def without_type(asked: Asked, provider: NodeProvider) -> tuple[Offer | None, list[Problem]]:
    """What a claim with a template of its own gets: a node type without a name, of whatever size the template has."""
    needless = {
        "typeRef": asked.type_ref,
        "requirements": asked.requirements,
        "desiredCapacity": asked.capacity,
    }
    wrong = "stands beside vm-template, which needs no node type"
    problems = [asked.at.field(key).error(wrong) for key, value in needless.items() if value]
    return (
        None if problems else Offer(provider, NodeType.model_construct(name=""), -1, asked.at)
    ), problems


def choose(
    asked: Asked, by_name: dict[str, Offer], fail_if_ambiguous: bool
) -> tuple[Offer | None, list[Problem]]:
    """The node type of a request among those of its provider: the one that it names, or the cheapest that meets it, name breaking ties.

    Neither other requests nor capacity play a part: adding a node must never change another.
    """
    if asked.type_ref is not None:
        bare = asked.type_ref.removeprefix(f"{asked.provider}.")
        for name in (asked.type_ref, bare):
            if name in by_name:
                return by_name[name], []
        known = sorted(by_name)
        text = f"is {show(asked.type_ref)}; the provider has {listed(known)}{nearest(asked.type_ref, known)}"
        return None, [asked.at.field("typeRef").error(text)]
    offered = list(by_name.values())
    required = _joined(asked, offered)
    lacks = {offer.name: list(_missed(offer, asked, required)) for offer in offered}
    fitting = sorted(
        (offer for offer in offered if not lacks[offer.name]),
        key=lambda offer: (offer.cost, offer.name),
    )
    if not fitting:
        return None, [_none_fits(asked, lacks)]
    if len(fitting) > 1:
        names = ", ".join(f"{offer.name} (cost {offer.cost})" for offer in fitting[:5]) + (
            ", …" if len(fitting) > 5 else ""
        )
        pin = (
            f"{NODE_TYPE} In [{fitting[0].full_name}]"
            if asked.pool
            else f"typeRef: {fitting[0].full_name}"
        )
        text = f"{_who(asked)}fits {len(fitting)} node types, {names}; the cheapest, {fitting[0].name}, is pinned by {pin}"
        if fail_if_ambiguous:
            return None, [asked.at.error(text, Code.AMBIGUOUS_NODE_TYPE)]
        return fitting[0], [asked.at.warning(text, Code.AMBIGUOUS_NODE_TYPE)]
    return fitting[0], []


def _who(asked: Asked) -> str:
    return f"pool {show(asked.pool)} " if asked.pool else ""


def _joined(asked: Asked, offered: list[Offer]) -> dict[str, Allowed]:
    """What is required of each property, all requirements of it together; bare names of node types count as full ones."""
    full = {offer.name: offer.full_name for offer in offered} | {
        offer.full_name: offer.full_name for offer in offered
    }
    joined: dict[str, Allowed] = {}
    for key, allowed, _ in asked.requirements:
        if key in BUILT_IN:
            values = frozenset(
                full.get(value, value) if value is not None else None for value in allowed.values
            )
            allowed = Allowed(values, allowed.complement, allowed.above, allowed.below)
        joined[key] = joined[key] & allowed if key in joined else allowed
    return joined


def _missed(offer: Offer, asked: Asked, required: dict[str, Allowed]) -> Iterator[str]:
    """What of a request a node type does not meet."""
    for key, allowed in required.items():
        if not allowed & offer.offers(key):
            yield key
    for name, amount in asked.capacity.items():
        if name in offer.resources and offer.resources[name] < amount:
            yield f"{name} (has {offer.resources[name]})"
        elif (
            name not in offer.resources
            and name not in ("pods", "ephemeral-storage")
            and amount.value > 0
        ):
            yield f"{name} (has none)"
    custom = [
        name
        for name in offer.resources
        if name not in _ORDINARY and offer.resources[name].value > 0
    ]
    if unasked := [name for name in custom if name not in asked.capacity]:
        # The Platform never gives away what is special unless it is asked for by name.
        yield f"{', '.join(unasked)} (not asked for in desiredCapacity)"


def _none_fits(asked: Asked, missed: dict[str, list[str]]) -> Problem:
    wanted = [
        *(key for key, _, _ in asked.requirements),
        *(f"{name} {amount}" for name, amount in asked.capacity.items()),
    ]
    what = (
        f"asks for {', '.join(dict.fromkeys(wanted))}"
        if wanted
        else "asks for nothing in particular"
    )
    if not missed:
        return asked.at.error(f"{_who(asked)}{what}, and the provider has no node type")
    name, reasons = min(missed.items(), key=lambda item: (len(item[1]), item[0]))
    known = (
        f"; known are {listed(sorted(missed))}"
        if any(key in BUILT_IN for key, _, _ in asked.requirements)
        else ""
    )
    text = f"{_who(asked)}{what}, which no node type meets; the nearest, {name}, misses {', '.join(reasons)}{_values(asked, reasons)}{known}"
    return asked.at.error(text, Code.NO_NODE_TYPE)


def _values(asked: Asked, reasons: list[str]) -> str:
    """The values that were asked for of the first property that was missed."""
    for key, allowed, _ in asked.requirements:
        if key == reasons[0] and not allowed.complement:
            return f" ({', '.join(sorted(str(value) for value in allowed.values if value is not None)[:5]) or 'absent'})"
    return ""


def missed(offer: Offer, asked: Asked) -> list[str]:
    """What of a request a node type does not meet; nothing, where it would do."""
    return list(_missed(offer, asked, _joined(asked, [offer])))


def clashes(offered: Iterable[Offer]) -> Iterable[Problem]:
    """Node types whose full names are equal: `a` of provider `b.c` and `c.a` of provider `b`."""
    seen: dict[str, Offer] = {}
    for offer in offered:
        other = seen.setdefault(offer.full_name, offer)
        if other is not offer and other.provider is not offer.provider:
            yield offer.at.field("name").error(
                f"has the full name {offer.full_name}, as one of provider {other.provider.metadata.name} has"
            )


def property_problems(
    properties: dict[str, str], at: Place, template_allowed: bool | None = None
) -> Iterator[Problem]:
    """What is wrong with the properties at one place; `template_allowed` as in `krmfn.properties.problems`."""
    yield from rendering.problems(
        {key: value for key, value in properties.items() if key not in BUILT_IN},
        at,
        template_allowed,
    )
    for key in properties:
        if key in BUILT_IN:
            yield at.field(key).error("is built in: it is the node type's name")
