"""Admission rules about probes."""

from __future__ import annotations

from krmfn.kubevirt.admission.rule import Findings, elements, rule
from krmfn.kubevirt.vm_paths import INSTANCE, NETWORKS, Map, get

_HANDLERS = ("httpGet", "tcpSocket", "exec", "guestAgentPing")


@rule("probes")
def _probes(vm: Map) -> Findings:
    """A probe has exactly one handler, and http and tcp need the pod network."""
    has_pod_network = any("pod" in network for _, network in elements(vm, NETWORKS))
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


RULES = (_probes,)
