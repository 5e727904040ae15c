"""Write YAML so that every YAML 1.1 or 1.2 reader reads back the same strings."""

from __future__ import annotations

import copy
import json
import math
import re
from collections.abc import Mapping
from typing import Any

from krmfn.patterns import pattern

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
_PLAIN = pattern(r"[A-Za-z/][A-Za-z0-9_./-]*(:[A-Za-z0-9_./-]+)*|[0-9]+(Ki|Mi|Gi|Ti|Pi|Ei|m)")
_UNPRINTABLE = r"\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff"
_LITERAL = pattern(rf"[^\s\x00-\x1f{_UNPRINTABLE}][^\x00-\x08\x0b-\x1f{_UNPRINTABLE}]*")
# What json.dumps leaves as it is and YAML calls unprintable or a line break.
_ESCAPED = pattern(f"[{_UNPRINTABLE}]")
# Floats up to here are whole numbers without loss.
_LARGEST_WHOLE = 2**53


class Hole(str):
    """Text that is filled in after dumping.

    `dump` writes it between marks that nothing else in YAML can hold, and `Template` fills it.
    Inside of it, NAME stands for what differs. A hole that begins with SHARED is filled before all
    others, for many objects at once.
    """

    __slots__ = ()
    NAME = "\0"
    MARK = "\1"
    SHARED = "\2"


class Template:
    """Dumped text with holes, split once and filled often."""

    def __init__(self, value: Any, column: int | None = None, begins: bool = True) -> None:
        """Dump a value; `column` makes it an element of a list whose dashes stand there.

        It may be a part of an element that does not begin it.
        """
        text = dump(value)
        if column is not None:
            dash = "- " if begins else "  "
            indented = text.rstrip("\n").replace("\n", "\n" + " " * (column + 2))
            text = f"{' ' * column}{dash}{indented}\n"
        self._split(text)

    def _split(self, text: str) -> None:
        """Split text at the marks of its holes."""
        self._parts = text.split(Hole.MARK)
        self._patterns = sorted(set(self._parts[1::2]))

    def with_shared(self, values: Mapping[str, str]) -> Template:
        """Return a template whose shared holes are filled, by what follows SHARED in them."""
        text = Hole.MARK.join(self._parts)
        for name, value in values.items():
            text = text.replace(f"{Hole.MARK}{Hole.SHARED}{name}{Hole.MARK}", scalar(value))
        filled = copy.copy(self)
        filled._split(text)
        return filled

    def fill(self, name: str) -> str:
        """Return the text for one name, each hole written as the scalar that it becomes."""
        filled = {pattern: scalar(pattern.replace(Hole.NAME, name)) for pattern in self._patterns}
        parts = self._parts.copy()
        parts[1::2] = [filled[pattern] for pattern in parts[1::2]]
        return "".join(parts)


def scalar(value: Any) -> str:
    """Write a scalar on one line.

    Text is quoted unless it is a plain word to every YAML reader.
    """
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, float):
        return _float(value)
    return json.dumps(value)


def _text(value: str) -> str:
    """Write text, in quotes unless it is a plain word."""
    if isinstance(value, Hole):
        return f"{Hole.MARK}{value}{Hole.MARK}"
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    quoted = json.dumps(value, ensure_ascii=False)
    return _ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)


def _float(value: float) -> str:
    """Write a float that YAML 1.1 and 1.2 read alike."""
    if value.is_integer() and abs(value) < _LARGEST_WHOLE:
        return str(int(value))
    text = repr(value)
    if not math.isfinite(value):
        return text.replace("inf", ".inf").replace("nan", ".nan")
    # `1e+22` is text to YAML 1.1: it wants a point in a float.
    return re.sub(r"^(-?\d+)e", r"\1.0e", text)


def dump(value: Any, indent: int = 0) -> str:
    """Write a mapping or list as block YAML, with its keys in the order given.

    Text of several lines becomes a literal block if it can.
    """
    lines: list[str] = []
    _dump(value, " " * indent, " " * indent, lines)
    return "".join(lines)


def _dump(value: Any, first: str, pad: str, lines: list[str]) -> None:
    """Append the lines of a collection that is not empty.

    `first` is what stands before its first line, `pad` before the others.
    """
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
    """Append a value after its key or dash, which is `head`."""
    if isinstance(value, dict) and value:
        lines.append(head + "\n")
        _dump(value, pad + "  ", pad + "  ", lines)
    elif isinstance(value, list) and value:
        lines.append(head + "\n")
        _dump(value, pad, pad, lines)
    elif isinstance(value, dict | list):
        lines.append(f"{head} {'{}' if isinstance(value, dict) else '[]'}\n")
    elif _is_literal(value):
        chomping = "" if value.endswith("\n") else "-"
        lines.append(f"{head} |{chomping}\n")
        for line in value.removesuffix("\n").split("\n"):
            lines.append(f"{pad}  {line}\n" if line else "\n")
    else:
        lines.append(f"{head} {scalar(value)}\n")


def _is_literal(value: Any) -> bool:
    """Tell whether a value can stand as a literal block, and gains by it."""
    if not isinstance(value, str) or "\n" not in value or value.endswith("\n\n"):
        return False
    return _LITERAL.fullmatch(value) is not None
