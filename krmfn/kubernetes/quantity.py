"""Kubernetes quantities: read exactly, compared, and written in their canonical form.

The form is that of apimachinery's `resource.Quantity`.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction
from functools import lru_cache, total_ordering
from typing import Any, Literal

from krmfn.patterns import pattern
from krmfn.records import record

_BYTES = pattern(r"([0-9.]+) ?([MGTPE])i?[Bb]")
SYNTAX = pattern(
    r"([+-]?)(\d+\.?\d*|\.\d+)(?:([eE][+-]?\d{1,9})|([KMGTPE]i|[numkMGTPE]|))", re.ASCII
)
_BINARY = {
    suffix: 1024**power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)
}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_SUFFIX = {power: suffix for suffix, power in _DECIMAL.items()}
LONGEST = 64
LARGEST = 2**63 - 1
_TOO_LARGE = "is a quantity above 2^63-1"
# A nano is the smallest unit.
_NANO = 10**9
# A number without a unit up to the first is taken to mean GiB, up to the second MiB.
_MOST_GIB, _MOST_MIB = 256, 2**16
Form = Literal["binary", "decimal", "exponent"]


@total_ordering
@record(frozen=True, eq=False)
class Quantity:
    """An exact amount; `form` is the family of suffixes that it was written with."""

    value: Fraction
    form: Form = "decimal"

    @staticmethod
    def parse(text: Any) -> Quantity:
        """Read `5Gi`, `0.5`, `4`, `1e3`; YAML integers and floats count as their text.

        Amounts finer than 1n are rounded up, away from zero, as apimachinery does.

        Raises:
            ValueError: The Kubernetes API refuses it, it has over 64 characters, or it is above
                2^63-1; the text goes on after the field's path.
        """
        if isinstance(text, bool) or not isinstance(text, str | int | float):
            raise ValueError("is not a quantity")
        if isinstance(text, int) and abs(text) > LARGEST:
            raise ValueError(_TOO_LARGE)
        return _parse(text if isinstance(text, str) else repr(text))

    def __str__(self) -> str:
        """Return the canonical form, as the API server stores it.

        `5120Mi` is `5Gi`, `0.5` is `500m`.
        """
        value = self.value
        # Below 1024 or with a fraction, apimachinery falls back to decimal suffixes, so that no
        # precision is lost.
        if self.form == "binary" and value.denominator == 1 and abs(value) >= 1024:
            return _binary_text(value)
        if not value:
            return "0"
        for power in range(18, -10, -3):
            scaled = value / Fraction(10) ** power
            if scaled.denominator == 1:
                return f"{scaled}{self._suffix(power)}"
        raise AssertionError("rounded to 1n when it was read")

    def _suffix(self, power: int) -> str:
        """Return the decimal suffix, or the exponent, for a power of ten."""
        if self.form == "exponent" and power:
            return f"e{power}"
        return _SUFFIX[power]

    def __add__(self, other: Quantity) -> Quantity:
        """Return the sum, in the form of the first, as apimachinery's Add has it."""
        return Quantity(self.value + other.value, self.form)

    def __eq__(self, other: object) -> bool:
        """Compare amounts, whatever they are written with: `4Gi` = `4096Mi`."""
        return isinstance(other, Quantity) and self.value == other.value

    def __hash__(self) -> int:
        """Hash equal amounts alike."""
        return hash(self.value)

    def __lt__(self, other: Quantity) -> bool:
        """Compare amounts."""
        return self.value < other.value


def memory_fault(amount: Quantity) -> str:
    """Say what is wrong with memory above 0 and under 1Mi, else "": most often the unit is missing.

    No machine can do with so little.
    """
    if not 0 < amount.value < _BINARY["Mi"]:
        return ""
    text = str(amount)
    if not text.isdecimal() or int(text) > _MOST_MIB:
        return f"is {amount}, less than 1Mi; memory has a unit such as Mi or Gi"
    unit = "Gi" if int(text) <= _MOST_GIB else "Mi"
    return f'is {amount} bytes: the unit is missing (did you mean "{amount}{unit}"?)'


def _binary_text(value: Fraction) -> str:
    """Write a whole number with the largest binary suffix that divides it."""
    for suffix, factor in reversed(_BINARY.items()):
        if value % factor == 0:
            return f"{value // factor}{suffix}"
    return str(value)


def _advice(text: str) -> str:
    """Say how to write what is not a quantity: `32GB` is meant as 32Gi or 32G."""
    meant = _BYTES.fullmatch(text)
    if meant:
        return f"did you mean {meant[1]}{meant[2]}i or {meant[1]}{meant[2]}?"
    return 'write it as "4", "500m" or "16Gi"'


@lru_cache(maxsize=4096)
def _parse(text: str) -> Quantity:
    """Read the text of a quantity; equal texts are read once."""
    if len(text) > LONGEST:
        raise ValueError(f"is a quantity of over {LONGEST} characters")
    match = SYNTAX.fullmatch(text)
    if not match:
        raise ValueError(f"is not a quantity; {_advice(text)}")
    sign, digits, exponent, suffix = match.groups()
    power = int(exponent[1:]) if exponent else _DECIMAL.get(suffix, 0)
    if power > LONGEST:
        raise ValueError(_TOO_LARGE)
    form: Form = "exponent" if exponent else "decimal"
    factor = Fraction(10) ** max(power, -LONGEST * 2)
    if suffix in _BINARY:
        form, factor = "binary", Fraction(_BINARY[suffix])
    value = Fraction(math.ceil(Fraction(digits) * factor * _NANO), _NANO)
    if value > LARGEST:
        raise ValueError(_TOO_LARGE)
    return Quantity(-value if sign == "-" else value, form)
