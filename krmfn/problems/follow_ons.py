"""Problems that only follow from others: with the cause mended they are gone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from krmfn.patterns import pattern
from krmfn.problems.codes import Code
from krmfn.problems.problem import Origin, Problem
from krmfn.problems.wording import path_text

_MISSPELT = "is an unknown field"
_MISSING = "is required"
_MEANT = pattern(r'\(did you mean "([^"]+)"\?\)')
_WORD = pattern(r"[^\s,;]+")
# The fields that tell the CPU of a machine or node type.
_CPU = pattern(r"\.(domain\.cpu(\.\w+)?|(resources|requests|limits)(\.cpu)?)\Z")
# What may stand in something that could not be read.
_ABSENT = (Code.MISSING_OBJECT, Code.NO_NODES)


def without_follow_ons(problems: Iterable[Problem]) -> list[Problem]:
    """Leave out that a field is missing where a misspelt field was meant to be that field.

    A message may name other fields, one of which would do.
    """
    problems = list(problems)
    live = {problem.place.origin for problem in problems if problem.code == Code.LIVE_CLAIM}
    if live:
        # The marks on a claim that the Platform runs are the Platform's.
        problems = [one for one in problems if not _is_mark(one, live)]
    meant: dict[Origin, list[str]] = defaultdict(list)
    for problem in problems:
        is_misspelt = problem.message.startswith(_MISSPELT)
        if is_misspelt and (hint := _MEANT.search(problem.message)):
            path = (*problem.place.path[:-1], hint[1])
            meant[problem.place.origin].append(path_text(path))
    if not meant:
        return problems
    return [problem for problem in problems if not _follows(problem, meant[problem.place.origin])]


def _is_mark(problem: Problem, live: set[Origin]) -> bool:
    """Tell whether a problem is about reserved labels and annotations of such a claim."""
    return problem.code == Code.RESERVED_METADATA and problem.place.origin in live


def _follows(problem: Problem, meant: list[str]) -> bool:
    """Tell whether a missing field, or one that would do, is or is in one that was meant."""
    if problem.code == Code.NO_CPU:
        return any(map(_CPU.search, meant))
    if not meant or not problem.message.startswith(_MISSING):
        return False
    own = path_text(problem.place.path)
    if any(_is_in(own, path) for path in meant):
        return True
    words = [word for word in _WORD.findall(problem.message) if "." in word]
    return any(_ends_with_part(path, word) for path in meant for word in words)


def _is_in(path: str, whole: str) -> bool:
    """Tell whether a path is another one or leads into it."""
    return path == whole or path.startswith((f"{whole}.", f"{whole}["))


def _ends_with_part(path: str, word: str) -> bool:
    """Tell whether a path ends as a field's path begins, in at least three steps."""
    steps = word.split(".")
    return any(path.endswith("." + ".".join(steps[:end])) for end in range(3, len(steps) + 1))


def without_absences(problems: Iterable[Problem]) -> list[Problem]:
    """Leave out what is not there, for a run that could not read everything."""
    return [problem for problem in problems if problem.code not in _ABSENT]
