"""The Go types of KubeVirt's VirtualMachine: names of fields, strategies and keys of merges, and which fields are quantities.

`types.json` is made by `make kubevirt-types` from kubevirt.io/api itself, by reflection; its `version` says which.
"""

from __future__ import annotations

import json
import pkgutil
from dataclasses import dataclass
from functools import cache
from typing import Any


@cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(pkgutil.get_data(__name__, "types.json") or b"")
    return document


@dataclass(frozen=True, slots=True)
class Type:
    """A type: a struct by its name, or something without fields by its kind."""

    kind: str
    name: str = ""

    def field(self, key: str) -> Field:
        """The field of a struct, found as Go's JSON package finds it: by name, else without regard to case.

        Raises LookupError with the type's name where there is none, as apimachinery's patch lookup does.
        """
        fields = _document()["types"].get(self.name, {}) if self.kind == "struct" else {}
        found = fields.get(key) or next(
            (fields[name] for name in fields if name.lower() == key.lower()), None
        )
        if found is None:
            raise LookupError(self.name or self.kind)
        return Field(
            type=Type(
                "struct" if found.get("elem", found["kind"]) == "struct" else found["kind"],
                found.get("type", ""),
            ),
            kind=found["kind"],
            merges="merge" in found.get("strategy", "").split(","),
            key=found.get("key", ""),
            # apimachinery looks through a pointer and takes a list for what it points to.
            may_list=found["kind"] == "list" or found.get("ptr", False),
        )


@dataclass(frozen=True, slots=True)
class Field:
    """A field: its type (of a list or map: of its elements), its kind, and how its list is merged."""

    type: Type
    kind: str
    merges: bool
    key: str
    may_list: bool


def names(struct: str) -> frozenset[str]:
    """The names of a struct's fields."""
    return frozenset(_document()["types"][struct])


ROOT = Type("struct", "VirtualMachine")
