"""The checks and conversions of single values, by which the models' validators are made.

A validator's file names them by module and name (`krmfn.platform.validators`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from krmfn.kubernetes.quantity import Quantity
from krmfn.manifests.yamlio import Timestamp


def checked(check: Callable[[str], str]) -> Callable[[str], str]:
    """Make a validator of a function that returns why a text does not fit, or ""."""

    def validate_text(value: str) -> str:
        if fault := check(value):
            raise ValueError(fault)
        return value

    # The JSON Schema of the field is that of its grammar, and a validator's file has its name.
    validate_text.check = check  # type: ignore[attr-defined]
    return validate_text


def without_nulls(data: Any) -> Any:
    """Leave out the keys without a value, as Kubernetes does."""
    if isinstance(data, dict) and None in data.values():
        return {key: value for key, value in data.items() if value is not None}
    return data


def no_date(value: Any) -> Any:
    """Refuse a date, which only some YAML readers take for text."""
    if isinstance(value, Timestamp):
        raise ValueError("is a date to YAML; quote it")
    return value


def not_negative(value: Quantity) -> Quantity:
    """Refuse a quantity below 0."""
    if value.value < 0:
        raise ValueError(f"is {value}; must not be negative")
    return value


def filled(value: str) -> str:
    """Describe what is wrong with a text that has to be there, "" if nothing is."""
    return "" if value else "is empty"


def as_text(value: Any) -> Any:
    """Turn a number or a bool into the text that vCluster reads it as.

    A float that Go would write differently stays a float, and is refused.
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and abs(value) < 1e6 and "e" not in repr(value):
        return repr(value).removesuffix(".0")
    return str(value) if isinstance(value, int) else value


def as_whole(value: Any) -> Any:
    """Turn 3.0 into 3, as Go reads it."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
