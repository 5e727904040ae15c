"""`krmfn`: the KRM function where there is nothing on the command line and a ResourceList on standard input, else the commands."""

from __future__ import annotations

import gc
import io
import os
import signal
import sys
import traceback
from types import FrameType


def _terminated(signum: int, frame: FrameType | None) -> None:
    # Argo CD says no more than "signal: terminated" itself when its time-out kills a plugin.
    sys.stderr.write("error: terminated by the caller (SIGTERM), probably at its time-out\n")
    sys.stderr.flush()
    raise SystemExit(143)


def main() -> None:
    """Run krmfn and exit with its code; what no code foresaw is one line as well, never a traceback."""
    # A short run: what is made lives to its end, and looking for garbage takes a tenth of the time.
    gc.disable()
    # What else is installed must not change what comes out, and looking for it takes time.
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"
    signal.signal(signal.SIGTERM, _terminated)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Manifests are UTF-8, whatever the environment says of its terminal.
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", newline="\n")
    try:
        _run()
        sys.stdout.flush()
    except KeyboardInterrupt:
        _end("interrupted", 130)
    except OSError as error:
        _end(f"can't write or read: {error.strerror}", 1)
    except Exception as error:
        # The message may quote the input: only the kind of the error and its place are told.
        frame = traceback.extract_tb(error.__traceback__)[-1]
        _end(
            f"krmfn failed ({type(error).__name__} at {os.path.basename(frame.filename)}:{frame.lineno}); please report it",
            1,
        )


def _run() -> None:
    if len(sys.argv) == 1 and sys.stdin is not None and not sys.stdin.isatty():
        from krmfn.commands.function import run

        sys.exit(run(sys.stdin.buffer.read()).say())
    # click is not imported on the function's path: it costs as much start-up time as the work itself.
    from krmfn.commands.cli import cli

    cli()


def _end(message: str, code: int) -> None:
    """Say why and stop at once: flushing what can't be written would only fail again."""
    try:
        sys.stderr.write(f"error: {message}\n")
        sys.stderr.flush()
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
