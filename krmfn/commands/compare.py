"""`krmfn plan --against`: an earlier state, a folder or manifests, against what the declarations give now: a verdict for every machine."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from krmfn.commands import plan as tables
from krmfn.commands.compare_report import Changed, Compared, Key, as_json, as_markdown, as_text
from krmfn.commands.declared import Declared, declared
from krmfn.commands.plan import cluster_of
from krmfn.commands.reply import DONE, PROBLEMS, STALE, Reply
from krmfn.guest import cloud_config as cloudconfig
from krmfn.guest.join import secret_value
from krmfn.kubevirt import types
from krmfn.kubevirt.canonical import canonical
from krmfn.kubevirt.changes import VERDICTS, Change, Strategy, heaviest, judged
from krmfn.kubevirt.merge import Map
from krmfn.kubevirt.vm_paths import (
    DATA_VOLUMES,
    MANAGED_BY,
    NAMED,
    OURS,
    OWNER,
    SECRET_SUFFIX,
    Named,
    get,
    mappings,
)
from krmfn.manifests.by_shape import Alike, renamed, replaceable, shape_of
from krmfn.manifests.files import STDIN, Known, read_paths
from krmfn.manifests.item import Item
from krmfn.manifests.yamlio import read
from krmfn.nodes import budgets, ownership
from krmfn.nodes.budgets import Former
from krmfn.nodes.build import Build
from krmfn.nodes.claims import Claim, origin
from krmfn.problems import (
    Code,
    Origin,
    Path,
    Place,
    Problem,
    errors,
    listed,
    path_text,
    redacted,
    report,
)

_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
# Where a machine that krmfn did not write may hold a password or a token.
_USER_DATA = ("userData", "userDataBase64", "networkData", "networkDataBase64")


@dataclass(frozen=True, slots=True)
class Options:
    """How the change is judged and shown, and what makes the command fail."""

    strategy: Strategy = "LiveUpdate"
    form: str = "text"
    max_deletions: int | None = None
    fail_on: frozenset[str] = frozenset()


def plan(paths: list[str], config: str | None, earlier: str, options: Options) -> Reply:
    """What a merge of the declarations would do to each machine of the earlier state, a folder, a file or `-`."""
    found = declared(paths, config, several_clusters=True)
    if isinstance(found, Reply):
        return found
    # What is as it was, to the byte, is not looked into.
    known = Known(
        {made.text: (made.kind, made.namespace, made.name) for made in found.built.objects}
    )
    before, problems = _earlier(earlier, found, known)
    problems = [*found.problems, *problems]
    if errors(problems):
        return Reply("", report(problems), PROBLEMS)
    changes = list(Comparison(found.built, options.strategy).changes(before, set(known.found)))
    former = list(_former(changes, before, found.built))
    rows, over = budgets.budgets(found.built, found.others, former)
    totals = tables.totals(found.built)
    problems += over
    broken = [Place().error(text, Code.CHECK) for text in _failed(changes, over, options)]
    if errors(over):
        return Reply("", report(problems), PROBLEMS)
    shown = {"json": as_json, "markdown": as_markdown}.get(options.form, as_text)
    compared = Compared(changes, totals, budgets.peak(totals, former), rows)
    return Reply(shown(compared), report([*broken, *problems]), STALE if broken else DONE)


def _former(changes: Iterable[Changed], before: dict[Key, Item], built: Build) -> Iterator[Former]:
    """What the earlier state has and the new one has not: whole machines, and disks that stay until their machine goes."""
    clusters = {offer.provider.metadata.name: cluster_of(offer) for offer in built.node_types}
    only = next(iter(set(clusters.values()))) if len(set(clusters.values())) == 1 else ""
    for change in changes:
        if change.key[0] != "VirtualMachine" or change.verdict in ("create", "unchanged"):
            continue
        item = before[change.key]
        cluster = clusters.get(str(item.labels.get(f"{OURS}node-provider")), only)
        if change.verdict == "delete":
            node_type = (
                f"{item.labels.get(f'{OURS}node-provider')}.{item.labels.get(f'{OURS}node-type')}"
            )
            yield Former(cluster, item.namespace, node_type, item.data)
            continue
        gone = [
            one.old
            for one in change.fields
            if one.path[:2] == DATA_VOLUMES
            and len(one.path) == len(DATA_VOLUMES) + 1
            and not one.new
        ]
        if gone:
            yield Former(
                cluster, item.namespace, "", {"spec": {"dataVolumeTemplates": gone}}, whole=False
            )


def _earlier(path: str, found: Declared, known: Known) -> tuple[dict[Key, Item], list[Problem]]:
    """The objects of the earlier state that this config owns; what is not whole is an error, what is not krmfn's is left out and told."""
    at = Place(Origin(file="standard input" if path == STDIN else path))
    items, problems = read_paths([path], known=known)
    made: dict[Key, Item] = {}
    owners: Counter[str] = Counter()
    others: dict[Key, Problem] = {}
    foreign = 0
    elsewhere = _elsewhere(found.built)
    same = Counter(known.found)
    rendered = set(known.texts.values())
    problems += (
        at.error(f"has {key[0]} {key[1]}/{key[2]} twice")
        for key, count in same.items()
        if count > 1
    )
    for item in items:
        key = (item.kind, item.namespace, item.name)
        if item.kind not in ("Secret", "VirtualMachine"):
            continue
        if item.labels.get(MANAGED_BY) != "krmfn":
            foreign += 1
            if key in rendered:
                problems.append(
                    item.place.error(
                        "is not krmfn's, and the change would overwrite it; give the pool or claim another name"
                    )
                )
        elif not ownership.is_earlier(item, found.built.owner):
            owner = str(item.annotations.get(OWNER, "no owner"))
            owners[owner] += 1
            others[key] = item.place.error(
                f"is of {redacted(owner)}, and the change would overwrite it"
            )
        elif str(item.labels.get(f"{OURS}node-provider")) in elsewhere:
            owners["another cluster"] += 1
        elif key in made or key in same:
            problems.append(item.place.error("stands in the earlier state twice"))
        else:
            made[key] = item
    problems += (
        problem
        for key, problem in others.items()
        if key in rendered and key not in made and key not in same
    )
    if not (
        made
        or same
        or owners
        or foreign
        or known.no_items
        or errors(problems)
        or os.path.isdir(path)
    ):
        text = "has no machine and no Secret, so it is no earlier state; an empty one is an empty folder, or a v1 List without items"
        problems.append(at.error(text))
    machines = {key[1:] for key in (*made, *same) if key[0] == "VirtualMachine"}
    secrets = {
        (key[1], key[2].removesuffix(SECRET_SUFFIX)) for key in (*made, *same) if key[0] == "Secret"
    }
    if machines and not secrets:
        text = "has machines and no Secret: what changes in their user data is not told"
        problems.append(at.notice(text, Code.NO_SECRETS))
    elif half := sorted(machines ^ secrets):
        names = listed([f"{namespace}/{name}" for namespace, name in half])
        problems.append(
            at.error(f"is not whole: of {names} there is only the machine or only its Secret")
        )
    if not made and not same and not errors(problems):
        problems.append(
            at.notice(
                f"holds nothing that krmfn made for {found.built.owner}: all is new",
                Code.NOTHING_EARLIER,
            )
        )
    for owner, count in sorted(owners.items()):
        problems.append(
            at.notice(f"holds {count} objects of {owner}, which are left out", Code.OTHER_OWNER)
        )
    if foreign:
        problems.append(
            at.notice(
                f"holds {foreign} machines and Secrets that krmfn did not make; they are left out",
                Code.NOT_KRMFN,
            )
        )
    return made, problems


