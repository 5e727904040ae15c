"""Kubernetes quantities: read exactly, written in the canonical form of apimachinery's `resource.Quantity`, compared."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache, total_ordering
from typing import Any

_SYNTAX = re.compile(
    r"([+-]?)(\d+\.?\d*|\.\d+)(?:([eE][+-]?\d{1,9})|([KMGTPE]i|[numkMGTPE]|))", re.ASCII
)
_BINARY = {
    suffix: 1024**power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)
}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_SUFFIX = {power: suffix for suffix, power in _DECIMAL.items()}
LONGEST = 64
LARGEST = 2**63 - 1


@total_ordering
@dataclass(frozen=True, slots=True, eq=False)
class Quantity:
    """An exact amount; `form` is the family of suffixes that it was written with: `binary`, `decimal` or `exponent`."""

    value: Fraction
    form: str = "decimal"

    @staticmethod
    def parse(text: Any) -> Quantity:
        """Read `5Gi`, `0.5`, `4`, `1e3`; YAML integers and floats count as their text.

        Raises ValueError for what the Kubernetes API refuses, text of over 64 characters, and amounts above 2^63-1.
        Amounts finer than 1n are rounded up, away from zero, as apimachinery does.
        """
        if isinstance(text, bool) or not isinstance(text, str | int | float):
            raise ValueError("is no quantity")
        if isinstance(text, int) and abs(text) > LARGEST:
            raise ValueError("is a quantity above 2^63-1")
        return _parse(text if isinstance(text, str) else repr(text))

    def __str__(self) -> str:
        """The canonical form, as the API server stores it: `5120Mi` is `5Gi`, `0.5` is `500m`."""
        value = self.value
        # Below 1024 or with a fraction, apimachinery falls back to decimal suffixes, so that no precision is lost.
        if self.form == "binary" and value.denominator == 1 and abs(value) >= 1024:
            factors = {suffix: factor for suffix, factor in _BINARY.items() if value % factor == 0}
            suffix = max(factors, key=factors.__getitem__, default="")
            return f"{value // factors.get(suffix, 1)}{suffix}"
        if not value:
            return "0"
        for power in range(18, -10, -3):
            scaled = value / Fraction(10) ** power
            if scaled.denominator == 1:
                suffix = _SUFFIX[power] if self.form != "exponent" else f"e{power}" if power else ""
                return f"{scaled}{suffix}"
        raise AssertionError("rounded to 1n when it was read")

    def __add__(self, other: Quantity) -> Quantity:
        """The sum, in the form of the first, as apimachinery's Add has it."""
        return Quantity(self.value + other.value, self.form)

    def __eq__(self, other: object) -> bool:
        """Amounts are equal whatever they are written with: `4Gi` = `4096Mi`."""
        return isinstance(other, Quantity) and self.value == other.value

    def __hash__(self) -> int:
        """Equal amounts hash alike."""
        return hash(self.value)

    def __lt__(self, other: Quantity) -> bool:
        """Compare amounts."""
        return self.value < other.value


@lru_cache(maxsize=4096)
def _parse(text: str) -> Quantity:
    if len(text) > LONGEST:
        raise ValueError(f"is a quantity of over {LONGEST} characters")
    match = _SYNTAX.fullmatch(text)
    if not match:
        raise ValueError('is no quantity; write it as "4", "500m" or "16Gi"')
    sign, digits, exponent, suffix = match.groups()
    power = int(exponent[1:]) if exponent else _DECIMAL.get(suffix, 0)
    if power > LONGEST:
        raise ValueError("is a quantity above 2^63-1")
    value = Fraction(digits) * (
        _BINARY[suffix] if suffix in _BINARY else Fraction(10) ** max(power, -LONGEST * 2)
    )
    nano = value * 10**9
    value = Fraction(-(-nano.numerator // nano.denominator), 10**9)
    if value > LARGEST:
        raise ValueError("is a quantity above 2^63-1")
    form = "binary" if suffix in _BINARY else "exponent" if exponent else "decimal"
    return Quantity(-value if sign == "-" else value, form)
