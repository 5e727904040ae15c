"""How messages quote values, paths and lists of names."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from krmfn.patterns import pattern
from krmfn.problems.redaction import masked

Path = tuple[str | int, ...]

SHOWN = 80
_IDENTIFIER = pattern(r"[A-Za-z_$][A-Za-z0-9_$-]*")
_COMPARED = 200
_LISTED = 10
_TOO_LONG_TO_PRINT = 10**40


def path_text(path: Path) -> str:
    """Write a path as kubectl does: `spec.nodeTypes[1].labels[a.b/c]`.

    Keys of over 80 characters are cut.
    """
    text = ""
    for key in path:
        if isinstance(key, str) and len(key) > SHOWN:
            key = cut(masked(key))
        if isinstance(key, str) and _IDENTIFIER.fullmatch(key):
            text += f".{key}" if text else key
        else:
            text += f"[{key}]"
    return text


def show(value: Any) -> str:
    """Quote a value for a message: JSON on one line, cut at 80 characters."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    # Masked before it is cut: half a token is no longer recognised as one.
    is_text = isinstance(value, str)
    text = json.dumps(masked(value), ensure_ascii=False) if is_text else plain(value)
    return text if len(text) <= SHOWN else cut(text)


def cut(text: str) -> str:
    """Shorten a text to 80 characters, the last of them an ellipsis."""
    return text[: SHOWN - 1] + "…"


def plain(value: Any) -> str:
    """Write a scalar as JSON does. A number too long to print is only described."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int) and abs(value) >= _TOO_LONG_TO_PRINT:
        return "a number of over 40 digits"
    return str(value)


def listed(names: Sequence[str]) -> str:
    """Join the first ten names, and say how many more there are."""
    text = ", ".join(names[:_LISTED])
    if len(names) > _LISTED:
        text += f" and {len(names) - _LISTED} more"
    return text


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ` (did you mean "x"?)` for the known name nearest to a typo, else "".

    Among thousands of names it would take too long, so it returns "" there too.
    """
    name = closest(word, known)
    return f' (did you mean "{name}"?)' if name else ""


def closest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """Return the known name nearest to a typo, "" if none is near; see `nearest`."""
    names = sorted(known)
    if len(names) > _COMPARED:
        return ""
    # Compared without case: `Kubevirt` is the commonest typo of `kubeVirt`.
    by_fold = {name.lower(): name for name in names}
    # Only what is wrong needs it.
    import difflib

    close = difflib.get_close_matches(word[:100].lower(), by_fold, n=1, cutoff=cutoff)
    return by_fold[close[0]] if close else ""


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: `1 machine`, `2 machines`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
