"""The part of an earlier object that a change compares with the new declaration."""

from __future__ import annotations

from typing import Any

from krmfn.kubevirt.vm_paths import NAMED, Map, Named, get, mappings
from krmfn.manifests.item import Item
from krmfn.manifests.yamlio import read
from krmfn.problems import Path

_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
# Fields that an API server sets.
_SERVER_SET = ("uid", "resourceVersion", "managedFields")
# Where a machine that krmfn did not write may hold a password or a token.
_USER_DATA = ("userData", "userDataBase64", "networkData", "networkDataBase64")
_HIDDEN = "******"


def declaration(item: Item, new: Map) -> tuple[Map, bool]:
    """Return the part of an object that a change to `new` touches.

    The second value says whether fields that the API server set may still be in it. `kubectl apply`
    compares the declared fields with the live object, and removes those that it noted last time
    and that are no longer declared.
    """
    applied = _last_applied(item)
    if applied is not None:
        return _touched(item.data, [applied, new], ()), False
    is_live = any(key in item.metadata for key in _SERVER_SET)
    return item.data, is_live


def _last_applied(item: Item) -> Map | None:
    """Read what `kubectl apply` noted in an annotation, if it is an object."""
    text = item.annotations.get(_APPLIED)
    if not isinstance(text, str):
        return None
    documents, faults = read(text)
    if faults or len(documents) != 1:
        return None
    data = documents[0].data
    return data if isinstance(data, dict) else None


def _touched(live: Any, declared: list[Any], path: Path) -> Any:
    """Return a live value without the fields that no declaration has.

    Those are defaults, and what others have set.
    """
    if isinstance(live, dict):
        return _touched_fields(live, declared, path)
    if isinstance(live, list) and path in NAMED:
        return _touched_elements(live, declared, path)
    return live


def _touched_fields(live: Map, declared: list[Any], path: Path) -> Map:
    """Keep the fields that a declaration has."""
    mappings_declared = [value for value in declared if isinstance(value, dict)]
    result = {}
    for key, value in live.items():
        values = [mapping[key] for mapping in mappings_declared if key in mapping]
        if values:
            result[key] = _touched(value, values, (*path, key))
    return result


def _touched_elements(live: list[Any], declared: list[Any], path: Path) -> list[Any]:
    """Match the elements of a list by their names.

    An element that nobody declares stays, since the list is replaced as a whole.
    """
    name_path = NAMED[path]
    elements = [element for values in declared for element in mappings(values)]
    result = []
    for value in live:
        name = get(value, name_path)
        same = [element for element in elements if get(element, name_path) == name]
        if same:
            value = _touched(value, same, (*path, Named(name)))
        result.append(value)
    return result


def without_user_data(value: Any, path: Path) -> Any:
    """Mask the user data that stands in a value of a machine."""
    if isinstance(value, dict):
        return {key: without_user_data(child, (key,)) for key, child in value.items()}
    if isinstance(value, list):
        return [without_user_data(child, ()) for child in value]
    is_user_data = bool(path) and path[-1] in _USER_DATA
    if is_user_data and value is not None:
        return _HIDDEN
    return value
