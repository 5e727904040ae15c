"""The part of an earlier object that a change compares with the new declaration."""

from __future__ import annotations

import json
from typing import Any

from krmfn.commands.field_owners import Fields, applied_fields, is_live
from krmfn.kubevirt import types
from krmfn.kubevirt.vm_paths import DATA_VOLUMES, INTERFACES, NAMED, Map, get, mappings
from krmfn.manifests.item import ORCHESTRATORS, Item
from krmfn.manifests.tools_marks import TOOLS_MARKS
from krmfn.problems import Path

_MAC_POOL = "kubemacpool.io/transaction-timestamp"
_MAC_ADDRESS: Path = (*INTERFACES, "macAddress")
_STORAGE_CLASSES = frozenset(
    (*DATA_VOLUMES, "spec", form, "storageClassName") for form in ("pvc", "storage")
)
_ALL_DATA: Fields = {"f:data": {"f:networkdata": {}, "f:userdata": {}}}
# Where a machine that krmfn did not write may hold a password or a token.
_USER_DATA = ("userData", "userDataBase64", "networkData", "networkDataBase64")
_HIDDEN = "******"


def declaration(item: Item, new: Map) -> Map:
    """Return the part of an object that a change to `new` touches.

    Of a live object that is what `new` declares, and what the next apply removes otherwise. The
    rest are defaults, and what others have set.
    """
    if not is_live(item):
        return _without_marks(item.data, new, ORCHESTRATORS)
    applied = applied_fields(item)
    if item.kind == "Secret":
        new, applied = _with_whole_data(new, applied)
    touched = _Touched(_webhooks_fields(item)).fields(item.data, new, applied, types.ROOT, ())
    return _without_marks(touched, new, (*ORCHESTRATORS, *TOOLS_MARKS))


def _with_whole_data(new: Map, applied: Fields | None) -> tuple[Map, Fields]:
    """Return a Secret, and fields of one, with `stringData` as `data`, which the server makes.

    If nothing tells what was applied, it was all of the data: nobody else writes to it. What goes
    from `stringData` stays in the live Secret, and can't be told from what went long ago.
    """
    if applied is None:
        applied = {} if "stringData" in new else _ALL_DATA
    data = {**(new.get("data") or {}), **(new.get("stringData") or {})}
    fields = [applied.get(f"f:{key}") for key in ("stringData", "data")]
    owned = {step: inner for one in mappings(fields) for step, inner in one.items()}
    return {**new, "data": data}, {**applied, "f:data": owned} if owned else applied


def _without_marks(old: Map, new: Map, of_tools: tuple[str, ...]) -> Map:
    """Return an object without what tools write on it, unless that is declared.

    `of_tools` is how their labels and annotations begin.
    """
    metadata = dict(old.get("metadata") or {})
    for where in ("labels", "annotations"):
        declared = get(new, ("metadata", where)) or {}
        marks = metadata.get(where)
        if isinstance(marks, dict):
            metadata[where] = {
                key: value
                for key, value in marks.items()
                if key in declared or not key.startswith(of_tools)
            }
    return {**old, "metadata": metadata}


def _webhooks_fields(item: Item) -> frozenset[Path]:
    """Return the fields of lists' elements that webhooks put back after each apply.

    kubemacpool keeps a machine's MAC addresses, and KubeVirt takes a storage class from a
    preference.
    """
    paths: frozenset[Path] = frozenset()
    if _MAC_POOL in item.annotations:
        paths |= {_MAC_ADDRESS}
    if get(item.data, ("spec", "preference")) is not None:
        paths |= _STORAGE_CLASSES
    return paths


class _Touched:
    """Picks the part of a live object that a change touches.

    `added` are the fields of lists' elements that webhooks put back after each apply.
    """

    def __init__(self, added: frozenset[Path]) -> None:
        self._added = added

    def fields(self, live: Map, new: Any, owned: Any, kind: types.Type, path: Path) -> Map:
        """Keep the fields that are declared, or `owned` by the manager that applies."""
        declared = new if isinstance(new, dict) else {}
        owned = owned if isinstance(owned, dict) else {}
        result = {}
        for key, value in live.items():
            inner = owned.get(f"f:{key}")
            at = (*path, key)
            if key in declared:
                result[key] = self._value(value, declared[key], inner, _inner(kind, key), at)
            elif inner == {}:
                result[key] = value
            elif inner is not None:
                part = self._value(value, None, inner, _inner(kind, key), at)
                if part or not value:
                    result[key] = part
        return result

    def _value(self, live: Any, new: Any, owned: Any, kind: types.Type, path: Path) -> Any:
        """Keep the part of a value that a change touches."""
        if isinstance(live, dict):
            return self.fields(live, new, owned, kind, path)
        if not isinstance(live, list):
            return live
        keys = [step for step in owned or () if str(step).startswith("k:")]
        if keys:
            return self._keyed(live, new, {step: owned[step] for step in keys}, kind, path)
        return [
            self._stored(element, _same(element, new, n, path), kind, path)
            for n, element in enumerate(live)
        ]

    def _keyed(self, live: list[Any], new: Any, owned: Fields, kind: types.Type, path: Path) -> Any:
        """Keep the elements of a list that the server merges by keys."""
        result = []
        for element in live:
            for step, inner in owned.items():
                key = _key(step)
                if not _has(element, key):
                    continue
                same = [one for one in mappings(new) if _has(one, key)]
                part = self.fields(element, same[0] if same else None, inner, kind, path)
                result.append(part)
        return result

    def _stored(self, live: Any, new: Any, kind: types.Type, path: Path) -> Any:
        """Keep all of a value in a list that is replaced as a whole, as the server stores it.

        That leaves out what comes back after each apply: empty structs, which Go writes, and what
        webhooks add.
        """
        if isinstance(live, list):
            return [
                self._stored(element, _same(element, new, n, path), kind, path)
                for n, element in enumerate(live)
            ]
        if not isinstance(live, dict):
            return live
        declared = new if isinstance(new, dict) else {}
        result = {}
        for key, value in live.items():
            at = (*path, key)
            comes_back = (
                value is None or at in self._added or (value == {} and _is_struct(kind, key))
            )
            if key in declared or not comes_back:
                result[key] = self._stored(value, declared.get(key), _inner(kind, key), at)
        return result


def _inner(kind: types.Type, key: str) -> types.Type:
    """Return the type of a field, or of a list's or map's elements there."""
    try:
        return kind.field(key).type
    except LookupError:
        return types.Type("unknown")


def _is_struct(kind: types.Type, key: str) -> bool:
    """Tell whether a field is a struct that Go writes even if it is empty."""
    try:
        field = kind.field(key)
    except LookupError:
        return False
    return field.kind == "struct" and not field.is_optional


def _same(element: Any, new: Any, index: int, path: Path) -> Any:
    """Return the declared element of a list that stands for a live one, None if none does."""
    declared = new if isinstance(new, list) else []
    name = NAMED.get(path)
    if name is None:
        return declared[index] if index < len(declared) else None
    same = [one for one in mappings(declared) if get(one, name) == get(element, name)]
    return same[0] if same else None


def _key(step: str) -> Map:
    """Read the keys of a list's element: `k:{"name":"a"}`."""
    try:
        key = json.loads(step.removeprefix("k:"))
    except ValueError:
        return {}
    return key if isinstance(key, dict) else {}


def _has(element: Any, key: Map) -> bool:
    """Tell whether an element of a list has these keys."""
    return bool(key) and all(get(element, (name,)) == value for name, value in key.items())


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
