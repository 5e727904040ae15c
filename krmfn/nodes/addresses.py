"""Static addresses of a run: ranges that are too small or that overlap."""

from __future__ import annotations

from collections.abc import Iterator

from krmfn.machine.identities import networks
from krmfn.nodes.claim import Group
from krmfn.nodes.request import Request
from krmfn.problems import Problem
from krmfn.records import record


@record(frozen=True)
class Taken:
    """Addresses from `first` to `last`, as numbers, that a pool or claim gets in a cluster.

    `networks` are those on which its machines can have them.
    """

    cluster: str
    version: int
    first: int
    last: int
    request: Request
    networks: frozenset[str]

    @property
    def start(self) -> tuple[str, int, int]:
        """The first address, in the order of all addresses."""
        return self.cluster, self.version, self.first

    @property
    def end(self) -> tuple[str, int, int]:
        """The last address, in the order of all addresses."""
        return self.cluster, self.version, self.last


def taken_addresses(groups: list[Group]) -> list[Taken]:
    """Return the addresses that pools and claims get from their ranges, in order."""
    taken = [part for group in groups for part in _taken(group)]
    return sorted(taken, key=lambda part: (part.start, part.last))


def address_problems(groups: list[Group]) -> Iterator[Problem]:
    """Yield ranges that are too small, and addresses that two pools or claims would get."""
    for group in groups:
        yield from _shortage(group)
    furthest: Taken | None = None
    for part in taken_addresses(groups):
        if furthest and _overlap(furthest, part):
            message = f"gets addresses that {furthest.request} also gets; "
            message += "each pool and each claim needs a range of its own"
            yield part.request.asked.at.error(message)
        if furthest is None or part.end > furthest.end:
            furthest = part


def _overlap(first: Taken, second: Taken) -> bool:
    """Tell whether two pools or claims would get one address; `first` begins no later."""
    meets = first.end >= second.start
    return meets and first.request.asked is not second.request.asked


def _shortage(group: Group) -> Iterator[Problem]:
    """Yield an error if the range ends before the last node of a pool or claim."""
    addresses = group.node.addresses if group.node else None
    if addresses is None:
        return
    for request in group.requests:
        if addresses.address(request.ordinal) is None:
            message = f"pool {request.asked.pool} needs an address for its node "
            message += f"{request.ordinal}, and its range has {addresses.size}"
            yield request.asked.at.error(message)
            return


def _taken(group: Group) -> Iterator[Taken]:
    """Yield the addresses that a group takes: a whole range for a pool."""
    node, offer = group.node, group.offer
    if node is None or offer is None or node.addresses is None:
        return
    addresses, version = node.addresses, int(node.addresses.network.version)
    where = networks(node.prototype.vm, group.namespace)
    if group.asked.pool is not None:
        for first, last in addresses.parts:
            yield Taken(offer.cluster, version, first, last, group.leader, where)
        return
    address = int(addresses.address(0) or 0)
    for request in group.requests:
        yield Taken(offer.cluster, version, address, address, request, where)
