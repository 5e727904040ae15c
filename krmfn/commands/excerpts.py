"""Problems as a terminal shows them: each with the line of its file, and a caret below it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from krmfn.commands.screen import Screen
from krmfn.problems import Problem, limited, ranked, redacted

_COLOURS = {"error": "red", "warning": "yellow", "info": "cyan"}
# A value of a Secret may be anything, so nothing of such a file is shown.
_SECRET = re.compile(rb"kind[\"']?\s*:\s*[\"']?\w*Secret", re.IGNORECASE)
_NARROWEST = 40


def report_with_excerpts(problems: list[Problem], screen: Screen) -> str:
    """Write problems as lines, errors first, each with its excerpt if its position is known."""
    blocks = []
    for problem in ranked(limited(problems)):
        severity = screen.styled(problem.severity, _COLOURS[problem.severity])
        line = str(problem).replace(problem.severity, severity, 1)
        blocks += [line, *_excerpt(problem, screen)]
    return "".join(f"{line}\n" for line in blocks)


def _excerpt(problem: Problem, screen: Screen) -> Iterable[str]:
    """Return the line of the file that a problem is about, and a caret below its column."""
    file, position = problem.place.file, problem.position
    if file is None or position is None:
        return []
    number, column = position
    lines = _lines(file)
    if number > len(lines):
        return []
    margin = f"{number:>6} | "
    text, width = lines[number - 1], max(screen.columns or 0, _NARROWEST) - len(margin)
    # Something that is masked or escaped before the column would move it.
    if column > min(len(text), width) or redacted(text[: column - 1]) != text[: column - 1]:
        return []
    caret = screen.styled("^", _COLOURS[problem.severity])
    blank = " " * (len(margin) - 2)
    return [f"{margin}{redacted(text)[:width]}", f"{blank}| {' ' * (column - 1)}{caret}"]


@cache
def _lines(file: str) -> list[str]:
    """Return the lines of a file that may be shown: none of one with a Secret."""
    try:
        with open(file, "rb") as stream:
            source = stream.read()
    except OSError:
        return []
    return [] if _SECRET.search(source) else source.decode(errors="replace").split("\n")
