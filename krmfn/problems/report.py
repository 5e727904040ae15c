"""Lists of problems: which are errors, in which order they are shown, and how many of them."""

from __future__ import annotations

from collections.abc import Iterable

from krmfn.problems.codes import Code
from krmfn.problems.problem import Problem

_MOST = 1000
_RANKS = ("error", "warning", "info")


def errors(problems: Iterable[Problem]) -> list[Problem]:
    """Return the problems that forbid any output."""
    return [problem for problem in problems if problem.is_error]


def ranked(problems: Iterable[Problem]) -> list[Problem]:
    """Sort errors first, since clients show the first line best; before them what explains them."""
    return sorted(problems, key=lambda each: (not each.leads, _RANKS.index(each.severity)))


def limited(problems: list[Problem]) -> list[Problem]:
    """Return all problems, or the first thousand and a last one that counts the rest."""
    if len(problems) <= _MOST:
        return problems
    shown = ranked(problems)[:_MOST]
    more = f"and {len(problems) - _MOST} problems more"
    gravest = min((problem.severity for problem in problems), key=_RANKS.index)
    return [*shown, Problem(gravest, Code.MORE, more)]


def report(problems: list[Problem]) -> str:
    """Write the problems as lines for stderr, errors first."""
    return "".join(f"{problem}\n" for problem in ranked(limited(problems)))


class Collector(list[Problem]):
    """The problems that a run has found so far.

    A function that returns something else as well takes a collector and adds to it.
    """

    @property
    def has_errors(self) -> bool:
        """Whether anything was found that forbids output."""
        return any(problem.is_error for problem in self)
