"""The objects that krmfn rendered in a kustomization, as kustomize printed them in the end.

An overlay may rename, move or patch what krmfn made below it. Each object is matched with what the
run of krmfn gave, so that it keeps its claim and its fields keep their causes. Names don't tell,
since prefixes change them: the labels do that krmfn sets.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import field
from typing import Any

from krmfn.commands.check import Settings, machine_problems
from krmfn.commands.final_names import name_warnings
from krmfn.commands.final_object import Final, Run, Source, mark
from krmfn.commands.object_key import Key, key_of
from krmfn.commands.outcome import Cause, Declared, machine_key
from krmfn.commands.secret_users import earlier_users
from krmfn.commands.sources import Sources
from krmfn.kubevirt.vm_paths import DATA_VOLUMES, Named, get
from krmfn.machine.marks import OWNER
from krmfn.machine.provenance import value_at
from krmfn.manifests.index import Index
from krmfn.manifests.item import Item, item_of
from krmfn.manifests.shapes import ShapeReader
from krmfn.nodes import ownership
from krmfn.nodes.build import Build
from krmfn.nodes.claim import Claim
from krmfn.nodes.kubevirt_cluster import read_cluster
from krmfn.nodes.node_types import Offer
from krmfn.nodes.provenance import field_source
from krmfn.problems import Collector, Path, Problem
from krmfn.records import record

_MARKS = ("node-claim", "node-provider", "node-type", "virtual-cluster", "pool")


@record()
class _Unmatched:
    """Objects with the same marks: as krmfn rendered them, and as kustomize printed them."""

    sources: list[Source] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)

    def pairs(self) -> Iterator[Final]:
        """Yield each object with its source.

        Those that kept their names come first. The rest has the order in which krmfn ran, and the
        last runs win: one in an overlay replaces what one in a base made.
        """
        by_key = {key_of(source.rendered): source for source in self.sources}
        same = {key_of(item): by_key.get(key_of(item)) for item in self.items}
        kept = {key for key, source in same.items() if source}
        rest = [source for source in self.sources if key_of(source.rendered) not in kept]
        missing = len(same) - len(kept)
        # Copies of one machine may be more than the runs that are known.
        left = rest[-missing:] or self.sources[-1:]
        for item in self.items:
            source = same[key_of(item)]
            if source is None and left:
                source = left.pop(0) if len(left) > 1 else left[0]
            yield Final(item, source)


def finished(
    runs: list[Run], items: list[Item], manifests: str, sources: Sources, problems: Collector
) -> Declared:
    """Return what a kustomization gives that ran krmfn.

    The problems get what a cluster would refuse of what kustomize changed.
    """
    ours = [item for item in items if ownership.is_rendered(item)]
    finals = {key_of(final.item): final for final in _matched(runs, ours)}
    built = _merged(runs, items, problems)
    problems += _refusals(finals.values(), built)
    secrets = {key_of(item) for item in items if item.kind == "Secret"}
    warnings = name_warnings(finals.values(), secrets)
    problems += (one for one in warnings if one.code not in built.accepted)
    machines = _claims(finals)
    built.objects = [final.rendered for final in finals.values()]
    built.claims = list(machines.values())
    printed = {key: final.item for key, final in finals.items()}
    return Declared(
        others=[item for item in items if not ownership.is_rendered(item)],
        built=built,
        problems=problems,
        objects={key_of(rendered): rendered for rendered in built.objects},
        machines=machines,
        users=earlier_users(printed, set(), {}),
        cause=_Causes(finals, sources.file).find,
        manifests=manifests,
    )


def _claims(finals: dict[Key, Final]) -> dict[Key, Claim]:
    """Return the claims by the keys of their machines, in their order."""
    claims = {key: claim for key, final in finals.items() if (claim := final.claim)}
    return dict(sorted(claims.items(), key=lambda pair: (pair[1].request.order, pair[0])))


def _matched(runs: list[Run], items: list[Item]) -> Iterator[Final]:
    """Yield the objects with what they were when krmfn rendered them."""
    alike: dict[tuple[str | None, ...], _Unmatched] = defaultdict(_Unmatched)
    reader = ShapeReader()
    for run in runs:
        claims = {machine_key(claim): claim for claim in run.built.claims}
        for rendered in run.built.objects:
            data = reader.read(rendered.text)
            source = Source(run, rendered, data, claims.get(key_of(rendered)))
            alike[_identity(item_of(data))].sources.append(source)
    for item in items:
        alike[_identity(item)].items.append(item)
    for group in alike.values():
        yield from group.pairs()


def _identity(item: Item) -> tuple[str | None, ...]:
    """Return what tells an object from others whatever its name and namespace are."""
    has_user_data = any("userdata" in (item.data.get(key) or {}) for key in ("data", "stringData"))
    role = "" if item.kind != "Secret" or has_user_data else "network"
    marks = [mark(item, key) for key in _MARKS]
    return item.kind, str(item.annotations.get(OWNER)), role, *marks


def _merged(runs: list[Run], items: list[Item], problems: Collector) -> Build:
    """Return what all runs have in common, without objects and claims."""
    builts = [run.built for run in runs]
    owners = {str(item.annotations[OWNER]) for item in items if ownership.is_rendered(item)}
    owners |= {built.owner for built in builts}
    offers: dict[tuple[str, str], Offer] = {}
    for built in builts:
        for offer in built.node_types:
            offers.setdefault((offer.cluster, offer.full_name), offer)
    accepted = [built.accepted for built in builts]
    cluster = builts[0].cluster if builts else read_cluster(Index(items), None, problems)[0]
    return Build(
        node_types=list(offers.values()),
        consumed=[item for built in builts for item in built.consumed],
        owner=", ".join(sorted(owners)),
        virtual_clusters=frozenset().union(*(built.virtual_clusters for built in builts)),
        providers=frozenset().union(*(built.providers for built in builts)),
        cluster=cluster,
        accepted=frozenset.intersection(*accepted) if accepted else frozenset(),
    )


def _refusals(finals: Iterable[Final], built: Build) -> Iterator[Problem]:
    """Yield what KubeVirt refuses of the machines that kustomize changed."""
    for final in finals:
        if final.item.kind == "VirtualMachine" and final.is_changed:
            run = final.source.run if final.source else None
            warns = bool(run and run.config.spec.unknown_fields == "Warn")
            settings = Settings(run.built.cluster if run else built.cluster, warns, built.accepted)
            yield from settings.unaccepted(machine_problems(final.item, settings))


class _Causes:
    """Finds the inputs of fields: a claim's, or the kustomization that changed them after krmfn."""

    def __init__(self, finals: dict[Key, Final], kustomization: str) -> None:
        self._finals = finals
        self._kustomization = kustomization

    def find(self, key: Key, path: Path) -> Cause:
        """Return the layer that set a field of a machine, and the place that has to change."""
        final = self._finals[key]
        source = final.source
        changed = ("kustomize", self._kustomization)
        if source is None or source.claim is None:
            return changed
        before = _path_before(path, final.item.data, source.data)
        if value_at(final.item.data, path) != value_at(source.data, before):
            return changed
        layer, place = field_source(source.claim, before)
        return layer, place.text if place else ""


def _path_before(path: Path, after: Any, before: Any) -> Path:
    """Return the path that a field had before kustomize renamed the machine's DataVolumes."""
    depth = len(DATA_VOLUMES)
    if path[:depth] != DATA_VOLUMES or len(path) == depth or not isinstance(path[depth], Named):
        return path
    pairs = zip(get(after, DATA_VOLUMES) or (), get(before, DATA_VOLUMES) or (), strict=False)
    for one, other in pairs:
        if get(one, ("metadata", "name")) == path[depth]:
            name = Named(get(other, ("metadata", "name")))
            return (*path[:depth], name, *path[depth + 1 :])
    return path
