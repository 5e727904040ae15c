"""How Go's templates compare values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from krmfn.guest.go_values import Marks, Missing, TemplateError, Text


def comparison(holds: Callable[[Any, Any], bool]) -> Callable[..., bool]:
    """Make an order of two numbers or two texts."""

    def call(marks: Marks, one: Any, other: Any) -> bool:
        left, right = _comparable(one), _comparable(other)
        if type(left) is not type(right) or type(left) not in (int, bytes):
            raise TemplateError("compares values of different kinds, or that have no order")
        return holds(left, right)

    return call


def _comparable(value: Any) -> Any:
    """Return a value as Go compares it: texts by their bytes, None if it is missing."""
    return (
        value.real.encode()
        if isinstance(value, Text)
        else None
        if isinstance(value, Missing)
        else value
    )


def equal(marks: Marks, one: Any, *others: Any) -> bool:
    """Tell whether the first value equals one of the others."""
    if not others:
        raise TemplateError("calls eq with one value")
    left = _comparable(one)
    return any(_same(left, _comparable(other)) for other in others)


def _same(left: Any, right: Any) -> bool:
    """Tell whether two values are equal; nothing equals only itself."""
    if isinstance(left, dict | list) or isinstance(right, dict | list):
        raise TemplateError("compares a list or a mapping, which Go refuses")
    if left is not None and right is not None and type(left) is not type(right):
        raise TemplateError("compares values of different kinds, which Go refuses")
    return bool(left == right)
