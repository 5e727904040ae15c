"""What the schema of KubeVirt's VirtualMachine CRD forbids.

An API server with strict field validation, or KubeVirt's decoder, would not take it. `make
kubevirt-data` makes `schema.json` from KubeVirt's own Go code, of all versions that krmfn knows;
its `version` is the newest. Each distinct part of the schema stands there once, as a node; nodes
refer to each other by number. It is read when the first template is checked.
"""

from __future__ import annotations

import json
import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from krmfn.kubernetes.quantity import Quantity
from krmfn.kubevirt import types
from krmfn.kubevirt.cluster import Cluster, known_versions
from krmfn.kubevirt.vm_paths import DATA_VOLUMES, INSTANCE_METADATA, Map, get
from krmfn.patterns import pattern
from krmfn.problems import Path, listed, nearest, show
from krmfn.records import record

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
_TEXTS = ("labels", "annotations")
_NAME_FIELDS = ("name", "namespace", "generateName")
_INT32 = (-(2**31), 2**31 - 1)
_INT64 = (-(2**63), 2**63 - 1)
_GO_INTEGER = pattern(r"(u?)int(\d*)")
# An unknown field gets the list of known ones if that is short.
_MOST_LISTED = 10

Node = dict[str, Any]


@record(frozen=True)
class Violation:
    """One thing that the schema forbids; `unknown` if it is a field that it does not know."""

    path: Path
    message: str
    unknown: bool = False


@cache
def _document() -> dict[str, Any]:
    """Read the schema's file, once."""
    document: dict[str, Any] = json.loads(pkgutil.get_data(__name__, "schema.json") or b"")
    return document


def version() -> str:
    """Return the newest version of KubeVirt that the schema is of."""
    return str(_document()["version"])


def violations(vm: Map, cluster: Cluster) -> Iterator[Violation]:
    """Yield what the cluster's schema forbids in the `spec` of a VirtualMachine."""
    yield from _check(vm["spec"], root(), ("spec",), cluster)
    known = types.names("ObjectMeta")
    for path, metadata in _open_metadata(vm):
        for key, value in (metadata if isinstance(metadata, dict) else {}).items():
            if key not in known:
                message = "is an unknown field of an object's metadata"
                yield Violation((*path, key), message, unknown=True)
            elif key in _TEXTS:
                yield from _text_violations(value, (*path, key))
            elif key in _NAME_FIELDS and not isinstance(value, str):
                yield Violation((*path, key), f"is {show(value)}; must be text in quotes")


def _text_violations(texts: Any, path: Path) -> Iterator[Violation]:
    """Yield labels or annotations that are no mapping of texts."""
    if not isinstance(texts, dict):
        yield Violation(path, f"is {show(texts)}; must be a mapping")
        return
    for key, text in texts.items():
        if not isinstance(text, str):
            yield Violation((*path, key), f"is {show(text)}; must be text in quotes")


def _open_metadata(vm: Map) -> Iterator[tuple[Path, Any]]:
    """Yield the metadata that the CRD leaves open and KubeVirt's webhook does not."""
    yield INSTANCE_METADATA, get(vm, INSTANCE_METADATA)
    templates = get(vm, DATA_VOLUMES)
    for index, template in enumerate(templates if isinstance(templates, list) else ()):
        yield (*DATA_VOLUMES, index, "metadata"), get(template, ("metadata",))


def _check(value: Any, number: int, path: Path, cluster: Cluster) -> Iterator[Violation]:
    """Yield what a node of the schema forbids in a value."""
    node = node_of(number)
    if value is None and node.get("nullable"):
        return
    message = _scalar_problem(value, node)
    if message:
        yield Violation(path, message)
    elif isinstance(value, dict):
        yield from _check_mapping(value, node, path, cluster)
    elif isinstance(value, list):
        yield from _check_list(value, node, path, cluster)
    elif "enum" in node and value not in node["enum"]:
        allowed = ", ".join(map(str, node["enum"]))
        yield Violation(path, f"is {show(value)}; must be one of {allowed}")


def root() -> int:
    """Return the number of the part that is a VirtualMachine's `spec`."""
    return int(_document()["root"])


def node_of(number: int) -> Node:
    """Return the part of the schema that has this number."""
    part: Node = _document()["nodes"][number]
    return part


def _scalar_problem(value: Any, node: Node) -> str:
    """Return what is wrong with the type or range of a value, or ""."""
    if node.get("intOrString"):
        return _int_or_string_problem(value, node)
    # A float without a fraction is a whole number to JSON.
    if node.get("type") == "integer" and isinstance(value, float) and value.is_integer():
        return ""
    return (
        _type_problem(value, node.get("type"))
        or _range_problem(value, node)
        or _length_problem(value, node)
        or _rule_problem(value, node)
    )


