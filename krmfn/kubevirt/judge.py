"""Would an API server with KubeVirt take a machine, and would its instance start?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from krmfn.kubevirt import schema
from krmfn.kubevirt.admission import RULES
from krmfn.kubevirt.cluster import Cluster
from krmfn.kubevirt.vm_paths import Map
from krmfn.problems import Code, Path, RuleCode
from krmfn.records import record


@record(frozen=True)
class Refusal:
    """One thing that a cluster refuses: a path from the machine's root, and what is wrong there.

    It is not `certain` if it depends on something of the cluster that is not known. An unknown
    field is one that the cluster's schema does not have.
    """

    path: Path
    message: str
    code: Code | RuleCode = Code.INVALID
    certain: bool = True
    is_unknown_field: bool = False


def refusals(vm: Map, cluster: Cluster) -> Iterator[Refusal]:
    """Yield what the cluster would refuse in a machine with a `spec` that is a mapping.

    The rules see the machine without the fields that the schema does not know, as an API server
    drops them, and no machine that it forbids otherwise.
    """
    unknown: list[Path] = []
    is_readable = True
    for violation in schema.violations(vm, cluster):
        if violation.unknown:
            unknown.append(violation.path)
        else:
            is_readable = False
        yield Refusal(violation.path, violation.message, is_unknown_field=violation.unknown)
    known = _without(vm, unknown) if is_readable and unknown else vm
    for rule in RULES if is_readable else ():
        for found in rule.judge(known, cluster):
            yield Refusal(found.path, found.message, rule.code, found.certain)


def _without(value: Any, paths: list[Path]) -> Any:
    """Return a copy of a value without the fields at these paths."""
    below: dict[str | int, list[Path]] = defaultdict(list)
    for path in paths:
        below[path[0]].append(path[1:])
    if isinstance(value, list):
        return [_without(child, below[index]) for index, child in enumerate(value)]
    if not isinstance(value, dict) or not paths:
        return value
    kept = {key: child for key, child in value.items() if () not in below[key]}
    return {key: _without(child, below[key]) for key, child in kept.items()}
