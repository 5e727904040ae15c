"""The program `krmfn`: the KRM function, or the commands.

It is the KRM function if the command line is empty and standard input is not a terminal.
"""

from __future__ import annotations

import gc
import io
import os
import signal
import sys
from types import FrameType

_INTERRUPTED, _TERMINATED = 130, 143


def _terminated(signum: int, frame: FrameType | None) -> None:
    # When its time-out kills a plugin, Argo CD itself only says "signal: terminated".
    sys.stderr.write("error: terminated by the caller (SIGTERM), probably at its time-out\n")
    sys.stderr.flush()
    raise SystemExit(_TERMINATED)


def main() -> None:
    """Run krmfn and exit with its code.

    An error that no code foresaw is reported on one line too, never as a traceback.
    """
    # In a short run everything lives to its end, and looking for garbage takes a tenth of the time.
    gc.disable()
    # Plugins that happen to be installed must not change the output, and finding them takes time.
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
        _end("interrupted", _INTERRUPTED)
    except OSError as error:
        _end(f"can't write or read: {error.strerror}", 1)
    except Exception as error:
        _end(_crash(error), 1)


def _run() -> None:
    # Completion calls krmfn without arguments too, and often without a terminal.
    completes = "_KRMFN_COMPLETE" in os.environ
    is_piped = sys.stdin is not None and not sys.stdin.isatty()
    if len(sys.argv) == 1 and is_piped and not completes:
        from krmfn.commands.function import run

        sys.exit(run(sys.stdin.buffer.read()).say())
    # The function's path does not import click: it takes as long to start as the work itself.
    from krmfn.commands.cli import cli

    cli()


def _crash(error: Exception) -> str:
    """Describe an error by its kind and place only, since its message may quote the input."""
    import traceback

    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{os.path.basename(frame.filename)}:{frame.lineno}"
    return f"krmfn failed ({type(error).__name__} at {place}); please report it"


def _end(message: str, code: int) -> None:
    """Report why and stop at once: flushing a broken stream would only fail again."""
    try:
        sys.stderr.write(f"error: {message}\n")
        sys.stderr.flush()
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
