"""`krmfn plan --against`: an earlier state, a folder or manifests, against what the declarations give now: a verdict for every machine.

The JSON form: `changes` [{kind, namespace, name, verdict, cause, dataVolumes (of a deletion), fields [{path, old, new, verdict, why,
cause}]}] of all objects that change, `summary` {verdict: number of objects}. Values of Secrets are null there and shown nowhere.
"""

from __future__ import annotations

import json
import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from krmfn import files, ownership
from krmfn.build import Build
from krmfn.claims import Claim, origin
from krmfn.files import Declared, declared
from krmfn.function import DONE, PROBLEMS, STALE, Reply, report
from krmfn.guest import cloudconfig
from krmfn.guest.credentials import secret_value
from krmfn.krm import Item
from krmfn.kubevirt import types
from krmfn.kubevirt.changes import VERDICTS, Change, Strategy, heaviest, judged
from krmfn.kubevirt.merge import Map
from krmfn.kubevirt.parts import DATA_VOLUMES, MANAGED_BY, OURS, get, mappings
from krmfn.kubevirt.template import canonical
from krmfn.plan import WIDTH
from krmfn.problems import Origin, Place, Problem, errors, listed, path_text, redacted, show
from krmfn.render import OWNER, SECRET_SUFFIX
from krmfn.yamlio import read

_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_NAMES_SHOWN = 3
Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Options:
    """How the change is judged and shown, and what makes the command fail."""

    strategy: Strategy = "LiveUpdate"
    form: str = "text"
    max_deletions: int | None = None
    fail_on: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Changed:
    """What becomes of one object; `causes` are those of the fields, in their order."""

    key: Key
    verdict: str
    fields: list[Change] = field(default_factory=list)
    causes: list[str] = field(default_factory=list)
    cause: str = ""
    data_volumes: list[str] = field(default_factory=list)

    @property
    def machine(self) -> str:
        """The namespace and name of the machine that the object is of."""
        return f"{self.key[1]}/{self.key[2].removesuffix(SECRET_SUFFIX) if self.key[0] == 'Secret' else self.key[2]}"


def plan(paths: list[str], config: str | None, earlier: str, options: Options) -> Reply:
    """What a merge of the declarations would do to each machine of the earlier state, a folder, a file or `-`."""
    found = declared(paths, config, several_clusters=True)
    if isinstance(found, Reply):
        return found
    # What is as it was, to the byte, is not looked into.
    known = files.Known({made.text: (made.kind, made.namespace, made.name) for made in found.built.objects})
    before, problems = _earlier(earlier, found, known)
    problems = [*found.problems, *problems]
    if errors(problems):
        return Reply("", report(problems), PROBLEMS)
    changes = list(_changes(before, set(known.found), found.built, options.strategy))
    broken = [Place().error(text, "check") for text in _failed(changes, options)]
    shown = {"json": as_json, "markdown": as_markdown}.get(options.form, as_text)
    return Reply(shown(changes), report([*broken, *problems]), STALE if broken else DONE)


def _earlier(path: str, found: Declared, known: files.Known) -> tuple[dict[Key, Item], list[Problem]]:
    """The objects of the earlier state that this config owns; what is not whole is an error, what is not krmfn's is left out and told."""
    at = Place(Origin(file="standard input" if path == files.STDIN else path))
    items, problems = files.read_paths([path], known=known)
    made: dict[Key, Item] = {}
    owners: Counter[str] = Counter()
    foreign = 0
    elsewhere = _elsewhere(found.built)
    same = Counter(known.found)
    problems += (at.error(f"has {key[0]} {key[1]}/{key[2]} twice") for key, count in same.items() if count > 1)
    for item in items:
        if item.labels.get(MANAGED_BY) != "krmfn" or item.kind not in ("Secret", "VirtualMachine"):
            foreign += item.kind in ("Secret", "VirtualMachine")
        elif not ownership.is_earlier(item, found.built.owner):
            owners[str(item.annotations.get(OWNER))] += 1
        elif item.labels.get(f"{OURS}node-provider") in elsewhere:
            owners["another cluster"] += 1
        elif (key := (item.kind, item.namespace, item.name)) in made or key in same:
            problems.append(item.place.error("stands in the earlier state twice"))
        else:
            made[key] = item
    machines = {key[1:] for key in (*made, *same) if key[0] == "VirtualMachine"}
    secrets = {(key[1], key[2].removesuffix(SECRET_SUFFIX)) for key in (*made, *same) if key[0] == "Secret"}
    if machines and not secrets:
        text = "has machines and no Secret: what changes in their user data is not told"
        problems.append(Problem("info", "no-secrets", text, at))
    elif half := sorted(machines ^ secrets):
        names = listed([f"{namespace}/{name}" for namespace, name in half])
        problems.append(at.error(f"is not whole: of {names} there is only the machine or only its Secret"))
    if not made and not same and not errors(problems):
        problems.append(Problem("info", "nothing-earlier", f"holds nothing that krmfn made for {found.built.owner}: all is new", at))
    for owner, count in sorted(owners.items()):
        problems.append(Problem("info", "other-owner", f"holds {count} objects of {owner}, which are left out", at))
    if foreign:
        problems.append(
            Problem("info", "not-krmfn", f"holds {foreign} machines and Secrets that krmfn did not make; they are left out", at)
        )
    return made, problems


