"""The one change that krmfn makes to an item that is not its own: an annotation more, by one insertion into the item's text."""

from __future__ import annotations

import json
import re

from krmfn.manifests import yamlio
from krmfn.manifests.item import Item
from krmfn.manifests.resource_list import above_comments


def annotated(item: Item, key: str, value: str) -> str:
    """The text of an item with one annotation more: one inserted line, or one entry in a flow mapping, and no other change.

    Raises ValueError where that can't be done by one insertion: annotations from an alias or a merge key, with an anchor, as no mapping.
    """
    entry = f"{yamlio.scalar(key)}: {yamlio.scalar(value)}"
    flow_entry = f"{json.dumps(key)}: {json.dumps(value)}"
    outer, text, shift = item.spans.get(id(item.metadata)), item.text, item.offset
    if (
        outer is None
        or not shift <= outer.start <= shift + len(text)
        or not _follows("metadata", text[: outer.start - shift])
    ):
        raise ValueError(_UNCOMMON)
    current = item.metadata.get("annotations")
    if current is None and "annotations" in item.metadata:
        return _instead_of_null(text, outer, shift, flow_entry)
    if current is None:
        return _inserted(
            text, outer, shift, f"annotations: {{{entry}}}", f'"annotations": {{{flow_entry}}}'
        )
    inner = item.spans.get(id(current)) if isinstance(current, dict) else None
    before = (
        text[outer.start - shift : inner.start - shift]
        if inner and outer.start <= inner.start <= outer.end
        else ""
    )
    # Anchored, annotations could be something else's too; from an alias or a merge key, they stand elsewhere.
    if inner is None or not _follows("annotations", before) or text[inner.start - shift] in "&!":
        raise ValueError(_UNCOMMON)
    return _inserted(text, inner, shift, entry, flow_entry)


_UNCOMMON = "has its annotations in an uncommon layout (an alias, an anchor, a merge key, null in braces); write them as a plain mapping"


def _follows(key: str, before: str) -> bool:
    """Whether what comes next is the value of `key`, and no anchor's that stands elsewhere."""
    return bool(
        re.search(rf"""(?:^|[\s{{,])["']?{key}["']?\s*:\s*(?:#[^\n]*\n\s*)*\Z""", before[-4096:])
    )


def _instead_of_null(text: str, outer: yamlio.Span, shift: int, entry: str) -> str:
    first = outer.first - shift
    pad = text[text.rfind("\n", 0, first) + 1 : first]
    pattern = re.compile(
        rf"^({pad}[\"']?annotations[\"']?[ ]*:)([ \t]*(?:~|null|Null|NULL))?(?=[ \t]*(?:#|\r?$))",
        re.MULTILINE,
    )
    match = (
        pattern.search(text, max(first - len(pad), 0), outer.end - shift + 1)
        if not outer.flow and not pad.strip(" ")
        else None
    )
    if match is None:
        raise ValueError(_UNCOMMON)
    return f"{text[: match.start()]}{match[1]} {{{entry}}}{text[match.end() :]}"


def _inserted(text: str, span: yamlio.Span, shift: int, entry: str, flow_entry: str) -> str:
    """The text with an entry at the start of a mapping: on a line of its own, above the comments that belong to the first key."""
    start, first = span.start - shift, span.first - shift
    if span.flow:
        brace = start + 1
        return f"{text[:brace]}{flow_entry}{', ' if span.first >= 0 else ''}{text[brace:]}"
    line = text.rfind("\n", 0, first) + 1
    pad = text[line:first]
    if pad.strip(" "):
        raise ValueError(_UNCOMMON)
    line = above_comments(text, line)
    return f"{text[:line]}{pad}{entry}\n{text[line:]}"
