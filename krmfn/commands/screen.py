"""Where people read what a command prints: a terminal, or a file or pipe."""

from __future__ import annotations

import os
from typing import TextIO

from krmfn.records import record

# A terminal that does not know its width says 0.
_USUAL = 80


@record(frozen=True)
class Screen:
    """A terminal of so many columns, or a file or pipe (None).

    `is_styled`: the text may have bold and coloured parts.
    """

    columns: int | None = None
    is_styled: bool = False

    @classmethod
    def of(cls, stream: TextIO, no_color: bool) -> Screen:
        """Return what a stream writes to; https://no-color.org says how users turn colours off."""
        if not stream.isatty():
            return cls()
        is_plain = no_color or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
        return cls(_columns(stream), not is_plain)

    @property
    def is_terminal(self) -> bool:
        """Whether somebody looks at it now."""
        return self.columns is not None

    def styled(self, text: str, colour: str | None = None) -> str:
        """Return a text in bold and in a colour, if the screen has any."""
        if not self.is_styled:
            return text
        # Imported by need, and rather than a larger library of styles: the command line has it.
        import click

        return click.style(text, fg=colour, bold=True)


def _columns(terminal: TextIO) -> int:
    """Return how wide a terminal is; COLUMNS counts first, as for every other program."""
    said = os.environ.get("COLUMNS", "")
    known = int(said) if said.isdecimal() else os.get_terminal_size(terminal.fileno()).columns
    return known or _USUAL
