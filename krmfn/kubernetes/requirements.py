"""Requirements as sets: what a claim asks of a property, and what a node type offers, are sets of values, and they meet or do not.

That a property is missing is a value of its own (None), so that every operator is one set: In is its values, NotIn all but them,
DoesNotExist the missing value alone, Exists all but that one, Gt and Lt the integers beyond a bound. What follows is intersection.
Semantics: core/v1 NodeSelectorRequirement (NotIn holds for a missing key), and Karpenter's for properties with several values.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt")
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_MISSING = frozenset({None})


@dataclass(frozen=True, slots=True)
class Allowed:
    """A set of values: `values`, or with `complement` all but them; of these the integers above and below the bounds, if there are any."""

    values: frozenset[str | None]
    complement: bool = False
    above: int | None = None
    below: int | None = None

    def __and__(self, other: Allowed) -> Allowed:
        """The values that both sets hold."""
        above = max(
            (bound for bound in (self.above, other.above) if bound is not None), default=None
        )
        below = min(
            (bound for bound in (self.below, other.below) if bound is not None), default=None
        )
        if self.complement and other.complement:
            return Allowed(self.values | other.values, True, above, below)
        finite, rest = (self, other) if other.complement else (other, self)
        return Allowed(
            frozenset(value for value in finite.values if finite.holds(value) and rest.holds(value))
        )

    def __bool__(self) -> bool:
        """Whether there is any value in the set."""
        if not self.complement:
            return any(self.holds(value) for value in self.values)
        if self.above is None or self.below is None:
            return True
        taken = {
            int(value) for value in self.values if value is not None and _INTEGER.fullmatch(value)
        }
        between = range(self.above + 1, self.below)
        return len(between) > sum(value in between for value in taken)

    def holds(self, value: str | None) -> bool:
        """Whether a value is in the set."""
        if (value in self.values) == self.complement:
            return False
        if self.above is None and self.below is None:
            return True
        if value is None or not _INTEGER.fullmatch(value):
            return False
        return (self.above is None or int(value) > self.above) and (
            self.below is None or int(value) < self.below
        )


def required(operator: str, values: list[str]) -> Allowed:
    """The set of a requirement. Raises ValueError where the operator is unknown or its values don't fit it."""
    if operator == "NotExists":
        raise ValueError(
            'is "NotExists", which the documentation writes and vCluster refuses; write DoesNotExist'
        )
    if operator not in OPERATORS:
        raise ValueError(f"must be one of {', '.join(OPERATORS)}")
    if operator in ("Exists", "DoesNotExist"):
        if values:
            raise ValueError(f"is {operator}, which takes no value")
        return Allowed(_MISSING, complement=operator == "Exists")
    if not values:
        raise ValueError(f"is {operator}, which needs a value")
    if operator in ("In", "NotIn"):
        return Allowed(frozenset(values), complement=operator == "NotIn")
    if len(values) != 1 or not _INTEGER.fullmatch(values[0]):
        raise ValueError(f"is {operator}, which needs one whole number")
    bound = int(values[0])
    return (
        Allowed(_MISSING, True, above=bound)
        if operator == "Gt"
        else Allowed(_MISSING, True, below=bound)
    )


def offered(value: str | None) -> Allowed:
    """The set that a property's value offers: `a`, `a,b` (any of them), `*` (any at all); None where the property is missing."""
    if value == "*":
        return Allowed(_MISSING, complement=True)
    return Allowed(
        frozenset(part.strip() for part in value.split(",")) if value is not None else _MISSING
    )
