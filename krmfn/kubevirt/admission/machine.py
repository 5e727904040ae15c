"""Admission rules about the machine as a whole: its run strategy and names."""

from __future__ import annotations

from collections.abc import Iterator

from krmfn.kubernetes import names
from krmfn.kubevirt.admission.rule import (
    Findings,
    Need,
    choice,
    cluster_rule,
    finding,
    gate_rule,
    rule,
)
from krmfn.kubevirt.cluster import Cluster
from krmfn.kubevirt.vm_paths import (
    INSTANCE,
    INSTANCE_METADATA,
    RUN_STRATEGY,
    RUNNING,
    Map,
    get,
)

STRATEGIES = ("Always", "Halted", "Manual", "RerunOnFailure", "Once")
_RECEIVER = "WaitAsReceiver"
_RECEIVER_SINCE = "1.6"
# What KubeVirt itself writes on the instances that it makes.
_RESERVED_LABELS = (
    "kubevirt.io/created-by",
    "kubevirt.io/migrationJobUID",
    "kubevirt.io/nodeName",
    "kubevirt.io/migrationTargetNodeName",
    "kubevirt.io/schedulable",
    "kubevirt.io/install-strategy",
)
_ANNOTATIONS = (*INSTANCE_METADATA, "annotations")
_IGNITION = (*_ANNOTATIONS, "kubevirt.io/ignitiondata")
_SIDECARS = (*_ANNOTATIONS, "hooks.kubevirt.io/hookSidecars")


@cluster_rule("run-strategy", "validateRunStrategy")
def _run_strategy(vm: Map, cluster: Cluster) -> Findings:
    """Exactly one of `runStrategy` and `running`; `runStrategy` is Always, Halted, Manual,
    RerunOnFailure or Once.
    """
    spec = vm["spec"]
    if "running" in spec and "runStrategy" in spec:
        yield RUNNING, "stands beside runStrategy; keep that one"
    strategy = spec.get("runStrategy")
    if strategy is not None:
        is_known = strategy == _RECEIVER and cluster.is_within(_RECEIVER_SINCE, None)
        if not is_known:
            yield from choice(RUN_STRATEGY, strategy, STRATEGIES)


@gate_rule("run-strategy-gate", "validateRunStrategy", since=_RECEIVER_SINCE)
def _wait_as_receiver(vm: Map, _: Cluster) -> Iterator[Need]:
    """`runStrategy: WaitAsReceiver` needs the feature gate DecentralizedLiveMigration."""
    if get(vm, RUN_STRATEGY) == _RECEIVER:
        yield RUN_STRATEGY, "DecentralizedLiveMigration", f"is {_RECEIVER}"


@rule("reserved-labels", "ValidateVirtualMachineInstanceMetadata", "filterKubevirtLabels")
def _reserved_labels(vm: Map) -> Findings:
    """The template has none of the labels that KubeVirt writes on instances itself."""
    labels = get(vm, (*INSTANCE_METADATA, "labels")) or {}
    for key in _RESERVED_LABELS:
        if key in labels:
            yield (*INSTANCE_METADATA, "labels", key), "is reserved: KubeVirt sets it itself"


@gate_rule("annotation-gate", "ValidateVirtualMachineInstanceMetadata")
def _annotation_gates(vm: Map, _: Cluster) -> Iterator[Need]:
    """Annotations for hook sidecars and Ignition need feature gates."""
    if get(vm, _SIDECARS):
        yield _SIDECARS, "Sidecar", ""
    if get(vm, _IGNITION):
        what = "is for Ignition (cloud-init, by which nodes join, does not read it)"
        yield _IGNITION, "ExperimentalIgnitionSupport", what


@rule(
    "host-name",
    "validateHostNameNotConformingToDNSLabelRules",
    "appendNewStatusCauseForHostNameNotConformingToDNSLabelRules",
    "validateSubdomainDNSSubdomainRules",
)
def _host_name(vm: Map) -> Findings:
    """`hostname` is a DNS label, `subdomain` a DNS name."""
    for key, grammar in (("hostname", names.dns_label), ("subdomain", names.subdomain)):
        name = get(vm, (*INSTANCE, key))
        if name:
            yield from finding((*INSTANCE, key), grammar(name))


RULES = (
    _run_strategy,
    _wait_as_receiver,
    _reserved_labels,
    _annotation_gates,
    _host_name,
)
