"""Static addresses out of a range: the n-th address of a pool's range belongs to ordinal n.

The network data is cloud-init's network config, version 2 (netplan's form). The gateway is the
network's first address, which no node gets: the Platform's properties have none [UNVERIFIED which
one the Platform takes].
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from itertools import pairwise

from krmfn.kubevirt.vm_paths import INTERFACES, NETWORKS, Map, get, mappings
from krmfn.manifests import yamlio
from krmfn.platform.properties import (
    CIDR,
    INTERFACE,
    IP_RANGE,
    NAMESERVERS,
    NETWORK_DATA,
    Given,
)
from krmfn.platform.property_values import Address, ranges, split
from krmfn.problems import Code, Collector, Place, Problem
from krmfn.records import record

DEFAULT_INTERFACE = "enp1s0"
# A smaller network has no address left beside network, gateway and broadcast.
_SMALLEST = 4

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Part = tuple[int, int]


@record(frozen=True)
class Range:
    """The addresses of a pool: `parts` are pairs of first and last address, as numbers."""

    network: Network
    parts: tuple[Part, ...]
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
        """Return the address of an ordinal, from 0; None if the range is too small."""
        for first, last in self.parts:
            if ordinal <= last - first:
                return type(self.network[0])(first + ordinal)
            ordinal -= last - first + 1
        return None

    def network_data(self, address: Address) -> str:
        """Write the network config that gives a guest its address."""
        everywhere = "0.0.0.0/0" if self.network.version == 4 else "::/0"
        interface = {
            "addresses": [f"{address}/{self.network.prefixlen}"],
            "routes": [{"to": everywhere, "via": str(self.gateway)}],
            "nameservers": {"addresses": list(self.nameservers)},
        }
        return yamlio.dump({"version": 2, "ethernets": {self.interface: interface}})


def read_range(given: Given, problems: Collector) -> Range | None:
    """Read the range that properties describe, whose values have been checked one by one.

    Return None if they describe none, or if there is a problem.
    """
    if CIDR not in given:
        if IP_RANGE in given:
            _, at = given[IP_RANGE]
            problems.append(at.error(f"needs {CIDR} beside it"))
        return None
    text, at = given[CIDR]
    network = ipaddress.ip_network(text)
    collected = Collector()
    if NAMESERVERS not in given:
        collected.append(at.error(f"needs {NAMESERVERS} beside it"))
    parts: list[Part] = []
    if network.num_addresses < _SMALLEST:
        reason = "no address left beside network, gateway and broadcast"
        collected.append(at.error(f"is {text}, which has {reason}"))
    elif IP_RANGE in given:
        value, at = given[IP_RANGE]
        parts = [(int(first), int(last)) for _, first, last in ranges(value)]
        collected += _range_problems(value, network, text, at)
    else:
        parts = [(int(network[2]), _last(network))]
    if NAMESERVERS in given and NETWORK_DATA not in given:
        value, at = given[NAMESERVERS]
        collected += _nameserver_problems(split(value), parts, at)
    problems += collected
    if collected:
        return None
    interface = given[INTERFACE][0] if INTERFACE in given else DEFAULT_INTERFACE
    nameservers = split(given[NAMESERVERS][0])
    return Range(network, tuple(parts), interface, tuple(nameservers))


def interface_warnings(vm: Map, addresses: Range, at: Place) -> Iterator[Problem]:
    """Warn of an address on the pod network's interface; `at` is the place that asks for it.

    A guest names its interfaces `enp1s0`, `enp2s0`, … in their order (q35's PCI slots).
    """
    networks = mappings(get(vm, NETWORKS))
    pods = [network.get("name") for network in networks if "pod" in network]
    interfaces = [interface.get("name") for interface in mappings(get(vm, INTERFACES))]
    if not interfaces or all(name in pods for name in interfaces):
        message = "gives addresses to machines that have the pod network alone"
        yield at.warning(f"{message}, where they do not work", Code.POD_NETWORK_ADDRESS)
        return
    guest_names = {f"enp{index}s0": name for index, name in enumerate(interfaces, 1)}
    name = guest_names.get(addresses.interface)
    if name in pods:
        others = [guest for guest, other in guest_names.items() if other not in pods]
        message = f"gives addresses to {addresses.interface}, which is {name}, the pod network"
        message += f"; set {INTERFACE}, such as to {others[0]}"
        yield at.warning(message, Code.POD_NETWORK_ADDRESS)


def _nameserver_problems(nameservers: list[str], parts: list[Part], at: Place) -> Iterator[Problem]:
    """Yield nameservers whose address a node would get."""
    for nameserver in nameservers:
        address = int(ipaddress.ip_address(nameserver))
        if any(first <= address <= last for first, last in parts):
            message = f"has {nameserver}, an address that a node would get; "
            yield at.error(message + f"set {IP_RANGE} so that it has no such address")


def _last(network: Network) -> int:
    """Return the last address that a node can have; IPv6 has no broadcast address."""
    last = int(network[-1])
    return last - 1 if network.version == 4 else last


def _range_problems(value: str, network: Network, cidr: str, at: Place) -> Iterator[Problem]:
    """Check that ranges lie within the network, without the gateway and without overlaps."""
    gateway = int(network[1])
    parts = []
    for text, first, last in ranges(value):
        start, end = int(first), int(last)
        parts.append((start, end))
        if not _is_inside(first, network) or not _is_inside(last, network):
            yield at.error(f"has {text}, which is not within the addresses of {cidr}")
        elif start <= gateway <= end:
            yield at.error(f"has {text}, which holds the gateway {network[1]}")
    if _overlap(parts):
        yield at.error("has ranges that overlap")


def _is_inside(address: Address, network: Network) -> bool:
    """Tell whether an address is one that a host of the network can have."""
    if address.version != network.version:
        return False
    return int(network[0]) < int(address) <= _last(network)


def _overlap(parts: list[Part]) -> bool:
    """Tell whether two ranges share an address."""
    neighbours = pairwise(sorted(parts))
    return any(start <= end for (_, end), (start, _) in neighbours)
