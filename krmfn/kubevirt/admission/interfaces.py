"""Admission rules about network interfaces."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

from krmfn.kubevirt.admission.rule import (
    Findings,
    Need,
    by_name,
    choice,
    cluster_rule,
    elements,
    gate_rule,
    pci_address,
    rule,
)
from krmfn.kubevirt.cluster import Cluster
from krmfn.kubevirt.vm_paths import INTERFACES, NETWORKS, Map, get
from krmfn.patterns import pattern
from krmfn.problems import Path, show

_BINDINGS = ("bridge", "masquerade", "sriov", "slirp", "macvtap", "passt", "passtBinding")
_STATES = ("up", "down", "absent")
_REMOVED_BINDINGS = ("slirp", "macvtap", "passt")
MODELS = ("e1000", "e1000e", "igb", "ne2k_pci", "pcnet", "rtl8139", "virtio")
_NAME = pattern(r"[A-Za-z0-9_-]+")
_MAC_ADDRESS = pattern(
    r"[0-9a-fA-F]{2}(([:-])[0-9a-fA-F]{2})(\2[0-9a-fA-F]{2}){4}"
    r"|([0-9a-fA-F]{4}\.){2}[0-9a-fA-F]{4}"
)
_IN_POD_BRIDGE = "02:00:00:00:00:00"
# A port's name, as Kubernetes' IsValidPortName has it.
_PORT_NAME = pattern(r"(?=.*[a-z])(?!.*--)[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?")
_LAST_PORT = 65535
_PRIVATE_OPTIONS = range(224, 255)
_MOST_RANGES = 10


@cluster_rule(
    "interfaces",
    "validateInterfaceBinding",
    "validateInterfaceBindingExists",
    "hasInterfaceBindingMethod",
    "countInterfaceBindings",
    "validateMasqueradeBinding",
    "validateDiscontinuedBindings",
    "validateSlirpBinding",
    "validateCreationSlirpBinding",
    "validateMacvtapBinding",
    "validatePasstBinding",
    "validateInterfacesFields",
    "validateInterfaceNameFormat",
    "validateInterfaceModel",
    "validateMacAddress",
    "validatePciAddress",
    "validatePortConfiguration",
    "validateForwardPortName",
    "validateForwardPortsName",
    "validateForwardPortProtocol",
    "validateForwardPortInRange",
    "validateForwardPortNonZero",
    "validateDHCPOptions",
    "validateDHCPExtraOptions",
    "validateDHCPNTPServersAreValidIPv4Addresses",
    "validateDHCPPrivateOptionsWithinRange",
    "countUniqueDHCPPrivateOptions",
    "ValidateFeatureGates",
)
def _interfaces(vm: Map, cluster: Cluster) -> Findings:
    """An interface has one binding that fits its network, and name, model, addresses and ports that
    KubeVirt knows.
    """
    networks = by_name(vm, NETWORKS)
    for path, interface in elements(vm, INTERFACES):
        network = networks.get(interface.get("name"), {})
        yield from _binding(interface, network, path, cluster)
        yield from _identity(interface, path)
        if "pod" in network:
            yield from _ports(interface, path)
        yield from _dhcp(interface, path)


def _binding(interface: Map, network: Map, path: Path, cluster: Cluster) -> Findings:
    """Yield a binding that is missing, one too many, was removed, or does not fit the network."""
    bindings = [binding for binding in _BINDINGS if binding in interface]
    if "binding" in interface and bindings:
        yield (*path, "binding"), f"stands beside {bindings[0]}"
    elif len(bindings) > 1:
        yield path, f"has {' and '.join(bindings)}; an interface has one binding"
    for binding in _REMOVED_BINDINGS:
        if binding in interface:
            yield (*path, binding), "is no longer supported since KubeVirt 1.3"
    has_none = not bindings and "binding" not in interface
    if has_none and cluster.is_within("1.9", None):
        yield path, "has no binding; must have one, as masquerade: {} or bridge: {}"
    if "passtBinding" in interface and network and "pod" not in network:
        yield (*path, "passtBinding"), "needs the pod network"
    if "masquerade" in interface:
        yield from _masquerade(interface, network, path)


def _masquerade(interface: Map, network: Map, path: Path) -> Findings:
    """Yield what masquerade does not go with."""
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
        yield from choice((*path, "model"), model, MODELS)
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


@rule("interface-state", "validateInterfaceStateValue")
def _states(vm: Map) -> Findings:
    """The state of an interface is up, down or absent; absent is for bridges that are not the
    default network, and SR-IOV knows neither up nor down.
    """
    networks = by_name(vm, NETWORKS)
    for path, interface in elements(vm, INTERFACES):
        state, at = interface.get("state"), (*path, "state")
        if not state:
            continue
        yield from choice(at, state, _STATES)
        network = networks.get(interface.get("name"), {})
        is_default = "pod" in network or bool(get(network, ("multus", "default")))
        if "sriov" in interface and state in ("up", "down"):
            yield at, f"is {state}, which SR-IOV does not know"
        if state == "absent" and "bridge" not in interface:
            yield at, "is absent, which only a bridge can be"
        elif state == "absent" and is_default:
            yield at, "is absent, which the default network can't be"


@gate_rule("interface-gate", "validatePasstBinding", "validatePortRangesConfiguration")
def _gates(vm: Map, _: Cluster) -> Iterator[Need]:
    """Passt and ranges of ports need feature gates."""
    for path, interface in elements(vm, INTERFACES):
        if "passtBinding" in interface:
            yield (*path, "passtBinding"), "PasstBinding", ""
        if interface.get("portRanges"):
            yield (*path, "portRanges"), "PortRangesSpec", ""


@rule(
    "port-ranges",
    "validatePortRangesConfiguration",
    "validatePortRangeMutualExclusivity",
    "validatePortRangeMasqueradeOnly",
    "validateForwardPortRanges",
    "validateForwardPortRangesOverlaps",
)
def _port_ranges(vm: Map) -> Findings:
    """Ranges of ports are at most 10, for masquerade without `ports`, from 1 to 65535, and do not
    overlap.
    """
    networks = by_name(vm, NETWORKS)
    for path, interface in elements(vm, INTERFACES):
        at = (*path, "portRanges")
        if not interface.get("portRanges") or "pod" not in networks.get(interface.get("name"), {}):
            continue
        if "ports" in interface:
            yield at, "stands beside ports; keep one of them"
        if "masquerade" not in interface:
            yield at, "needs masquerade"
        ranges = elements(interface, ("portRanges",), path)
        if len(ranges) > _MOST_RANGES:
            yield at, f"has {len(ranges)} ranges; at most {_MOST_RANGES}"
        else:
            yield from _ranges(ranges)


def _ranges(ranges: list[tuple[Path, Map]]) -> Findings:
    """Yield ranges of ports that are none, or that overlap with another one."""
    taken: dict[str, list[tuple[int, int]]] = {}
    for path, ports in ranges:
        protocol = ports.get("protocol") or ""
        start, end = ports.get("start") or 0, ports.get("end") or 0
        if protocol not in ("TCP", "UDP"):
            yield from choice((*path, "protocol"), protocol, ("TCP", "UDP"))
        elif not 0 < start <= end <= _LAST_PORT:
            yield path, f"is {start} to {end}; must be 1 to {_LAST_PORT}, the lower one first"
        else:
            others = taken.setdefault(protocol, [])
            if any(start <= last and first <= end for first, last in others):
                yield path, f"is {start} to {end}, which overlaps with another range"
            others.append((start, end))


RULES = (_interfaces, _states, _gates, _port_ranges)