def _elsewhere(built: Build) -> set[str]:
    """The providers among the items whose cluster this run does not render."""
    ours = {offer.provider.metadata.name for offer in built.node_types}
    return {item.name for item in built.consumed if item.kind == "NodeProvider"} - ours


def _changes(before: dict[Key, Item], same: set[Key], built: Build, strategy: Strategy) -> Iterator[Changed]:
    """Every object that changes, and each that stays, in the order of their names."""
    claims = {(claim.namespace, claim.name): claim for claim in built.claims}
    after = {(made.kind, made.namespace, made.name): made for made in built.objects}
    for key in sorted({*before, *after}, key=lambda key: (key[1], key[2], key[0])):
        if key not in after:
            templates = mappings(get(before[key].data, DATA_VOLUMES)) if key[0] == "VirtualMachine" else []
            volumes = [str(get(template, ("metadata", "name"))) for template in templates]
            yield Changed(key, "delete", cause="no claim asks for it any more", data_volumes=volumes)
            continue
        if key in same:
            yield Changed(key, "unchanged")
            continue
        claim = claims[key[1], after[key].claim]
        if key not in before:
            yield Changed(key, "create", cause=str(claim.request))
            continue
        new = read(after[key].text)[0][0].data
        old, live = _declaration(before[key])
        if key[0] == "Secret":
            fields = [*_secret(old, new), *judged({**old, "spec": None}, {**new, "spec": None}, strategy, live)]
            causes = [str(claim.request) for _ in fields]
        else:
            fields = judged(canonical(old, types.ROOT, lambda path: Place(), []), new, strategy, live)
            causes = [_cause(change, claim) for change in fields]
        yield Changed(key, heaviest([change.verdict for change in fields]), fields, causes)


def _declaration(item: Item) -> tuple[Map, bool]:
    """What was declared of an object: of a live one what kubectl noted, else all of it; and whether the server's own is among that."""
    applied = item.annotations.get(_APPLIED)
    if isinstance(applied, str):
        documents, faults = read(applied)
        if not faults and len(documents) == 1 and isinstance(documents[0].data, dict):
            return documents[0].data, False
    return item.data, any(key in item.metadata for key in ("uid", "resourceVersion", "managedFields"))


def _secret(old: Map, new: Map) -> Iterator[Change]:
    """What differs in a machine's user and network data. The values are left out."""
    for key in ("userdata", "networkdata"):
        before, after = (secret_value(Item(value, Origin()), key)[0] for value in (old, new))
        if before == after:
            continue
        parts = [cloudconfig.yaml_mapping(text or "", Place())[0] for text in (before, after)] if key == "userdata" else [{}, {}]
        changed = sorted(name for name in {*parts[0], *parts[1]} if parts[0].get(name) != parts[1].get(name))
        for name in changed or [""]:
            at_boot = key == "userdata" and name == "bootcmd"
            why = "" if at_boot else "cloud-init does not do it again on a disk that has booted"
            yield Change((key, name) if name else (key,), None, None, "next-start" if at_boot else "no-effect", why)


def _cause(change: Change, claim: Claim) -> str:
    """The input that a field of a machine comes from."""
    layer, place = origin(claim, change.path)
    return told(place) if place else layer


def told(place: Place) -> str:
    """A place in the input, on one line."""
    where = f"{place.origin.file}: " if place.origin.file else ""
    return redacted(f"{where}{place.origin.resource}: {path_text(place.path)}")


def _failed(changes: list[Changed], options: Options) -> Iterator[str]:
    deleted = sum(change.verdict == "delete" and change.key[0] == "VirtualMachine" for change in changes)
    if options.max_deletions is not None and deleted > options.max_deletions:
        yield f"{deleted} machines would be deleted; --max-deletions allows {options.max_deletions}"
    seen = Counter(verdict for change in changes for verdict in {change.verdict, *(one.verdict for one in change.fields)})
    for verdict in VERDICTS:
        if verdict in options.fail_on and seen[verdict]:
            yield f"{seen[verdict]} objects have the verdict {verdict}, on which --fail-on fails"


