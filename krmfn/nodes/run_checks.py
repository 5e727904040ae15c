"""Checks over all claims: capacity, host names, several clusters, objects that two claims make."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from krmfn.kubernetes import names
from krmfn.kubevirt.vm_paths import INSTANCETYPE, get
from krmfn.machine.checks import image_update_problems
from krmfn.machine.devices import device_warnings
from krmfn.machine.instancetypes import Instancetypes
from krmfn.machine.prototype import Prototype
from krmfn.machine.warnings import machine_warnings
from krmfn.nodes.addresses import address_problems
from krmfn.nodes.choice import missed
from krmfn.nodes.claim import Claim, Group
from krmfn.nodes.node_types import Offer
from krmfn.nodes.shared_identities import shared_identity_problems
from krmfn.nodes.virtual_clusters import Tenant
from krmfn.platform.config import ImageUpdates
from krmfn.problems import Code, Place, Problem, listed

_SHOWN = 10
_LONGEST_NAME = 253


def type_problems(
    claims: Iterable[Claim],
    claimed: Counter[Tenant],
    instancetypes: Instancetypes,
    image_updates: ImageUpdates,
) -> Iterator[Problem]:
    """Yield what is wrong or doubtful with all claims of a node type, or of a prototype.

    `claimed` counts all claims of each virtual cluster.
    """
    by_type: dict[str, list[Claim]] = defaultdict(list)
    alike: dict[tuple[Offer, str, Prototype], list[Claim]] = defaultdict(list)
    for claim in claims:
        by_type[claim.offer.full_name].append(claim)
        if claim.node:
            key = (claim.offer, claim.namespace, claim.node.prototype)
            alike[key].append(claim)
    for full_name in sorted(by_type):
        members = by_type[full_name]
        offer = members[0].offer
        if 0 < offer.max_capacity < len(members):
            yield _over_capacity(full_name, members)
        yield from _unfit(offer)
    groups = sorted(alike.items(), key=lambda pair: _order(pair[1]))
    for (offer, namespace, prototype), members in groups:
        neighbours = max(claimed[claim.tenant] for claim in members)
        yield from prototype.warnings
        if image_updates == "OnRestart":
            yield from image_update_problems(prototype)
        yield from machine_warnings(
            prototype.vm,
            offer.at,
            machines=len(members),
            neighbours=neighbours,
        )
        reference = get(prototype.vm, INSTANCETYPE)
        found = instancetypes.find(reference, namespace) if reference else []
        types = [item.data for item in found]
        resources = offer.at.field("resources")
        yield from device_warnings(prototype.vm, offer.given_resources, types, resources)


def group_problems(groups: list[Group]) -> Iterator[Problem]:
    """Yield what is wrong with the nodes of groups together."""
    yield from address_problems(groups)
    yield from shared_identity_problems(groups)
    yield from _host_problems(groups)


def _host_problems(groups: Iterable[Group]) -> Iterator[Problem]:
    """Yield texts that give a host another name than its claim's, each once for all its nodes.

    What a template makes is one node's own, and is checked when it is made.
    """
    wrong: dict[tuple[Place, str], list[str]] = defaultdict(list)
    for group in groups:
        guest = group.node.guest if group.node else None
        if guest is None or guest.user_template:
            continue
        for request in group.requests:
            if fault := guest.config.host_fault(request.name):
                wrong[guest.host_at, fault].append(request.name)
    for (at, fault), claims in wrong.items():
        rule = "the host is named after its claim"
        if len(claims) > 1:
            rule = "each host is named after its claim"
        yield at.error(f"{fault}; {rule}, {listed(claims)}")


def _order(claims: list[Claim]) -> tuple[str, str]:
    """Return the key by which groups of claims are sorted."""
    return claims[0].offer.full_name, claims[0].name


def _unfit(offer: Offer) -> Iterator[Problem]:
    """Warn of a node type whose kubelet would not start."""
    for name, amount in offer.reserved.items():
        size = offer.resources.get(name)
        if name in ("cpu", "memory") and size is not None and amount >= size:
            message = f"is {amount} of {size}: nothing is left, and kubelet refuses to start"
            at = offer.at.field("overhead", "kubeReserved", name)
            yield at.warning(message, Code.UNFIT_NODE_TYPE)


def _over_capacity(full_name: str, claims: list[Claim]) -> Problem:
    """Report more claims than a type may have, and the types to which some could move."""
    first = claims[0]
    offer, asked = first.offer, first.request.asked
    shown = ", ".join(claim.name for claim in claims[:_SHOWN])
    if len(claims) > _SHOWN:
        shown += ", …"
    message = f"is {offer.max_capacity}, but {len(claims)} claims ask for {full_name}: {shown}"
    fitting = []
    for other in offer.siblings:
        if other is not offer and not missed(other, asked):
            fitting.append(str(other.name))
    if fitting and not asked.type_ref:
        message += f"; {', '.join(sorted(fitting))} would also fit"
    at = offer.at.field("maxCapacity")
    return at.error(message, Code.CAPACITY)


def object_problems(
    kind: str, namespace: str, name: str, claim: Claim, first: Claim
) -> Iterator[Problem]:
    """Yield what is wrong with an object that `claim` makes, and `first` was first to make."""
    at = claim.request.at
    if claim.pool is None:
        at = at.field("metadata", "name")
    if first is not claim:
        message = f"makes {kind} {namespace}/{name}, as {first.request} does"
        file = first.request.at.origin.file
        yield at.error(message + (f" (in {file})" if file else ""))
    if len(name) > _LONGEST_NAME:
        yield at.error(f"makes a {kind} whose name {names.subdomain(name)}")
