"""The KRM function contract (kubernetes-sigs/kustomize, functions-spec v1): the ResourceList.

Items keep their own text, whole lines of it: what krmfn does not change comes out byte for
byte. krmfn only looks at the data that was read beside the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from krmfn.manifests import yamlio
from krmfn.manifests.item import Item, item_of
from krmfn.manifests.results import Result, as_data
from krmfn.problems import Code, Collector, Origin, Place, Problem, nearest, show

API_VERSIONS = (
    "config.kubernetes.io/v1",
    "config.kubernetes.io/v1beta1",
    "config.kubernetes.io/v1alpha1",
)
_DASH = re.compile(r" *-(?=[ \t\r\n])")
# To libyaml these end a line, to others they do not: readers would count lines differently.
_ODD_BREAKS = re.compile("\r(?!\n)|[\x85\u2028\u2029]")
# Levels of a ResourceList whose place in the text is needed: list, items, item, metadata,
# annotations.
_DEPTH = 5


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
        return f"{' ' * self.column}- {item.text}\n" if item.flow else item.text


def read_resource_list(source: bytes) -> tuple[ResourceList, list[Problem]]:
    """Read one ResourceList. If there are problems, do not use the list."""
    documents, faults = yamlio.read(source, _DEPTH)
    stdin = Place(Origin(file="standard input"))
    if faults:
        return ResourceList(), [yaml_problem(stdin, fault) for fault in faults]
    documents = [document for document in documents if document.data is not None]
    if len(documents) != 1:
        message = f"must be one ResourceList, but holds {len(documents)} YAML documents"
        return ResourceList(), [stdin.error(message, Code.RESOURCE_LIST)]
    [document] = documents
    data = document.data
    if not _is_resource_list(data):
        message = f"must be one ResourceList of {API_VERSIONS[0]}"
        return ResourceList(), [stdin.error(message, Code.RESOURCE_LIST)]
    text = source.decode().removeprefix("\ufeff")
    problems = Collector()
    values = _checked_fields(data, text, stdin, problems)
    if problems:
        return ResourceList(), problems
    resources = ResourceList(apiVersion=data["apiVersion"])
    resources.items = _items(text, document, values, stdin.field("items"), problems)
    if data.get("functionConfig") and not problems:
        at = stdin.field("functionConfig")
        resources.functionConfig = _function_config(text, document, at, problems)
    return resources, problems


def yaml_problem(place: Place, fault: yamlio.Fault) -> Problem:
    """Turn a fault of the text into a problem."""
    message = f"line {fault.line}, column {fault.column}: {fault.message}"
    return place.error(message, Code.YAML)


def _is_resource_list(data: Any) -> bool:
    return (
        isinstance(data, dict)
        and data.get("kind") == "ResourceList"
        and data.get("apiVersion") in API_VERSIONS
    )


def _checked_fields(
    data: dict[str, Any], text: str, at: Place, problems: Collector
) -> list[dict[str, Any]]:
    """Check the list's own fields and return the values of its items."""
    known = [one.name for one in fields(ResourceList)]
    for key in data:
        if key not in known:
            message = f"is no field of a ResourceList{nearest(key, known)}"
            problems.append(at.field(str(key)).error(message))
    values, config = data.get("items"), data.get("functionConfig")
    if not isinstance(values, list | None):
        problems.append(at.field("items").error(f"is {show(values)}; must be a list"))
        values = None
    for index, value in enumerate(values or ()):
        if not isinstance(value, dict):
            message = f"is {show(value)}; must be an object"
            problems.append(at.field("items", index).error(message))
    if not isinstance(config, dict | None):
        message = f"is {show(config)}; must be an object"
        problems.append(at.field("functionConfig").error(message))
    if odd := _ODD_BREAKS.search(text):
        line = text.count("\n", 0, odd.start()) + 1
        mark = f"U+{ord(odd[0]):04X}"
        message = f"line {line}: has a line break ({mark}) that YAML readers disagree on; escape it"
        problems.append(at.error(message, Code.YAML))
    return values or []


def _function_config(
    text: str, document: yamlio.Document, at: Place, problems: Collector
) -> Item | None:
    data = document.data["functionConfig"]
    item, span = item_of(data), document.span(data)
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
    if not values:
        return []
    sequence, column = document.span(values), 0
    spans = [document.span(value) for value in values]
    if sequence.flow:
        starts = [span.start for span in spans]
        ends = [span.end for span in spans]
    else:
        # An anchor or a tag may stand before the first dash: it is looked for from the first
        # item.
        dashes = [_dash_line(text, span.start) for span in spans]
        starts = [start for start in dashes if start is not None]
        if len(starts) < len(dashes):
            message = "stand in an uncommon layout; write them as a plain list, each dash on a line of its own"
            problems.append(at.error(message, Code.YAML))
            return []
        column = text.index("-", starts[0]) - starts[0]
        starts[0] = above_comments(text, starts[0])
        end = _line_end(text, sequence.end)
        ends = [*starts[1:], _below_comments(text, end, column)]
    items = []
    for value, start, end in zip(values, starts, ends, strict=True):
        item = item_of(value)
        item.text = text[start:end] if sequence.flow else _lines(text[start:end])
        item.flow, item.column = sequence.flow, column
        item.offset, item.spans = start, document.spans
        items.append(item)
    return items


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
    return text if text.endswith("\n") else text + "\n"
