"""The one change that krmfn makes to an item that it did not render: it adds an annotation.

It inserts one line, or one entry, into the item's text.
"""

from __future__ import annotations

import json
import re

from krmfn.manifests import yamlio
from krmfn.manifests.item import Item
from krmfn.manifests.resource_list import above_comments
from krmfn.manifests.yamlio import Span

# What to report if `annotated` returns None.
UNCOMMON_LAYOUT = (
    "has its annotations in an uncommon layout (an alias, an anchor, a merge key, null in braces); "
    "write them as a plain mapping"
)
# How much text before a value is searched for its key.
_SEARCHED = 4096


def annotated(item: Item, key: str, value: str) -> str | None:
    """Return the text of an item with an annotation added.

    The text gets one line, or one entry in a flow mapping, and does not change otherwise. Return
    None if one insertion can't do that: if the metadata or the annotations come from an alias or a
    merge key, have an anchor or a tag, or are not a mapping.
    """
    metadata = item.span.children.get("metadata") if item.span else None
    if metadata is None or not _stands_at(item, metadata, "metadata", since=item.offset):
        return None
    entry = f"{yamlio.scalar(key)}: {yamlio.scalar(value)}"
    flow_entry = f"{json.dumps(key)}: {json.dumps(value)}"
    if "annotations" not in item.metadata:
        return _inserted(
            item, metadata, f"annotations: {{{entry}}}", f'"annotations": {{{flow_entry}}}'
        )
    if item.metadata["annotations"] is None:
        return _filled(item, metadata, flow_entry)
    annotations = metadata.children.get("annotations")
    is_mapping = isinstance(item.metadata["annotations"], dict)
    if annotations is None or not is_mapping:
        return None
    if not _stands_at(item, annotations, "annotations", since=metadata.start):
        return None
    return _inserted(item, annotations, entry, flow_entry)


def _stands_at(item: Item, span: Span, key: str, since: int) -> bool:
    """Tell whether a span is the value of a key, with nothing but comments between the two.

    From a merge key it stands elsewhere; with an anchor, it could be something else's too.
    """
    start = span.start - item.offset
    if not since - item.offset <= start < len(item.text) or item.text[start] in "&!":
        return False
    before = item.text[since - item.offset : start]
    pattern = rf"""(?:^|[\s{{,])["']?{key}["']?\s*:\s*(?:#[^\n]*\n\s*)*\Z"""
    return re.search(pattern, before[-_SEARCHED:]) is not None


def _filled(item: Item, metadata: Span, flow_entry: str) -> str | None:
    """Put a mapping in the place of `annotations: null`."""
    text, first = item.text, metadata.first - item.offset
    line = text.rfind("\n", 0, first) + 1
    end = metadata.end - item.offset
    indent = text[line:first]
    if metadata.flow or indent.strip(" "):
        return None
    key = rf"^({indent}[\"']?annotations[\"']?[ ]*:)"
    null = r"([ \t]*(?:~|null|Null|NULL))?(?=[ \t]*(?:#|\r?$))"
    pattern = re.compile(key + null, re.MULTILINE)
    match = pattern.search(text, line, end + 1)
    if match is None:
        return None
    return f"{text[: match.start()]}{match[1]} {{{flow_entry}}}{text[match.end() :]}"


def _inserted(item: Item, span: Span, entry: str, flow_entry: str) -> str | None:
    """Insert an entry at the start of a mapping.

    In block style it gets a line of its own, above the comments that belong to the first key.
    """
    text, first = item.text, span.first - item.offset
    if span.flow:
        inside = span.start - item.offset + 1
        comma = ", " if span.first >= 0 else ""
        return f"{text[:inside]}{flow_entry}{comma}{text[inside:]}"
    line = text.rfind("\n", 0, first) + 1
    indent = text[line:first]
    if indent.strip(" "):
        return None
    line = above_comments(text, line)
    return f"{text[:line]}{indent}{entry}\n{text[line:]}"