def _elsewhere(built: Build) -> set[str]:
    """The providers among the items whose cluster this run does not render."""
    ours = {offer.provider.metadata.name for offer in built.node_types}
    return {item.name for item in built.consumed if item.kind == "NodeProvider"} - ours


class Comparison:
    """Compares objects with what they become. What happens alike to machines that differ in their name alone is found out once."""

    def __init__(self, built: Build, strategy: Strategy) -> None:
        self._claims = {(claim.namespace, claim.name): claim for claim in built.claims}
        self._after = {(made.kind, made.namespace, made.name): made for made in built.objects}
        self._strategy = strategy
        self._alike = Alike()
        self._known: dict[tuple[str, str], tuple[str, list[Change]]] = {}
        self._payloads: dict[tuple[str, str], list[str]] = {}
        self._caused: dict[tuple[int, int, Path], str] = {}

    def changes(self, before: dict[Key, Item], same: set[Key]) -> Iterator[Changed]:
        """Every object that changes, and each that stays, in the order of their names."""
        for key in sorted({*before, *self._after}, key=lambda key: (key[1], key[2], key[0])):
            if key not in self._after:
                templates = (
                    mappings(get(before[key].data, DATA_VOLUMES))
                    if key[0] == "VirtualMachine"
                    else []
                )
                volumes = [str(get(template, ("metadata", "name"))) for template in templates]
                yield Changed(
                    key, "delete", cause="no claim asks for it any more", data_volumes=volumes
                )
            elif key in same:
                yield Changed(key, "unchanged")
            else:
                claim = self._claims[key[1], self._after[key].claim]
                if key not in before:
                    yield Changed(key, "create", cause=str(claim.request))
                    continue
                fields = self._fields(key, before[key], self._after[key].text, claim.name)
                machine = key[0] == "VirtualMachine"
                causes = (
                    self._causes(fields, claim) if machine else [str(claim.request)] * len(fields)
                )
                yield Changed(key, heaviest([change.verdict for change in fields]), fields, causes)

    def _fields(self, key: Key, before: Item, text: str, name: str) -> list[Change]:
        """What differs in an object of a claim."""
        if not before.text or key[0] == "Secret" or not replaceable(name):
            return self._differing(key, before, text)
        pair = shape_of(before.text, name), shape_of(text, name)
        if pair not in self._known:
            self._known[pair] = name, self._differing(key, before, text)
        other, changes = self._known[pair]
        if other == name:
            return changes
        return [
            replace(
                one,
                path=renamed(one.path, other, name),
                old=renamed(one.old, other, name),
                new=renamed(one.new, other, name),
            )
            for one in changes
        ]

    def _causes(self, changes: list[Change], claim: Claim) -> list[str]:
        """The inputs that fields of a machine come from; its claim's name is all that two machines of one pool differ in."""
        keys = [
            (id(claim.node), id(claim.request.asked), renamed(change.path, claim.name, "\0"))
            for change in changes
        ]
        for key, change in zip(keys, changes, strict=True):
            if key not in self._caused:
                self._caused[key] = _cause(change, claim)
        return [self._caused[key] for key in keys]

    def _differing(self, key: Key, before: Item, text: str) -> list[Change]:
        new = self._alike.read(text)
        old, live = _declaration(before, new)
        if key[0] == "Secret":
            # Whoever backs a Secret up in an annotation of it shows what it holds.
            metadata = judged({**old, "spec": None}, {**new, "spec": None}, self._strategy, live)
            # Declared as `stringData`, it is `data` in a live Secret: what is there counts, under either key.
            return [
                *self._secret(before.data, new),
                *(replace(one, old=None, new=None) for one in metadata),
            ]
        changes = judged(
            canonical(old, types.ROOT, lambda path: Place(), []), new, self._strategy, live
        )
        return [
            replace(one, old=_discreet(one.old, one.path), new=_discreet(one.new, one.path))
            for one in changes
        ]

    def _secret(self, old: Map, new: Map) -> Iterator[Change]:
        """What differs in a machine's user and network data. The values are left out."""
        name = str(get(new, ("metadata", "name"))).removesuffix(SECRET_SUFFIX)
        for key in ("userdata", "networkdata"):
            before, after = (
                secret_value(Item(value, Origin()), key)[0] or "" for value in (old, new)
            )
            if before == after:
                continue
            for part in (
                self._parts(shape_of(before, name), shape_of(after, name))
                if key == "userdata"
                else [""]
            ):
                at_boot = part == "bootcmd"
                why = "" if at_boot else "cloud-init does not do it again on a disk that has booted"
                yield Change(
                    (key, part) if part else (key,),
                    None,
                    None,
                    "next-start" if at_boot else "no-effect",
                    why,
                )

    def _parts(self, before: str, after: str) -> list[str]:
        """The keys of two user data that differ, [""] where no key tells."""
        if (before, after) not in self._payloads:
            old, new = (
                cloudconfig.yaml_mapping(text.replace("\0", "name"), Place())[0]
                for text in (before, after)
            )
            self._payloads[before, after] = sorted(
                key for key in {*old, *new} if old.get(key) != new.get(key)
            ) or [""]
        return self._payloads[before, after]


