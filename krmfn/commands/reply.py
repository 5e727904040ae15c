"""The answer of a command: output, messages and the exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from krmfn.problems import Problem, report

NOTHING_TO_RENDER = "there is nothing to render: no claim of this config's KubeVirt cluster"
DONE, PROBLEMS, USAGE, NOTHING, STALE = 0, 1, 2, 3, 4
_PIECE = 2**20


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer of a run: text for stdout, lines for stderr, and the exit code."""

    stdout: str
    stderr: str
    code: int

    def say(self) -> int:
        """Write the answer to the standard streams, and return the code.

        Large output is written in pieces, since it would be copied as a whole otherwise.
        """
        sys.stderr.write(self.stderr)
        sys.stderr.flush()
        for start in range(0, len(self.stdout), _PIECE):
            sys.stdout.write(self.stdout[start : start + _PIECE])
        sys.stdout.flush()
        return self.code


def refused(problems: Sequence[Problem], code: int = PROBLEMS) -> Reply:
    """Answer with problems and no output."""
    return Reply("", report(list(problems)), code)
