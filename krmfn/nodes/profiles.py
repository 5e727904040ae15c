"""The NodeProfile of a request: labels and taints of its node.

The rules are those of the Platform's page "Node profiles": the profile's values win over a pool's,
and only a profile that a pool or claim names itself leaves a label.
"""

from __future__ import annotations

from collections.abc import Iterator

from krmfn.guest.kubelet import PlacedTaint, label_problem, placed
from krmfn.nodes.request import Asked
from krmfn.platform.named_objects import NamedObjects
from krmfn.problems import Code, Collector, Place, Problem, show
from krmfn.records import record

_LABEL = "vcluster.com/node-profile"


@record(frozen=True)
class Profile:
    """What a profile gives a node; `at` is the place of its spec."""

    labels: dict[str, str]
    taints: list[PlacedTaint]
    at: Place


def read_profile(asked: Asked, objects: NamedObjects, problems: Collector) -> Profile | None:
    """Return the profile of a request, None if it has none or something is wrong with it."""
    if asked.profile is None:
        return None
    # Imported by need: most runs have no profile.
    from krmfn.platform.node_profile import NodeProfile

    name, at = asked.profile
    profile, where = objects.find(NodeProfile, name, at, None, problems)
    if profile is None:
        return None
    spec = profile.spec
    if spec.node_annotations:
        message = "are not rendered, since kubelet has no flag for annotations: vCluster's own "
        message += f"reconciler sets them on a node with the label {_LABEL}, if the Platform has "
        message += "the profile too"
        place = where.field("nodeAnnotations")
        problems.append(place.warning(message, Code.NODE_ANNOTATIONS))
    faults = Collector()
    for key, value in spec.node_labels.items():
        if message := label_problem(key, value):
            faults.append(where.field("nodeLabels", key).error(message))
    problems += faults
    if faults:
        return None
    labels = dict(spec.node_labels)
    if not asked.is_default_profile:
        # The label marks a choice. A default stays one: it can change without another join.
        labels[_LABEL] = name
    taints = placed(spec.taints, where.field("taints"))
    startup = placed(spec.startup_taints, where.field("startupTaints"))
    return Profile(labels, [*taints, *startup], where)


def overridden_labels(asked: Asked, profile: Profile) -> Iterator[Problem]:
    """Warn of a pool's labels that the profile gives another value."""
    for key, value in asked.node_labels.items():
        wins = profile.labels.get(key, value)
        if wins != value:
            message = f"is {show(value)}, but {profile.at.origin.resource} sets {show(wins)}, "
            message += "which wins, as on the Platform"
            at = asked.at.field("nodeLabels", key)
            yield at.warning(message, Code.OVERRIDDEN_LABEL)