def _declaration(item: Item, new: Map) -> tuple[Map, bool]:
    """The part of an object that a change to `new` touches, and whether the server's own may still be among it.

    `kubectl apply` compares what is declared with the live object, and takes out what it noted at the last time and is declared no more.
    """
    applied = item.annotations.get(_APPLIED)
    if isinstance(applied, str):
        documents, faults = read(applied)
        if not faults and len(documents) == 1 and isinstance(documents[0].data, dict):
            return _touched(item.data, [documents[0].data, new], ()), False
    return item.data, any(
        key in item.metadata for key in ("uid", "resourceVersion", "managedFields")
    )


def _touched(live: Any, declared: list[Any], path: Path) -> Any:
    """A live object without what none of its declarations has: defaults, and what others have set."""
    if isinstance(live, dict):
        maps = [one for one in declared if isinstance(one, dict)]
        return {
            key: _touched(value, [one[key] for one in maps if key in one], (*path, key))
            for key, value in live.items()
            if any(key in one for one in maps)
        }
    if isinstance(live, list) and path in NAMED:
        of = NAMED[path]
        elements = [element for one in declared for element in mappings(one)]
        same = [
            [element for element in elements if get(element, of) == get(value, of)]
            for value in live
        ]
        # An element that nobody declares goes with the list, which is replaced as a whole.
        return [
            _touched(value, found, (*path, Named(get(value, of)))) if found else value
            for value, found in zip(live, same, strict=True)
        ]
    return live


