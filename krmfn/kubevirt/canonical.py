"""Quantities of a VirtualMachine in the form in which the API server stores them."""

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
    """The value with every quantity in the form in which the API server stores it: any other shows as drift for ever."""
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
            of = kind.field(key)
        except LookupError:
            result[key] = child
            continue
        if of.kind == "list" and isinstance(child, list):
            result[key] = [
                canonical(element, of.type, place, problems, (*path, key, i))
                for i, element in enumerate(child)
            ]
        elif of.kind == "map" and isinstance(child, dict):
            result[key] = {
                name: canonical(element, of.type, place, problems, (*path, key, name))
                for name, element in child.items()
            }
        else:
            result[key] = canonical(child, of.type, place, problems, (*path, key))
    return result
