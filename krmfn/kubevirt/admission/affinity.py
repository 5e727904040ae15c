"""Admission rules about affinity, which are Kubernetes' own for pods."""

from __future__ import annotations

from krmfn.kubernetes import names
from krmfn.kubevirt.admission.rule import Findings, choice, elements, finding, rule
from krmfn.kubevirt.vm_paths import INSTANCE, Map, get
from krmfn.problems import Path, show

_AFFINITY = (*INSTANCE, "affinity")
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_NODE_NAME = "metadata.name"


@rule(
    "affinity",
    "validateSpecAffinity",
    "validateAffinity",
    "validateNodeAffinity",
    "ValidatePreferredSchedulingTerms",
    "validatePodAffinity",
    "validatePodAntiAffinity",
    "validateWeightedPodAffinityTerms",
    "validatePodAffinityTerms",
    "validatePodAffinityTerm",
    "ValidateNodeSelector",
    "ValidateNodeSelectorTerm",
    "ValidateNodeSelectorRequirement",
    "ValidateNodeFieldSelectorRequirement",
)
def _affinity(vm: Map) -> Findings:
    """Affinity terms have legal keys and namespaces, operators that fit their values, weights of 1
    to 100 and a topology key; of a node's fields, they know its name.
    """
    yield from _node_affinity(vm)
    for kind in ("podAffinity", "podAntiAffinity"):
        for path, term in elements(vm, (*_AFFINITY, kind, _REQUIRED)):
            yield from _pod_term(term, path)
        for path, term in elements(vm, (*_AFFINITY, kind, _PREFERRED)):
            yield from _weight(term, path)
            pod_term = term.get("podAffinityTerm") or {}
            yield from _pod_term(pod_term, (*path, "podAffinityTerm"))


def _node_affinity(vm: Map) -> Findings:
    """Yield what is wrong with the terms about nodes."""
    path = (*_AFFINITY, "nodeAffinity")
    required = (*path, _REQUIRED)
    terms = (*required, "nodeSelectorTerms")
    is_present = get(vm, required) is not None
    if is_present and not get(vm, terms):
        yield terms, "is required"
    for at, term in elements(vm, terms):
        yield from _node_term(term, at)
    for at, term in elements(vm, (*path, _PREFERRED)):
        yield from _weight(term, at)
        preference = term.get("preference") or {}
        yield from _node_term(preference, (*at, "preference"))


def _weight(term: Map, path: Path) -> Findings:
    """Yield a weight that is out of range."""
    weight = term.get("weight")
    if not 1 <= (weight or 0) <= 100:
        yield (*path, "weight"), f"is {show(weight)}; must be 1 to 100"


def _node_term(term: Map, path: Path) -> Findings:
    """Yield expressions and fields of a term about nodes that are wrong."""
    for at, expression in elements(term, ("matchExpressions",), path):
        yield from finding((*at, "key"), names.label_key(expression.get("key") or ""))
        yield from finding((*at, "values"), _operator_fault(expression))
    for at, field in elements(term, ("matchFields",), path):
        yield from _node_field(field, at)


def _node_field(field: Map, path: Path) -> Findings:
    """Yield a field of a node that is not its name, or a condition that is not one name."""
    values = field.get("values") or []
    yield from choice((*path, "operator"), field.get("operator"), ("In", "NotIn"))
    if field.get("key") != _NODE_NAME:
        yield (*path, "key"), f"is {show(field.get('key'))}; must be {_NODE_NAME}"
    if len(values) != 1:
        yield (*path, "values"), f"has {len(values)}; must be one name"
    for index, value in enumerate(values):
        yield from finding((*path, "values", index), names.subdomain(value))


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


def _pod_term(term: Map, path: Path) -> Findings:
    """Yield what is wrong with a term about pods."""
    yield from topology(term, path)
    yield from _selector(term, "namespaceSelector", path)
    for index, namespace in enumerate(term.get("namespaces") or ()):
        yield from finding((*path, "namespaces", index), names.dns_label(namespace))


def topology(term: Map, path: Path) -> Findings:
    """Yield what is wrong with the topology key and label selector of a term about pods."""
    message = names.label_key(term.get("topologyKey") or "")
    yield from finding((*path, "topologyKey"), message)
    yield from _selector(term, "labelSelector", path)


def _selector(term: Map, key: str, path: Path) -> Findings:
    """Yield what is wrong with a label selector."""
    selector, at = term.get(key) or {}, (*path, key)
    for label, value in (selector.get("matchLabels") or {}).items():
        message = names.label_key(label) or names.label_value(value)
        yield from finding((*at, "matchLabels", label), message)
    for where, expression in elements(selector, ("matchExpressions",), at):
        yield from finding((*where, "key"), names.label_key(expression.get("key") or ""))
        operators = ("In", "NotIn", "Exists", "DoesNotExist")
        yield from choice((*where, "operator"), expression.get("operator"), operators)
        yield from finding((*where, "values"), _operator_fault(expression))
        for index, value in enumerate(expression.get("values") or ()):
            yield from finding((*where, "values", index), names.label_value(value))


RULES = (_affinity,)
