"""Machines of a run that share what must be one machine's own.

It is looked up once for each prototype, and compared by its value: a large fleet costs little.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from ipaddress import ip_address

from krmfn.machine.identities import (
    ADDRESS,
    Identity,
    Kind,
    identities,
    masqueraded,
    networks,
)
from krmfn.machine.prototype import Prototype
from krmfn.nodes.addresses import Taken, taken_addresses
from krmfn.nodes.claim import Group, Node
from krmfn.nodes.request import Request
from krmfn.problems import Place, Problem
from krmfn.records import record

# The cluster of the machines, and what they share.
_Key = tuple[str, Kind, str]


@record(frozen=True)
class _Holder:
    """Machines that have one identity from one place. It clashes within `scopes` (none: all)."""

    requests: list[Request]
    at: Place
    scopes: frozenset[str]


def shared_identity_problems(groups: list[Group]) -> Iterator[Problem]:
    """Yield MAC addresses, firmware ids, static addresses and host files that machines share."""
    holders: dict[_Key, list[_Holder]] = defaultdict(list)
    found: dict[Prototype, list[Identity]] = {}
    for group in groups:
        if not group.tenant or not group.offer or not group.node:
            continue
        prototype, cluster = group.node.prototype, group.offer.cluster
        if prototype not in found:
            found[prototype] = list(identities(prototype.vm))
        for identity in found[prototype]:
            at = prototype.place(identity.path)
            holder = _Holder(group.requests, at, identity.scopes)
            holders[cluster, identity.kind, identity.value].append(holder)
        for value, holder in _addresses(group, group.node):
            holders[cluster, ADDRESS, value].append(holder)
    for (_, kind, value), each in holders.items():
        clashes = (_clash(kind, value, clashing) for clashing in _clashing(each))
        # Machines that share two networks clash once.
        yield from dict.fromkeys(clashes)
    written = [(key, each) for key, each in holders.items() if key[1] is ADDRESS]
    if written:
        yield from _within_ranges(written, taken_addresses(groups))


def _within_ranges(
    written: list[tuple[_Key, list[_Holder]]], taken: list[Taken]
) -> Iterator[Problem]:
    """Yield written addresses that another pool or claim gets from its range.

    The `taken` ones are in order.
    """
    starts = [part.start for part in taken]
    for (cluster, _, value), holders in written:
        address = ip_address(value)
        point = (cluster, int(address.version), int(address))
        index = bisect_right(starts, point) - 1
        if index < 0 or taken[index].end < point:
            continue
        other = taken[index]
        for holder in holders:
            first = holder.requests[0]
            if other.request.asked is not first.asked and other.networks & holder.scopes:
                message = f"is {value}, the {ADDRESS.noun} of {_named(first)}, "
                message += f"and an address in the range of {other.request}"
                yield holder.at.error(f"{message}; choose another")


def _addresses(group: Group, node: Node) -> Iterator[tuple[str, _Holder]]:
    """Yield the static addresses that users wrote for a group's nodes.

    A template may make another one for each node: those of the first two nodes tell.
    """
    guest = node.guest
    if not guest.network.addresses and not guest.network_template:
        return
    vm = node.prototype.vm
    scopes, exempt = networks(vm, group.namespace), masqueraded(vm)
    first = guest.written_addresses(group.leader.guest, node.addresses)
    common = set(first.addresses)
    for request in group.requests[1:2]:
        common &= set(guest.written_addresses(request.guest, node.addresses).addresses)
    for address in first.addresses:
        if any(address in network for network in exempt):
            continue
        requests = group.requests if address in common else group.requests[:1]
        yield str(address), _Holder(requests, first.at, scopes)


def _clashing(holders: list[_Holder]) -> Iterator[list[_Holder]]:
    """Yield the holders that clash with each other, with at least two machines each time."""
    scopes = sorted({scope for holder in holders for scope in holder.scopes})
    if all(holder.scopes for holder in holders):
        parts = [[each for each in holders if scope in each.scopes] for scope in scopes]
    else:
        parts = [holders]
    for part in parts:
        if sum(len(holder.requests) for holder in part) > 1:
            yield part


def _clash(kind: Kind, value: str, holders: list[_Holder]) -> Problem:
    """Report machines that share an identity, at the place from which the first one has it."""
    pairs = [(request, holder) for holder in holders for request in holder.requests]
    pairs.sort(key=lambda pair: pair[0].order)
    (first, holder), (second, other) = pairs[:2]
    message = f"is {value}, the {kind.noun} of both {_named(first)} and {_named(second)}"
    if len(pairs) > 2:
        message += f", and of {len(pairs) - 2} more"
    if other.at != holder.at:
        message += f" (there at {other.at.text})"
    message += f"; {kind.advice}"
    return holder.at.warning(message, kind.code) if kind.code else holder.at.error(message)


def _named(request: Request) -> str:
    """Name the node of a request as messages do."""
    pool = request.asked.pool
    return str(request) if pool is None else f"{request.name} of pool {pool}"
