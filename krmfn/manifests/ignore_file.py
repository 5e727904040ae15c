"""The lines of a .krmignore, which mean what they mean in a .gitignore.

https://git-scm.com/docs/gitignore#_pattern_format
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from krmfn.patterns import pattern
from krmfn.records import record

# Spaces at the end do not count, unless a backslash stands before them.
_TRIMMED = pattern(r"(?:\\.|[^ ]| ++(?!\Z))*+", re.DOTALL)
_TOKEN = pattern(
    r"(?P<folders>(?:\A|(?<=/))\*\*+/)|(?P<all>(?:\A|(?<=/))\*\*+\Z)|(?P<some>\*+)|(?P<one>\?)"
    r"|\[(?P<class>[!^]?\]?(?:\\.|\[:\w+:\]|[^]\\])*)\]|\\(?P<escaped>.)|(?P<wrong>[\\[])|(?P<own>.)",
    re.DOTALL,
)
_MEMBER = pattern(r"\[:(?P<named>\w+):\]|(?P<low>\\.|[^\\])(?:-(?P<high>\\.|[^\\]))?", re.DOTALL)
_WILD = {"folders": "(?:.*/)?", "all": ".*", "some": "[^/]*", "one": "[^/]"}
_NAMED = {"alnum": "a-zA-Z0-9", "alpha": "a-zA-Z", "digit": "0-9", "lower": "a-z", "upper": "A-Z"}


@record(frozen=True)
class _Line:
    """A pattern of paths below the file's folder. `keeps`: it takes back what one above says."""

    pattern: re.Pattern[str]
    keeps: bool
    folders_only: bool


class IgnoreFile:
    """The lines of one file."""

    def __init__(self, text: str) -> None:
        lines = map(_line, text.split("\n"))
        self._lines = [line for line in lines if line]

    def verdict(self, path: str, is_folder: bool) -> bool | None:
        """Tell whether to ignore a path below the file's folder, None if no line is about it.

        The last line decides. What is in a folder that is ignored can't be kept.
        """
        for line in reversed(self._lines):
            if (is_folder or not line.folders_only) and line.pattern.fullmatch(path):
                return not line.keeps
        return None


def _line(text: str) -> _Line | None:
    """Read a line, None if it is empty, a comment, or no pattern: Git lets that match nothing."""
    trimmed = _TRIMMED.match(text.removesuffix("\r"))
    text = trimmed[0] if trimmed else ""
    keeps = text.startswith("!")
    body = text.removeprefix("!")
    folders_only = body.endswith("/")
    body = body.removesuffix("/")
    if not body or text.startswith("#"):
        return None
    anywhere = "" if "/" in body else _WILD["folders"]
    try:
        regex = "".join(_translated(body.removeprefix("/")))
        pattern = re.compile(anywhere + regex, re.DOTALL)
    except (LookupError, re.error):
        return None
    return _Line(pattern, keeps, folders_only)


def _translated(pattern: str) -> Iterator[str]:
    """Yield the parts of a regular expression for a pattern.

    Raises:
        LookupError: The pattern matches nothing.
    """
    for token in _TOKEN.finditer(pattern):
        kind, text = token.lastgroup or "", token[token.lastgroup or 0]
        if kind == "class":
            yield _class(text)
        elif kind in _WILD:
            yield _WILD[kind]
        elif kind == "wrong":
            raise LookupError(text)
        else:
            yield re.escape(text)


def _class(text: str) -> str:
    """Translate the inside of brackets; one that ends before it begins has no characters."""
    is_negated = text[:1] in ("!", "^")
    members = ""
    for member in _MEMBER.finditer(text[is_negated:]):
        if name := member["named"]:
            members += _NAMED[name]
            continue
        low = member["low"][-1]
        high = (member["high"] or low)[-1]
        members += f"{re.escape(low)}-{re.escape(high)}" if low <= high else ""
    if not members:
        return "[^/]" if is_negated else "(?!)"
    return f"(?!/)[{'^' * is_negated}{members}]"
