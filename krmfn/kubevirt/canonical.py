"""A VirtualMachine in the form in which an API server with KubeVirt stores it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from krmfn.kubernetes.quantity import Quantity
from krmfn.kubevirt import types
from krmfn.problems import Path, Place, Problem, show


def canonical(
    value: Any,
    kind: types.Type,
    place: Callable[[Path], Place],
    problems: list[Problem],
    path: Path = (),
) -> Any:
    """Return a value of this type with every quantity as the API server stores it.

    Fields whose zero value KubeVirt's webhook drops are left out with it: the webhook writes the
    machine again from its Go types. That writes null for the `apiGroup` of a reference without one,
    which the schema then refuses: it gets the empty text of the core group. Any other form would
    be refused, or show as drift for ever.

    `place` gives the place of a path in the value, to report what is not a quantity.
    """
    if kind.name == "Quantity":
        try:
            return str(Quantity.parse(value))
        except ValueError as error:
            problems.append(place(path).error(f"{error}: {show(value)}"))
            return value
    if not isinstance(value, dict) or kind.kind != "struct":
        return value
    result = {}
    for key, child in value.items():
        try:
            field = kind.field(key)
        except LookupError:
            result[key] = child
            continue
        if not _is_dropped(child, field):
            result[key] = _canonical_field(child, field, place, problems, (*path, key))
    for key in kind.texts_never_null:
        result.setdefault(key, "")
    return result


def _is_dropped(value: Any, field: types.Field) -> bool:
    """Tell whether KubeVirt's webhook leaves a field out, since it has its zero value."""
    zero = field.omitted
    # False is 0 to Python.
    return zero is not None and type(value) is type(zero) and bool(value == zero)


def _canonical_field(
    value: Any,
    field: types.Field,
    place: Callable[[Path], Place],
    problems: list[Problem],
    at: Path,
) -> Any:
    """Return the value of a field, of which the elements of a list or map have the type."""
    if field.kind == "list" and isinstance(value, list):
        return [
            canonical(element, field.type, place, problems, (*at, index))
            for index, element in enumerate(value)
        ]
    if field.kind == "map" and isinstance(value, dict):
        return {
            name: canonical(element, field.type, place, problems, (*at, name))
            for name, element in value.items()
        }
    return canonical(value, field.type, place, problems, at)
