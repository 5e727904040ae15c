"""The plan of a change, shown: to people, to programs, and in a pull request.

The JSON form: `changes` [{kind, namespace, name, verdict, cause, dataVolumes (of a deletion), fields [{path, old, new, verdict, why,
cause}]}] of all objects that change, `summary` {verdict: number of objects}, `totals` and `peak` [{cluster, namespace,
virtualMachines, resources}] after the change and while machines that it deletes are still there, `budgets` [{cluster, namespace,
budget, resource, used, peak, hard}]. Values of Secrets are null there and shown nowhere.
"""

from __future__ import annotations

import json
import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from krmfn.commands.plan import WIDTH, budgets_table, sums_table
from krmfn.kubevirt.changes import VERDICTS, Change
from krmfn.kubevirt.vm_paths import SECRET_SUFFIX
from krmfn.manifests.by_shape import replaceable
from krmfn.nodes.budgets import exceeded
from krmfn.problems import redacted, show

_NAMES_SHOWN = 3
Key = tuple[str, str, str]


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


@dataclass(frozen=True, slots=True)
class Compared:
    """All objects with what becomes of each, and what they need: totals of each namespace after the change and at its peak, budgets."""

    changes: list[Changed]
    totals: list[dict[str, Any]]
    peak: list[dict[str, Any]]
    budgets: list[dict[str, Any]]


def as_json(compared: Compared) -> str:
    """The plan for programs."""
    told = []
    for change in compared.changes:
        if change.verdict == "unchanged":
            continue
        rows = [
            {
                "path": one.text,
                "old": _masked(one.old),
                "new": _masked(one.new),
                "verdict": one.verdict,
                "why": one.why,
                "cause": cause,
            }
            for one, cause in zip(change.fields, change.causes, strict=True)
        ]
        kind, namespace, name = change.key
        entry: dict[str, Any] = {
            "kind": kind,
            "namespace": namespace,
            "name": name,
            "verdict": change.verdict,
            "fields": rows,
        }
        entry |= {"cause": change.cause} if change.cause else {}
        told.append(entry | ({"dataVolumes": change.data_volumes} if change.data_volumes else {}))
    count = Counter(change.verdict for change in compared.changes)
    summary = {verdict: count[verdict] for verdict in VERDICTS if count[verdict]}
    needs = {"totals": compared.totals, "peak": compared.peak, "budgets": compared.budgets}
    document = {"changes": told, "summary": summary, **needs}
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
    gone = {
        (change.machine, change.verdict) for change in changes if change.key[0] == "VirtualMachine"
    }
    for change in changes:
        whole = change.verdict in ("create", "delete")
        if change.verdict == "unchanged" or (
            whole and change.key[0] == "Secret" and (change.machine, change.verdict) in gone
        ):
            continue
        lines = tuple(_lines(change))
        found[change.verdict, change.key[0], lines].append(change)
    groups = [_Group(*key, members) for key, members in found.items()]
    return sorted(
        groups, key=lambda group: (VERDICTS.index(group.verdict), -len(group.members), group.head)
    )


def _lines(change: Changed) -> Iterator[str]:
    """The fields of an object, its own name left open so that equal changes fall together."""
    name = change.machine.partition("/")[2]
    # A name such as `1` or `root` stands in other words as well: such a machine is told of alone.
    name = name if replaceable(name) else change.machine
    for one, cause in zip(change.fields, change.causes, strict=True):
        values = (
            ""
            if one.old is None and one.new is None
            else f": {_value(one.old)} → {_value(one.new)}"
        )
        why = f", {one.why}" if one.why else ""
        yield redacted(f"{one.text}{values} ({one.verdict}{why})").replace(name, "<claim>") + (
            f" [{cause}]" if cause else ""
        )
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


def as_text(compared: Compared) -> str:
    """The plan for people, at most 100 columns wide: what happens alike to many machines is told once."""
    changes = compared.changes
    lines: list[str] = []
    for group in _groups(changes):
        lines += textwrap.wrap(
            f"{group.verdict:<12}{group.head}",
            WIDTH,
            subsequent_indent=" " * 12,
            break_on_hyphens=False,
        )
        for line in group.lines:
            lines += textwrap.wrap(
                line,
                WIDTH,
                initial_indent=" " * 12,
                subsequent_indent=" " * 14,
                break_on_hyphens=False,
            )
    lines += (
        ["", _summary(changes), *filter(None, [_advice(changes)])] if lines else [_summary(changes)]
    )
    return "\n".join([*lines, *_needs(compared)]) + "\n"


def _needs(compared: Compared) -> Iterator[str]:
    """What a change needs while the machines that it deletes are still there, and the budgets that it does not keep."""
    verdicts = {change.verdict for change in compared.changes if change.key[0] == "VirtualMachine"}
    if {"create", "delete"} <= verdicts:
        after = {(row["cluster"], row["namespace"]): row for row in compared.totals}
        more = [
            row for row in compared.peak if row != after.get((row["cluster"], row["namespace"]))
        ]
        yield from [
            "",
            "At its peak, with new and old machines side by side:",
            sums_table(more).rstrip("\n"),
        ]
    if over := [row for row in compared.budgets if exceeded(row)]:
        yield from [
            "",
            "Budgets that are not kept:",
            budgets_table(over, with_peak=True).rstrip("\n"),
        ]


def as_markdown(compared: Compared) -> str:
    """The plan as a comment on a pull request."""
    changes = compared.changes
    lines = [f"**krmfn plan**: {_summary(changes)}", ""]
    groups = _groups(changes)
    if groups:
        lines += ["| verdict | what | changes |", "|---|---|---|"]
        lines += [
            f"| {group.verdict} | {_cell(group.head)} | {'<br>'.join(map(_cell, group.lines))} |"
            for group in groups
        ]
    if advice := _advice(changes):
        lines += ["", advice]
    if needs := list(_needs(compared)):
        lines += ["", "```", *needs[1:], "```"]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
