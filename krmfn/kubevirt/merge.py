"""Strategic merge patch over KubeVirt's VirtualMachine.

It does what apimachinery v0.34's `strategicpatch.StrategicMergeMapPatch` does, oddities included:
`tests/oracles` holds this module to the original. If a list is both patched and deleted from, Go's
random map order decides there; here, deletions come first. No argument is ever changed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from krmfn.kubevirt import types
from krmfn.kubevirt.merge_elements import (
    PATCH,
    Identity,
    MergeError,
    check_order,
    element_kind,
    has_directive,
    identity_of,
    in_order,
    kind_of,
    quoted,
    typed,
)
from krmfn.kubevirt.vm_paths import Map as Map
from krmfn.kubevirt.vm_paths import Named
from krmfn.problems import Path
from krmfn.records import record

# The directives: keys of a patch that say how to merge.
_RETAIN = "$retainKeys"
_ORDER = "$setElementOrder"
_DELETE = "$deleteFromPrimitiveList"


# Notes that the field at a path of the result was set, or taken out, by one of the patch.
# Elements of merged lists are named by their keys in the first path.
Note = Callable[[Path, Path], None]


def _ignore(target: Path, path: Path) -> None:
    """Note nothing."""
    pass


def merge(base: Map, patch: Map, note: Note = _ignore) -> Map:
    """Merge a patch into a VirtualMachine, and note each field that it changes.

    Raises:
        MergeError: apimachinery refuses the patch.
    """
    return _merge_maps(base, patch, types.ROOT, _At((), (), note))


@record(frozen=True)
class _At:
    """A field that is being merged: its path in the patch, and its path in the result."""

    path: Path
    target: Path
    note: Note

    def field(self, name: str) -> _At:
        """Return a field of a mapping."""
        return _At((*self.path, name), (*self.target, name), self.note)

    def element(self, index: int, identity: Identity) -> _At:
        """Return an element of a merged list."""
        name = Named(str(identity[1]))
        return _At((*self.path, index), (*self.target, name), self.note)

    def set(self) -> None:
        """Note that the patch decides the field."""
        self.note(self.target, self.path)


def without_nulls(value: Any) -> Any:
    """Drop the keys whose value is null, at any depth. Elements of lists stay."""
    if isinstance(value, dict):
        return {key: without_nulls(child) for key, child in value.items() if child is not None}
    if isinstance(value, list):
        return [without_nulls(child) for child in value]
    return value


# Mappings.


def _merge_maps(base: Map, patch: Map, schema: types.Type, at: _At) -> Map:
    """Merge two mappings of one type."""
    if PATCH in patch:
        at.set()
        return _replaced_or_deleted(patch, at.path)
    patch = dict(patch)
    result = _retain(base, patch, at)
    orders = [key for key in patch if key.startswith(_ORDER)]
    for key in orders:
        _set_order(result, patch, key, schema, at)
    for key in sorted(patch, key=_comes_late):
        _merge_key(result, key, patch[key], schema, at)
    return result


def _comes_late(key: str) -> bool:
    """Tell whether a key comes after the deletions."""
    return not key.startswith(_DELETE)


def _merge_key(result: Map, key: str, value: Any, schema: types.Type, at: _At) -> None:
    """Merge one key of a patch into `result`: a field, or what it deletes from one."""
    deletes = key.startswith(_DELETE)
    name = _target(key, _DELETE, at.path) if deletes else key
    field = at.field(name)
    if value is None:
        result.pop(name, None)
        field.set()
        return
    base = result.get(name)
    if name in result and kind_of(base) == kind_of(value):
        result[name] = _merge_field(base, value, schema, field, deletes)
    elif not deletes:
        _set(result, name, without_nulls(value))
        field.set()


def _merge_field(base: Any, patch: Any, schema: types.Type, at: _At, deletes: bool) -> Any:
    """Merge two values of one kind; `schema` is the type of the mapping that holds them."""
    if isinstance(patch, dict):
        inner = _field(schema, at.path).type
        return _merge_maps(base, patch, inner, at)
    if isinstance(patch, list):
        field = _list_field(schema, at.path)
        if field.merges or deletes:
            return _merge_lists(base, patch, field, at, deletes)
    at.set()
    return patch


def _replaced_or_deleted(patch: Map, path: Path) -> Map:
    """Carry out the `$patch` of a mapping."""
    if patch[PATCH] == "replace":
        return {key: value for key, value in patch.items() if key != PATCH}
    if patch[PATCH] == "delete":
        return {}
    message = f'is {quoted(patch[PATCH])}; a mapping knows "replace" and "delete"'
    raise MergeError((*path, PATCH), message)


def _retain(base: Map, patch: Map, at: _At) -> Map:
    """Return the keys of `base` that `$retainKeys` lets stay, and take it out of `patch`."""
    if _RETAIN not in patch:
        return dict(base)
    retained = patch.pop(_RETAIN)
    path = (*at.path, _RETAIN)
    _check_retained(retained, patch, path)
    result = {}
    for key, value in base.items():
        if key in retained:
            result[key] = value
        else:
            at.note((*at.target, key), path)
    return result


def _check_retained(retained: Any, patch: Map, path: Path) -> None:
    """Refuse a `$retainKeys` that does not list all keys that the patch sets."""
    is_list = isinstance(retained, list)
    if not is_list or not all(isinstance(key, str) for key in retained):
        raise MergeError(path, "must be a list of keys")
    for key, value in patch.items():
        is_set = value is not None and not key.startswith((_DELETE, _ORDER))
        if is_set and key not in retained:
            message = f'must list "{key}", which the patch sets'
            raise MergeError(path, message)


def _set(result: Map, key: str, value: Any) -> None:
    """Set what only the patch has.

    A mapping with a `$patch` has nothing to act on here, and is left out.
    """
    if has_directive(value):
        result.pop(key, None)
    else:
        result[key] = _without_directives(value)


def _without_directives(value: Any) -> Any:
    """Drop everything that only tells how to merge."""
    if isinstance(value, dict):
        result = {}
        for key, child in value.items():
            if not has_directive(child):
                result[key] = _without_directives(child)
        return result
    if isinstance(value, list):
        elements = [element for element in value if not has_directive(element)]
        return [_without_directives(element) for element in elements]
    return value


# Lists.


def _merge_lists(
    base: list[Any], patch: list[Any], field: types.Field, at: _At, deletes: bool
) -> list[Any]:
    """Merge two lists, by their merge key or as sets."""
    if not base and not patch:
        return base
    if element_kind(base, patch, at.path) == "map":
        return _merge_keyed(base, patch, field, at)
    at.set()
    if deletes:
        deleted = [typed(value) for value in patch]
        return [value for value in base if typed(value) not in deleted]
    both = [*base, *patch]
    united = {typed(value): value for value in both}
    values = list(united.values())
    return in_order(values, patch, base, field.key, at.path)


def _merge_keyed(base: list[Any], patch: list[Any], field: types.Field, at: _At) -> list[Any]:
    """Merge two lists of mappings by their merge key."""
    path, key = at.path, field.key
    if not key:
        raise MergeError(path, "can't be merged: its elements have no merge key")
    base, elements = _carry_out(base, patch, key, at)
    merged = list(base)
    for index, value in elements:
        identity = identity_of(value, key, (*path, index))
        element = at.element(index, identity)
        position = _position(merged, key, identity)
        if position is None:
            merged.append(value)
            element.set()
        else:
            former = merged[position]
            merged[position] = _merge_maps(former, value, field.type, element)
    order = [value for _, value in elements]
    return in_order(merged, order, base, key, path)


def _position(values: list[Map], merge_key: str, identity: Identity) -> int | None:
    """Find an element by its merge key."""
    for index, value in enumerate(values):
        if merge_key in value and typed(value[merge_key]) == identity:
            return index
    return None


def _carry_out(
    base: list[Any], patch: list[Any], merge_key: str, at: _At
) -> tuple[list[Any], list[tuple[int, Any]]]:
    """Carry out the `$patch` elements of a keyed list.

    Return what is left of the base, and the patch's other elements with their positions.
    """
    plain, replaces = [], False
    for index, value in enumerate(patch):
        directive = value.get(PATCH)
        if PATCH not in value:
            plain.append((index, value))
        elif directive == "delete":
            deleted = identity_of(value, merge_key, (*at.path, index))
            at.element(index, deleted).set()
            base = [
                element
                for element in base
                if merge_key not in element or typed(element[merge_key]) != deleted
            ]
        elif directive == "replace":
            replaces = True
        else:
            message = f'is {quoted(directive)}; an element knows "replace" and "delete"'
            raise MergeError((*at.path, index, PATCH), message)
    if replaces:
        at.set()
        return [value for _, value in plain], []
    return base, plain


# The order of lists.


def _set_order(result: Map, patch: Map, key: str, schema: types.Type, parent: _At) -> None:
    """Merge the list of a `$setElementOrder/<list>` into `result`, in that order.

    Takes both the directive and the list out of `patch`.
    """
    order = patch.pop(key)
    order_path = (*parent.path, key)
    name = _target(key, _ORDER, parent.path)
    base = result.get(name, [])
    new = patch.get(name, [])
    if not all(isinstance(value, list) for value in (order, base, new)):
        raise MergeError(order_path, "and the list that it orders must be lists")
    at = parent.field(name)
    field = _list_field(schema, at.path)
    check_order(new, order, field.key, order_path)
    if name not in patch and name not in result:
        return
    if name not in patch:
        merged = base
    elif name not in result:
        merged = _without_directives(new)
        at.set()
    elif field.merges:
        merged = _merge_lists(base, new, field, at, deletes=False)
    else:
        merged = new
        at.set()
    element_kind(base, new, at.path)
    result[name] = in_order(merged, order, base, field.key, at.path)
    patch.pop(name, None)


# Fields and directives.


def _field(schema: types.Type, path: Path) -> types.Field:
    """Return the field of a struct by the last step of its path."""
    try:
        return schema.field(str(path[-1]))
    except LookupError as error:
        message = f"is an unknown field of KubeVirt's {error.args[0]}, which can't be merged"
        raise MergeError(path, message) from None


def _list_field(schema: types.Type, path: Path) -> types.Field:
    """Return the field of a struct, which has to be a list."""
    field = _field(schema, path)
    if not field.may_list:
        raise MergeError(path, "is a list here, but none in KubeVirt's API")
    return field


def _target(key: str, prefix: str, path: Path) -> str:
    """Return the name of the list that a directive is about."""
    directive, slash, name = key.partition("/")
    if directive != prefix or not slash:
        raise MergeError((*path, key), f'is not a directive; write "{prefix}/<list>"')
    return name
