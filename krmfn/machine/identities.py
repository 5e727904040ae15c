"""What a template says that is one machine's own: MAC addresses, firmware ids, files of hosts.

KubeVirt writes a MAC address, a UUID and a serial number into machines that it has run, so a
template that was made from such a machine has them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_network

from krmfn.kubevirt.vm_paths import (
    DOMAIN,
    FIRMWARE,
    INSTANCE,
    INTERFACES,
    NETWORKS,
    VOLUMES,
    Map,
    get,
    mappings,
)
from krmfn.problems import Code, Path
from krmfn.records import record

_HOST_NAME: Path = (*INSTANCE, "nodeSelector", "kubernetes.io/hostname")
# What KubeVirt gives every guest behind its masquerade, where each is alone.
_MASQUERADE = {"vmNetworkCIDR": "10.0.2.0/24", "vmIPv6NetworkCIDR": "fd10:0:2::/120"}
POD_NETWORK = "pod"


@record(frozen=True)
class Kind:
    """A kind of identity: its noun and, for machines that share one, advice and code.

    Without a code, machines that share it can't work: that is an error.
    """

    noun: str
    advice: str
    code: Code | None = None


_LEFT_OUT = "leave it out, and KubeVirt gives each machine its own"
MAC = Kind("MAC address", _LEFT_OUT)
UUID = Kind("firmware UUID", _LEFT_OUT, Code.SHARED_IDENTITY)
SERIAL = Kind("serial number", "leave it out", Code.SHARED_IDENTITY)
HOST_DISK = Kind(
    "host disk", "if they run on one host, they write to one file", Code.SHARED_HOST_DISK
)
ADDRESS = Kind(
    "static address", "take addresses from the property network-ip-range, or from a template"
)
_SERIALS: tuple[Path, ...] = ((*FIRMWARE, "serial"), (*DOMAIN, "chassis", "serial"))


@record(frozen=True)
class Identity:
    """A value at `path` that is one machine's own.

    Machines with one value clash where they share one of the `scopes`; without any, everywhere
    in a cluster.
    """

    kind: Kind
    value: str
    path: Path
    scopes: frozenset[str] = frozenset()


def identities(vm: Map) -> Iterator[Identity]:
    """Yield what is one machine's own in a machine that KubeVirt takes."""
    for index, interface in enumerate(mappings(get(vm, INTERFACES))):
        if address := interface.get("macAddress"):
            # KubeVirt takes it in any form that Go's net.ParseMAC reads.
            digits = re.sub(r"[^0-9a-f]", "", address.lower())
            value = ":".join(digits[at : at + 2] for at in range(0, len(digits), 2))
            yield Identity(MAC, value, (*INTERFACES, index, "macAddress"))
    if uuid := get(vm, (*FIRMWARE, "uuid")):
        yield Identity(UUID, uuid.lower(), (*FIRMWARE, "uuid"))
    for path in _SERIALS:
        if serial := get(vm, path):
            yield Identity(SERIAL, serial, path)
    host = get(vm, _HOST_NAME)
    scopes = frozenset([host] if host else [])
    for index, volume in enumerate(mappings(get(vm, VOLUMES))):
        path = (*VOLUMES, index, "hostDisk", "path")
        disk = volume.get("hostDisk") or {}
        if disk.get("path") and not disk.get("shared"):
            yield Identity(HOST_DISK, disk["path"], path, scopes)


def networks(vm: Map, namespace: str) -> frozenset[str]:
    """Return the networks on which a machine's static addresses can be: `namespace/name`.

    It is the pod network if the machine has no other.
    """
    names = [get(network, ("multus", "networkName")) for network in mappings(get(vm, NETWORKS))]
    attached = [name if "/" in name else f"{namespace}/{name}" for name in names if name]
    return frozenset(attached or [POD_NETWORK])


def masqueraded(vm: Map) -> list[IPv4Network | IPv6Network]:
    """Return the networks that are each guest's alone, behind KubeVirt's masquerade.

    A machine without networks gets the pod network, most often masqueraded.
    """
    interfaces = mappings(get(vm, INTERFACES))
    names = {each.get("name") for each in interfaces if "masquerade" in each}
    pods = [
        network["pod"] or {}
        for network in mappings(get(vm, NETWORKS))
        if "pod" in network and network.get("name") in names
    ]
    if not interfaces:
        pods.append({})
    texts = [pod.get(key) or default for pod in pods for key, default in _MASQUERADE.items()]
    return [network for text in texts for network in _network(text)]


def _network(text: str) -> Iterator[IPv4Network | IPv6Network]:
    """Yield the network that a text names, nothing if it names none."""
    try:
        yield ip_network(text, strict=False)
    except ValueError:
        return
