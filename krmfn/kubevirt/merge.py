"""Strategic merge patch over KubeVirt's VirtualMachine, as apimachinery's `strategicpatch.StrategicMergeMapPatch` does it.

The rules are apimachinery v0.34's, its oddities included: `tests/oracles` holds this module to the original. Where Go's random map order
decides there (a list both patched and deleted from), deletions come first here. Neither argument is changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from krmfn.kubevirt import types
from krmfn.problems import Path, path_text

_PATCH = "$patch"
_RETAIN = "$retainKeys"
_ORDER = "$setElementOrder"
_DELETE = "$deleteFromPrimitiveList"

Map = dict[str, Any]


class MergeError(ValueError):
    """A patch that can't be merged; `path` is the field in the patch."""

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(f"{path_text(path)}: {message}" if path else message)
        self.path = path
        self.message = message


def merge(base: Map, patch: Map) -> Map:
    """The VirtualMachine that `patch` makes of `base`. Raises MergeError where apimachinery refuses the patch."""
    return _maps(base, patch, types.ROOT, ())


def _maps(base: Map, patch: Map, schema: types.Type, path: Path) -> Map:
    if _PATCH in patch:
        return _directive(patch, path)
    patch = dict(patch)
    result = _retained(base, patch, path)
    for key in [key for key in patch if key.startswith(_ORDER)]:
        _ordered(result, patch, key, schema, path)
    for key in sorted(patch, key=lambda key: not key.startswith(_DELETE)):
        value, delete = patch[key], key.startswith(_DELETE)
        name = _target(key, _DELETE, path) if delete else key
        if value is None:
            result.pop(name, None)
        elif name not in result or _kind(result[name]) != _kind(value):
            if not delete:
                _keep(result, name, without_nulls(value))
        elif isinstance(value, dict):
            field = _lookup(schema, name, path)
            result[name] = _maps(result[name], value, field.type, (*path, name))
        elif isinstance(value, list):
            field = _lookup(schema, name, path, of_list=True)
            if field.merges or delete:
                value = _lists(result[name], value, field, delete, (*path, name))
            result[name] = value
        else:
            result[name] = value
    return result


def _directive(patch: Map, path: Path) -> Map:
    if patch[_PATCH] == "replace":
        return {key: value for key, value in patch.items() if key != _PATCH}
    if patch[_PATCH] == "delete":
        return {}
    raise MergeError(
        (*path, _PATCH), f'is {_word(patch[_PATCH])}; a mapping knows "replace" and "delete"'
    )


def _retained(base: Map, patch: Map, path: Path) -> Map:
    """The keys of `base` that `$retainKeys` lets stay; takes the directive out of `patch`."""
    if _RETAIN not in patch:
        return dict(base)
    kept = patch.pop(_RETAIN)
    if not isinstance(kept, list) or not all(isinstance(key, str) for key in kept):
        raise MergeError((*path, _RETAIN), "must be a list of keys")
    for key, value in patch.items():
        if value is not None and not key.startswith((_DELETE, _ORDER)) and key not in kept:
            raise MergeError((*path, _RETAIN), f'must list "{key}", which the patch sets')
    return {key: value for key, value in base.items() if key in kept}


def _ordered(result: Map, patch: Map, key: str, schema: types.Type, path: Path) -> None:
    """Merge one list under `$setElementOrder/<list>` and put it in that order; takes both out of `patch`."""
    order = patch.pop(key)
    name = _target(key, _ORDER, path)
    at = (*path, name)
    for value in (order, result.get(name, []), patch.get(name, [])):
        if not isinstance(value, list):
            raise MergeError((*path, key), "and the list that it orders must be lists")
    field = _lookup(schema, name, path, of_list=True)
    base, new = result.get(name, []), patch.get(name, [])
    _check_order(new, order, field.key, (*path, key))
    if name not in patch and name not in result:
        return
    if name not in patch:
        merged = base
    elif name not in result:
        merged = _without_directives(new)
    else:
        merged = _lists(base, new, field, False, at) if field.merges else new
    _element_kind(base, new, at)
    result[name] = _in_order(merged, order, base, field.key, at)
    patch.pop(name, None)


def _check_order(new: list[Any], order: list[Any], merge_key: str, path: Path) -> None:
    """The patch's elements have to stand in `order`, in the same sequence."""
    if not new or not order:
        return
    wanted = [
        value
        for value in new
        if not (merge_key and isinstance(value, dict) and value.get(_PATCH) == "delete")
    ]
    rest = list(order)
    while wanted and rest:
        if (isinstance(wanted[0], dict) and _PATCH in wanted[0]) or _identity(
            wanted[0], merge_key, path
        ) == _identity(rest.pop(0), merge_key, path):
            wanted.pop(0)
    if wanted:
        raise MergeError(path, "does not list the patch's elements in their order")


