"""Problems as a terminal shows them: each with the line of its file, and a caret below it.

A line is shown only where it can't hold a secret: of a kind that has none, in block style, with a
name before its value, and neither about user data, tokens and passwords nor below such a field.
"""

from __future__ import annotations

import os
import re
from functools import cache

from krmfn.commands.screen import Screen
from krmfn.patterns import pattern
from krmfn.problems import Path, Problem, limited, ranked, redacted

_COLOURS = {"error": "red", "warning": "yellow", "info": "cyan"}
_NARROWEST = 40
_KINDS = (
    *("KubeVirtNodes", "NodeProvider", "NodeClaim", "NodeProfile", "NodeEnvironment", "OSImage"),
    *("ConfigMap", "VirtualMachine", "ResourceQuota", "KubeVirt"),
)
# The only texts in a ConfigMap that are known to be no secret.
_VALUES = ("vcluster.yaml", "values.yaml")
_SENSITIVE = pattern(
    r"user-?data|network-?data|cloud-?init|token|secret|passw|key|cert|authority|endpoint|pem\b",
    re.IGNORECASE,
)
_LINE = pattern(r"\s*(- +)*(?P<name>[\w.$/-]+): *(?P<value>[\w.:/ -]{0,100})(#.*)?")


def report_with_excerpts(problems: list[Problem], screen: Screen) -> str:
    """Write problems as lines, errors first, each with its excerpt if one may be shown."""
    blocks = []
    for problem in ranked(limited(problems)):
        severity = screen.styled(problem.severity, _COLOURS[problem.severity])
        line = str(problem).replace(problem.severity, severity, 1)
        blocks += [line, *_excerpt(problem, screen)]
    return "".join(f"{line}\n" for line in blocks)


def _excerpt(problem: Problem, screen: Screen) -> list[str]:
    """Return the line of the file that a problem is about, and a caret below its column."""
    file, position = problem.place.file, problem.position
    if file is None or position is None or not _is_open(problem):
        return []
    number, column = position
    lines = _lines(file)
    text = lines[number - 1] if number <= len(lines) else ""
    match = _LINE.fullmatch(text)
    margin = f"{number:>6} | "
    width = max(screen.columns or 0, _NARROWEST) - len(margin)
    if match is None or _SENSITIVE.search(match["name"]) or column > min(len(text), width):
        return []
    caret = screen.styled("^", _COLOURS[problem.severity])
    blank = " " * (len(margin) - 2)
    # A comment may say anything.
    shown = text[: match.end("value")].rstrip()
    return [f"{margin}{redacted(shown)[:width]}", f"{blank}| {' ' * (column - 1)}{caret}"]


def _is_open(problem: Problem) -> bool:
    """Tell whether a problem is about an object and a field that hold no secret."""
    resource, path = problem.place.origin.resource, problem.place.path
    if resource is None or resource.kind not in _KINDS:
        return False
    if resource.kind == "ConfigMap" and path[:1] in (("data",), ("stringData",)):
        return len(path) > 1 and path[1] in _VALUES and not _is_sensitive(path[2:])
    return not _is_sensitive(path)


def _is_sensitive(path: Path) -> bool:
    """Tell whether a field, or one above it, may hold a secret."""
    return any(isinstance(key, str) and _SENSITIVE.search(key) for key in path)


@cache
def _lines(file: str) -> list[str]:
    """Return the lines of a file, none of one whose lines are not those of its positions."""
    # A pipe would wait for its writer. Standard input is gone.
    if not os.path.isfile(file) or file == "standard input":
        return []
    try:
        with open(file, encoding="utf-8") as stream:
            text = stream.read()
    except (OSError, UnicodeDecodeError):
        return []
    return text.split("\n") if text.isascii() else []
