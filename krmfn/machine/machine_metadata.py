"""Labels and annotations that users give to machines beside the template."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field

from krmfn.machine.marks import MANAGED_BY, OURS
from krmfn.machine.metadata_checks import size_problems
from krmfn.manifests.item import ORCHESTRATORS
from krmfn.manifests.tools_marks import TOOLS_MARKS
from krmfn.platform.node_claim import VM_REF
from krmfn.problems import Code, Collector, Place, Problem
from krmfn.records import record

Pairs = tuple[tuple[str, str], ...]

# Orchestrators read these on what they apply, so users write them. All others that orchestrators
# have are their notes on an input: kustomize and kpt write them, and nobody has to know. That the
# Platform has a machine for a claim is told elsewhere.
_USERS = ("config.kubernetes.io/depends-on", "config.kubernetes.io/apply-time-mutation")
_NOTES = (*ORCHESTRATORS, VM_REF)
# The domains of the Platform's own marks, such as `kubevirt.vcluster.com/vm-ref`.
_PLATFORM = (".loft.sh", ".vcluster.com")


@record(frozen=True)
class MachineMetadata:
    """Labels and annotations of a NodeClaim, or of a pool in the config, for its machines.

    `config` is the place of the pool in the config, None for a NodeClaim: claims of equal
    metadata are rendered alike.
    """

    labels: Pairs = ()
    annotations: Pairs = ()
    config: Place | None = None


NO_METADATA = MachineMetadata()


@record()
class MetadataReader:
    """Reads the metadata for machines, and leaves out what is not the users' to set."""

    _dropped: dict[str, list[Place]] = field(default_factory=dict)

    def read(
        self,
        labels: Mapping[str, str],
        annotations: Mapping[str, str],
        at: Place,
        problems: Collector,
    ) -> tuple[Pairs, Pairs]:
        """Return the labels and annotations, which stand at `at`, that machines get."""
        where = at.field("annotations")
        own = self._kept(annotations, where)
        problems += size_problems(dict(own), where)
        return self._kept(labels, at.field("labels")), own

    def warnings(self) -> Iterator[Problem]:
        """Yield a warning for each key that was left out, wherever it stands."""
        for key, places in self._dropped.items():
            others = f", here and on {len(places) - 1} more" if len(places) > 1 else ""
            message = f"is reserved for {_reserved_for(key)}: the machine does not get it{others}"
            yield places[0].warning(message, Code.RESERVED_METADATA)

    def _kept(self, values: Mapping[str, str], at: Place) -> Pairs:
        """Return what users may set, and note the rest unless it is an orchestrator's note."""
        kept = []
        for key, value in values.items():
            if key.startswith(_NOTES) and key not in _USERS and key not in TOOLS_MARKS:
                continue
            if _reserved_for(key):
                self._dropped.setdefault(key, []).append(at.field(key))
            else:
                kept.append((key, value))
        return tuple(kept)


def _reserved_for(key: str) -> str:
    """Tell for whom a label or annotation is reserved, "" if users may set it."""
    if key == MANAGED_BY or key.startswith(OURS):
        return "krmfn"
    if key in TOOLS_MARKS:
        return "the tool that sets it"
    if key in _USERS:
        return "kustomize and kpt"
    domain = "." + key.rpartition("/")[0]
    return "the Platform" if domain.endswith(_PLATFORM) else ""
