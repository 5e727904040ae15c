"""Problems and their places: everything that can go wrong is a `Problem` that carries a `Place`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal, NamedTuple

from krmfn.problems.codes import Code, RuleCode
from krmfn.problems.redaction import masked, redacted
from krmfn.problems.wording import SHOWN, Path, path_text
from krmfn.records import record

# A line and a column, both from 1.
Position = tuple[int, int]


class Inside(NamedTuple):
    """A line and a column, both from 1, of a text that a field holds, or that a file is."""

    line: int
    column: int
    text: str

    @classmethod
    def of(cls, text: str, offset: int) -> Inside:
        """Make one of an offset in the text."""
        line = text.rfind("\n", 0, offset) + 1
        return cls(text.count("\n", 0, offset) + 1, offset - line + 1, text)


# Finds where a field of an object stands in its file, None if that is not known. With a position
# inside of the field's text it finds that one: None if the file does not have the text as it is.
FindPosition = Callable[[Path, Inside | None], Position | None]
Severity = Literal["error", "warning", "info"]


@record(frozen=True)
class Resource:
    """The identity of a Kubernetes object, as messages and results name it."""

    api_version: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""

    def __str__(self) -> str:
        """Return `NodeClaim p-default/node-1`, without the parts that are not known."""
        kind, namespace, name = (
            masked(part)[:SHOWN] for part in (self.kind, self.namespace, self.name)
        )
        prefix = f"{namespace}/" if namespace else ""
        return f"{kind or 'object'} {prefix}{name}".strip()


@record(frozen=True)
class Origin:
    """Where an object was read: its identity, its file and index there.

    `find_position` finds a field in the file. `find_file` finds the file of a field, if parts of
    the object come from elsewhere.
    """

    resource: Resource | None = None
    file: str | None = None
    index: int | None = None
    find_position: FindPosition | None = None
    find_file: Callable[[Path], str | None] | None = None


@record(frozen=True)
class Place:
    """A field of an object that was read. Problems are made from it.

    `inside` is a position in the text that the field holds, or in the file if there is no field.
    """

    origin: Origin = Origin()
    path: Path = ()
    inside: Inside | None = None

    def field(self, *keys: str | int) -> Place:
        """Return the place of a field below this one."""
        return Place(self.origin, self.path + keys)

    def within(self, inside: Inside) -> Place:
        """Return the place of a position in the text that this field holds, or of a file."""
        return Place(self.origin, self.path, inside)

    def error(self, message: str, code: Code | RuleCode = Code.INVALID) -> Problem:
        """Report an error here; `message` continues a sentence that begins with the path."""
        return Problem("error", code, message, self)

    def warning(self, message: str, code: Code | RuleCode) -> Problem:
        """Report a warning here; users accept it by its code."""
        return Problem("warning", code, message, self)

    def notice(self, message: str, code: Code) -> Problem:
        """Report something worth knowing that nobody has to act on."""
        return Problem("info", code, message, self)

    @property
    def file(self) -> str | None:
        """The file, None if it is not known."""
        find = self.origin.find_file
        return find(self.path) if find else self.origin.file

    @property
    def text(self) -> str:
        """The place on one line: `provider.yaml: NodeProvider edge: spec.kubeVirt`."""
        parts = (self.file, self.origin.resource, path_text(self.path))
        return redacted(": ".join(str(part) for part in parts if part))


@record(frozen=True)
class Problem:
    """One thing that is wrong (error), doubtful (warning) or worth knowing (info).

    `leads`: it is shown before the errors, since it may be their cause.
    """

    severity: Severity
    code: Code | RuleCode
    message: str
    place: Place = Place()
    leads: bool = False

    def leading(self) -> Problem:
        """Return the problem as one that is shown first."""
        return replace(self, leads=True)

    @property
    def is_error(self) -> bool:
        """Whether the problem forbids any output."""
        return self.severity == "error"

    @property
    def text(self) -> str:
        """The message without control characters, tokens or keys, and with long words cut."""
        return redacted(self.message)

    @property
    def text_in_field(self) -> str:
        """The message, with the position in the field's text if there is one."""
        if self.place.inside is None:
            return self.text
        line, column, _ = self.place.inside
        return f"line {line}, column {column}: {self.text}"

    @property
    def position(self) -> Position | None:
        """The line and column in the file, None if they are not known."""
        return self._exact_position or self._find(None)

    @property
    def _exact_position(self) -> Position | None:
        """The line and column of what the problem is about."""
        return self._find(self.place.inside)

    def _find(self, inside: Inside | None) -> Position | None:
        """Find the field, or a position in the text that it holds."""
        find = self.place.origin.find_position
        return find(self.place.path, inside) if find else None

    def __str__(self) -> str:
        """Return `error: nodes.yaml:12:3: NodeClaim a/b: spec.typeRef: message` on one line."""
        parts: list[str] = [self.severity]
        if self.place.file:
            numbers = map(str, self.position or ())
            parts.append(":".join([redacted(self.place.file), *numbers]))
        return ": ".join([*parts, self.sentence])

    @property
    def sentence(self) -> str:
        """The problem without severity and file: `NodeClaim a/b: spec.typeRef: message`."""
        parts = []
        if self.place.origin.resource:
            parts.append(redacted(str(self.place.origin.resource)))
        if self.place.path:
            parts.append(redacted(path_text(self.place.path)))
        code = "" if self.is_error else f" ({self.code})"
        text = self.text if self._exact_position else self.text_in_field
        return ": ".join([*parts, text]) + code
