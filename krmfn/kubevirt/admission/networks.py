"""Admission rules about networks."""

from __future__ import annotations

from krmfn.kubevirt.admission.rule import Findings, elements, exactly_one, names_in, rule
from krmfn.kubevirt.vm_paths import INTERFACES, NETWORKS, Map, get
from krmfn.problems import Path, show

_KINDS = ("pod", "multus", "resourceClaim")
_NO_KIND = "neither pod nor multus"


@rule(
    "networks",
    "validateSinglePodNetwork",
    "validateSingleNetworkSource",
    "validateMultusNetworkSource",
    "validateNetworkNameUnique",
    "validateNetworksAssignedToInterfaces",
    "validateInterfaceNameUnique",
    "validateInterfacesAssignedToNetworks",
)
def _networks(vm: Map) -> Findings:
    """Networks and interfaces match by name, one to one; a network is pod or multus, at most one of
    them the default.
    """
    yield from _matches(vm, NETWORKS, INTERFACES, "interface")
    yield from _matches(vm, INTERFACES, NETWORKS, "network")
    networks = elements(vm, NETWORKS)
    for path, network in networks:
        kinds = [kind for kind in _KINDS if kind in network]
        yield from exactly_one(path, kinds, _NO_KIND)
        if "multus" in network and not get(network, ("multus", "networkName")):
            yield (*path, "multus", "networkName"), "is required"
    defaults = [path for path, network in networks if _is_default(network)]
    if len(defaults) > 1:
        yield defaults[1], "is a second default network; the pod network is one"


def _matches(vm: Map, path: Path, other_path: Path, other: str) -> Findings:
    """Yield the names in the list at `path` that the other list lacks, or that come twice."""
    others = names_in(vm, other_path)
    seen: set[str] = set()
    for at, element in elements(vm, path):
        name = element.get("name")
        if name not in others:
            yield (*at, "name"), f"is {show(name)}, and no {other} has that name"
        if name in seen:
            yield (*at, "name"), f"is {show(name)} a second time"
        seen.add(element.get("name", ""))


def _is_default(network: Map) -> bool:
    """Tell whether the guest's default route goes to the network."""
    return "pod" in network or bool(get(network, ("multus", "default")))


RULES = (_networks,)