def _int_or_string_problem(value: Any, node: Node) -> str:
    """Return what is wrong with a value that is a number or text, or ""."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return f"is {show(value)}; must be a whole number or text"
    if isinstance(value, str) and not re.search(node.get("pattern", ""), value):
        return f"is {show(value)}; must be a number or a quantity"
    if "pattern" in node:
        return _quantity_problem(value)
    # Without a pattern it is not a quantity but a port or the like, an int32 to Go.
    low, high = _INT32
    if isinstance(value, int) and not low <= value <= high:
        return f"is {show(value)}; must be {low} to {high}"
    return ""


def _quantity_problem(value: str | int) -> str:
    """Return why a value that has the pattern of a quantity can't be read as one, or ""."""
    try:
        Quantity.parse(value)
    except ValueError as error:
        return str(error)
    return ""


def _type_problem(value: Any, wanted: str | None) -> str:
    """Return what is wrong with a value that has another type, or ""."""
    actual = next(name for kind, name in _JSON.items() if isinstance(value, kind))
    is_number = wanted == "number" and actual == "integer"
    if not wanted or actual == wanted or is_number:
        return ""
    return f"is {show(value)}; must be {_NAMES.get(wanted, wanted)}"


def _range_problem(value: Any, node: Node) -> str:
    """Return what is wrong with an integer that Go reads into one of its types, or ""."""
    go_type = _GO_INTEGER.fullmatch(node.get("integer", ""))
    if node.get("type") != "integer" or not go_type:
        return ""
    bits = int(go_type[2] or 64)
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    if go_type[1]:
        low, high = 0, 2**bits - 1
    # JSON numbers above an int64 do not reach Go as integers.
    if low <= value <= min(high, _INT64[1]):
        return ""
    return f"is {show(value)}; must be {low} to {high}"


def _length_problem(value: Any, node: Node) -> str:
    """Return what is wrong with a text that is too long, or ""."""
    most = node.get("maxLength")
    if node.get("type") != "string" or most is None or len(value) <= most:
        return ""
    return f"is longer than {most} characters"


def _rule_problem(value: Any, node: Node) -> str:
    """Judge by the CRD's own expressions, of which there are three."""
    for rule in node.get("rules", ()):
        if rule == "self == true" and value is not True:
            return "must be true"
        if rule == "self.startsWith('/')" and not value.startswith("/"):
            return f"is {show(value)}; must begin with /"
        if rule == "!self.contains('..')" and ".." in value:
            return f"is {show(value)}; may not hold .."
    return ""


def _check_mapping(value: Map, node: Node, path: Path, cluster: Cluster) -> Iterator[Violation]:
    """Yield fields that are missing, unknown, or wrong themselves."""
    fields = node.get("fields", {})
    for key in _required(node, cluster):
        if key not in value and "default" not in node_of(fields[key]):
            yield Violation((*path, key), "is required")
    for key, child in value.items():
        at = (*path, key)
        number = fields.get(key, node.get("values"))
        since = node.get("since", {}).get(key)
        if since and not cluster.is_within(since, None):
            message = f"is an unknown field of KubeVirt {cluster.judged_version}'s VirtualMachine"
            yield Violation(at, f"{message}: it exists since {since}", unknown=True)
        elif number is not None:
            yield from _check(child, number, at, cluster)
        elif not node.get("open"):
            message = _unknown_field(key, fields)
            yield Violation(at, message, unknown=True)


def _required(node: Node, cluster: Cluster) -> list[str]:
    """Return the fields that a mapping must have on the cluster."""
    once = node.get("requiredBefore", {})
    still = [key for key, before in once.items() if cluster.is_within(None, before)]
    return [*node.get("required", ()), *still]


def _unknown_field(key: str, fields: Map) -> str:
    """Return the message for a field that no version knows."""
    newest = known_versions()[-1]
    message = f"is an unknown field of KubeVirt {newest}'s VirtualMachine{nearest(key, fields)}"
    if 0 < len(fields) <= _MOST_LISTED:
        message += f"; known are {listed(sorted(fields))}"
    return message


def _check_list(values: list[Any], node: Node, path: Path, cluster: Cluster) -> Iterator[Violation]:
    """Yield a list that is too long, and elements that are wrong."""
    most = node.get("maxItems", len(values))
    if len(values) > most:
        message = f"has {len(values)} elements; at most {most} are allowed"
        yield Violation(path, message)
    if "listType" in node:
        yield from _check_unique(values, node.get("keys"), path)
    if "items" in node:
        for index, element in enumerate(values):
            yield from _check(element, node["items"], (*path, index), cluster)


def _check_unique(values: list[Any], keys: list[str] | None, path: Path) -> Iterator[Violation]:
    """Yield the second elements of lists that are sets, or maps by one or several keys."""
    seen: set[str] = set()
    for index, element in enumerate(values):
        identity = element
        if keys and isinstance(element, dict):
            identity = [element.get(key) for key in keys]
        text = json.dumps(identity, sort_keys=True)
        if text in seen:
            message = "is there a second time"
            if keys:
                message += f", with the same {' and '.join(keys)}"
            yield Violation((*path, index), message)
        seen.add(text)
