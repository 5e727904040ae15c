"""Documents that differ in a machine's name alone are read once: a thousand machines of a node type are a few texts."""

from __future__ import annotations

import json
import re
from typing import Any

from krmfn.manifests import yamlio

# Such a name is text wherever it stands alone, and no part of a number.
_PLAIN = re.compile(r"(?=.*-)(?=.*[a-df-z])[a-z][-.a-z0-9]*")
_NAME = re.compile(r"^metadata:\n(?:  .*\n)*?  name: (\S+)\n", re.MULTILINE)
_HOLE = "\0"
# What a Secret holds in base64 has the name in it too, out of sight.
_SECRET, _HELD = "apiVersion: v1\nkind: Secret\n", "\ndata:\n"
_LEAST = 8
SECRET_SUFFIX = "-cloud-init"


class Alike:
    """Reads single documents as krmfn writes them, and remembers their shapes."""

    def __init__(self) -> None:
        # By a text with its holes, its data as JSON with the same holes: a name needs no escapes there.
        self._shapes: dict[str, str] = {}

    def read(self, text: str) -> Any:
        """The data of a document's text. Raises ValueError where it is not one document of that kind without an error."""
        name = claim_name(text)
        payloads, rest = _payloads(text) if name else ({}, text)
        shape = shape_of(rest, name) if name else ""
        known = self._shapes.get(shape)
        if known is None:
            documents, faults = yamlio.read(text)
            if faults or len(documents) != 1:
                raise ValueError("is not one document")
            data = documents[0].data
            if name:
                empty = (
                    {**data, "data": data["data"] | dict.fromkeys(payloads)} if payloads else data
                )
                written = json.dumps(empty)
                if json.loads(written) == empty:
                    self._shapes[shape] = shape_of(written, name)
            return data
        found = json.loads(known.replace(_HOLE, name))
        if payloads:
            found["data"] |= payloads
        return found


def _payloads(text: str) -> tuple[dict[str, str], str]:
    """What a Secret holds in base64, one line a key, and its text without that."""
    head, held, tail = text.partition(_HELD) if text.startswith(_SECRET) else (text, "", "")
    found: dict[str, str] = {}
    for line in tail.splitlines():
        key, _, value = line.partition(": ")
        # It begins as no number and no other word does that is not text.
        plain = (
            value[:1].isalpha()
            and len(value) >= _LEAST
            and value.rstrip("=").replace("+", "").replace("/", "").isalnum()
        )
        if (
            not line.startswith("  ")
            or not key[2:].isalpha()
            or key[2:] in found
            or not plain
            or not value.isascii()
        ):
            return {}, text
        found[key[2:]] = value
    return (found, head + held + "".join(f"  {key}\n" for key in found)) if found else ({}, text)


def claim_name(text: str) -> str:
    """The name of the claim that a document is of, "" where it has none that can be replaced safely."""
    match = _NAME.search(text)
    name = match.group(1).removesuffix(SECRET_SUFFIX) if match else ""
    return name if replaceable(name) and _HOLE not in text else ""


def replaceable(name: str) -> bool:
    """Whether a name stands in a text as text only, so that another can be put there."""
    return _PLAIN.fullmatch(name) is not None


def shape_of(text: str, name: str) -> str:
    """The text with its claim's name left open."""
    return text.replace(name, _HOLE)


def renamed(value: Any, old: str, new: str) -> Any:
    """The data with another name in all of its texts."""
    if isinstance(value, str):
        # The same class, for the steps of a path that are more than text.
        return type(value)(value.replace(old, new)) if old in value else value
    if isinstance(value, dict):
        return {renamed(key, old, new): renamed(child, old, new) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(renamed(child, old, new) for child in value)
    return value
