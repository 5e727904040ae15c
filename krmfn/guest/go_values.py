"""The values of Go's templates.

Text that comes from properties and claims is kept apart from the template's own: each `Text` has a
shadow, in which marks stand for what was put in.
"""

from __future__ import annotations

from dataclasses import field
from typing import Any

from krmfn.patterns import pattern
from krmfn.problems import show
from krmfn.records import record

_CONTROLS = pattern(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]")
_MARK = pattern(r"krmfnvalue(\d{5})x")
_QUOTED = {"\a": r"\a", "\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t",
           "\v": r"\v", "\\": r"\\", '"': r"\""}  # fmt: skip


class TemplateError(ValueError):
    """A template can't be executed; the message goes on after the field that holds it."""


@record(frozen=True)
class Text:
    """A text; without a `shadow` it comes from outside, and was not laid out yet."""

    real: str
    shadow: str | None = None


@record(frozen=True)
class Missing:
    """A value that is not there, such as a property that nobody set; `path` asks for it."""

    path: str


@record()
class Marks:
    """Marks that stand for values: words that mean nothing in YAML."""

    values: list[str] = field(default_factory=list)

    def shadow(self, text: Text) -> str:
        """Return what stands for a text that is written on one line."""
        return self.mark(text.real) if text.shadow is None else text.shadow

    def mark(self, value: str, allowed: str = "") -> str:
        """Make the mark of a value, which may have no control characters but the `allowed`."""
        if set(_CONTROLS.findall(value)) - set(allowed):
            raise TemplateError(f"puts in {show(value)}, which has control characters")
        self.values.append(value)
        return f"krmfnvalue{len(self.values) - 1:05d}x"

    def replaced(self, text: str) -> str:
        """Put the values back in place of their marks."""
        return _MARK.sub(lambda match: self.values[int(match[1])], text)


def literal(value: str) -> Text:
    """Return a text of the template itself, which stands for itself."""
    return Text(value, value)


def is_true(value: Any) -> bool:
    """Tell whether a value is true to `if`: it is neither empty nor 0 nor missing."""
    return bool(value.real) if isinstance(value, Text) else bool(_absent(value))


def _absent(value: Any) -> Any:
    """Return a value, None if it is missing."""
    return None if isinstance(value, Missing) else value


def printed(value: Any) -> Text:
    """Return a value as an action writes it."""
    if isinstance(value, Text):
        return value
    if isinstance(value, bool):
        return literal(str(value).lower())
    if isinstance(value, int):
        return literal(str(value))
    if isinstance(value, Missing):
        raise TemplateError(f"asks for {show(value.path)}, which is not text here")
    raise TemplateError("asks for a list, a mapping or nil where a text stands")


def wrapped(value: Any) -> Any:
    """Return a value from outside; a text as one that was not laid out yet."""
    return Text(value) if isinstance(value, str) else value


def go_quoted(text: str) -> str:
    """Quote a text as Go's %q does."""
    return f'"{"".join(_QUOTED.get(c) or _printable(c) for c in text)}"'


def _printable(character: str) -> str:
    """Return a character as it stands between Go's quotes."""
    code = ord(character)
    if character.isprintable():
        return character
    return (
        f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 2**16 else f"\\U{code:08x}"
    )