def _discreet(value: Any, path: Path) -> Any:
    """A value of a machine without the user data that stands in it."""
    if isinstance(value, dict):
        return {key: _discreet(child, (key,)) for key, child in value.items()}
    if isinstance(value, list):
        return [_discreet(child, ()) for child in value]
    return "******" if value is not None and path and path[-1] in _USER_DATA else value


def _cause(change: Change, claim: Claim) -> str:
    """The input that a field of a machine comes from."""
    layer, place = origin(claim, change.path)
    return told(place) if place else layer


def told(place: Place) -> str:
    """A place in the input, on one line."""
    where = f"{place.origin.file}: " if place.origin.file else ""
    return redacted(f"{where}{place.origin.resource}: {path_text(place.path)}")


def _failed(changes: list[Changed], over: list[Problem], options: Options) -> Iterator[str]:
    deleted = sum(
        change.verdict == "delete" and change.key[0] == "VirtualMachine" for change in changes
    )
    if options.max_deletions is not None and deleted > options.max_deletions:
        yield f"{deleted} machines would be deleted; --max-deletions allows {options.max_deletions}"
    seen = Counter(
        verdict
        for change in changes
        for verdict in {change.verdict, *(one.verdict for one in change.fields)}
    )
    for verdict in VERDICTS:
        if verdict in options.fail_on and seen[verdict]:
            yield f"{seen[verdict]} objects have the verdict {verdict}, on which --fail-on fails"
    if over and Code.QUOTA in options.fail_on:
        yield f"{len(over)} budgets are not kept, on which --fail-on fails"
