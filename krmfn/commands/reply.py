"""What a command answers: output, messages and the exit code."""

from __future__ import annotations

import sys
from dataclasses import dataclass

NOTHING_TO_RENDER = "there is nothing to render: no claim of this config's KubeVirt cluster"
_PIECE = 2**20
DONE, PROBLEMS, USAGE, NOTHING, STALE = 0, 1, 2, 3, 4


@dataclass(frozen=True, slots=True)
class Reply:
    """What a run answers: text for stdout, lines for stderr, and the exit code."""

    stdout: str
    stderr: str
    code: int

    def say(self) -> int:
        """Write it to the standard streams, in pieces, since a whole copy of large output would be made otherwise; returns the code."""
        sys.stderr.write(self.stderr)
        sys.stderr.flush()
        for start in range(0, len(self.stdout), _PIECE):
            sys.stdout.write(self.stdout[start : start + _PIECE])
        sys.stdout.flush()
        return self.code