def _lists(
    base: list[Any], patch: list[Any], field: types.Field, delete: bool, path: Path
) -> list[Any]:
    if not base and not patch:
        return base
    if _element_kind(base, patch, path) != "map":
        if delete:
            gone = [_typed(value) for value in patch]
            return [value for value in base if _typed(value) not in gone]
        merged = list({_typed(value): value for value in (*base, *patch)}.values())
        return _in_order(merged, patch, base, field.key, path)
    if not field.key:
        raise MergeError(path, "can't be merged: its elements have no merge key")
    base, patch = _special(base, patch, field.key, path)
    merged = list(base)
    for index, value in enumerate(patch):
        at = (*path, index)
        identity = _identity(value, field.key, at)
        found = next(
            (
                i
                for i, other in enumerate(merged)
                if field.key in other and _typed(other[field.key]) == identity
            ),
            None,
        )
        if found is None:
            merged.append(value)
        else:
            merged[found] = _maps(merged[found], value, field.type, at)
    return _in_order(merged, patch, base, field.key, path)


def _special(
    base: list[Any], patch: list[Any], merge_key: str, path: Path
) -> tuple[list[Any], list[Any]]:
    """Carry out the `$patch` elements of a keyed list."""
    plain, replace = [], False
    for index, value in enumerate(patch):
        directive = value.get(_PATCH)
        if _PATCH not in value:
            plain.append(value)
        elif directive == "delete":
            gone = _identity(value, merge_key, (*path, index))
            base = [
                other
                for other in base
                if merge_key not in other or _typed(other[merge_key]) != gone
            ]
        elif directive == "replace":
            replace = True
        else:
            raise MergeError(
                (*path, index, _PATCH),
                f'is {_word(directive)}; an element knows "replace" and "delete"',
            )
    return (plain, []) if replace else (base, plain)


def _in_order(
    merged: list[Any], order: list[Any], base: list[Any], merge_key: str, path: Path
) -> list[Any]:
    """`merged` with the elements of `order` in that order, and between them, where `base` places them, those of `base` alone."""
    places = [_identity(value, merge_key, path) for value in order]
    before = [_identity(value, merge_key, path) for value in base]
    ours: list[Any] = []
    others: list[Any] = []
    for value in merged:
        (ours if _identity(value, merge_key, path) in places else others).append(value)
    ours.sort(key=lambda value: places.index(_identity(value, merge_key, path)))
    others.sort(
        key=lambda value: (
            before.index(_identity(value, merge_key, path))
            if _identity(value, merge_key, path) in before
            else len(before)
        )
    )
    result = []
    for value in ours:
        place = _identity(value, merge_key, path)
        while (
            place in before
            and others
            and before.index(_identity(others[0], merge_key, path)) < before.index(place)
        ):
            result.append(others.pop(0))
        result.append(value)
    return result + others


def _identity(value: Any, merge_key: str, path: Path) -> Any:
    if not merge_key:
        if isinstance(value, dict | list):
            raise MergeError(path, "can't be put in order: its elements have no merge key")
        return _typed(value)
    if not isinstance(value, dict) or merge_key not in value:
        raise MergeError(path, f'has no "{merge_key}", by which its list is merged')
    return _typed(value[merge_key])


def _typed(value: Any) -> tuple[str, Any]:
    """Go's equality: 1, 1.0 and true differ."""
    return _kind(value), value if not isinstance(value, dict | list) else repr(value)


def _kind(value: Any) -> str:
    if isinstance(value, dict | list):
        return "map" if isinstance(value, dict) else "list"
    return "text" if isinstance(value, str) else type(value).__name__


def _element_kind(base: list[Any], patch: list[Any], path: Path) -> str:
    kinds = {_kind(value) for value in (*base, *patch)}
    if len(kinds) != 1 or kinds & {"list", "NoneType"}:
        what = (
            "lists" if "list" in kinds else "elements of several types" if kinds else "no elements"
        )
        raise MergeError(path, f"can't be merged: it has {what}")
    return kinds.pop()


def _lookup(schema: types.Type, key: str, path: Path, of_list: bool = False) -> types.Field:
    try:
        field = schema.field(key)
    except LookupError as error:
        raise MergeError(
            (*path, key), f"is no field of KubeVirt's {error.args[0]}, and can't be merged"
        ) from None
    if of_list and not field.may_list:
        raise MergeError((*path, key), "is a list here, but none in KubeVirt's API")
    return field


def _target(key: str, prefix: str, path: Path) -> str:
    directive, slash, name = key.partition("/")
    if directive != prefix or not slash:
        raise MergeError((*path, key), f'is no directive; write "{prefix}/<list>"')
    return name


def _word(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else "no text"


def without_nulls(value: Any) -> Any:
    """The value without the keys whose value is null, at any depth; elements of lists stay."""
    if isinstance(value, dict):
        return {key: without_nulls(child) for key, child in value.items() if child is not None}
    if isinstance(value, list):
        return [without_nulls(child) for child in value]
    return value


def _keep(result: Map, key: str, value: Any) -> None:
    """Set what is new in the patch, without the mappings that hold a `$patch`: there is nothing that they could act on."""
    cleaned = _without_directives([value])
    if cleaned:
        result[key] = cleaned[0]
    else:
        result.pop(key, None)


def _without_directives(values: Iterable[Any]) -> list[Any]:
    cleaned: list[Any] = []
    for value in values:
        if isinstance(value, dict):
            if _PATCH in value:
                continue
            inner = {key: _without_directives([child]) for key, child in value.items()}
            cleaned.append({key: child[0] for key, child in inner.items() if child})
        else:
            cleaned.append(_without_directives(value) if isinstance(value, list) else value)
    return cleaned
