"""The node type of a request: the one that it names, or the cheapest that meets it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from krmfn.kubernetes.quantity import Quantity
from krmfn.kubernetes.requirements import Allowed
from krmfn.nodes.node_types import BUILT_IN, NODE_TYPE, ORDINARY, Offer
from krmfn.nodes.request import Asked
from krmfn.problems import Code, Collector, Problem, listed, nearest, show
from krmfn.records import record

_SHOWN = 5


# What each node type of a provider lacks for a request.
Lacks = dict[Offer, list[str]]


def choose(
    asked: Asked, lacks: Lacks, fail_if_ambiguous: bool, problems: Collector
) -> Offer | None:
    """Return the node type of a request that names none: the cheapest that meets it.

    Ties are broken by name. Neither other requests nor capacity play a part: adding a node must
    never change another.
    """
    fitting = [offer for offer, missing in lacks.items() if not missing]
    fitting.sort(key=lambda offer: (offer.cost, offer.name))
    if not fitting:
        problems.append(_none_fits(asked, lacks))
        return None
    if len(fitting) > 1:
        message = _ambiguity(asked, fitting)
        if fail_if_ambiguous:
            problems.append(asked.at.error(message, Code.AMBIGUOUS_NODE_TYPE))
            return None
        problems.append(asked.at.warning(message, Code.AMBIGUOUS_NODE_TYPE))
    return fitting[0]


def all_lacks(asked: Asked, offers: list[Offer]) -> Lacks:
    """Return what each of a provider's node types lacks for a request.

    It depends on what `Asked.wanted` holds, and on nothing else of the request.
    """
    wanted = _Wanted.of(asked, offers)
    return {offer: list(wanted.missed(offer)) for offer in offers}


def missed(offer: Offer, asked: Asked) -> list[str]:
    """List what a request asks for and the node type does not offer."""
    return list(_Wanted.of(asked, offer.siblings or [offer]).missed(offer))


def named(
    asked: Asked, type_ref: str, by_name: Mapping[str, Offer], problems: Collector
) -> Offer | None:
    """Return the node type that a request names, bare or with its provider."""
    bare = type_ref.removeprefix(f"{asked.provider}.")
    offer = by_name.get(type_ref) or by_name.get(bare)
    if offer is None:
        known = sorted(by_name)
        message = f"is {show(type_ref)}; the provider has {listed(known)}{nearest(type_ref, known)}"
        problems.append(asked.at.field("typeRef").error(message))
        return None
    problems += _contradictions(asked, offer)
    return offer


def _contradictions(asked: Asked, offer: Offer) -> Iterator[Problem]:
    """Yield what a request asks for beside `typeRef` and the type that it names does not have.

    Requirements on properties that no type of the provider has are the autoscaler's own, such as
    `karpenter.sh/nodepool` in a claim of the Platform.
    """
    for name, amount in asked.capacity.items():
        if any(_missed_capacity(offer, name, amount)):
            has = offer.resources.get(name, "none")
            message = f"is {amount}, but {offer.name}, which typeRef names, has {has}"
            yield asked.at.field("desiredCapacity", name).error(message, Code.NO_NODE_TYPE)
    required = _Wanted.of(asked, offer.siblings).required
    for requirement in asked.requirements:
        key = requirement.key
        is_known = any(not other.offers(key).holds(None) for other in offer.siblings)
        if is_known and not required[key] & offer.offers(key):
            has = _values_text(offer.offers(key))
            message = f"is not met by {offer.name}, which typeRef names: its {key} is {has}"
            yield requirement.at.error(message, Code.NO_NODE_TYPE)


@record(frozen=True)
class _Wanted:
    """What a request asks for, beside the types of a provider.

    `required` joins all requirements of each property. `pinned` are the types with custom
    resources that the selector asks for by name.
    """

    asked: Asked
    required: dict[str, Allowed]
    pinned: list[Offer]

    @classmethod
    def of(cls, asked: Asked, offers: list[Offer]) -> _Wanted:
        """Read what a request asks for of these types."""
        required = _joined(asked, offers)
        chosen = [required[key].values for key in BUILT_IN if _is_choice(required.get(key))]
        named = [offer for offer in offers if any(offer.full_name in names for names in chosen)]
        # Where a type without custom resources is named too, nobody asked for these.
        is_special = all(_unasked(offer, asked) for offer in named)
        return cls(asked, required, named if is_special else [])

    def missed(self, offer: Offer) -> Iterator[str]:
        """Yield what the offer misses."""
        for key, allowed in self.required.items():
            if not allowed & offer.offers(key):
                yield key
        for name, amount in self.asked.capacity.items():
            yield from _missed_capacity(offer, name, amount)
        unasked = _unasked(offer, self.asked)
        if unasked and offer not in self.pinned:
            # The Platform never gives away what is special unless it is asked for by name.
            yield _not_asked_for(unasked, _way_to_ask(self.asked, offer))


def _joined(asked: Asked, offers: list[Offer]) -> dict[str, Allowed]:
    """Join all requirements of each property. Bare names of node types count as full ones."""
    full_names = {offer.name: offer.full_name for offer in offers}
    joined: dict[str, Allowed] = {}
    for requirement in asked.requirements:
        key, allowed = requirement.key, requirement.allowed
        if key in BUILT_IN:
            values = frozenset(full_names.get(value, value) for value in allowed.values)
            allowed = replace(allowed, values=values)
        if key in joined:
            allowed = joined[key] & allowed
        joined[key] = allowed
    return joined


def _is_choice(allowed: Allowed | None) -> bool:
    """Tell whether a requirement lists what it takes, as In does."""
    return allowed is not None and not allowed.complement


def _unasked(offer: Offer, asked: Asked) -> list[str]:
    """List the custom resources of a type that a request does not ask for."""
    return [
        name
        for name, amount in offer.resources.items()
        if _is_custom(name, amount) and name not in asked.capacity
    ]


def _not_asked_for(special: list[str], way: str) -> str:
    """Say that a request misses a type since it does not ask for what is special there."""
    return f"{', '.join(special)} (not asked for {way})"


def _way_to_ask(asked: Asked, offer: Offer) -> str:
    """Say how a claim or a pool asks for what is special of a type."""
    return "in desiredCapacity" if asked.pool is None else f"by {NODE_TYPE} In [{offer.full_name}]"


def _is_custom(name: str, amount: Quantity) -> bool:
    """Tell whether a resource is special, such as a GPU."""
    return name not in ORDINARY and amount.value > 0


def _missed_capacity(offer: Offer, name: str, amount: Quantity) -> Iterator[str]:
    """Yield a resource of which the offer has too little."""
    if name in offer.resources:
        if offer.resources[name] < amount:
            yield f"{name} (has {offer.resources[name]})"
    elif name not in ("pods", "ephemeral-storage") and amount.value > 0:
        yield f"{name} (has none)"


def _ambiguity(asked: Asked, fitting: list[Offer]) -> str:
    """Say which node types fit, and how to pin the cheapest."""
    names = ", ".join(f"{offer.name} (cost {offer.cost})" for offer in fitting[:_SHOWN])
    names += ", …" if len(fitting) > _SHOWN else ""
    cheapest = fitting[0]
    pin = f"typeRef: {cheapest.full_name}"
    if asked.pool is not None:
        pin = f"{NODE_TYPE} In [{cheapest.full_name}]"
    message = f"{_who(asked)}fits {len(fitting)} node types, {names}; "
    return message + f"the cheapest, {cheapest.name}, is pinned by {pin}"


def _none_fits(asked: Asked, lacks: Mapping[Offer, list[str]]) -> Problem:
    """Report the nearest node type, and what it misses."""
    if misspelt := _unknown_type(asked, lacks):
        return misspelt
    wanted = [requirement.key for requirement in asked.requirements]
    wanted += (f"{name} {amount}" for name, amount in asked.capacity.items())
    asks = "nothing in particular"
    if wanted:
        asks = ", ".join(dict.fromkeys(wanted))
    message = f"{_who(asked)}asks for {asks}"
    if not lacks:
        return asked.at.error(f"{message}, and the provider has no node type")
    offer = min(lacks, key=lambda offer: (len(lacks[offer]), offer.name))
    reasons = lacks[offer]
    special, way = _unasked(offer, asked), _way_to_ask(asked, offer)
    if reasons == [_not_asked_for(special, way)]:
        # It would do: that it has something special is not a fault of the request's.
        message += f"; {offer.name} meets that, but has {', '.join(special)}, which must be asked "
        return asked.at.error(f"{message}for {way}", Code.NO_NODE_TYPE)
    message += f", which no node type meets; the nearest, {offer.name}, misses "
    message += f"{', '.join(reasons)}{_asked_values(asked, reasons[0])}"
    message += _meant_property(reasons[0], lacks)
    if any(requirement.key in BUILT_IN for requirement in asked.requirements):
        known = sorted(str(offer.name) for offer in lacks)
        message += f"; known are {listed(known)}"
    return asked.at.error(message, Code.NO_NODE_TYPE)


def _meant_property(key: str, offers: Collection[Offer]) -> str:
    """Propose the property that was meant, if no node type has one of this name."""
    known = {*BUILT_IN, *(name for offer in offers for name in offer.properties)}
    return "" if key in known else nearest(key, known)


def _unknown_type(asked: Asked, offers: Collection[Offer]) -> Problem | None:
    """Report a selector that names node types of which the provider has none."""
    known = sorted({str(offer.name) for offer in offers})
    names = {*known, *(offer.full_name for offer in offers)}
    for requirement in asked.requirements:
        allowed = requirement.allowed
        wanted = [value for value in allowed.values if isinstance(value, str)]
        is_type = requirement.key in BUILT_IN and _is_choice(allowed)
        if is_type and wanted and known and not names & set(wanted):
            message = (
                f"{_who(asked)}names node type {listed([show(one) for one in sorted(wanted)])}; "
            )
            message += f"the provider has {listed(known)}{nearest(min(wanted), known)}"
            return requirement.at.error(message, Code.NO_NODE_TYPE)
    return None


def _asked_values(asked: Asked, key: str) -> str:
    """List the values that are asked for of a property that was missed."""
    for requirement in asked.requirements:
        allowed = requirement.allowed
        if requirement.key == key and not allowed.complement:
            return f" ({_values_text(allowed)})"
    return ""


def _values_text(allowed: Allowed) -> str:
    """List the values of a set."""
    values = sorted(str(value) for value in allowed.values if value is not None)
    return "any value" if allowed.complement else ", ".join(values[:_SHOWN]) or "absent"


def _who(asked: Asked) -> str:
    """Name the pool in a message, if it is one."""
    return "" if asked.pool is None else f"pool {show(asked.pool)} "
