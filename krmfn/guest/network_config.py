"""Network data as users write it: cloud-init's network config, version 1 or 2."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import field
from typing import Any

from krmfn.guest.cloud_config import yaml_mapping
from krmfn.kubevirt.vm_paths import Map, mappings
from krmfn.manifests import yamlio
from krmfn.platform.property_values import Address
from krmfn.problems import Collector, Place
from krmfn.records import record

_LOOPBACK = "lo"


@record(frozen=True)
class NetworkData:
    """Network data as text, and the static addresses in it. `at` is where it stands."""

    text: str = ""
    addresses: tuple[Address, ...] = ()
    at: Place = field(default_factory=Place)


def read_network_config(text: str, at: Place, problems: Collector) -> Map:
    """Read a network config, which may stand under the key `network`."""
    collected = Collector()
    data = yaml_mapping(text, at, collected)
    inner = data.get("network", data)
    version = inner.get("version") if isinstance(inner, dict) else None
    if not collected and version not in (1, 2):
        collected.append(at.error("is not a network config: it has no version 1 or 2"))
    problems += collected
    return data


def network_data(text: str, at: Place, problems: Collector) -> NetworkData:
    """Read a network config; its text is as krmfn writes YAML, and "" if there is a problem."""
    collected = Collector()
    data = read_network_config(text, at, collected)
    problems += collected
    if collected:
        return NetworkData()
    return NetworkData(yamlio.dump(data), static_addresses(data), at)


def openstack_network_data(text: str, at: Place) -> NetworkData:
    """Read OpenStack's network data, which a config drive has. Its text stays as it is."""
    networks = mappings(yaml_mapping(text, at, Collector()).get("networks"))
    found = _distinct(network.get("ip_address") for network in networks)
    return NetworkData(text, found, at)


def static_addresses(data: Map) -> tuple[Address, ...]:
    """Return the static addresses of a network config, each once.

    Those of the loopback device, and loopback and link-local addresses, are no node's own.
    """
    inner = data.get("network", data)
    if not isinstance(inner, dict):
        return ()
    return _distinct(_second(inner) if inner.get("version") == 2 else _first(inner))


def _distinct(values: Iterator[Any]) -> tuple[Address, ...]:
    """Return the values that are addresses of a node, each once."""
    found = [address for value in values if (address := _address(value)) is not None]
    return tuple(dict.fromkeys(found))


def _first(config: Map) -> Iterator[Any]:
    """Yield the addresses of a network config of version 1: those of its subnets."""
    for device in mappings(config.get("config")):
        if device.get("type") != "loopback" and device.get("name") != _LOOPBACK:
            for subnet in mappings(device.get("subnets")):
                yield subnet.get("address")


def _second(config: Map) -> Iterator[Any]:
    """Yield the addresses of a network config of version 2: those of its devices, by kind."""
    for devices in config.values():
        for name, device in devices.items() if isinstance(devices, dict) else ():
            found = device.get("addresses") if isinstance(device, dict) else None
            if name == _LOOPBACK or not isinstance(found, list):
                continue
            for value in found:
                # An address may have options below it.
                yield from value if isinstance(value, dict) else [value]


def _address(value: Any) -> Address | None:
    """Read an address, with or without a prefix length. Return None if it is none of a node's."""
    try:
        address = ipaddress.ip_interface(value).ip if isinstance(value, str) else None
    except ValueError:
        return None
    if address is None or address.is_loopback or address.is_link_local:
        return None
    return address
