"""The schema of KubeVirt's VirtualMachine CRD: what an API server with strict field validation, and KubeVirt's decoder, would not take.

`schema.json` is made by `make kubevirt-schema` from KubeVirt's own Go code; its `version` says which. Each distinct part of the schema
stands there once, as a node; nodes refer to each other by number. Read when the first template is checked.
"""

from __future__ import annotations

import json
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from krmfn.kubevirt import types
from krmfn.kubevirt.vm_paths import get
from krmfn.problems import Path, listed, nearest, show

# A bool is an int to Python: it comes first.
_JSON = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    dict: "object",
    list: "array",
    type(None): "null",
}
_NAMES = {
    "string": "text in quotes",
    "boolean": "true or false",
    "integer": "a whole number",
    "object": "a mapping",
    "array": "a list",
}
_PATTERN = re.compile(r"(u?int)(\d*)")


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that the schema forbids; `unknown` where it is a field that it does not know."""

    path: Path
    message: str
    unknown: bool = False


@cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(pkgutil.get_data(__name__, "schema.json") or b"")
    return document


def version() -> str:
    """The version of KubeVirt that the schema is of."""
    return str(_document()["version"])


def violations(spec: Any, path: Path = ("spec",)) -> Iterator[Violation]:
    """What in a VirtualMachine's `spec` the schema forbids, with paths that begin with `path`."""
    yield from _check(spec, _document()["root"], path)
    known = types.names("ObjectMeta")
    for where, metadata in _metadata(spec):
        for key in metadata if isinstance(metadata, dict) else ():
            if key not in known:
                yield Violation(
                    (*path, *where, key), "is no field of an object's metadata", unknown=True
                )


def _metadata(spec: Any) -> Iterator[tuple[Path, Any]]:
    """The metadata that the CRD leaves open and KubeVirt's webhook does not."""
    yield ("template", "metadata"), get(spec, ("template", "metadata"))
    templates = get(spec, ("dataVolumeTemplates",))
    for index, template in enumerate(templates if isinstance(templates, list) else ()):
        yield ("dataVolumeTemplates", index, "metadata"), get(template, ("metadata",))


def _check(value: Any, number: int, path: Path) -> Iterator[Violation]:
    node = _document()["nodes"][number]
    if value is None and node.get("nullable"):
        return
    if wrong := _type_problem(value, node):
        yield Violation(path, wrong)
        return
    if isinstance(value, dict):
        yield from _mapping(value, node, path)
    elif isinstance(value, list):
        if len(value) > node.get("maxItems", len(value)):
            yield Violation(
                path, f"has {len(value)} elements; at most {node['maxItems']} are allowed"
            )
        yield from _unique(value, node, path)
        if "items" in node:
            for index, element in enumerate(value):
                yield from _check(element, node["items"], (*path, index))
    elif "enum" in node and value not in node["enum"]:
        yield Violation(
            path, f"is {show(value)}; must be one of {', '.join(map(str, node['enum']))}"
        )


def _type_problem(value: Any, node: dict[str, Any]) -> str:
    if node.get("intOrString"):
        if isinstance(value, str) and not re.search(node.get("pattern", ""), value):
            return f"is {show(value)}; must be a number or a quantity"
        # Without a pattern it is no quantity but a port or the like, an int32 to Go.
        if isinstance(value, int) and "pattern" not in node and not -(2**31) <= value < 2**31:
            return f"is {show(value)}; must be {-(2**31)} to {2**31 - 1}"
        return (
            ""
            if isinstance(value, str | int) and not isinstance(value, bool)
            else f"is {show(value)}; must be a whole number or text"
        )
    wanted = node.get("type")
    found = next(name for kind, name in _JSON.items() if isinstance(value, kind))
    # A float without a fraction is a whole number to JSON.
    if wanted == "integer" and isinstance(value, float) and value.is_integer():
        return ""
    if wanted and found != wanted and not (wanted == "number" and found == "integer"):
        return f"is {show(value)}; must be {_NAMES.get(wanted, wanted)}"
    match = _PATTERN.fullmatch(node.get("integer", ""))
    if wanted == "integer" and match:
        bits = int(match[2] or 64)
        low, high = (
            (0, 2**bits - 1) if match[1] == "uint" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        )
        if not low <= value <= min(high, 2**63 - 1):
            return f"is {show(value)}; must be {low} to {high}"
    if wanted == "string" and len(value) > node.get("maxLength", len(value)):
        return f"is longer than {node['maxLength']} characters"
    return _rule_problem(value, node)


def _rule_problem(value: Any, node: dict[str, Any]) -> str:
    """The CRD's own expressions, of which there are three."""
    for rule in node.get("rules", ()):
        if rule == "self == true" and value is not True:
            return "must be true"
        if rule == "self.startsWith('/')" and not value.startswith("/"):
            return f"is {show(value)}; must begin with /"
        if rule == "!self.contains('..')" and ".." in value:
            return f"is {show(value)}; may not hold .."
    return ""


def _mapping(value: dict[str, Any], node: dict[str, Any], path: Path) -> Iterator[Violation]:
    fields = node.get("fields", {})
    for key in node.get("required", ()):
        if key not in value and "default" not in _document()["nodes"][fields[key]]:
            yield Violation((*path, key), "is required")
    for key, child in value.items():
        if key in fields:
            yield from _check(child, fields[key], (*path, key))
        elif "values" in node:
            yield from _check(child, node["values"], (*path, key))
        elif not node.get("open"):
            known = f"; known are {listed(sorted(fields))}" if 0 < len(fields) <= 10 else ""
            text = (
                f"is no field of KubeVirt {version()}'s VirtualMachine{nearest(key, fields)}{known}"
            )
            yield Violation((*path, key), text, unknown=True)


def _unique(values: list[Any], node: dict[str, Any], path: Path) -> Iterator[Violation]:
    """Lists that are sets, or maps by one or several keys."""
    if "listType" not in node:
        return
    seen: set[str] = set()
    for index, element in enumerate(values):
        keys = node.get("keys")
        identity = json.dumps(
            [element.get(key) for key in keys] if keys and isinstance(element, dict) else element,
            sort_keys=True,
        )
        if identity in seen:
            what = f", with the same {' and '.join(keys)}" if keys else ""
            yield Violation((*path, index), f"is there a second time{what}")
        seen.add(identity)
