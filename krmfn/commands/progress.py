"""A line on the terminal that says that a long run is still at work."""

from __future__ import annotations

import sys
from threading import Event, Thread
from time import monotonic

_FIRST_AFTER = 2.0
_EVERY = 1.0
_CLEAR = "\r\x1b[K"


class Progress:
    """Shows on standard error for how long a command is at work, from two seconds on.

    The line is gone before anything else is printed.
    """

    def __init__(self, command: str) -> None:
        self._command = command
        self._started = monotonic()
        self._ended = Event()
        self._thread = Thread(target=self._show, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop, and take the line away."""
        self._ended.set()
        self._thread.join()

    def _show(self) -> None:
        """Write the line again every second."""
        is_shown, wait = False, _FIRST_AFTER
        while not self._ended.wait(wait):
            seconds = int(monotonic() - self._started)
            sys.stderr.write(f"{_CLEAR}krmfn {self._command}: at work for {seconds} s …")
            sys.stderr.flush()
            is_shown, wait = True, _EVERY
        if is_shown:
            sys.stderr.write(_CLEAR)
            sys.stderr.flush()
