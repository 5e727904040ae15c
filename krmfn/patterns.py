"""Regular expressions that are compiled at their first use: a run needs two thirds of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

__all__ = ["pattern"]

if TYPE_CHECKING:
    from re import compile as pattern
else:

    class pattern:  # noqa: N801 - it stands for a function
        """A regular expression with the methods of a compiled one."""

        def __init__(self, pattern: str, flags: int = 0) -> None:
            self.pattern = pattern
            self.flags = flags

        def __getattr__(self, name: str) -> Any:
            """Compile at the first use of a method, and keep the method."""
            method = getattr(re.compile(self.pattern, self.flags), name)
            setattr(self, name, method)
            return method
