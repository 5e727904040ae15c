"""Read documents that differ only in a machine's name just once.

A thousand machines of one node type are a few shapes: texts in which the name is left open.
"""

from __future__ import annotations

import json
import re
from typing import Any

from krmfn.manifests import yamlio
from krmfn.manifests.secret_names import owner_of_secret
from krmfn.patterns import pattern

# Such a name is text wherever it stands alone, and no part of a number.
_PLAIN_NAME = pattern(r"(?=.*-)(?=.*[a-df-z])[a-z][-.a-z0-9]*")
_METADATA_NAME = pattern(r"^metadata:\n(?:  .*\n)*?  name: (\S+)\n", re.MULTILINE)
_HOLE = "\0"
# What a Secret holds in base64 has the name in it too, out of sight.
_SECRET, _DATA = "apiVersion: v1\nkind: Secret\n", "\ndata:\n"
_SHORTEST_PAYLOAD = 8


class ShapeReader:
    """Reads single documents as krmfn writes them, and remembers their shapes."""

    def __init__(self) -> None:
        # By a text with its holes, its data as JSON with the same holes: a name needs no escapes.
        self._shapes: dict[str, str] = {}

    def read(self, text: str) -> Any:
        """Return the data of a document's text.

        Raises:
            ValueError: The text is not one document without faults.
        """
        name = _claim_name(text)
        if not name:
            return _only_document(text)
        payloads, rest = _without_payloads(text)
        shape = shape_of(rest, name)
        if shape not in self._shapes:
            data = _only_document(text)
            self._remember(shape, data, name, payloads)
            return data
        data = json.loads(self._shapes[shape].replace(_HOLE, name))
        if payloads:
            data["data"] |= payloads
        return data

    def _remember(self, shape: str, data: Any, name: str, payloads: dict[str, str]) -> None:
        """Keep the shape of a document that JSON can hold."""
        if payloads:
            data = {**data, "data": data["data"] | dict.fromkeys(payloads)}
        written = json.dumps(data)
        # JSON does not hold all that YAML does, such as dates.
        if json.loads(written) == data:
            self._shapes[shape] = shape_of(written, name)


def replaceable(name: str) -> bool:
    """Tell whether a name stands in a text as text only, so that another can be put there."""
    return _PLAIN_NAME.fullmatch(name) is not None


def shape_of(text: str, name: str) -> str:
    """Return the text with its claim's name left open."""
    return text.replace(name, _HOLE)


def renamed(value: Any, old: str, new: str) -> Any:
    """Return the data with another name in all of its texts."""
    if isinstance(value, str):
        # The same class, for the steps of a path that are more than text.
        return type(value)(value.replace(old, new)) if old in value else value
    if isinstance(value, dict):
        return {renamed(key, old, new): renamed(child, old, new) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(renamed(child, old, new) for child in value)
    return value


def _only_document(text: str) -> Any:
    """Read a text that has to be one document."""
    documents, faults = yamlio.read(text)
    if faults or len(documents) != 1:
        raise ValueError("is not one document")
    return documents[0].data


def _claim_name(text: str) -> str:
    """Return the name of the claim that a document is of, or "" if it can't be replaced safely."""
    match = _METADATA_NAME.search(text)
    if match is None or _HOLE in text:
        return ""
    name = owner_of_secret(match[1])
    return name if replaceable(name) else ""


def _without_payloads(text: str) -> tuple[dict[str, str], str]:
    """Return what a Secret holds in base64, one line a key, and its text without that."""
    if not text.startswith(_SECRET):
        return {}, text
    head, data, tail = text.partition(_DATA)
    payloads: dict[str, str] = {}
    for line in tail.splitlines():
        key, _, value = line.partition(": ")
        name = key[2:]
        is_key = line.startswith("  ") and name.isalpha() and name not in payloads
        if not is_key or not _is_payload(value):
            return {}, text
        payloads[name] = value
    if not payloads:
        return {}, text
    names = "".join(f"  {name}\n" for name in payloads)
    return payloads, head + data + names


def _is_payload(value: str) -> bool:
    """Tell whether a value is base64 that no YAML reader takes for a number or a keyword."""
    if len(value) < _SHORTEST_PAYLOAD or not value[0].isalpha():
        return False
    digits = value.rstrip("=").replace("+", "").replace("/", "")
    return digits.isalnum() and value.isascii()
