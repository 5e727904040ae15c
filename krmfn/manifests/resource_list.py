"""The KRM function contract (kubernetes-sigs/kustomize, functions-spec v1): the ResourceList.

Items keep their own text, whole lines of it: what krmfn does not change comes out byte for
byte. krmfn only looks at the data that was read beside the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from itertools import pairwise
from typing import Any, Literal

from krmfn.manifests import yamlio
from krmfn.manifests.item import Item, item_of
from krmfn.manifests.results import Result, as_data
from krmfn.patterns import pattern
from krmfn.problems import (
    Code,
    Collector,
    Inside,
    Origin,
    Place,
    Problem,
    nearest,
    show,
)

API_VERSIONS = (
    "config.kubernetes.io/v1",
    "config.kubernetes.io/v1beta1",
    "config.kubernetes.io/v1alpha1",
)
_DASH = pattern(r" *-(?=[ \t\r\n])")
# To libyaml these end a line, to others they do not: readers would count lines differently.
_ODD_BREAKS = pattern("\r(?!\n)|[\x85\u2028\u2029]")
# Levels of a ResourceList whose place in the text is needed: list, items, item, metadata,
# annotations.
_DEPTH = 5
_UNCOMMON_LIST = (
    "stand in an uncommon layout; write them as a plain list, each dash on a line of its own"
)


@dataclass(slots=True)
class ResourceList:
    """What an orchestrator hands to a function and takes back."""

    apiVersion: str = API_VERSIONS[0]
    kind: Literal["ResourceList"] = "ResourceList"
    items: list[Item] = field(default_factory=list)
    functionConfig: Item | None = None
    results: list[Result] = field(default_factory=list)

    @property
    def column(self) -> int:
        """The column of the items' dashes."""
        return self.items[0].column if self.items else 0

    def to_yaml(self, added: Iterable[str] = ()) -> str:
        """Write the list as YAML.

        `added` are elements for the end of its items: whole lines, with their dashes in the
        list's `column`.
        """
        parts = [f"apiVersion: {self.apiVersion}\nkind: {self.kind}\n"]
        items = [self._element(item) for item in self.items]
        items += added
        parts += ["items:\n", *items] if items else ["items: []\n"]
        if config := self.functionConfig:
            text = f" {config.text}\n" if config.flow else f"\n{config.text}"
            parts.append(f"functionConfig:{text}")
        if self.results:
            parts.append(yamlio.dump({"results": [as_data(result) for result in self.results]}))
        return "".join(parts)

    def _element(self, item: Item) -> str:
        """Write an item as an element of the list."""
        return f"{' ' * self.column}- {item.text}\n" if item.flow else item.text


def read_resource_list(source: bytes) -> tuple[ResourceList, list[Problem]]:
    """Read one ResourceList. If there are problems, do not use the list."""
    stdin = Place(Origin(file="standard input"))
    problems = Collector()
    document = _only_document(source, stdin, problems)
    if document is None:
        return ResourceList(), problems
    data = document.data
    text = source.decode().removeprefix("\ufeff")
    values = _checked_fields(data, text, stdin, problems)
    if problems:
        return ResourceList(), problems
    resources = ResourceList(apiVersion=data["apiVersion"])
    resources.items = _items(text, document, values, stdin.field("items"), problems)
    if data.get("functionConfig") and not problems:
        at = stdin.field("functionConfig")
        resources.functionConfig = _function_config(text, document, at, problems)
    return resources, problems


def _only_document(source: bytes, at: Place, problems: Collector) -> yamlio.Document | None:
    """Return the document that holds the ResourceList, None if there is not exactly one."""
    documents, faults = yamlio.read(source, _DEPTH)
    if faults:
        problems += (yaml_problem(at, fault, source) for fault in faults)
        return None
    documents = [document for document in documents if document.data is not None]
    if len(documents) != 1:
        message = f"must be one ResourceList, but holds {len(documents)} YAML documents"
        problems.append(at.error(message, Code.RESOURCE_LIST))
        return None
    [document] = documents
    if not _is_resource_list(document.data):
        message = f"must be one ResourceList of {API_VERSIONS[0]}"
        problems.append(at.error(message, Code.RESOURCE_LIST))
        return None
    return document


def yaml_problem(place: Place, fault: yamlio.Fault, source: bytes) -> Problem:
    """Turn a fault of a text into a problem."""
    message = fault.message
    if b"{{" in b"".join(source.splitlines()[fault.line - 1 : fault.line]):
        message += "; {{ looks like a template, and krmfn reads the text that comes of it"
    return place.within(Inside(fault.line, fault.column, "")).error(message, Code.YAML)


def _is_resource_list(data: Any) -> bool:
    """Tell whether the data is a ResourceList of a version that krmfn knows."""
    return (
        isinstance(data, dict)
        and data.get("kind") == "ResourceList"
        and data.get("apiVersion") in API_VERSIONS
    )


