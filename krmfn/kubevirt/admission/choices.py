"""The admission rule about choices that are in KubeVirt's OpenAPI document, and not in its CRD."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from krmfn.kubernetes.names import EFFECTS
from krmfn.kubevirt.admission.rule import Findings, choice, rule
from krmfn.kubevirt.vm_paths import DATA_VOLUMES, FIRMWARE, INSTANCE, VOLUMES, Map
from krmfn.problems import Path

_OPERATORS = ("DoesNotExist", "Exists", "Gt", "In", "Lt", "NotIn")
_EFFECTS = tuple(sorted(EFFECTS))
_SPREAD_POLICIES = ("Honor", "Ignore")
_PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_SCHEMES = ("HTTP", "HTTPS")
VOLUME_MODES = ("Block", "Filesystem", "FromStorageProfile")
ACCESS_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
# "*" is any element of a list.
_PVC = (*DATA_VOLUMES, "*", "spec", "pvc")
_STORAGE = (*DATA_VOLUMES, "*", "spec", "storage")
_NODE_AFFINITY = (*INSTANCE, "affinity", "nodeAffinity")
_PREFERENCE = (
    *_NODE_AFFINITY,
    "preferredDuringSchedulingIgnoredDuringExecution",
    "*",
    "preference",
)
_NODE_TERM = (
    *_NODE_AFFINITY,
    "requiredDuringSchedulingIgnoredDuringExecution",
    "nodeSelectorTerms",
    "*",
)
_TOLERATION = (*INSTANCE, "tolerations", "*")
_SPREAD = (*INSTANCE, "topologySpreadConstraints", "*")
_CHOICES: tuple[tuple[Path, tuple[str, ...]], ...] = (
    ((*_PVC, "volumeMode"), VOLUME_MODES),
    ((*_STORAGE, "volumeMode"), VOLUME_MODES),
    ((*_PVC, "accessModes", "*"), ACCESS_MODES),
    ((*_STORAGE, "accessModes", "*"), ACCESS_MODES),
    ((*_PREFERENCE, "matchExpressions", "*", "operator"), _OPERATORS),
    ((*_PREFERENCE, "matchFields", "*", "operator"), _OPERATORS),
    ((*_NODE_TERM, "matchExpressions", "*", "operator"), _OPERATORS),
    ((*_NODE_TERM, "matchFields", "*", "operator"), _OPERATORS),
    ((*FIRMWARE, "kernelBoot", "container", "imagePullPolicy"), _PULL_POLICIES),
    ((*VOLUMES, "*", "containerDisk", "imagePullPolicy"), _PULL_POLICIES),
    ((*INSTANCE, "livenessProbe", "httpGet", "scheme"), _SCHEMES),
    ((*INSTANCE, "readinessProbe", "httpGet", "scheme"), _SCHEMES),
    ((*_TOLERATION, "effect"), _EFFECTS),
    ((*_TOLERATION, "operator"), ("Equal", "Exists")),
    ((*_SPREAD, "nodeAffinityPolicy"), _SPREAD_POLICIES),
    ((*_SPREAD, "nodeTaintsPolicy"), _SPREAD_POLICIES),
    ((*_SPREAD, "whenUnsatisfiable"), ("DoNotSchedule", "ScheduleAnyway")),
)


@rule("choices")
def _choices(vm: Map) -> Findings:
    """Fields with a choice (policies, operators, effects, modes, schemes) hold one that Kubernetes
    knows.
    """
    for pattern, allowed in _CHOICES:
        for path, value in _matching(vm, pattern):
            yield from choice(path, value, allowed)


def _matching(value: Any, pattern: Path, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield the values at a path in which `*` is any element of a list."""
    if not pattern:
        yield path, value
        return
    step, rest = pattern[0], pattern[1:]
    if step == "*":
        elements = value if isinstance(value, list) else ()
        for index, element in enumerate(elements):
            yield from _matching(element, rest, (*path, index))
        return
    child = value.get(step) if isinstance(value, dict) else None
    if child is not None:
        yield from _matching(child, rest, (*path, step))


RULES = (_choices,)
