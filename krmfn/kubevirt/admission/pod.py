"""Admission rules about what goes to the machine's pod: spreading, eviction and DNS."""

from __future__ import annotations

import ipaddress
from typing import Any

from krmfn.kubernetes import names
from krmfn.kubevirt.admission.affinity import topology
from krmfn.kubevirt.admission.rule import Findings, choice, elements, finding, rule
from krmfn.kubevirt.vm_paths import INSTANCE, Map, get
from krmfn.problems import show

_EVICTION_STRATEGY = (*INSTANCE, "evictionStrategy")
EVICTION_STRATEGIES = ("LiveMigrate", "LiveMigrateIfPossible", "None", "External")
_DNS_POLICY = (*INSTANCE, "dnsPolicy")
_DNS_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_DNS = (*INSTANCE, "dnsConfig")
_MOST_SERVERS, _MOST_SEARCHES, _MOST_SEARCH_CHARACTERS = 3, 6, 256


@rule(
    "spread",
    "validateSpecTopologySpreadConstraints",
    "validateTopologySpreadConstraints",
    "ValidateMaxSkew",
    "ValidateTopologyKey",
    "ValidateWhenUnsatisfiable",
    "ValidateSpreadConstraintNotRepeat",
)
def _spread(vm: Map) -> Findings:
    """Of topology spread constraints, `maxSkew` is 1 or more and `topologyKey` is there."""
    seen: set[tuple[Any, Any]] = set()
    for path, constraint in elements(vm, (*INSTANCE, "topologySpreadConstraints")):
        kind = (constraint.get("topologyKey"), constraint.get("whenUnsatisfiable"))
        if kind in seen:
            yield path, f"is a second constraint of {kind[0]} and {kind[1]}"
        seen.add(kind)
        if (constraint.get("maxSkew") or 0) < 1:
            yield (*path, "maxSkew"), f"is {constraint.get('maxSkew')}; must be 1 or more"
        yield from topology(constraint, path)


@rule("eviction-strategy", "validateLiveMigration", "isValidEvictionStrategy")
def _eviction(vm: Map) -> Findings:
    """`evictionStrategy` is LiveMigrate, LiveMigrateIfPossible, None or External."""
    strategy = get(vm, _EVICTION_STRATEGY)
    if strategy is not None:
        yield from choice(_EVICTION_STRATEGY, strategy, EVICTION_STRATEGIES)


@rule("dns", "validateDNSPolicy", "validatePodDNSConfig")
def _dns(vm: Map) -> Findings:
    """`dnsPolicy` is one that pods have; None needs name servers; at most three of these, 6
    searches of 256 characters together.
    """
    policy, config = get(vm, _DNS_POLICY), get(vm, _DNS)
    if policy is not None:
        yield from choice(_DNS_POLICY, policy, _DNS_POLICIES)
    servers = get(config, ("nameservers",)) or []
    if policy == "None" and not servers:
        yield _DNS, "needs nameservers with dnsPolicy None"
        return
    yield from _name_servers(servers)
    yield from _searches(get(config, ("searches",)) or [])
    for path, option in elements(config, ("options",), _DNS):
        if not option.get("name"):
            yield (*path, "name"), "is required"


def _name_servers(servers: list[Any]) -> Findings:
    """Yield name servers that are too many, or no addresses."""
    path = (*_DNS, "nameservers")
    if len(servers) > _MOST_SERVERS:
        yield path, f"has {len(servers)}; at most {_MOST_SERVERS}"
    for index, server in enumerate(servers):
        if not _is_address(server):
            yield (*path, index), f"is {show(server)}; must be an address"


def _is_address(text: str) -> bool:
    """Tell whether a text is an IP address without a zone."""
    try:
        return bool(ipaddress.ip_address(text)) and "%" not in text
    except ValueError:
        return False


def _searches(searches: list[Any]) -> Findings:
    """Yield search domains that are too many or too long, or no DNS names."""
    path = (*_DNS, "searches")
    characters = len(" ".join(searches))
    if len(searches) > _MOST_SEARCHES or characters > _MOST_SEARCH_CHARACTERS:
        message = f"has {len(searches)} entries of {characters} characters"
        yield path, f"{message}; at most {_MOST_SEARCHES} of {_MOST_SEARCH_CHARACTERS}"
    for index, search in enumerate(searches):
        yield from finding((*path, index), names.subdomain(search))


RULES = (_spread, _eviction, _dns)
