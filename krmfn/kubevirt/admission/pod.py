"""Admission rules about what goes to the machine's pod: spreading, eviction, DNS and affinity."""

from __future__ import annotations

import ipaddress
from typing import Any

from krmfn.kubernetes import names
from krmfn.kubevirt.admission.rule import Findings, choice, elements, finding, rule
from krmfn.kubevirt.vm_paths import INSTANCE, Map, get
from krmfn.problems import Path, show

_EVICTION_STRATEGY = (*INSTANCE, "evictionStrategy")
_EVICTION_STRATEGIES = ("LiveMigrate", "LiveMigrateIfPossible", "None", "External")
_DNS_POLICY = (*INSTANCE, "dnsPolicy")
_DNS_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_DNS = (*INSTANCE, "dnsConfig")
_MOST_SERVERS, _MOST_SEARCHES, _MOST_SEARCH_CHARACTERS = 3, 32, 2048
_AFFINITY = (*INSTANCE, "affinity")
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


@rule("spread")
def _spread(vm: Map) -> Findings:
    """Of topology spread constraints, `maxSkew` is 1 or more and `topologyKey` is there."""
    for path, constraint in elements(vm, (*INSTANCE, "topologySpreadConstraints")):
        if (constraint.get("maxSkew") or 0) < 1:
            yield (*path, "maxSkew"), f"is {constraint.get('maxSkew')}; must be 1 or more"
        yield from _topology(constraint, path)


def _topology(term: Map, path: Path) -> Findings:
    """Yield what is wrong with the topology key and label selector of a term."""
    topology = term.get("topologyKey") or ""
    message = names.label_key(topology)
    yield from finding((*path, "topologyKey"), message)
    selector: Path = ("labelSelector", "matchLabels")
    at = path + selector
    labels = get(term, selector) or {}
    for key, value in labels.items():
        message = names.label_key(key) or names.label_value(value)
        yield from finding((*at, key), message)


@rule("eviction-strategy")
def _eviction(vm: Map) -> Findings:
    """`evictionStrategy` is LiveMigrate, LiveMigrateIfPossible, None or External."""
    strategy = get(vm, _EVICTION_STRATEGY)
    if strategy is not None:
        yield from choice(_EVICTION_STRATEGY, strategy, _EVICTION_STRATEGIES)


@rule("dns")
def _dns(vm: Map) -> Findings:
    """`dnsPolicy` is one that pods have; None needs name servers; at most three of these, 32
    searches of 2048 characters.
    """
    policy, config = get(vm, _DNS_POLICY), get(vm, _DNS)
    if policy:
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
        yield path, "has over 32 entries or 2048 characters"
    for index, search in enumerate(searches):
        yield from finding((*path, index), names.subdomain(search))


@rule("affinity")
def _affinity(vm: Map) -> Findings:
    """Affinity terms have legal keys, operators that fit their values, weights of 1 to 100 and a
    topology key.
    """
    yield from _node_affinity(vm)
    for kind in ("podAffinity", "podAntiAffinity"):
        for path, term in elements(vm, (*_AFFINITY, kind, _REQUIRED)):
            yield from _topology(term, path)
        for path, term in elements(vm, (*_AFFINITY, kind, _PREFERRED)):
            yield from _weight(term, path)
            pod_term = term.get("podAffinityTerm") or {}
            yield from _topology(pod_term, (*path, "podAffinityTerm"))


def _node_affinity(vm: Map) -> Findings:
    """Yield what is wrong with the terms about nodes."""
    path = (*_AFFINITY, "nodeAffinity")
    required = (*path, _REQUIRED)
    terms = (*required, "nodeSelectorTerms")
    is_present = get(vm, required) is not None
    if is_present and not get(vm, terms):
        yield terms, "is required"
    for at, term in elements(vm, terms):
        yield from _expressions(term, at)
    for at, term in elements(vm, (*path, _PREFERRED)):
        yield from _weight(term, at)
        preference = term.get("preference") or {}
        yield from _expressions(preference, (*at, "preference"))


def _weight(term: Map, path: Path) -> Findings:
    """Yield a weight that is out of range."""
    weight = term.get("weight")
    if not 1 <= (weight or 0) <= 100:
        yield (*path, "weight"), f"is {show(weight)}; must be 1 to 100"


def _expressions(term: Map, path: Path) -> Findings:
    """Yield expressions with a wrong key, or values that do not fit their operator."""
    for at, expression in elements(term, ("matchExpressions",), path):
        key = expression.get("key") or ""
        message = names.label_key(key)
        yield from finding((*at, "key"), message)
        yield from finding((*at, "values"), _operator_fault(expression))


def _operator_fault(expression: Map) -> str:
    """Describe why the values of an expression do not fit its operator, "" if they do."""
    operator = expression.get("operator")
    values = expression.get("values") or []
    if operator in ("In", "NotIn") and not values:
        return f"is required with {operator}"
    if operator in ("Exists", "DoesNotExist") and values:
        return f"can't stand beside {operator}"
    if operator in ("Gt", "Lt") and len(values) != 1:
        return f"must be one value with {operator}"
    return ""


RULES = (_spread, _eviction, _dns, _affinity)
