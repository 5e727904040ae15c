"""The plan of a change, shown to people and in a pull request."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator
from dataclasses import field
from typing import Any

from krmfn.commands.join_changes import JOINS_AGAIN
from krmfn.commands.object_key import Key
from krmfn.commands.screen import Screen
from krmfn.commands.tables import budgets_table, sums_table
from krmfn.kubevirt.differences import Change
from krmfn.kubevirt.verdicts import VERDICTS
from krmfn.kubevirt.vm_paths import VOLUMES
from krmfn.manifests.shapes import replaceable
from krmfn.nodes.budgets import Budget
from krmfn.nodes.totals import Total
from krmfn.patterns import pattern
from krmfn.problems import counted, listed, printable, redacted, show
from krmfn.records import record

_NAMES_SHOWN = 3
# Whoever reviews a deletion has to see all of it, as far as a comment of 65,536 characters can.
_DELETED_SHOWN = 500
# How wide a text is that goes to no terminal, and what is left of one that is too narrow.
_WIDTH = 100
_NARROWEST = 20
_RED, _GREEN = ("delete", "stop"), ("create", "start")
_COLOURS = {"restart": "yellow", **dict.fromkeys(_RED, "red"), **dict.fromkeys(_GREEN, "green")}
# How a sentence tells how many machines have a verdict.
IN_WORDS = {
    "rejected": "to be rejected",
    "delete": "to delete",
    "create": "to create",
    "stop": "to stop",
    "start": "to start",
    "restart": "to restart",
    "next-start": "to change at the next start",
    "pending": "to change at the next migration",
    "live": "to change live",
    "no-effect": "without effect",
    "unchanged": "unchanged",
}
_INDENT = 12
# What Markdown or HTML would not show as it is.
_MARKUP = pattern(r"[&<>|\\`*_~\[\]!]")
_PLACEHOLDER = "<claim>"
_CLAIM_NAME = ("persistentVolumeClaim", "claimName")
# What objects of one group have in common: verdict, kind, and the lines that describe them.
_Alike = tuple[str, str, tuple[str, ...]]


@record(frozen=True)
class Changed:
    """What becomes of one object; `causes` are those of its fields, in their order.

    `users` are the machines that name a Secret: those of the earlier state if it goes. `origin`
    says what a machine that goes was made for, by the keys of a claim in a NodePlan.
    """

    key: Key
    verdict: str
    fields: list[Change] = field(default_factory=list)
    causes: list[str] = field(default_factory=list)
    cause: str = ""
    data_volumes: list[str] = field(default_factory=list)
    users: list[Key] = field(default_factory=list)
    origin: dict[str, str | None] = field(default_factory=dict)

    @property
    def subject(self) -> str:
        """What a person is told of: the object, or the machine whose name a Secret has."""
        own = [user for user in self.users if self.key.name.startswith(f"{user.name}-")]
        return str(own[0] if own else self.key)

    @property
    def is_machine(self) -> bool:
        """Whether the object is a machine; else it is a Secret."""
        return self.key.is_machine

    @property
    def verdicts(self) -> set[str]:
        """The verdicts of the object and of its fields."""
        return {self.verdict, *(field.verdict for field in self.fields)}

    @property
    def is_whole(self) -> bool:
        """Whether the object itself comes or goes."""
        return self.verdict in ("create", "delete")


@record(frozen=True)
class Compared:
    """All objects with what becomes of each, and what they need.

    `totals` are the rows of namespaces after the change, `peak` those while machines that it
    deletes still exist, `budgets` the limits. `abandoned` machines are of another config.
    """

    changes: list[Changed]
    totals: list[Total]
    peak: list[Total]
    budgets: list[Budget]
    abandoned: int = 0

    @property
    def replaces_machines(self) -> bool:
        """Whether machines are created and others deleted."""
        return {"create", "delete"} <= set(machine_verdicts(self.changes))


def counts(verdicts: list[str]) -> dict[str, int]:
    """Count the verdicts that occur, in the order of the table of verdicts."""
    count = Counter(verdicts)
    return {verdict: count[verdict] for verdict in VERDICTS if verdict in count}


@record(frozen=True)
class _Group:
    """Objects that change alike, for the same reasons."""

    verdict: str
    kind: str
    lines: tuple[str, ...]
    members: list[Changed] = field(default_factory=list)

    @property
    def head(self) -> str:
        """The objects on one line: `3 machines: a/b, a/c, a/d`."""
        names = [str(change.key) for change in self.members]
        noun = "Secret" if self.kind == "Secret" else "machine"
        goes = self.verdict == "delete" and self.kind != "Secret"
        most = _DELETED_SHOWN if goes else _NAMES_SHOWN
        first = ", ".join(names[:most])
        hidden = len(names) - most
        more = f" and {hidden} more" if hidden > 0 else ""
        return f"{counted(len(names), noun)}: {first}{more}"


def _groups(changes: list[Changed]) -> list[_Group]:
    """Group the objects that change; the heaviest verdicts come first."""
    groups: dict[_Alike, _Group] = {}
    for change in shown(changes):
        lines = tuple(_lines(change))
        alike = (change.verdict, change.key.kind, lines)
        group = groups.setdefault(alike, _Group(*alike))
        group.members.append(change)
    return sorted(groups.values(), key=_rank)


def shown(changes: list[Changed]) -> Iterator[Changed]:
    """Yield the objects that change, without Secrets that come or go with all their machines."""
    machines = {(change.key, change.verdict) for change in changes if change.is_machine}
    for change in changes:
        others = [user for user in change.users if (user, change.verdict) not in machines]
        follows = change.is_whole and change.users and not others
        if change.verdict != "unchanged" and not follows:
            yield change


def _rank(group: _Group) -> tuple[int, int, str]:
    """Order groups by verdict, then by size, then by name."""
    return VERDICTS.index(group.verdict), -len(group.members), group.head


def _lines(change: Changed) -> Iterator[str]:
    """Describe the fields of an object, with a placeholder for its name.

    Equal changes of several objects then have equal lines.
    """
    name = change.subject.partition("/")[2]
    if not replaceable(name):
        # A name such as `1` or `root` is also part of other words: it keeps its machine apart.
        name = change.subject
    for one, cause in zip(change.fields, change.causes, strict=True):
        text = redacted(_field_text(one)).replace(name, _PLACEHOLDER)
        yield f"{text} [{cause}]" if cause else text
    if change.verdict == "create":
        yield f"for {change.cause}"
    if change.data_volumes:
        disks = ", ".join(change.data_volumes)
        yield f"with its disks: {disks}".replace(name, _PLACEHOLDER)
    if change.verdict == "delete" and change.users:
        yield _still_named(change.users).replace(name, _PLACEHOLDER)


def _still_named(users: list[Key]) -> str:
    """Say what becomes of machines that run on and name a Secret that goes."""
    names = listed([str(user) for user in users])
    return f"named by {names}, which can't migrate until the next restart"


def _field_text(change: Change) -> str:
    """Describe the change of one field: its values, its verdict and why."""
    values = ""
    if change.old is not None or change.new is not None:
        values = f": {_value(change.old)} → {_value(change.new)}"
    why = f", {change.why}" if change.why else ""
    return f"{change.text}{values} ({change.verdict}{why})"


def _value(value: Any) -> str:
    """Quote a value of a field."""
    return "nothing" if value is None else show(value)


def _summary(compared: Compared) -> str:
    """Count the machines by verdict: `5 machines: 3 to create, 2 to restart, nothing deleted`."""
    verdicts = machine_verdicts(compared.changes)
    numbers = counts(verdicts)
    parts = [f"{number} {IN_WORDS[verdict]}" for verdict, number in numbers.items()]
    if "delete" not in numbers:
        parts.append("nothing of this config deleted" if compared.abandoned else "nothing deleted")
    again = {user for change in compared.changes for user in _joining_again(change)}
    again -= {change.key for change in compared.changes if change.is_whole}
    if again:
        parts.append(f"{counted(len(again), 'node')} to join again at the next start")
    return f"{counted(len(verdicts), 'machine')}: {', '.join(parts)}"


def _joining_again(change: Changed) -> list[Key]:
    """Return the machines that stay, and whose nodes join another endpoint, or with other trust."""
    return change.users if any(field.why == JOINS_AGAIN for field in change.fields) else []


def machine_verdicts(changes: list[Changed]) -> list[str]:
    """Return the verdict of each machine."""
    return [change.verdict for change in changes if change.is_machine]


def _advice(changes: list[Changed]) -> Iterator[str]:
    """Yield advice that fits the changes."""
    if {"create", "delete"} <= set(machine_verdicts(changes)):
        yield "A machine that is renamed or moved is deleted with its disks and created again."
    if any(_is_other_disk(field) for change in changes for field in change.fields):
        yield (
            "A node on another root disk joins again. What was written to the old one, such as "
            "kubelet's state, images and local data, is not on the new one."
        )


def _is_other_disk(change: Change) -> bool:
    """Tell whether a volume is on another disk from the next start on."""
    names_disk = change.path[-2:] in (("dataVolume", "name"), _CLAIM_NAME)
    is_volume = change.path[: len(VOLUMES)] == VOLUMES
    return is_volume and names_disk and change.verdict in ("restart", "next-start")


def as_text(compared: Compared, screen: Screen) -> str:
    """Write the plan for people; equal changes appear once."""
    changes, width = compared.changes, screen.columns or _WIDTH
    lines = _wrapped(_summary(compared), 0, 0, width)
    groups = _groups(changes)
    if groups:
        lines.append("")
    for group in groups:
        head = _wrapped(f"{group.verdict:<{_INDENT}}{group.head}", 0, _INDENT, width)
        styled = screen.styled(group.verdict, _COLOURS.get(group.verdict))
        head[0] = head[0].replace(group.verdict, styled, 1)
        lines += head
        for line in group.lines:
            lines += _wrapped(line, _INDENT, _INDENT + 2, width)
    advice = list(_advice(changes))
    if advice:
        lines.append("")
    for sentence in advice:
        lines += _wrapped(sentence, 0, 0, width)
    lines += _needs(compared, screen)
    return "\n".join(lines) + "\n"


def _wrapped(text: str, first: int, others: int, width: int) -> list[str]:
    """Break a text into lines, the first indented differently from the others."""
    return textwrap.wrap(
        text,
        max(width, others + _NARROWEST),
        initial_indent=" " * first,
        subsequent_indent=" " * others,
        break_on_hyphens=False,
        break_long_words=False,
    )


def _needs(compared: Compared, screen: Screen | None = None) -> Iterator[str]:
    """Show what a change needs at its peak, and the budgets that it exceeds."""
    if compared.replaces_machines:
        larger = [total for total in compared.peak if total not in compared.totals]
        yield ""
        yield "At its peak, with new and old machines side by side:"
        yield sums_table(larger, screen).rstrip("\n")
    over = [budget for budget in compared.budgets if budget.is_exceeded]
    if over:
        yield ""
        yield "Budgets that are not kept:"
        yield budgets_table(over, screen, with_peak=True).rstrip("\n")


def as_markdown(compared: Compared) -> str:
    """Write the plan as a comment on a pull request."""
    changes = compared.changes
    lines = [f"**krmfn plan**: {_summary(compared)}", ""]
    groups = _groups(changes)
    if groups:
        lines += ["| verdict | what | changes |", "|---|---|---|"]
    for group in groups:
        details = "<br>".join(_cell(line) for line in group.lines)
        lines.append(f"| {group.verdict} | {_cell(group.head)} | {details} |")
    for advice in _advice(changes):
        lines += ["", advice]
    if needs := list(_needs(compared)):
        lines += ["", "```", *needs[1:], "```"]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    """Write a text into a cell of a Markdown table, where nothing of it is markup.

    In code GitHub mentions nobody.
    """
    text = _MARKUP.sub(lambda match: f"&#{ord(match[0])};", printable(text))
    return f"<code>{text}</code>" if "@" in text else text
