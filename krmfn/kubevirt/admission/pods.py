"""KubeVirt's admission rules about what goes to a machine's pod: probes, scheduling and DNS; see `rules.py`."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

from krmfn.kubernetes import names
from krmfn.kubevirt.admission.rules import DOMAIN, VMI, Finding, at, listed, one_of, rule
from krmfn.kubevirt.merge import Map
from krmfn.problems import Path, show


@rule("probes", "A probe has exactly one handler, and http and tcp need the pod network.")
def _probes(spec: Map) -> Iterator[Finding]:
    pod = any("pod" in network for _, network in listed(spec, *VMI, "networks"))
    for key in ("readinessProbe", "livenessProbe"):
        probe = at(spec, *VMI, key)
        if probe is None:
            continue
        handlers = [
            name for name in ("httpGet", "tcpSocket", "exec", "guestAgentPing") if name in probe
        ]
        if len(handlers) != 1:
            yield (
                (*VMI, key),
                f"has {' and '.join(handlers) or 'no handler'}; must have one of httpGet, tcpSocket, exec, guestAgentPing",
            )
        for name in ("httpGet", "tcpSocket"):
            if name in probe and not pod:
                yield (*VMI, key, name), "needs the pod network among the networks"


_EFFECTS = ("NoExecute", "NoSchedule", "PreferNoSchedule")
_OPERATORS = ("DoesNotExist", "Exists", "Gt", "In", "Lt", "NotIn")
_POLICIES = ("Honor", "Ignore")
_PULL = ("Always", "IfNotPresent", "Never")
_NODE_AFFINITY = (*VMI, "affinity", "nodeAffinity")
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_STORAGE = tuple(("dataVolumeTemplates", "*", "spec", kind) for kind in ("pvc", "storage"))
_MATCHES = ("matchExpressions", "matchFields")
# The choices in KubeVirt's OpenAPI document that its CRD does not have; "*" is any element.
_CHOICES: tuple[tuple[Path, tuple[str, ...]], ...] = (
    *(((*path, "volumeMode"), ("Block", "Filesystem", "FromStorageProfile")) for path in _STORAGE),
    *(
        (
            (*path, "accessModes", "*"),
            ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"),
        )
        for path in _STORAGE
    ),
    *(
        ((*_NODE_AFFINITY, _PREFERRED, "*", "preference", key, "*", "operator"), _OPERATORS)
        for key in _MATCHES
    ),
    *(
        ((*_NODE_AFFINITY, _REQUIRED, "nodeSelectorTerms", "*", key, "*", "operator"), _OPERATORS)
        for key in _MATCHES
    ),
    ((*DOMAIN, "firmware", "kernelBoot", "container", "imagePullPolicy"), _PULL),
    ((*VMI, "volumes", "*", "containerDisk", "imagePullPolicy"), _PULL),
    *(
        ((*VMI, probe, "httpGet", "scheme"), ("HTTP", "HTTPS"))
        for probe in ("livenessProbe", "readinessProbe")
    ),
    ((*VMI, "tolerations", "*", "effect"), _EFFECTS),
    ((*VMI, "tolerations", "*", "operator"), ("Equal", "Exists")),
    *(
        ((*VMI, "topologySpreadConstraints", "*", key), _POLICIES)
        for key in ("nodeAffinityPolicy", "nodeTaintsPolicy")
    ),
    (
        (*VMI, "topologySpreadConstraints", "*", "whenUnsatisfiable"),
        ("DoNotSchedule", "ScheduleAnyway"),
    ),
)


@rule(
    "choices",
    "Fields with a choice (policies, operators, effects, modes, schemes) hold one that Kubernetes knows.",
)
def _choices(spec: Map) -> Iterator[Finding]:
    for pattern, allowed in _CHOICES:
        for path, value in _matching(spec, pattern):
            if wrong := one_of(value, allowed):
                yield path, wrong


def _matching(value: Any, pattern: Path, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """What stands at a path in which `*` is any element of a list."""
    if not pattern:
        yield path, value
    elif pattern[0] == "*":
        for index, element in enumerate(value if isinstance(value, list) else ()):
            yield from _matching(element, pattern[1:], (*path, index))
    elif isinstance(value, dict) and value.get(str(pattern[0])) is not None:
        yield from _matching(value[str(pattern[0])], pattern[1:], (*path, pattern[0]))


@rule(
    "spread", "Of topology spread constraints, `maxSkew` is 1 or more and `topologyKey` is there."
)
def _spread(spec: Map) -> Iterator[Finding]:
    for index, constraint in listed(spec, *VMI, "topologySpreadConstraints"):
        path = (*VMI, "topologySpreadConstraints", index)
        if (constraint.get("maxSkew") or 0) < 1:
            yield (*path, "maxSkew"), f"is {constraint.get('maxSkew')}; must be 1 or more"
        if wrong := names.label_key(constraint.get("topologyKey") or ""):
            yield (*path, "topologyKey"), wrong
        yield from _selector(constraint.get("labelSelector"), (*path, "labelSelector"))


@rule(
    "eviction-strategy",
    "`evictionStrategy` is LiveMigrate, LiveMigrateIfPossible, None or External.",
)
def _eviction(spec: Map) -> Iterator[Finding]:
    strategy = at(spec, *VMI, "evictionStrategy")
    if strategy is not None and (
        wrong := one_of(strategy, ("LiveMigrate", "LiveMigrateIfPossible", "None", "External"))
    ):
        yield (*VMI, "evictionStrategy"), wrong


@rule(
    "dns",
    "`dnsPolicy` is one that pods have; None needs name servers; at most three of these, 32 searches of 2048 characters.",
)
def _dns(spec: Map) -> Iterator[Finding]:
    policy, config = at(spec, *VMI, "dnsPolicy"), at(spec, *VMI, "dnsConfig")
    if policy and (
        wrong := one_of(policy, ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"))
    ):
        yield (*VMI, "dnsPolicy"), wrong
    servers, searches = at(config, "nameservers") or [], at(config, "searches") or []
    if policy == "None" and not servers:
        yield (*VMI, "dnsConfig"), "needs nameservers with dnsPolicy None"
        return
    if len(servers) > 3:
        yield (*VMI, "dnsConfig", "nameservers"), f"has {len(servers)}; at most 3"
    for index, server in enumerate(servers):
        if not _is_address(server):
            yield (
                (*VMI, "dnsConfig", "nameservers", index),
                f"is {show(server)}; must be an address",
            )
    if len(searches) > 32 or len(" ".join(searches)) > 2048:
        yield (*VMI, "dnsConfig", "searches"), "has over 32 entries or 2048 characters"
    for index, search in enumerate(searches):
        if wrong := names.subdomain(search):
            yield (*VMI, "dnsConfig", "searches", index), wrong
    for index, option in listed(config, "options"):
        if not option.get("name"):
            yield (*VMI, "dnsConfig", "options", index, "name"), "is required"


def _is_address(text: str) -> bool:
    try:
        return bool(ipaddress.ip_address(text)) and "%" not in text
    except ValueError:
        return False


@rule(
    "affinity",
    "Affinity terms have legal keys, operators that fit their values, weights of 1 to 100 and a topology key.",
)
def _affinity(spec: Map) -> Iterator[Finding]:
    affinity = at(spec, *VMI, "affinity")
    required, preferred = (
        at(affinity, "nodeAffinity", _REQUIRED),
        at(affinity, "nodeAffinity", _PREFERRED),
    )
    path = _NODE_AFFINITY
    if required is not None and not required.get("nodeSelectorTerms"):
        yield (*path, _REQUIRED, "nodeSelectorTerms"), "is required"
    for index, term in listed(required, "nodeSelectorTerms"):
        yield from _expressions(term, (*path, _REQUIRED, "nodeSelectorTerms", index))
    for index, term in enumerate(preferred or ()):
        yield from _weight(term, (*path, _PREFERRED, index))
        yield from _expressions(
            term.get("preference") or {}, (*path, _PREFERRED, index, "preference")
        )
    for kind in ("podAffinity", "podAntiAffinity"):
        where = (*VMI, "affinity", kind)
        for index, term in listed(affinity, kind, _REQUIRED):
            yield from _pod_term(term, (*where, _REQUIRED, index))
        for index, term in listed(affinity, kind, _PREFERRED):
            yield from _weight(term, (*where, _PREFERRED, index))
            yield from _pod_term(
                term.get("podAffinityTerm") or {}, (*where, _PREFERRED, index, "podAffinityTerm")
            )


def _weight(term: Map, path: Path) -> Iterator[Finding]:
    if not 1 <= (term.get("weight") or 0) <= 100:
        yield (*path, "weight"), f"is {show(term.get('weight'))}; must be 1 to 100"


def _expressions(term: Map, path: Path) -> Iterator[Finding]:
    for index, one in listed(term, "matchExpressions"):
        where, operator, values = (
            (*path, "matchExpressions", index),
            one.get("operator"),
            one.get("values") or [],
        )
        if wrong := names.label_key(one.get("key") or ""):
            yield (*where, "key"), wrong
        if operator in ("In", "NotIn") and not values:
            yield (*where, "values"), f"is required with {operator}"
        elif operator in ("Exists", "DoesNotExist") and values:
            yield (*where, "values"), f"can't stand beside {operator}"
        elif operator in ("Gt", "Lt") and len(values) != 1:
            yield (*where, "values"), f"must be one value with {operator}"


def _pod_term(term: Map, path: Path) -> Iterator[Finding]:
    if wrong := names.label_key(term.get("topologyKey") or ""):
        yield (*path, "topologyKey"), wrong
    yield from _selector(term.get("labelSelector"), (*path, "labelSelector"))


def _selector(selector: Any, path: Path) -> Iterator[Finding]:
    for key, value in (at(selector, "matchLabels") or {}).items():
        if wrong := names.label_key(key) or names.label_value(value):
            yield (*path, "matchLabels", key), wrong
