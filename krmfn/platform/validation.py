"""Reads what users wrote as a model, and turns what is wrong into problems that name the field."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from krmfn.platform.model import Model
from krmfn.platform.pydantic_extension import ValidationError
from krmfn.platform.validators import validated
from krmfn.problems import Collector, Path, Place, closest, nearest, show, without_follow_ons

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_MOST = 100
# Users may have put a token or a key here in the wrong way, so messages do not repeat the value.
_SENSITIVE = ("joinToken", "certificateAuthority", "tokenSecret", "endpoint")

M = TypeVar("M", bound=Model)


def validate(model: type[M], data: Any, place: Place, problems: Collector) -> M | None:
    """Read `data` as a model. If there are problems, each names its field.

    If they are all misspelt fields, return what was meant, so that they hide no other problem;
    else None.
    """
    try:
        return validated(model, data)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
    found = []
    if len(faults) > _MOST:
        problems.append(place.error(f"has {len(faults) - _MOST} problems more"))
    for details in faults[:_MOST]:
        path = _without_key_mark(tuple(details["loc"]))
        context = details.get("ctx", {})
        text = str(context.get("error", details["msg"]))
        message = _message(model, details["type"], path, data, text)
        found.append(place.field(*path).error(message))
    problems += without_follow_ons(found)
    return _as_meant(model, data, [details for details in faults if details["type"] != "missing"])


def _as_meant(model: type[M], data: Any, faults: list[ErrorDetails]) -> M | None:
    """Read data with the names that its misspelt fields were meant to have, None if unclear.

    Names are compared for as many faults as are reported.
    """
    if len(faults) > _MOST:
        return None
    meant = copy.deepcopy(data)
    for details in faults:
        *above, name = details["loc"]
        known = _field_names(model, tuple(above))
        name_meant = closest(str(name), known) if details["type"] == "extra_forbidden" else ""
        holder = _value(meant, tuple(above))
        if not name_meant or name_meant in holder or name not in holder:
            return None
        holder[name_meant] = holder.pop(name)
    try:
        return validated(model, meant)
    except ValidationError:
        return None


def without_fields(data: dict[str, Any], paths: Iterable[Path]) -> dict[str, Any]:
    """Return a copy of what users wrote, without the fields at some paths."""
    result = copy.deepcopy(data)
    for path in paths:
        holder = _value(result, path[:-1])
        if isinstance(holder, dict) and path:
            holder.pop(path[-1], None)
    return result


_TYPES = {
    "string_type": "text in quotes",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
_PYDANTIC_CHOICE = "Input should be "


def _without_key_mark(path: Path) -> Path:
    """Drop the last step that pydantic adds if the error is in a mapping's key itself."""
    return path[:-1] if path and path[-1] == "[key]" else path


def _message(model: type[Model], kind: str, path: Path, data: Any, text: str) -> str:
    """Say what is wrong with a field; `kind` and `text` are pydantic's."""
    if kind == "missing":
        return "is required"
    if kind == "extra_forbidden":
        known = _field_names(model, path[:-1])
        return f"is an unknown field{nearest(str(path[-1]), known)}"
    if kind == "too_short":
        return "is empty; must have at least one element"
    expected = _TYPES.get(kind)
    if expected and any(key in _SENSITIVE for key in path):
        return f"must be {expected}"
    if kind == "literal_error" or text.startswith(_PYDANTIC_CHOICE):
        expected = expected or text.removeprefix(_PYDANTIC_CHOICE)
    return f"is {show(_value(data, path))}; must be {expected}" if expected else text


def _value(data: Any, path: Path) -> Any:
    """Look a path up in what users wrote, None if it leads nowhere."""
    for key in path:
        try:
            data = data[key]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def _field_names(model: type[Model], path: Path) -> list[str]:
    """List the names that users write in the mapping at a path."""
    # Only what is wrong needs pydantic.
    from krmfn.platform.pydantic_models import model_at

    found = model_at(model, path)
    return list(found.aliases().values()) if found else []
