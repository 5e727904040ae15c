"""Admission rules about devices that a machine gets by Dynamic Resource Allocation (DRA)."""

from __future__ import annotations

from collections.abc import Iterator

from krmfn.kubernetes import names
from krmfn.kubevirt.admission.rule import (
    Findings,
    Need,
    cluster_rule,
    elements,
    exactly_one,
    finding,
    gate_rule,
)
from krmfn.kubevirt.cluster import Cluster
from krmfn.kubevirt.vm_paths import DEVICES, INSTANCE, INTERFACES, NETWORKS, Map, get
from krmfn.problems import Path, show

_CLAIMS = (*INSTANCE, "resourceClaims")
_GATES = (("gpus", "GPUsWithDRA"), ("hostDevices", "HostDevicesWithDRA"))
_REFERENCES = ("resourceClaimName", "resourceClaimTemplateName")
_HOST_DEVICES_SINCE = "1.8"
_GRAMMAR_SINCE = _NETWORKS_SINCE = "1.9"


def _is_claimed(device: Map) -> bool:
    """Tell whether a device is asked for by a claim, as KubeVirt does: it has no deviceName."""
    return not device.get("deviceName") and _has_claim(device)


def _has_claim(device: Map) -> bool:
    """Tell whether a device names a claim or its request."""
    return "claimName" in device or "requestName" in device


@gate_rule(
    "resource-claims-gate",
    "validateDRAGPUs",
    "validateDRAHostDevices",
    "validateNetworkDevicesWithDRA",
)
def _gates(vm: Map, _: Cluster) -> Iterator[Need]:
    """GPUs, host devices and networks by resource claims need feature gates."""
    for key, gate in _GATES:
        for path, device in elements(vm, (*DEVICES, key)):
            if _is_claimed(device):
                yield path, gate, ""
    for path, network in elements(vm, NETWORKS):
        if "resourceClaim" in network:
            yield (*path, "resourceClaim"), "NetworkDevicesWithDRA", ""


@cluster_rule(
    "resource-claims",
    "validateCreationDRA",
    "validateResourceClaims",
    "validateDRADevices",
    "splitDRADevices",
    "validateNonDRADevices",
    "mergeTupleSource",
    "validateDRANetworkClaimReference",
    "validateDRAClaimRequestUniqueness",
    "validateDRAClaimAndRequestNames",
    "validateDRANetworkInterfaceBinding",
)
def _resource_claims(vm: Map, cluster: Cluster) -> Findings:
    """A resource claim has a name of its own and one source; a device or network that uses one
    names it and a request, which no other asks for.
    """
    claims = elements(vm, _CLAIMS)
    known = {claim.get("name") for _, claim in claims}
    seen: set[str] = set()
    for path, claim in claims:
        name = claim.get("name") or ""
        if name in seen:
            yield (*path, "name"), f"is {show(name)} a second time"
        seen.add(name)
        if cluster.is_within(_GRAMMAR_SINCE, None):
            yield from _claim(claim, path)
    requests: set[tuple[str, str]] = set()
    for path, user in _users(vm, cluster):
        yield from _request(user, path, known, requests)
    yield from _mixtures(vm, cluster)


def _claim(claim: Map, path: Path) -> Findings:
    """Yield what is wrong with a claim alone."""
    yield from finding((*path, "name"), names.dns_label(claim.get("name") or ""))
    references = [key for key in _REFERENCES if key in claim]
    yield from exactly_one(path, references, f"neither {' nor '.join(_REFERENCES)}")
    for key in references:
        yield from finding((*path, key), names.subdomain(claim[key]))


def _users(vm: Map, cluster: Cluster) -> Iterator[tuple[Path, Map]]:
    """Yield the devices and networks that the cluster gets by claims, with their paths."""
    for key, _ in _GATES:
        is_judged = key == "gpus" or cluster.is_within(_HOST_DEVICES_SINCE, None)
        for path, device in elements(vm, (*DEVICES, key)):
            if is_judged and _is_claimed(device):
                yield path, device
    for path, network in elements(vm, NETWORKS):
        if "resourceClaim" in network:
            yield (*path, "resourceClaim"), network["resourceClaim"] or {}


def _request(user: Map, path: Path, known: set[str | None], seen: set[tuple[str, str]]) -> Findings:
    """Yield what is wrong with the claim and the request that a device or network names."""
    claim, request = user.get("claimName") or "", user.get("requestName") or ""
    for key, value in (("claimName", claim), ("requestName", request)):
        if not value:
            yield (*path, key), "is required"
    if not claim or not request:
        return
    if claim not in known:
        yield (*path, "claimName"), f"is {show(claim)}, which is not one of the resourceClaims"
    if (claim, request) in seen:
        yield path, f"asks for {claim} and {request}, as another one does"
    seen.add((claim, request))


def _mixtures(vm: Map, cluster: Cluster) -> Findings:
    """Yield devices and networks of both kinds, with and without claims."""
    for key, _ in _GATES:
        for path, device in elements(vm, (*DEVICES, key)):
            if device.get("deviceName") and _has_claim(device):
                yield path, "has both a deviceName and a claim; keep one of them"
    gpus = elements(vm, (*DEVICES, "gpus"))
    kinds = {_is_claimed(device) for _, device in gpus}
    if len(kinds) > 1 and cluster.is_within("1.9", None):
        yield (*DEVICES, "gpus"), "are in part by claims; all must be, or none"
    interfaces = {interface.get("name"): interface for _, interface in elements(vm, INTERFACES)}
    networks = elements(vm, NETWORKS)
    has_multus = any("multus" in network for _, network in networks)
    for path, network in networks:
        if "resourceClaim" not in network:
            continue
        interface = interfaces.get(network.get("name"), {"sriov": {}})
        if has_multus:
            yield (*path, "resourceClaim"), "stands beside a multus network"
        if get(interface, ("sriov",)) is None and get(interface, ("binding",)) is None:
            yield (*path, "resourceClaim"), "needs an interface with sriov or a binding plugin"


RULES = (_gates, _resource_claims)
