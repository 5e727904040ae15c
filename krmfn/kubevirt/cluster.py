"""The cluster that runs the machines: its version of KubeVirt, feature gates and rollout strategy.

What is not known of a cluster is None. `make kubevirt-gates` makes `gates.json` from KubeVirt's own
registry of feature gates, for each known version.
"""

from __future__ import annotations

import json
import pkgutil
from functools import cache
from typing import Any, Literal

from krmfn.kubevirt.vm_paths import ARCHITECTURE, MACHINE_TYPE, Map, get
from krmfn.patterns import pattern
from krmfn.problems import show
from krmfn.records import record

# What KubeVirt makes of a machine without a type, by architecture.
_MACHINE_TYPES = {"amd64": "q35", "arm64": "virt", "s390x": "s390-ccw-virtio"}
ARCHITECTURES = tuple(_MACHINE_TYPES)
RolloutStrategy = Literal["LiveUpdate", "Stage"]

VERSION = pattern(r"v?([0-9]{1,4})\.([0-9]{1,4})(?:\.[0-9]+(?:[-+].*)?)?")
# The first version that has each stage of a gate on without being asked for it.
_ON_BY_DEFAULT = {"GA": "1.5", "Beta": "1.9"}


@cache
def _document() -> dict[str, Any]:
    """Read the gates' file, once."""
    document: dict[str, Any] = json.loads(pkgutil.get_data(__name__, "gates.json") or b"")
    return document


def known_versions() -> tuple[str, ...]:
    """Return the versions of KubeVirt that krmfn knows, as 1.9, the oldest first."""
    return tuple(_document()["versions"])


def known_gates() -> tuple[str, ...]:
    """Return the names of all feature gates of all known versions."""
    return tuple(_document()["gates"])


def minor(version: str) -> tuple[int, int]:
    """Return the numbers of a version as 1.9 or v1.9.0, in order to compare it.

    Raises:
        ValueError: It is not such a version.
    """
    match = VERSION.fullmatch(version)
    if not match:
        raise ValueError("is not a version")
    return int(match[1]), int(match[2])


def version_problem(version: str) -> str:
    """Describe why a version is none that krmfn knows, "" if it knows it."""
    known = known_versions()
    try:
        is_known = minor(version) in map(minor, known)
    except ValueError:
        is_known = False
    if is_known:
        return ""
    return f"is {show(version)}; krmfn knows KubeVirt {known[0]} to {known[-1]}"


@record(frozen=True)
class Cluster:
    """What is known of a cluster.

    `version` is one of `known_versions`. `gates` are the feature gates that are switched on, and
    `disabled_gates` those that are switched off although they are on by default. `architecture`
    is the one of machines that do not name theirs, and `machine_type` the type that such machines
    get; "" is KubeVirt's own.
    """

    version: str | None = None
    gates: frozenset[str] | None = None
    disabled_gates: frozenset[str] = frozenset()
    rollout_strategy: RolloutStrategy | None = None
    architecture: str = ARCHITECTURES[0]
    machine_type: str = ""

    @property
    def judged_version(self) -> str:
        """The version by whose rules machines are judged: the newest where none is stated."""
        return self.version or known_versions()[-1]

    def is_within(self, since: str | None, before: str | None) -> bool:
        """Tell whether the judged version is `since` or later, and earlier than `before`."""
        judged = minor(self.judged_version)
        is_early_enough = before is None or judged < minor(before)
        return is_early_enough and (since is None or judged >= minor(since))

    def architecture_of(self, vm: Map) -> str:
        """Return the architecture that a machine has on the cluster."""
        return get(vm, ARCHITECTURE) or self.architecture

    def machine_type_of(self, vm: Map) -> str:
        """Return the machine type that a machine has on the cluster."""
        default = self.machine_type or _MACHINE_TYPES.get(self.architecture_of(vm), "")
        return get(vm, MACHINE_TYPE) or default

    def gate(self, name: str) -> bool | None:
        """Tell whether a feature gate is on, or None if that can't be known.

        Without a version, it is known only if it is the same in all known versions.
        """
        versions = [self.version] if self.version else known_versions()
        answers = {self._gate_in(version, name) for version in versions}
        return answers.pop() if len(answers) == 1 else None

    def _gate_in(self, version: str, name: str) -> bool | None:
        """Tell whether a feature gate is on, given the version."""
        stage = _stage(version, name)
        since = _ON_BY_DEFAULT.get(stage)
        is_default = since is not None and minor(version) >= minor(since)
        if stage == "GA":
            return True
        if name in (self.gates or ()):
            return True
        if name in self.disabled_gates:
            return False
        if is_default:
            return True
        return None if self.gates is None else False


def _stage(version: str, name: str) -> str:
    """Return the stage of a gate in a version, "" where the version does not have it."""
    document = _document()
    stages: list[str] = document["gates"].get(name, [])
    return stages[document["versions"].index(version)] if stages else ""


def on_since(name: str) -> str | None:
    """Return the first known version that has a gate on without being asked, or None."""
    unasked = Cluster()
    versions = [v for v in known_versions() if unasked._gate_in(v, name)]
    return versions[0] if versions else None
