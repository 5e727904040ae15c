"""Admission rules about network interfaces."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from krmfn.kubevirt.admission.rule import Findings, by_name, choice, elements, pci_address, rule
from krmfn.kubevirt.vm_paths import INTERFACES, NETWORKS, Map, get
from krmfn.problems import Path, show

_BINDINGS = ("bridge", "masquerade", "sriov", "slirp", "macvtap", "passt", "passtBinding")
_REMOVED_BINDINGS = ("slirp", "macvtap", "passt")
_MODELS = ("e1000", "e1000e", "igb", "ne2k_pci", "pcnet", "rtl8139", "virtio")
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_MAC_ADDRESS = re.compile(
    r"[0-9a-fA-F]{2}(([:-])[0-9a-fA-F]{2})(\2[0-9a-fA-F]{2}){4}"
    r"|([0-9a-fA-F]{4}\.){2}[0-9a-fA-F]{4}"
)
_IN_POD_BRIDGE = "02:00:00:00:00:00"
# A port's name, as Kubernetes' IsValidPortName has it.
_PORT_NAME = re.compile(r"(?=.*[a-z])(?!.*--)[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?")
# Go's check lets 65536 pass.
_LAST_PORT = 65536
_PRIVATE_OPTIONS = range(224, 255)


@rule("interfaces")
def _interfaces(vm: Map) -> Findings:
    """An interface has one binding that fits its network, and name, model, addresses and ports that
    KubeVirt knows.
    """
    networks = by_name(vm, NETWORKS)
    for path, interface in elements(vm, INTERFACES):
        network = networks.get(interface.get("name"), {})
        yield from _binding(interface, network, path)
        yield from _identity(interface, path)
        if "pod" in network:
            yield from _ports(interface, path)
        yield from _dhcp(interface, path)


def _binding(interface: Map, network: Map, path: Path) -> Findings:
    """Yield a binding that is one too many, was removed, or does not fit the network."""
    bindings = [binding for binding in _BINDINGS if binding in interface]
    if "binding" in interface and bindings:
        yield (*path, "binding"), f"stands beside {bindings[0]}"
    elif len(bindings) > 1:
        yield path, f"has {' and '.join(bindings)}; an interface has one binding"
    for binding in _REMOVED_BINDINGS:
        if binding in interface:
            yield (*path, binding), "is no longer supported since KubeVirt 1.3"
    if "masquerade" not in interface:
        return
    if network and "pod" not in network:
        yield (*path, "masquerade"), "needs the pod network"
    mac = interface.get("macAddress") or ""
    if mac.replace("-", ":").lower() == _IN_POD_BRIDGE:
        yield (*path, "macAddress"), "is the in-pod bridge's"


def _identity(interface: Map, path: Path) -> Findings:
    """Yield what is wrong with the name, model and addresses."""
    name = interface.get("name")
    if not _NAME.fullmatch(name or ""):
        message = f"is {show(name)}; must be letters, digits, - and _"
        yield (*path, "name"), message
    model = interface.get("model")
    if model:
        yield from choice((*path, "model"), model, _MODELS)
    mac = interface.get("macAddress")
    if mac and not _MAC_ADDRESS.fullmatch(mac):
        message = f"is {show(mac)}; must be as 02:00:00:00:00:01"
        yield (*path, "macAddress"), message
    address = interface.get("pciAddress")
    yield from pci_address((*path, "pciAddress"), address)


def _ports(interface: Map, path: Path) -> Findings:
    """Yield ports of the pod network that have a wrong name, number or protocol."""
    seen: set[str] = set()
    for at, port in elements(interface, ("ports",), path):
        name = port.get("name") or ""
        is_legal = name not in seen and _PORT_NAME.fullmatch(name)
        if name and not is_legal:
            message = f"is {show(name)}; must be a port's name, and unique"
            yield (*at, "name"), message
        seen.add(name)
        number = port.get("port") or 0
        if not 0 < number <= _LAST_PORT:
            yield (*at, "port"), f"is {number}; must be 1 to 65535"
        protocol = port.get("protocol")
        if protocol:
            yield from choice((*at, "protocol"), protocol, ("TCP", "UDP"))


def _dhcp(interface: Map, path: Path) -> Findings:
    """Yield private options and time servers that DHCP can not announce."""
    at = (*path, "dhcpOptions")
    listed = elements(interface, ("dhcpOptions", "privateOptions"))
    options = [option.get("option") or 0 for _, option in listed]
    distinct = set(options)
    is_repeated = len(distinct) < len(options)
    if is_repeated or not distinct.issubset(_PRIVATE_OPTIONS):
        yield (*at, "privateOptions"), "must be 224 to 254, each once"
    servers = get(interface, ("dhcpOptions", "ntpServers")) or ()
    for index, server in enumerate(servers):
        if not _is_ipv4(server):
            message = f"is {show(server)}; must be an IPv4 address"
            yield (*at, "ntpServers", index), message


def _is_ipv4(text: Any) -> bool:
    """Tell whether a text is an IPv4 address."""
    try:
        return bool(ipaddress.IPv4Address(text))
    except ValueError:
        return False


RULES = (_interfaces,)
