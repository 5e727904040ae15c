"""The Go types of KubeVirt's VirtualMachine.

They give the names of fields, the strategies and keys of merges, and which fields are quantities.
`make kubevirt-types` makes `types.json` from kubevirt.io/api itself, by reflection; its `version`
says which.
"""

from __future__ import annotations

import json
import pkgutil
from functools import cache
from typing import Any

from krmfn.records import record


@cache
def _document() -> dict[str, Any]:
    """Read the types' file, once."""
    document: dict[str, Any] = json.loads(pkgutil.get_data(__name__, "types.json") or b"")
    return document


@record(frozen=True)
class Type:
    """A type: a struct by its name, or something without fields by its kind."""

    kind: str
    name: str = ""

    @property
    def texts_never_null(self) -> list[str]:
        """The text fields that Go writes as null if they are unset, and the schema forbids so.

        An empty text is the same to Go, and passes.
        """
        fields: dict[str, Any] = {}
        if self.kind == "struct":
            fields = _document()["types"].get(self.name, {})
        return [
            name
            for name, entry in fields.items()
            if entry.get("null") and entry["kind"] == "scalar"
        ]

    def field(self, key: str) -> Field:
        """Return the field of a struct by its name, or else without regard to case.

        Go's JSON package looks fields up so.

        Raises:
            LookupError: There is none, as for apimachinery's patch lookup. It has the type's name.
        """
        fields: dict[str, Any] = {}
        if self.kind == "struct":
            fields = _document()["types"].get(self.name, {})
        by_fold = (fields[name] for name in fields if name.lower() == key.lower())
        entry = fields.get(key) or next(by_fold, None)
        if entry is None:
            raise LookupError(self.name or self.kind)
        kind = entry["kind"]
        holds_structs = entry.get("elem", kind) == "struct"
        return Field(
            type=Type("struct" if holds_structs else kind, entry.get("type", "")),
            kind=kind,
            merges="merge" in entry.get("strategy", "").split(","),
            key=entry.get("key", ""),
            # apimachinery looks through a pointer and takes a list for what it points to.
            may_list=kind == "list" or entry.get("ptr", False),
            is_optional=entry.get("ptr", False),
            omitted=_zero(entry) if entry.get("omits") else None,
        )


@record(frozen=True)
class Field:
    """A field: its kind, its type, how its list is merged, and whether it may be absent.

    The type of a list or map is that of its elements. KubeVirt does not store a field
    that has the value `omitted`; None means that it stores any.
    """

    type: Type
    kind: str
    merges: bool
    key: str
    may_list: bool
    is_optional: bool
    omitted: Any


def _zero(entry: dict[str, Any]) -> Any:
    """Return the zero value of a field's Go type."""
    if entry["kind"] in ("list", "map"):
        return [] if entry["kind"] == "list" else {}
    return {"": "", "bool": False}.get(entry.get("go", ""), 0)


def names(struct: str) -> frozenset[str]:
    """Return the names of a struct's fields."""
    return frozenset(_document()["types"][struct])


ROOT = Type("struct", "VirtualMachine")
