"""`krmfn`: the KRM function where there is nothing on the command line and a ResourceList on standard input, else the commands."""

from __future__ import annotations

import signal
import sys
from types import FrameType


def _terminated(signum: int, frame: FrameType | None) -> None:
    # Argo CD says no more than "signal: terminated" itself when its time-out kills a plugin.
    sys.stderr.write("error: terminated by the caller (SIGTERM), probably at its time-out; nothing was written\n")
    sys.stderr.flush()
    raise SystemExit(143)


def main() -> None:
    """Run krmfn and exit with its code."""
    signal.signal(signal.SIGTERM, _terminated)
    if len(sys.argv) == 1 and not sys.stdin.isatty():
        from krmfn.function import run

        reply = run(sys.stdin.buffer.read())
        sys.stderr.write(reply.stderr)
        sys.stderr.flush()
        sys.stdout.buffer.write(reply.stdout.encode())
        sys.stdout.buffer.flush()
        sys.exit(reply.code)
    # click is not imported on the function's path: it costs as much start-up time as the work itself.
    from krmfn.cli import cli

    cli()


if __name__ == "__main__":
    main()
