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
        zero = field.omitted
        # False is 0 to Python.
        if zero is not None and type(child) is type(zero) and child == zero:
            continue
        at = (*path, key)
        if field.kind == "list" and isinstance(child, list):
            result[key] = [
                canonical(element, field.type, place, problems, (*at, index))
                for index, element in enumerate(child)
            ]
        elif field.kind == "map" and isinstance(child, dict):
            result[key] = {
                name: canonical(element, field.type, place, problems, (*at, name))
                for name, element in child.items()
            }
        else:
            result[key] = canonical(child, field.type, place, problems, at)
    for key in kind.texts_never_null:
        result.setdefault(key, "")
    return result
