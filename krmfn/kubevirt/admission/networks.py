"""KubeVirt's admission rules about networks and interfaces; see `rules.py`."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Any

from krmfn.kubevirt.admission.devices import INTERFACES, PCI
from krmfn.kubevirt.admission.rules import VMI, Finding, at, listed, one_of, rule
from krmfn.kubevirt.merge import Map
from krmfn.problems import Path, show

NETWORKS: Path = (*VMI, "networks")


@rule(
    "networks",
    "Networks and interfaces match by name, one to one; a network is pod or multus, at most one of them the default.",
)
def _networks(spec: Map) -> Iterator[Finding]:
    networks, interfaces = listed(spec, *NETWORKS), listed(spec, *INTERFACES)
    for (path, values), other, what in (
        ((NETWORKS, networks), {interface.get("name") for _, interface in interfaces}, "interface"),
        ((INTERFACES, interfaces), {network.get("name") for _, network in networks}, "network"),
    ):
        seen: set[str] = set()
        for index, value in values:
            if value.get("name") not in other:
                yield (
                    (*path, index, "name"),
                    f"is {show(value.get('name'))}, and no {what} has that name",
                )
            if value.get("name") in seen:
                yield (*path, index, "name"), f"is {show(value.get('name'))} a second time"
            seen.add(value.get("name", ""))
    for index, network in networks:
        kinds = [kind for kind in ("pod", "multus") if kind in network]
        if len(kinds) != 1:
            yield (
                (*NETWORKS, index),
                f"has {' and '.join(kinds) or 'neither pod nor multus'}; must have one",
            )
        if "multus" in network and not at(network, "multus", "networkName"):
            yield (*NETWORKS, index, "multus", "networkName"), "is required"
    defaults = [
        index for index, network in networks if "pod" in network or at(network, "multus", "default")
    ]
    if len(defaults) > 1:
        yield (*NETWORKS, defaults[1]), "is a second default network; the pod network is one"


_METHODS = ("bridge", "masquerade", "sriov", "slirp", "macvtap", "passt", "passtBinding")
_MODELS = ("e1000", "e1000e", "igb", "ne2k_pci", "pcnet", "rtl8139", "virtio")


@rule(
    "interfaces",
    "An interface has one binding that fits its network, and name, model, addresses and ports that KubeVirt knows.",
)
def _interfaces(spec: Map) -> Iterator[Finding]:
    networks = {network.get("name"): network for _, network in listed(spec, *NETWORKS)}
    for index, interface in listed(spec, *INTERFACES):
        path = (*INTERFACES, index)
        network = networks.get(interface.get("name"), {})
        methods = [method for method in _METHODS if method in interface]
        if "binding" in interface and methods:
            yield (*path, "binding"), f"stands beside {methods[0]}"
        elif len(methods) > 1:
            yield path, f"has {' and '.join(methods)}; an interface has one binding"
        for method in ("slirp", "macvtap", "passt"):
            if method in interface:
                yield (*path, method), "is no longer supported since KubeVirt 1.3"
        if "masquerade" in interface and network and "pod" not in network:
            yield (*path, "masquerade"), "needs the pod network"
        if (
            "masquerade" in interface
            and (interface.get("macAddress") or "").replace("-", ":").lower() == "02:00:00:00:00:00"
        ):
            yield (*path, "macAddress"), "is the in-pod bridge's"
        if not re.fullmatch(r"[A-Za-z0-9_-]+", interface.get("name", "")):
            yield (
                (*path, "name"),
                f"is {show(interface.get('name'))}; must be letters, digits, - and _",
            )
        if interface.get("model") and (wrong := one_of(interface["model"], _MODELS)):
            yield (*path, "model"), wrong
        mac, pci = interface.get("macAddress"), interface.get("pciAddress")
        if mac and not re.fullmatch(
            r"[0-9a-fA-F]{2}(([:-])[0-9a-fA-F]{2})(\2[0-9a-fA-F]{2}){4}|([0-9a-fA-F]{4}\.){2}[0-9a-fA-F]{4}",
            mac,
        ):
            yield (*path, "macAddress"), f"is {show(mac)}; must be as 02:00:00:00:00:01"
        if pci and not PCI.fullmatch(pci):
            yield (*path, "pciAddress"), f"is {show(pci)}; must be as 0000:81:11.1"
        if "pod" in network:
            yield from _ports(interface, path)
        yield from _dhcp(interface, path)


def _ports(interface: Map, path: Path) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, port in listed(interface, "ports"):
        where, name, number = (*path, "ports", index), port.get("name") or "", port.get("port") or 0
        if name and (name in seen or not _is_port_name(name)):
            yield (*where, "name"), f"is {show(name)}; must be a port's name, and unique"
        seen.add(name)
        if not 0 < number <= 65536:
            yield (*where, "port"), f"is {number}; must be 1 to 65535"
        if port.get("protocol") and (wrong := one_of(port["protocol"], ("TCP", "UDP"))):
            yield (*where, "protocol"), wrong


def _is_port_name(name: str) -> bool:
    return bool(
        len(name) <= 15
        and re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", name)
        and re.search("[a-z]", name)
        and "--" not in name
    )


def _dhcp(interface: Map, path: Path) -> Iterator[Finding]:
    options = [
        option.get("option") for _, option in listed(interface, "dhcpOptions", "privateOptions")
    ]
    where = (*path, "dhcpOptions")
    if len(set(options)) < len(options) or any(
        not 224 <= (option or 0) <= 254 for option in options
    ):
        yield (*where, "privateOptions"), "must be 224 to 254, each once"
    for index, server in enumerate(at(interface, "dhcpOptions", "ntpServers") or ()):
        if not _is_ipv4(server):
            yield (*where, "ntpServers", index), f"is {show(server)}; must be an IPv4 address"


def _is_ipv4(text: Any) -> bool:
    try:
        return bool(ipaddress.IPv4Address(text))
    except ValueError:
        return False
