"""Admission rules about probes."""

from __future__ import annotations

from krmfn.kubevirt.admission.rule import Findings, elements, rule
from krmfn.kubevirt.vm_paths import DEVICES, INSTANCE, INTERFACES, NETWORKS, Map, get

_HANDLERS = ("httpGet", "tcpSocket", "exec", "guestAgentPing")


@rule(
    "probes",
    "validateProbe",
    "appendStatusCauseForProbeNotAllowedWithNoPodNetworkPresent",
    "podNetworkRequiredStatusCause",
)
def _probes(vm: Map) -> Findings:
    """A probe has exactly one handler, and http and tcp need the pod network."""
    has_pod_network = _has_pod_network(vm)
    for key in ("readinessProbe", "livenessProbe"):
        path = (*INSTANCE, key)
        probe = get(vm, path)
        if probe is None:
            continue
        handlers = [handler for handler in _HANDLERS if handler in probe]
        if len(handlers) != 1:
            present = " and ".join(handlers) or "no handler"
            yield path, f"has {present}; must have one of {', '.join(_HANDLERS)}"
        for handler in ("httpGet", "tcpSocket"):
            if handler in probe and not has_pod_network:
                yield (*path, handler), "needs the pod network among the networks"


def _has_pod_network(vm: Map) -> bool:
    """Tell whether the machine is on the pod network.

    KubeVirt puts it there before it validates, unless it has networks or interfaces, or says no.
    """
    networks = elements(vm, NETWORKS)
    if networks or elements(vm, INTERFACES):
        return any("pod" in network for _, network in networks)
    return get(vm, (*DEVICES, "autoattachPodInterface")) is not False


RULES = (_probes,)