def as_json(changes: list[Changed]) -> str:
    """The plan for programs."""
    told = []
    for change in changes:
        if change.verdict == "unchanged":
            continue
        rows = [
            {"path": one.text, "old": _masked(one.old), "new": _masked(one.new), "verdict": one.verdict, "why": one.why, "cause": cause}
            for one, cause in zip(change.fields, change.causes, strict=True)
        ]
        kind, namespace, name = change.key
        entry: dict[str, Any] = {"kind": kind, "namespace": namespace, "name": name, "verdict": change.verdict, "fields": rows}
        entry |= {"cause": change.cause} if change.cause else {}
        told.append(entry | ({"dataVolumes": change.data_volumes} if change.data_volumes else {}))
    summary = Counter(change.verdict for change in changes)
    document = {"changes": told, "summary": {verdict: summary[verdict] for verdict in VERDICTS if summary[verdict]}}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {redacted(str(key)): _masked(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_masked(child) for child in value]
    return redacted(value) if isinstance(value, str) else value


@dataclass(frozen=True, slots=True)
class _Group:
    """Objects of which the same becomes, for the same reasons."""

    verdict: str
    kind: str
    lines: tuple[str, ...]
    members: list[Changed] = field(default_factory=list)

    @property
    def head(self) -> str:
        """`restart   3 machines: a/b, a/c, a/d`."""
        names = [change.machine for change in self.members]
        more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
        what = ("Secret" if self.kind == "Secret" else "machine") + ("s" if len(names) > 1 else "")
        return f"{len(names)} {what}: {', '.join(names[:_NAMES_SHOWN])}{more}"


def _groups(changes: list[Changed]) -> list[_Group]:
    found: dict[tuple[str, str, tuple[str, ...]], list[Changed]] = defaultdict(list)
    gone = {(change.machine, change.verdict) for change in changes if change.key[0] == "VirtualMachine"}
    for change in changes:
        whole = change.verdict in ("create", "delete")
        if change.verdict == "unchanged" or (whole and change.key[0] == "Secret" and (change.machine, change.verdict) in gone):
            continue
        lines = tuple(_lines(change))
        found[change.verdict, change.key[0], lines].append(change)
    groups = [_Group(*key, members) for key, members in found.items()]
    return sorted(groups, key=lambda group: (VERDICTS.index(group.verdict), -len(group.members), group.head))


def _lines(change: Changed) -> Iterator[str]:
    """The fields of an object, its own name left open so that equal changes fall together."""
    name = change.machine.partition("/")[2]
    for one, cause in zip(change.fields, change.causes, strict=True):
        values = "" if one.old is None and one.new is None else f": {_value(one.old)} → {_value(one.new)}"
        why = f", {one.why}" if one.why else ""
        yield redacted(f"{one.text}{values} ({one.verdict}{why})").replace(name, "<claim>") + (f" [{cause}]" if cause else "")
    if change.verdict == "create":
        yield f"for {change.cause}"
    if change.data_volumes:
        yield f"with its disks: {', '.join(change.data_volumes)}".replace(name, "<claim>")


def _value(value: Any) -> str:
    return "nothing" if value is None else show(value)


def _summary(changes: list[Changed]) -> str:
    machines = Counter(change.verdict for change in changes if change.key[0] == "VirtualMachine")
    told = ", ".join(f"{machines[verdict]} {verdict}" for verdict in VERDICTS if machines[verdict])
    return f"{sum(machines.values())} machines: {told or 'none'}"


def _advice(changes: list[Changed]) -> str:
    verdicts = {change.verdict for change in changes}
    if {"create", "delete"} <= verdicts:
        return "A machine that is renamed, or moves, is deleted with its disks and made anew."
    return ""


def as_text(changes: list[Changed]) -> str:
    """The plan for people, at most 100 columns wide: what happens alike to many machines is told once."""
    lines: list[str] = []
    for group in _groups(changes):
        lines += textwrap.wrap(f"{group.verdict:<12}{group.head}", WIDTH, subsequent_indent=" " * 12, break_on_hyphens=False)
        for line in group.lines:
            lines += textwrap.wrap(line, WIDTH, initial_indent=" " * 12, subsequent_indent=" " * 14, break_on_hyphens=False)
    lines += ["", _summary(changes), *filter(None, [_advice(changes)])] if lines else [_summary(changes)]
    return "\n".join(lines) + "\n"


def as_markdown(changes: list[Changed]) -> str:
    """The plan as a comment on a pull request."""
    lines = [f"**krmfn plan**: {_summary(changes)}", ""]
    groups = _groups(changes)
    if groups:
        lines += ["| verdict | what | changes |", "|---|---|---|"]
        lines += [f"| {group.verdict} | {_cell(group.head)} | {'<br>'.join(map(_cell, group.lines))} |" for group in groups]
    return "\n".join([*lines, *filter(None, ["", _advice(changes)])]) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
