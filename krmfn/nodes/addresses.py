"""Static addresses of a run: ranges that are too small or that overlap."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from krmfn.nodes.claim import Group
from krmfn.nodes.request import Request
from krmfn.problems import Problem


@dataclass(frozen=True, slots=True)
class _Taken:
    """Addresses from `first` to `last`, as numbers, that a pool or claim gets in a cluster."""

    cluster: str
    version: int
    first: int
    last: int
    request: Request

    @property
    def start(self) -> tuple[str, int, int]:
        """The first address, in the order of all addresses."""
        return self.cluster, self.version, self.first

    @property
    def end(self) -> tuple[str, int, int]:
        """The last address, in the order of all addresses."""
        return self.cluster, self.version, self.last


def address_problems(groups: Iterable[Group]) -> Iterator[Problem]:
    """Yield ranges that are too small, and addresses that two pools or claims would get."""
    taken: list[_Taken] = []
    for group in groups:
        if group.node and group.node.addresses:
            yield from _shortage(group)
            taken += _taken(group)
    taken.sort(key=lambda part: (part.start, part.last))
    furthest: _Taken | None = None
    for part in taken:
        if furthest and _overlap(furthest, part):
            message = f"gets addresses that {furthest.request} also gets; "
            message += "each pool and each claim needs a range of its own"
            yield part.request.asked.at.error(message)
        if furthest is None or part.end > furthest.end:
            furthest = part


def _overlap(first: _Taken, second: _Taken) -> bool:
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


def _taken(group: Group) -> Iterator[_Taken]:
    """Yield the addresses that a group takes: a whole range for a pool."""
    addresses = group.node.addresses if group.node else None
    if addresses is None:
        return
    cluster = group.offer.cluster if group.offer else ""
    version = int(addresses.network.version)
    if group.asked.pool is not None:
        for first, last in addresses.parts:
            yield _Taken(cluster, version, first, last, group.leader)
        return
    address = int(addresses.address(0) or 0)
    for request in group.requests:
        yield _Taken(cluster, version, address, address, request)
