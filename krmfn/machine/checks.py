"""Would a cluster take the machine? The CRD's schema and KubeVirt's admission rules.

Each finding is reported at the text that has to change.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

from krmfn.kubevirt import schema
from krmfn.kubevirt.cluster import Cluster
from krmfn.kubevirt.judge import Refusal, refusals
from krmfn.kubevirt.vm_paths import (
    DATA_VOLUMES,
    DISKS,
    UPDATE_VOLUMES,
    VOLUMES,
    Map,
    cloud_init_kind,
    get,
    put,
)
from krmfn.machine.additions import Additions, Names, complete
from krmfn.machine.data_volumes import has_image
from krmfn.machine.marks import CLOUD_INIT, JOIN_DISK
from krmfn.machine.prototype import Prototype
from krmfn.machine.provenance import Provenance, named
from krmfn.problems import Code, Path, Problem, path_text
from krmfn.records import record

UnknownFields = Literal["Error", "Warn"]
# KubeVirt's pod has volumes `<name>-udata` and `<name>-ndata`, names of at most 63 characters.
_LONGEST_VOLUME = 57
_JUDGED = Additions(Names(network="network"), join_secret=JOIN_DISK)


def prototype_problems(
    prototype: Prototype, unknown_fields: UnknownFields, cluster: Cluster
) -> Iterator[Problem]:
    """Yield what an API server with KubeVirt would refuse in a prototype's machines.

    What depends on something of the cluster that is not known is a warning.
    """
    if conflicts := list(_conflicts(prototype)):
        # The rules would find what krmfn adds a second time.
        yield from conflicts
        return
    completed = _Completed(prototype, *complete(prototype, _JUDGED))
    hidden = _hidden(prototype.vm, cluster)
    for refusal in [*hidden, *refusals(completed.vm, cluster)]:
        problem = replace(completed.problem(refusal.path, refusal.message), code=refusal.code)
        if refusal.is_unknown_field and unknown_fields == "Warn":
            problem = replace(problem, severity="warning", code=Code.UNKNOWN_FIELD)
        elif not refusal.certain:
            problem = replace(problem, severity="warning", code=Code.FEATURE_GATE)
        yield problem


def image_update_problems(prototype: Prototype) -> Iterator[Problem]:
    """Yield what keeps the new disk of a new image from having that image."""
    templates = get(prototype.vm, DATA_VOLUMES) or ()
    if get(prototype.vm, UPDATE_VOLUMES) != "Migration" or not any(map(has_image, templates)):
        return
    message = "is Migration: KubeVirt would copy the old disk over the new image"
    place = prototype.place(UPDATE_VOLUMES)
    yield place.error(f"{message}; remove it, or set imageUpdates: Never")


def _hidden(vm: Map, cluster: Cluster) -> Iterator[Refusal]:
    """Yield what the schema forbids in a template's own cloud-init volumes.

    What krmfn renders does not have them any more: its own source takes their place. So an
    unknown field would be lost, and is an error in any case.
    """
    volumes = get(vm, VOLUMES) or ()
    sources = [(*VOLUMES, index, cloud_init_kind(volume)) for index, volume in enumerate(volumes)]
    if not any(path[-1] for path in sources):
        return
    alone = {"spec": put({}, VOLUMES[1:], volumes)}
    for violation in schema.violations(alone, cluster):
        if violation.path[: len(VOLUMES) + 2] in sources:
            message = violation.message
            if violation.path[-1] == "userDataSecretRef":
                # The nearest name is that of the network data.
                message = message.replace('"networkDataSecretRef"', '"secretRef"')
            yield Refusal(violation.path, message)


@record(frozen=True)
class _Completed:
    """A prototype with everything that krmfn adds, and who set its fields."""

    prototype: Prototype
    vm: Map
    provenance: Provenance

    def problem(self, path: Path, message: str) -> Problem:
        """Report a finding at the text that has to change."""
        source, steps = self.provenance.find(named(path, self.vm))
        place = source.below(steps)
        if place is None:
            return self.prototype.place(path).error(message)
        if not source.literal:
            message = f"makes {path_text(path)}, which {message}"
        return place.error(message)


def _conflicts(prototype: Prototype) -> Iterator[Problem]:
    """Yield what conflicts with the disks and volumes that krmfn adds."""
    volumes = get(prototype.vm, VOLUMES) or ()
    cloud_init = [volume["name"] for volume in volumes if cloud_init_kind(volume)]
    reserved = {JOIN_DISK}
    if CLOUD_INIT not in cloud_init:
        reserved.add(CLOUD_INIT)
    yield from _name_conflicts(prototype, VOLUMES, "volume", reserved)
    yield from _name_conflicts(prototype, DISKS, "disk", reserved)
    for index, volume in enumerate(volumes):
        yield from _label_conflicts(prototype, index, volume)
        yield from _cloud_init_conflicts(prototype, index, volume, len(cloud_init))


def _name_conflicts(
    prototype: Prototype, path: Path, what: str, reserved: set[str]
) -> Iterator[Problem]:
    """Yield the elements of a list that have the name of one that krmfn adds."""
    elements = get(prototype.vm, path) or ()
    for index, element in enumerate(elements):
        name = element["name"]
        if name in reserved:
            message = f'is "{name}", the name of the {what} that krmfn adds; rename it'
            place = prototype.place((*path, index, "name"))
            yield place.error(message)


def _cloud_init_conflicts(
    prototype: Prototype, index: int, volume: Map, count: int
) -> Iterator[Problem]:
    """Yield what is wrong with a cloud-init volume, of which there are `count`."""
    kind = cloud_init_kind(volume)
    if kind is None:
        return
    if count > 1:
        message = "is one of several cloud-init volumes, of which KubeVirt takes only the first"
        place = prototype.place((*VOLUMES, index, kind))
        yield place.error(f"{message}; keep one")
    if len(volume["name"]) > _LONGEST_VOLUME:
        message = f"is longer than {_LONGEST_VOLUME} characters"
        place = prototype.place((*VOLUMES, index, "name"))
        yield place.error(f"{message}: KubeVirt adds to a cloud-init volume's name")


def _label_conflicts(prototype: Prototype, index: int, volume: Map) -> Iterator[Problem]:
    """Yield volumes whose label is that of the disk with the token."""
    for source, value in volume.items():
        label = get(value, ("volumeLabel",))
        if label == JOIN_DISK:
            message = f'is "{JOIN_DISK}", by which the guest finds the disk with its token'
            place = prototype.place((*VOLUMES, index, source, "volumeLabel"))
            yield place.error(f"{message}; choose another")
