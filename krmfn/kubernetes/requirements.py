"""Requirements as sets of values.

What a claim asks of a property is a set, and what a node type offers is one: they meet or do not.
That a property is missing is a value of its own (None), so that every operator is one set. In is
its values, NotIn all but them, DoesNotExist the missing value alone, Exists all but that one, Gt
and Lt the integers beyond a bound. The rest is intersection.

The semantics are those of core/v1's NodeSelectorRequirement (NotIn holds for a missing key), and
Karpenter's for properties with several values.
"""

from __future__ import annotations

from krmfn.patterns import pattern
from krmfn.problems import nearest
from krmfn.records import record

OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt")
# The operators that compare with values.
NEED_VALUES = ("In", "NotIn", "Gt", "Lt")
_INTEGER = pattern(r"[+-]?[0-9]{1,18}")
_MISSING = frozenset({None})


@record(frozen=True)
class Allowed:
    """A set of values: `values`, or with `complement` all but them.

    With bounds, it is only the integers of these that are above and below.
    """

    values: frozenset[str | None]
    complement: bool = False
    above: int | None = None
    below: int | None = None

    def __and__(self, other: Allowed) -> Allowed:
        """Return the values that both sets hold."""
        if not self.complement or not other.complement:
            # One of the two is finite, and so is what both hold.
            finite, rest = (other, self) if self.complement else (self, other)
            held = [value for value in finite.values if finite.holds(value)]
            return Allowed(frozenset(value for value in held if rest.holds(value)))
        lower = [bound for bound in (self.above, other.above) if bound is not None]
        upper = [bound for bound in (self.below, other.below) if bound is not None]
        return Allowed(
            self.values | other.values,
            complement=True,
            above=max(lower, default=None),
            below=min(upper, default=None),
        )

    def __bool__(self) -> bool:
        """Tell whether there is any value in the set."""
        if not self.complement:
            return any(self.holds(value) for value in self.values)
        if self.above is None or self.below is None:
            return True
        texts = [value for value in self.values if value is not None]
        excluded = {int(text) for text in texts if _INTEGER.fullmatch(text)}
        between = range(self.above + 1, self.below)
        return len(between) > sum(value in between for value in excluded)

    def holds(self, value: str | None) -> bool:
        """Tell whether a value is in the set."""
        if (value in self.values) == self.complement:
            return False
        if self.above is None and self.below is None:
            return True
        if value is None or not _INTEGER.fullmatch(value):
            return False
        number = int(value)
        is_above = self.above is None or number > self.above
        is_below = self.below is None or number < self.below
        return is_above and is_below


def required(operator: str, values: list[str]) -> Allowed:
    """Return the set of a requirement.

    Raises:
        ValueError: The operator is unknown or its values don't fit it; the text goes on after the
            field's path.
    """
    if operator == "NotExists":
        known = "which the documentation writes and vCluster refuses"
        raise ValueError(f'is "NotExists", {known}; write DoesNotExist')
    if operator not in OPERATORS:
        known = f"must be one of {', '.join(OPERATORS)}"
        raise ValueError(f"{known}{nearest(operator, OPERATORS)}")
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
    if operator == "Gt":
        return Allowed(_MISSING, complement=True, above=bound)
    return Allowed(_MISSING, complement=True, below=bound)


def offered(value: str | None) -> Allowed:
    """Return the set that a property's value offers.

    It is `a`, `a,b` (any of them) or `*` (any at all), and None if the property is missing.
    """
    if value is None:
        return Allowed(_MISSING)
    if value == "*":
        return Allowed(_MISSING, complement=True)
    return Allowed(frozenset(part.strip() for part in value.split(",")))