def _checked_fields(
    data: dict[str, Any], text: str, at: Place, problems: Collector
) -> list[dict[str, Any]]:
    """Check the list's own fields and return the values of its items."""
    known = [field.name for field in fields(ResourceList)]
    for key in data:
        if key not in known:
            message = f"is an unknown field of a ResourceList{nearest(key, known)}"
            problems.append(at.field(str(key)).error(message))
    values = data.get("items")
    config = data.get("functionConfig")
    if not isinstance(values, list | None):
        message = f"is {show(values)}; must be a list"
        problems.append(at.field("items").error(message))
        values = None
    for index, value in enumerate(values or ()):
        if not isinstance(value, dict):
            message = f"is {show(value)}; must be an object"
            problems.append(at.field("items", index).error(message))
    if not isinstance(config, dict | None):
        message = f"is {show(config)}; must be an object"
        problems.append(at.field("functionConfig").error(message))
    problems += _line_break_problems(text, at)
    return values or []


def _line_break_problems(text: str, at: Place) -> Iterator[Problem]:
    """Yield a problem for the first line break that only some YAML readers take for one."""
    odd = _ODD_BREAKS.search(text)
    if odd is None:
        return
    mark = f"U+{ord(odd[0]):04X}"
    message = f"has a line break ({mark}) that YAML readers disagree on; escape it"
    yield at.within(Inside.of(text, odd.start())).error(message, Code.YAML)


def _function_config(
    text: str, document: yamlio.Document, at: Place, problems: Collector
) -> Item | None:
    """Return the function's config with its text, or report an uncommon layout."""
    data = document.data["functionConfig"]
    item = item_of(data)
    span = _spans(document)["functionConfig"]
    if span.flow:
        item.flow, item.text = True, text[span.start : span.end]
        return item
    start = text.rfind("\n", 0, span.first) + 1
    if text[start : span.first].strip(" "):
        message = "stands in an uncommon layout; write it as a plain mapping"
        problems.append(at.error(message, Code.YAML))
        return None
    start = above_comments(text, start)
    item.text = _lines(text[start : _line_end(text, span.end)])
    return item


def _items(
    text: str,
    document: yamlio.Document,
    values: list[dict[str, Any]],
    at: Place,
    problems: Collector,
) -> list[Item]:
    """Return the items with their texts, or report an uncommon layout."""
    if not values:
        return []
    sequence = _spans(document)["items"]
    spans = [sequence.children[index] for index in range(len(values))]
    column = 0
    if sequence.flow:
        ranges = [(span.start, span.end) for span in spans]
    else:
        # An anchor or a tag may stand before the first dash: it is looked for from the items.
        dashes = [_dash_line(text, span.start) for span in spans]
        starts = [start for start in dashes if start is not None]
        if len(starts) < len(dashes):
            problems.append(at.error(_UNCOMMON_LIST, Code.YAML))
            return []
        column = text.index("-", starts[0]) - starts[0]
        ranges = _line_ranges(text, starts, sequence.end, column)
    items = []
    for value, span, (start, end) in zip(values, spans, ranges, strict=True):
        item = item_of(value)
        item.text = text[start:end]
        item.offset = start
        item.span = span
        item.column = column
        item.flow = sequence.flow
        if not item.flow:
            item.text = _lines(item.text)
        items.append(item)
    return items


def _line_ranges(text: str, starts: list[int], end: int, column: int) -> list[tuple[int, int]]:
    """Return the lines of each item of a block sequence, with the comments that belong to it.

    `starts` are the lines with the dashes, and the sequence ends at `end`.
    """
    first = above_comments(text, starts[0])
    last = _below_comments(text, _line_end(text, end), column)
    bounds = [first, *starts[1:], last]
    return list(pairwise(bounds))


def _spans(document: yamlio.Document) -> dict[str | int, yamlio.Span]:
    """Return where the fields of the list stand."""
    return document.span.children if document.span else {}


def _dash_line(text: str, start: int) -> int | None:
    """Find the start of the line with the dash of the item that begins at `start`.

    There may be comments between the two. Return None if no line begins with the dash.
    """
    line = text.rfind("\n", 0, start) + 1
    while not _DASH.match(text, line, start):
        if not line:
            return None
        line = text.rfind("\n", 0, line - 1) + 1
    return line


def _line_end(text: str, end: int) -> int:
    """Find the end of the line on which content ends.

    A block scalar's content ends at the start of the next line.
    """
    if end and text[end - 1] == "\n":
        return end
    newline = text.find("\n", end)
    return len(text) if newline < 0 else newline + 1


def above_comments(text: str, line: int) -> int:
    """Find the start of the comment lines right above the line that starts at `line`."""
    while line:
        before = text.rfind("\n", 0, line - 1) + 1
        if not text[before:line].lstrip().startswith("#"):
            return line
        line = before
    return line


def _below_comments(text: str, line: int, column: int) -> int:
    """Find the end of the comment lines from `line` on that are indented past `column`.

    They belong to what stands above.
    """
    comment = re.compile(rf" {{{column + 1},}}#.*(?:\n|\Z)")
    while match := comment.match(text, line):
        line = match.end()
    return line


def _lines(text: str) -> str:
    """End a text with a line break."""
    return text if text.endswith("\n") else text + "\n"
