"""Dataclasses that take a quarter of the time to make.

A run defines 85 of them before it does anything, and most of the time for each goes into compiling
methods that all could share. Nothing enforces `frozen` in a run: type checkers do, for which a
record is a dataclass with slots.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any

__all__ = ["record"]

if TYPE_CHECKING:
    from dataclasses import dataclass as record
else:

    def record(*, frozen: bool = False, eq: bool = True):
        """Make a dataclass with slots. `eq=False`: an instance equals itself alone."""

        def decorate(cls):
            made = dataclass(eq=False, repr=False, slots=True)(cls)
            made.__repr__ = _repr
            if eq:
                made._values = attrgetter(*made.__match_args__)
                made.__eq__ = _equals
                made.__hash__ = _hash if frozen else None
            return made

        return decorate


def _equals(one: Any, other: Any) -> Any:
    """Compare two records by their fields."""
    if type(one) is not type(other):
        return NotImplemented
    return one._values(one) == other._values(other)


def _hash(one: Any) -> int:
    """Hash a record by its fields."""
    return hash(one._values(one))


def _repr(one: Any) -> str:
    """Write a record as its call."""
    shown = [field.name for field in fields(one) if field.repr]
    values = ", ".join(f"{name}={getattr(one, name)!r}" for name in shown)
    return f"{type(one).__name__}({values})"
