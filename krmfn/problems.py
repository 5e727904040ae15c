"""Everything that can go wrong is a `Problem` that carries its `Place`; all problems of a run are reported together."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal["error", "warning", "info"]
Path = tuple[str | int, ...]

_IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*")
# Bootstrap tokens and PEM blocks, wherever a user may have pasted them: no message may repeat one.
_TOKEN = r"[a-z0-9]{6}(?:\.|%2[eE])[a-z0-9]{16}"
_SECRET = re.compile(rf"-----BEGIN[\s\S]*|{_TOKEN}")
_KEY = r"[A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"
_PRIVATE = re.compile(rf"-----BEGIN {_KEY}[\s\S]*?(?:-----END {_KEY}|\Z)|{_TOKEN}")
# What names a file or a list of things may be long; what is longer is no name.
_LONG_WORD = re.compile(r"(\S{300})\S+")
_SHOWN = 80
_COMPARED = 200
_MOST = 1000


@dataclass(frozen=True, slots=True)
class Resource:
    """The identity of a Kubernetes object, as messages and results name it."""

    api_version: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""

    def __str__(self) -> str:
        """`NodeClaim p-default/node-1`; parts that are not known are left out."""
        kind, namespace, name = (_SECRET.sub("******", part)[:_SHOWN] for part in (self.kind, self.namespace, self.name))
        return f"{kind or 'object'} {namespace + '/' if namespace else ''}{name}".strip()


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an object was read: its identity, its file and index there, and a way to find a field's line."""

    resource: Resource | None = None
    file: str | None = None
    index: int | None = None
    find_line: Callable[[Path], int | None] | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A field of an object that was read; problems are made from it."""

    origin: Origin = Origin()
    path: Path = ()

    def field(self, *keys: str | int) -> Place:
        """The place of a field below this one."""
        return Place(self.origin, self.path + keys)

    def error(self, message: str, code: str = "invalid") -> Problem:
        """An error at this place; `message` continues the sentence that begins with the field's path."""
        return Problem("error", code, message, self)

    def warning(self, code: str, message: str) -> Problem:
        """A warning at this place, with the code by which users can accept it."""
        return Problem("warning", code, message, self)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong (error), doubtful (warning) or worth knowing (info)."""

    severity: Severity
    code: str
    message: str
    place: Place = Place()

    @property
    def text(self) -> str:
        """The message without control characters, tokens or keys, and with long words cut."""
        return redacted(self.message)

    @property
    def line(self) -> int | None:
        """The line of the field in its file, from 1, where it is known."""
        find = self.place.origin.find_line
        return find(self.place.path) if find else None

    def __str__(self) -> str:
        """`error: nodes.yaml:12: NodeClaim a/b: spec.typeRef: message`, on one line."""
        origin = self.place.origin
        where: list[str] = [self.severity]
        if origin.file:
            line = self.line
            where.append(f"{redacted(origin.file)}:{line}" if line else redacted(origin.file))
        if origin.resource:
            where.append(redacted(str(origin.resource)))
        if self.place.path:
            where.append(redacted(path_text(self.place.path)))
        code = "" if self.severity == "error" else f" ({self.code})"
        return ": ".join(where) + f": {self.text}{code}"


def path_text(path: Path) -> str:
    """A path as kubectl writes it: `spec.nodeTypes[1].labels[a.b/c]`; a key of over 80 characters is cut."""
    text = ""
    for key in path:
        if isinstance(key, str) and len(key) > _SHOWN:
            key = _SECRET.sub("******", key)[: _SHOWN - 1] + "…"
        if isinstance(key, str) and _IDENTIFIER.fullmatch(key):
            text += f".{key}" if text else key
        else:
            text += f"[{key}]"
    return text


def redacted(text: str) -> str:
    """The text without tokens, keys and control characters, and with long words cut."""
    return _LONG_WORD.sub(r"\1…", _SECRET.sub("******", printable(text)))


def masked_lines(text: str) -> list[str]:
    """The lines of a file to be read: all in clear, certificates too, but for tokens and private keys."""
    return [printable(line) for line in _PRIVATE.sub("******", text).splitlines()]


def printable(text: str) -> str:
    """The text with all that moves a cursor, reorders a line or can't be seen as an escape: no value can forge a second message."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def show(value: Any) -> str:
    """A value as a message quotes it: JSON, one line, cut at 80 characters."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    # Redacted before it is cut: half a token is no longer recognised as one.
    text = json.dumps(_SECRET.sub("******", value), ensure_ascii=False) if isinstance(value, str) else plain(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def plain(value: Any) -> str:
    """A scalar as JSON writes it; a number too long to be printed is only named."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int) and abs(value) >= 10**40:
        return "a number of over 40 digits"
    return str(value)


def listed(known: list[str]) -> str:
    """Names for a message: the first ten, and how many more there are."""
    return ", ".join(known[:10]) + (f" and {len(known) - 10} more" if len(known) > 10 else "")


def nearest(word: str, known: Iterable[str]) -> str:
    """` (did you mean "x"?)` for the known name nearest to a typo, else nothing; among thousands there is none to be found in time."""
    known = list(known)
    if len(known) > _COMPARED:
        return ""
    # Names are compared without case: `Kubevirt` is the commonest typo of `kubeVirt`.
    by_fold = {name.lower(): name for name in sorted(known)}
    close = difflib.get_close_matches(word[:100].lower(), by_fold, n=1, cutoff=0.6)
    return f' (did you mean "{by_fold[close[0]]}"?)' if close else ""


def limited(problems: list[Problem]) -> list[Problem]:
    """The problems that are told: all, but of many thousands the first errors, and how many more there are."""
    if len(problems) <= _MOST:
        return problems
    shown = ranked(problems)[:_MOST]
    return [*shown, Problem(shown[0].severity, "more", f"and {len(problems) - _MOST} problems more")]


def ranked(problems: list[Problem]) -> list[Problem]:
    """Errors first, since clients show the first line best."""
    return sorted(problems, key=_rank)


def _rank(problem: Problem) -> int:
    return ("error", "warning", "info").index(problem.severity)


def errors(problems: Iterable[Problem]) -> list[Problem]:
    """The problems that forbid any output."""
    return [problem for problem in problems if problem.severity == "error"]
