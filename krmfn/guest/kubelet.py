"""What the kubelet of a node is told: its claim's arguments, the node's labels and taints, and what it keeps for itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from krmfn.kubernetes import names
from krmfn.kubernetes.quantity import Quantity
from krmfn.platform.model import Taint
from krmfn.problems import Place, Problem

# k8s.io/kubelet/pkg/apis: what kubelet may set on its own node under Kubernetes' domains.
_OWN_DOMAINS = ("kubelet.kubernetes.io", "node.kubernetes.io")
_OWN_LABELS = (
    "kubernetes.io/hostname", "kubernetes.io/arch", "kubernetes.io/os", "topology.kubernetes.io/zone", "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/region", "beta.kubernetes.io/instance-type",
    "beta.kubernetes.io/os", "beta.kubernetes.io/arch",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kubelet:
    """One kubelet's settings; `properties` become labels where they can, `labels` have to."""

    arguments: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    properties: dict[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    reserved: dict[str, Quantity] = field(default_factory=dict)

    def flags(self) -> list[str]:
        """The flags, the claim's own first, in an order that its input alone decides."""
        return [f"--{name}={value}" for name, value in (self.arguments | self._derived()).items()]

    def _derived(self) -> dict[str, str]:
        """The flags that krmfn makes. What kubelet would not take as a label is for scheduling alone."""
        labels = {
            key: value for key, value in self.properties.items() if not label_problem(key, value)
        } | self.labels
        return {
            name: ",".join(values)
            for name, values in (
                (
                    "kube-reserved",
                    [f"{name}={amount}" for name, amount in sorted(self.reserved.items())],
                ),
                ("node-labels", [f"{key}={value}" for key, value in sorted(labels.items())]),
                (
                    "register-with-taints",
                    list(dict.fromkeys(taint.register for taint in self.taints)),
                ),
            )
            if values
        }

    def problems(self, at: Place) -> Iterator[Problem]:
        """What kubelet would refuse, so that the node never joins; `at` is the place of a claim's spec or of a pool."""
        seen: dict[tuple[str, str], str] = {}
        for taint in self.taints:
            if seen.setdefault((taint.key, taint.effect), taint.value) != taint.value:
                yield at.field("taints").error(
                    f"has {taint.key} with effect {taint.effect} twice, with two values; kubelet takes one"
                )
        for name in self._derived():
            if name in self.arguments:
                text = "is also made of the taints, labels, properties or overhead of the claim and its node type; write it there"
                yield at.field("kubeletArgs", name).error(text)
        for name, wrong in _argument_problems(self.arguments):
            yield at.field("kubeletArgs", name).error(wrong)
        for key, value in self.labels.items():
            if wrong := label_problem(key, value):
                yield at.field("nodeLabels", key).error(wrong)


def _argument_problems(arguments: dict[str, str]) -> Iterator[tuple[str, str]]:
    """What kubelet would not start with among a claim's own labels and taints."""
    for label in filter(None, arguments.get("node-labels", "").split(",")):
        key, _, value = label.partition("=")
        if wrong := label_problem(key, value):
            yield "node-labels", f"has a label that {wrong}"
    for taint in filter(None, arguments.get("register-with-taints", "").split(",")):
        key, colon, effect = taint.rpartition(":")
        key, _, value = key.partition("=")
        if (
            wrong := names.label_key(key)
            or names.label_value(value)
            or names.effect(effect if colon else "")
        ):
            yield "register-with-taints", f"has a taint that {wrong}"


def label_problem(key: str, value: str) -> str:
    """Why kubelet would not set a label on its node, or ""."""
    if wrong := names.label_key(key) or names.label_value(value):
        return wrong
    domain = key.rpartition("/")[0]
    restricted = domain in ("kubernetes.io", "k8s.io") or domain.endswith(
        (".kubernetes.io", ".k8s.io")
    )
    allowed = key in _OWN_LABELS or any(
        domain == own or domain.endswith(f".{own}") for own in _OWN_DOMAINS
    )
    return (
        "is a label under Kubernetes' own domains that kubelet may not set"
        if restricted and not allowed
        else ""
    )
