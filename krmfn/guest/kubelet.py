"""The flags of a node's kubelet: its claim's arguments, the node's labels and taints, reserves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from functools import lru_cache

from krmfn.kubernetes import names
from krmfn.kubernetes.quantity import Quantity
from krmfn.platform.model import Taint
from krmfn.problems import Place, Problem, path_text, show
from krmfn.records import record

# k8s.io/kubelet/pkg/apis: what kubelet may set on its own node under Kubernetes' domains.
_ALLOWED_DOMAINS = ("kubelet.kubernetes.io", "node.kubernetes.io")
_ALLOWED_LABELS = (
    "kubernetes.io/hostname",
    "kubernetes.io/arch",
    "kubernetes.io/os",
    "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region",
    "beta.kubernetes.io/instance-type",
    "beta.kubernetes.io/os",
    "beta.kubernetes.io/arch",
)
_RESTRICTED_DOMAINS = ("kubernetes.io", "k8s.io")
_NODE_LABELS = "node-labels"

PlacedTaint = tuple[Taint, Place]


def placed(taints: list[Taint], at: Place) -> Iterator[PlacedTaint]:
    """Yield the taints of a list, which stands at `at`, with their places."""
    for index, taint in enumerate(taints):
        yield taint, at.field(index)


@record(frozen=True)
class Kubelet:
    """One kubelet's settings.

    `labels` must be legal labels. `properties` become labels only if they are legal; the others
    are for scheduling alone. So do `defaults`, unless a label of the same key is set elsewhere.
    Each of the `taints` comes with its place.
    """

    arguments: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    properties: dict[str, str] = field(default_factory=dict)
    defaults: dict[str, str] = field(default_factory=dict)
    taints: tuple[PlacedTaint, ...] = ()
    reserved: dict[str, Quantity] = field(default_factory=dict)

    def flags(self) -> list[str]:
        """Write the flags, the claim's arguments first, in an order that only the input decides."""
        flags = self.arguments | self._derived()
        return [f"--{name}={value}" for name, value in flags.items()]

    def _derived(self) -> dict[str, str]:
        """Make the flags that are not the claim's own arguments."""
        labels = {**_legal(self.defaults), **self._own_labels(), **self._declared_labels()}
        taints = dict.fromkeys(taint.register for taint, _ in self.taints)
        flags = {
            "kube-reserved": _pairs(self.reserved),
            "node-labels": _pairs(labels),
            "register-with-taints": ",".join(taints),
        }
        return {name: value for name, value in flags.items() if value}

    def _declared_labels(self) -> dict[str, str]:
        """Return the labels that come from properties, and those that are declared as labels."""
        return _legal(self.properties) | self.labels

    def _own_labels(self) -> dict[str, str]:
        """Return the labels among the claim's own arguments: it has no other field for them."""
        pairs = (label.partition("=") for label in _parts(self.arguments, _NODE_LABELS))
        return {key: value for key, _, value in pairs}

    def problems(self, at: Place) -> Iterator[Problem]:
        """Yield what kubelet would refuse, so that the node would never join.

        `at` is the place of a claim's spec or of a pool.
        """
        yield from self._taint_problems(at.field("taints"))
        arguments = at.field("kubeletArgs")
        for name in self._derived():
            if name in self.arguments and name != _NODE_LABELS:
                sources = (
                    "the taints, labels, properties or overhead of the claim and its node type"
                )
                message = f"is also made of {sources}; write it there"
                yield arguments.field(name).error(message)
        yield from self._argument_problems(arguments)
        for key, value in self.labels.items():
            if fault := label_problem(key, value):
                yield at.field("nodeLabels", key).error(fault)

    def _argument_problems(self, at: Place) -> Iterator[Problem]:
        """Check the labels and taints among the claim's own arguments."""
        declared, where = self._declared_labels(), at.field(_NODE_LABELS)
        for key, value in self._own_labels().items():
            if fault := label_problem(key, value):
                yield where.error(f"has a label that {fault}")
            elif declared.get(key, value) != value:
                message = f"sets {key} to {show(value)}, but a property, a profile or the node "
                message += f"type sets it to {show(declared[key])}; keep one of them"
                yield where.error(message)
        for taint in _parts(self.arguments, "register-with-taints"):
            if fault := _taint_fault(taint):
                yield at.field("register-with-taints").error(f"has a taint that {fault}")

    def _taint_problems(self, at: Place) -> Iterator[Problem]:
        """Yield taints that have two values."""
        seen: dict[tuple[str, str], PlacedTaint] = {}
        for taint, place in self.taints:
            first, first_place = seen.setdefault((taint.key, taint.effect), (taint, place))
            if first.value != taint.value:
                both = (
                    f"{show(one.value)} ({_named(where, at)})"
                    for one, where in ((first, first_place), (taint, place))
                )
                message = f"has {taint.key} with effect {taint.effect} twice, with two values; "
                yield at.error(f"{message}kubelet takes one: {' or '.join(both)}")


def _named(place: Place, near: Place) -> str:
    """Name a place: by its field alone if it is in the object of `near`."""
    return path_text(place.path) if place.origin == near.origin else place.text


def _legal(labels: Mapping[str, str]) -> dict[str, str]:
    """Return the labels that kubelet may set."""
    return {key: value for key, value in labels.items() if not label_problem(key, value)}


def _pairs(values: Mapping[str, object]) -> str:
    """Write the value of an argument that is a map, in the order of its keys."""
    pairs = [f"{key}={values[key]}" for key in sorted(values)]
    return ",".join(pairs)


def _parts(arguments: dict[str, str], name: str) -> list[str]:
    """Split the value of an argument that is a list."""
    parts = arguments.get(name, "").split(",")
    return [part for part in parts if part]


def _taint_fault(text: str) -> str:
    """Say why kubelet would not start with a taint, written `key=value:effect`, or ""."""
    key_and_value, colon, effect = text.rpartition(":")
    key, _, value = key_and_value.partition("=")
    fault = names.label_key(key) or names.label_value(value)
    return fault or names.effect(effect if colon else "")


# The nodes of a run have most of their labels in common.
@lru_cache(4096)
def label_problem(key: str, value: str) -> str:
    """Say why kubelet would not set a label on its own node, or ""."""
    if fault := names.label_key(key) or names.label_value(value):
        return fault
    domain = key.rpartition("/")[0]
    is_restricted = _is_within(domain, _RESTRICTED_DOMAINS)
    if is_restricted and key not in _ALLOWED_LABELS and not _is_within(domain, _ALLOWED_DOMAINS):
        return "is a label under Kubernetes' own domains that kubelet may not set"
    return ""


def _is_within(domain: str, domains: tuple[str, ...]) -> bool:
    """Tell whether a domain is one of several, or below one."""
    return any(domain == parent or domain.endswith(f".{parent}") for parent in domains)
