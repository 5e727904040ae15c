"""Network data of a guest: as given, or with a static address out of a range, whose n-th address belongs to ordinal n of its pool.

The form is cloud-init's network config, version 2 (netplan's). The gateway is the network's first address, which is never given out: the
Platform's properties have none [UNVERIFIED what the Platform takes].
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from itertools import pairwise

from krmfn.manifests import yamlio
from krmfn.platform.properties import (
    CIDR,
    INTERFACE,
    IP_RANGE,
    NAMESERVERS,
    Address,
    Given,
    ranges,
    split,
)
from krmfn.problems import Problem

DEFAULT_INTERFACE = "enp1s0"


@dataclass(frozen=True, slots=True)
class Range:
    """The addresses of a pool: pairs of first and last, as numbers."""

    network: ipaddress.IPv4Network | ipaddress.IPv6Network
    parts: tuple[tuple[int, int], ...]
    interface: str
    nameservers: tuple[str, ...]

    @property
    def gateway(self) -> Address:
        """The network's first address."""
        return self.network[1]

    @property
    def size(self) -> int:
        """How many addresses there are."""
        return sum(last - first + 1 for first, last in self.parts)

    def address(self, ordinal: int) -> Address | None:
        """The address of an ordinal, None past the end."""
        for first, last in self.parts:
            if ordinal <= last - first:
                return type(self.network[0])(first + ordinal)
            ordinal -= last - first + 1
        return None

    def network_data(self, address: Address) -> str:
        """The network config that gives a guest its address."""
        default = "0.0.0.0/0" if self.network.version == 4 else "::/0"
        return yamlio.dump(
            {
                "version": 2,
                "ethernets": {
                    self.interface: {
                        "addresses": [f"{address}/{self.network.prefixlen}"],
                        "routes": [{"to": default, "via": str(self.gateway)}],
                        "nameservers": {"addresses": list(self.nameservers)},
                    }
                },
            }
        )


def read_range(given: Given) -> tuple[Range | None, list[Problem]]:
    """The range that the properties tell, None where they tell none; each of them is sound in itself."""
    if CIDR not in given:
        return None, [
            given[IP_RANGE][1].error(f"needs {CIDR} beside it")
        ] if IP_RANGE in given else []
    text, at = given[CIDR]
    network = ipaddress.ip_network(text)
    problems: list[Problem] = []
    if NAMESERVERS not in given:
        problems.append(at.error(f"needs {NAMESERVERS} beside it"))
    if network.num_addresses < 4:
        return None, [
            *problems,
            at.error(f"is {text}, which has no address left beside network, gateway and broadcast"),
        ]
    low, gateway = int(network[0]), int(network[1])
    # A network of IPv6 has no broadcast address.
    high = int(network[-1]) - (network.version == 4)
    parts = [(gateway + 1, high)]
    if IP_RANGE in given:
        where = given[IP_RANGE][1]
        parts = []
        for part, start, stop in ranges(given[IP_RANGE][0]):
            parts.append((int(start), int(stop)))
            if start.version != network.version or not low < int(start) <= int(stop) <= high:
                problems.append(
                    where.error(f"has {part}, which is not within the addresses of {text}")
                )
            elif int(start) <= gateway <= int(stop):
                problems.append(where.error(f"has {part}, which holds the gateway {network[1]}"))
        if any(first <= last for (_, last), (first, _) in pairwise(sorted(parts))):
            problems.append(where.error("has ranges that overlap"))
    if problems:
        return None, problems
    interface = given[INTERFACE][0] if INTERFACE in given else DEFAULT_INTERFACE
    return Range(network, tuple(parts), interface, tuple(split(given[NAMESERVERS][0]))), []
