"""The answer of a command: output, messages and the exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from krmfn.problems import Problem, report
from krmfn.records import record

if TYPE_CHECKING:
    from krmfn.commands.screen import Screen

NOTHING_TO_RENDER = "there is nothing to render: no claim of this config's KubeVirt cluster"
DONE, PROBLEMS, USAGE, NOTHING, STALE = 0, 1, 2, 3, 4
_PIECE = 2**20


@record(frozen=True)
class Reply:
    """The answer of a run: text for stdout, problems for stderr, and the exit code."""

    stdout: str
    problems: Sequence[Problem]
    code: int

    @property
    def stderr(self) -> str:
        """The problems, a line each."""
        return report(list(self.problems))

    def say(self, screen: Screen | None = None) -> int:
        """Write the answer to the standard streams, and return the code.

        If `screen`, that of stderr, is a terminal, problems have an excerpt of their file. Large
        output is written in pieces, since it would be copied as a whole otherwise.
        """
        sys.stderr.write(self._messages(screen))
        sys.stderr.flush()
        for start in range(0, len(self.stdout), _PIECE):
            sys.stdout.write(self.stdout[start : start + _PIECE])
        sys.stdout.flush()
        return self.code

    def _messages(self, screen: Screen | None) -> str:
        """Return the problems as the screen shows them."""
        if screen is None or not screen.is_terminal:
            return self.stderr
        # Imported by need: the function's callers are no terminals.
        from krmfn.commands.excerpts import report_with_excerpts

        return report_with_excerpts(list(self.problems), screen)


def refused(problems: Sequence[Problem], code: int = PROBLEMS) -> Reply:
    """Answer with problems and no output."""
    return Reply("", problems, code)
