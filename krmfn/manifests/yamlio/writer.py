"""Write YAML so that every YAML 1.1 or 1.2 reader reads back the same strings."""

from __future__ import annotations

import json
import math
import re
from typing import Any

# Words that some YAML reader, 1.1 or 1.2 or a sloppy one, takes for something else than text.
_WORDS = frozenset(
    [
        "y",
        "n",
        "yes",
        "no",
        "on",
        "off",
        "true",
        "false",
        "null",
        "nil",
        "none",
        "nan",
        "inf",
        "infinity",
    ]
)
_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./-]*(:[A-Za-z0-9_./-]+)*|[0-9]+(Ki|Mi|Gi|Ti|Pi|Ei|m)")
_LITERAL = re.compile(
    r"[^\s\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff][^\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]*"
)
# What json.dumps leaves as it is and YAML calls unprintable or a line break.
_ESCAPED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


class Hole(str):
    """Text that is filled in after dumping: `dump` writes it between marks that nothing else in YAML can hold.

    `Template` fills it. Inside of it, NAME stands for what differs.
    """

    __slots__ = ()
    NAME = "\0"
    MARK = "\1"


class Template:
    """Dumped text with holes, split once and filled often."""

    def __init__(self, value: Any, column: int | None = None) -> None:
        """`column` makes it an element of a list whose dashes stand there."""
        text = dump(value)
        if column is not None:
            text = (
                " " * column
                + "- "
                + text.rstrip("\n").replace("\n", "\n" + " " * (column + 2))
                + "\n"
            )
        self._parts = text.split(Hole.MARK)
        self._patterns = sorted(set(self._parts[1::2]))

    def fill(self, name: str) -> str:
        """The text for one name, each hole written as the scalar that it becomes."""
        filled = {pattern: scalar(pattern.replace(Hole.NAME, name)) for pattern in self._patterns}
        parts = self._parts.copy()
        parts[1::2] = [filled[pattern] for pattern in parts[1::2]]
        return "".join(parts)


def scalar(value: Any) -> str:
    """A scalar on one line: text is quoted unless it is a plain word to every YAML reader."""
    if isinstance(value, str):
        if isinstance(value, Hole):
            return f"{Hole.MARK}{value}{Hole.MARK}"
        if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
            return value
        return _ESCAPED.sub(
            lambda match: f"\\u{ord(match[0]):04x}", json.dumps(value, ensure_ascii=False)
        )
    if isinstance(value, float):
        if value.is_integer() and abs(value) < 2**53:
            return str(int(value))
        # `1e+22` is text to YAML 1.1: it wants a point in a float.
        text = repr(value)
        return (
            re.sub(r"^(-?\d+)e", r"\1.0e", text)
            if math.isfinite(value)
            else text.replace("inf", ".inf").replace("nan", ".nan")
        )
    return json.dumps(value)


def dump(value: Any, indent: int = 0) -> str:
    """A mapping or list as block YAML, keys in the order given; text of several lines stands as a literal block where it can."""
    lines: list[str] = []
    _dump(value, " " * indent, " " * indent, lines)
    return "".join(lines)


def _dump(value: Any, first: str, pad: str, lines: list[str]) -> None:
    """Append the lines of a collection that is not empty; `first` is what stands before its first line."""
    if isinstance(value, dict):
        for key, child in value.items():
            _entry(f"{first}{scalar(key)}:", child, pad, lines)
            first = pad
    else:
        for child in value:
            if isinstance(child, dict | list) and child:
                _dump(child, f"{first}- ", pad + "  ", lines)
            else:
                _entry(f"{first}-", child, pad, lines)
            first = pad


def _entry(head: str, value: Any, pad: str, lines: list[str]) -> None:
    if isinstance(value, dict) and value:
        lines.append(head + "\n")
        _dump(value, pad + "  ", pad + "  ", lines)
    elif isinstance(value, list) and value:
        lines.append(head + "\n")
        _dump(value, pad, pad, lines)
    elif (
        isinstance(value, str)
        and "\n" in value
        and _LITERAL.fullmatch(value)
        and not value.endswith("\n\n")
    ):
        lines.append(f"{head} |{'' if value.endswith(chr(10)) else '-'}\n")
        lines.extend(
            f"{pad}  {line}\n" if line else "\n" for line in value.removesuffix("\n").split("\n")
        )
    else:
        lines.append(
            f"{head} {scalar(value) if not isinstance(value, dict | list) else '{}' if isinstance(value, dict) else '[]'}\n"
        )
