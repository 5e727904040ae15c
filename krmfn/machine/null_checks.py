"""Nulls in a template. To Kubernetes they mean that a field is absent, and often more is meant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from krmfn.kubevirt import types
from krmfn.kubevirt.vm_paths import Map
from krmfn.problems import Code, Place, Problem

# Optional objects that mean nothing by being there: without them, or with an empty one, a
# machine is the same. A disk without a kind is one of kind `disk`.
_PLAIN = (
    *("affinity", "nodeAffinity", "podAffinity", "podAntiAffinity"),
    *("labelSelector", "namespaceSelector", "selector", "dnsConfig", "template"),
    *("machine", "chassis", "clock", "timer", "cpu", "numa", "features", "firmware", "bootloader"),
    *("memory", "guest", "maxGuest", "reservedOverhead", "ioThreads", "disk", "blockSize"),
)
NULL_OBJECT = "is null, which leaves it out; write {} or its fields if it is meant"
NULL_VALUE = "is null; write a value in quotes, or leave the key out"


def null_warnings(value: Map, base: Any, at: Place, patch: bool) -> Iterator[Problem]:
    """Warn of optional objects of a layer that are null, such as `tpm:` without braces.

    In a `patch` over `base`, a null takes out what is there, which is not warned of.
    """
    yield from _warnings(value, base if patch else None, types.ROOT, at, patch)


def _warnings(
    value: Map, base: Any, kind: types.Type, at: Place, is_patch: bool
) -> Iterator[Problem]:
    """Warn of the optional objects in a struct that are null, at any depth."""
    for key, field, child in _fields(value, kind):
        below = base.get(key) if isinstance(base, dict) else None
        if child is None and field.is_optional and field.kind == "struct":
            if below is None and key not in _PLAIN:
                yield at.field(key).warning(NULL_OBJECT, Code.NULL_FIELD)
        elif isinstance(child, dict) and field.kind == "map":
            # In a whole template these are errors.
            if is_patch:
                yield from _needless_nulls(child, below, at.field(key))
        elif isinstance(child, dict) and field.kind == "struct":
            yield from _warnings(child, below, field.type, at.field(key), is_patch)
        elif isinstance(child, list) and field.kind == "list":
            for index, element in enumerate(child):
                if isinstance(element, dict):
                    yield from _warnings(element, None, field.type, at.field(key, index), is_patch)


def _needless_nulls(patch: Map, base: Any, at: Place) -> Iterator[Problem]:
    """Warn of the nulls in a map of a patch that take nothing out."""
    gone = base if isinstance(base, dict) else {}
    for name, element in patch.items():
        if element is None and name not in gone:
            message = "is null, but there is no such key to remove"
            yield at.field(name).warning(message, Code.NULL_FIELD)


def null_problems(value: Map, at: Place, kind: types.Type = types.ROOT) -> Iterator[Problem]:
    """Yield the keys of maps in a whole template, such as labels, whose value is null.

    To krmfn and to an API server they are not the same: one would drop them, the other set "".
    """
    for key, field, child in _fields(value, kind):
        where = at.field(key)
        if isinstance(child, dict) and field.kind == "map":
            for name, element in child.items():
                if element is None:
                    yield where.field(name).error(NULL_VALUE)
        elif isinstance(child, dict):
            yield from null_problems(child, where, field.type)
        elif isinstance(child, list) and field.kind == "list":
            for index, element in enumerate(child):
                if isinstance(element, dict):
                    yield from null_problems(element, where.field(index), field.type)


def _fields(value: Map, kind: types.Type) -> Iterator[tuple[str, types.Field, Any]]:
    """Yield the fields of a struct that are known: the name, what it is, and the value."""
    for key, child in value.items():
        try:
            yield key, kind.field(key), child
        except LookupError:
            continue
