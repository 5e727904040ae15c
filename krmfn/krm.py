"""The KRM function contract (kubernetes-sigs/kustomize, functions-spec v1): ResourceList in, ResourceList and results out.

Items keep their own text, whole lines of it: what krmfn does not change comes out byte for byte. Only the data that was read
beside the text is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Literal

from krmfn import yamlio
from krmfn.problems import Origin, Place, Problem, Resource, nearest, path_text, redacted, show

API_VERSIONS = ("config.kubernetes.io/v1", "config.kubernetes.io/v1beta1", "config.kubernetes.io/v1alpha1")
LOCAL_CONFIG = "config.kubernetes.io/local-config"
PATH = "config.kubernetes.io/path"
INDEX = "config.kubernetes.io/index"
# kustomize would leave a machine with such an annotation out of its build, kpt would move it to another file.
ORCHESTRATORS = (
    "config.kubernetes.io/",
    "internal.config.kubernetes.io/",
    "config.k8s.io/",
    "kustomize.config.k8s.io/",
    "internal.kpt.dev/",
)
OLD_PATH = "internal.config.kubernetes.io/path"
_INTERNAL_INDEX = "internal.config.kubernetes.io/index"
_DASH = re.compile(r" *-(?=[ \t\r\n])")
# To libyaml these end a line, to others they do not: what stands on which line would be a matter of taste.
_ODD_BREAKS = re.compile("\r(?!\n)|[\x85\u2028\u2029]")
# Levels of a ResourceList whose place in the text is needed: list, items, item, metadata, annotations.
_DEPTH = 5


@dataclass(frozen=True, slots=True)
class ResourceRef:
    """The object that a result is about."""

    apiVersion: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """The field that a result is about, as a path in dots and brackets."""

    path: str


@dataclass(frozen=True, slots=True)
class File:
    """The file, relative to the package, and the index of the document in it."""

    path: str
    index: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """One problem, as orchestrators show it; `tags.code` is the warning's code."""

    message: str
    severity: Literal["error", "warning", "info"]
    resourceRef: ResourceRef | None = None
    field: Field | None = None
    file: File | None = None
    tags: dict[str, str] | None = None

    @staticmethod
    def of(problem: Problem) -> Result:
        """The result that tells of a problem."""
        origin = problem.place.origin
        at = origin.resource
        return Result(
            message=problem.text,
            severity=problem.severity,
            resourceRef=ResourceRef(
                apiVersion=redacted(at.api_version), kind=redacted(at.kind), namespace=redacted(at.namespace), name=redacted(at.name)
            )
            if at
            else None,
            field=Field(path=redacted(path_text(problem.place.path))) if problem.place.path else None,
            file=File(path=redacted(origin.file), index=origin.index or 0) if origin.file else None,
            tags={"code": problem.code},
        )


@dataclass(slots=True)
class Item:
    """One object that was read: its data, where it came from, and in a ResourceList its text.

    `text` is whole lines, from the line of its dash in `column` (of a block sequence) to the line before the next one's; of a flow
    sequence it is the item alone. `spans` and `offset` place the item's outer mappings in the text. Data is never changed: aliases
    may share it.
    """

    data: dict[str, Any]
    origin: Origin
    text: str = ""
    flow: bool = False
    column: int = 0
    offset: int = 0
    spans: dict[int, yamlio.Span] = field(default_factory=dict)

    @property
    def place(self) -> Place:
        """The item as the place of a problem."""
        return Place(self.origin)

    @property
    def kind(self) -> str:
        """The kind, "" where it has none."""
        return self.origin.resource.kind if self.origin.resource else ""

    @property
    def api_version(self) -> str:
        """The apiVersion, "" where it has none."""
        return self.origin.resource.api_version if self.origin.resource else ""

    @property
    def name(self) -> str:
        """The name, "" where it has none."""
        return self.origin.resource.name if self.origin.resource else ""

    @property
    def namespace(self) -> str:
        """The namespace, "" where it has none."""
        return self.origin.resource.namespace if self.origin.resource else ""

    @property
    def metadata(self) -> dict[str, Any]:
        """The metadata, {} where it has none."""
        return _mapping(self.data, "metadata")

    @property
    def annotations(self) -> dict[str, Any]:
        """The annotations, {} where it has none."""
        return _mapping(self.metadata, "annotations")

    @property
    def labels(self) -> dict[str, Any]:
        """The labels, {} where it has none."""
        return _mapping(self.metadata, "labels")

    @property
    def path(self) -> str | None:
        """The file that an orchestrator names in the item's annotations."""
        path = self.annotations.get(PATH, self.annotations.get(OLD_PATH))
        return path if isinstance(path, str) else None


def _told(value: Any) -> Any:
    """A part of a result as data, without what it does not tell."""
    if not is_dataclass(value):
        return value
    told = {one.name: _told(getattr(value, one.name)) for one in fields(value)}
    return {name: part for name, part in told.items() if part}


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
        """Where the dashes of the items stand."""
        return self.items[0].column if self.items else 0

    def to_yaml(self, added: Iterable[str] = ()) -> str:
        """The list as YAML; `added` are elements for the end of its items, in whole lines, with their dashes in the list's `column`."""
        parts = [f"apiVersion: {self.apiVersion}\nkind: {self.kind}\n"]
        items = [f"{' ' * self.column}- {item.text}\n" if item.flow else item.text for item in self.items]
        items += added
        parts += ["items:\n", *items] if items else ["items: []\n"]
        if self.functionConfig:
            parts.append(("functionConfig: %s\n" if self.functionConfig.flow else "functionConfig:\n%s") % self.functionConfig.text)
        if self.results:
            results = [_told(result) for result in self.results]
            parts.append(yamlio.dump({"results": results}))
        return "".join(parts)


def item_of(data: dict[str, Any], file: str | None = None, index: int | None = None, find_line: Any = None) -> Item:
    """An item without text, with the identity that its data gives it."""
    metadata = _mapping(data, "metadata")
    annotations = _mapping(metadata, "annotations")
    file = file or _text(annotations, PATH) or _text(annotations, OLD_PATH) or None
    if index is None:
        number = _text(annotations, INDEX) or _text(annotations, _INTERNAL_INDEX)
        index = int(number) if number.isascii() and number.isdigit() and len(number) < 10 else None
    resource = Resource(_text(data, "apiVersion"), _text(data, "kind"), _text(metadata, "namespace"), _text(metadata, "name"))
    return Item(data, Origin(resource, file, index, find_line))


def read_resource_list(source: bytes) -> tuple[ResourceList, list[Problem]]:
    """Read one ResourceList; with problems, the list is not to be used."""
    documents, faults = yamlio.read(source, _DEPTH)
    stdin = Place(Origin(file="standard input"))
    if faults:
        return ResourceList(), [yaml_problem(stdin, fault) for fault in faults]
    documents = [document for document in documents if document.data is not None]
    if len(documents) != 1:
        return ResourceList(), [stdin.error(f"must be one ResourceList, but holds {len(documents)} YAML documents", "resource-list")]
    return _resource_list(source, documents[0], stdin)


def yaml_problem(place: Place, fault: yamlio.Fault) -> Problem:
    """A fault of the text as a problem."""
    return place.error(f"line {fault.line}, column {fault.column}: {fault.message}", "yaml")


def _resource_list(source: bytes, document: yamlio.Document, place: Place) -> tuple[ResourceList, list[Problem]]:
    data = document.data
    if not isinstance(data, dict) or data.get("kind") != "ResourceList" or data.get("apiVersion") not in API_VERSIONS:
        return ResourceList(), [place.error(f"must be one ResourceList of {API_VERSIONS[0]}", "resource-list")]
    text = source.decode().removeprefix("\ufeff")
    known = [one.name for one in fields(ResourceList)]
    problems = [place.field(str(key)).error(f"is no field of a ResourceList{nearest(key, known)}") for key in data if key not in known]
    values, config = data.get("items"), data.get("functionConfig")
    if not isinstance(values, list | None):
        problems.append(place.field("items").error(f"is {show(values)}; must be a list"))
        values = None
    for index, value in enumerate(values or ()):
        if not isinstance(value, dict):
            problems.append(place.field("items", index).error(f"is {show(value)}; must be an object"))
    if not isinstance(config, dict | None):
        problems.append(place.field("functionConfig").error(f"is {show(config)}; must be an object"))
    if odd := _ODD_BREAKS.search(text):
        line = text.count("\n", 0, odd.start()) + 1
        problems.append(
            place.error(f"line {line}: has a line break (U+{ord(odd[0]):04X}) that YAML readers disagree on; escape it", "yaml")
        )
    if problems:
        return ResourceList(), problems
    try:
        result = ResourceList(apiVersion=data["apiVersion"], items=_items(text, document, values or []))
    except ValueError as error:
        return ResourceList(), [place.field("items").error(str(error), "yaml")]
    if config:
        result.functionConfig = item_of(config)
        span = document.span(config)
        start = span.start if span.flow else text.rfind("\n", 0, span.first) + 1
        if not span.flow and text[start : span.first].strip(" "):
            return ResourceList(), [
                place.field("functionConfig").error("stands in an uncommon layout; write it as a plain mapping", "yaml")
            ]
        start = start if span.flow else above_comments(text, start)
        result.functionConfig.text = text[start : span.end] if span.flow else _lines(text[start : _line_end(text, span.end)])
        result.functionConfig.flow = span.flow
    return result, problems


def _items(text: str, document: yamlio.Document, values: list[dict[str, Any]]) -> list[Item]:
    if not values:
        return []
    sequence, column = document.span(values), 0
    spans = [document.span(value) for value in values]
    if sequence.flow:
        starts = [span.start for span in spans]
        ends = [span.end for span in spans]
    else:
        # An anchor or a tag may stand before the first dash: it is looked for from the first item.
        starts = [_dash_line(text, span.start) for span in spans]
        column = text.index("-", starts[0]) - starts[0]
        starts[0] = above_comments(text, starts[0])
        ends = [*starts[1:], _below_comments(text, _line_end(text, sequence.end), column)]
    items = []
    for value, start, end in zip(values, starts, ends, strict=True):
        item = item_of(value)
        item.flow, item.column, item.offset, item.spans = sequence.flow, column, start, document.spans
        item.text = text[start:end] if sequence.flow else _lines(text[start:end])
        items.append(item)
    return items


def _dash_line(text: str, start: int) -> int:
    """The start of the line with the dash of the item that begins at `start`: there may be comments between the two.

    Raises ValueError where there is no line that begins with the dash.
    """
    line = text.rfind("\n", 0, start) + 1
    while not _DASH.match(text, line, start):
        if not line:
            raise ValueError("stand in an uncommon layout; write them as a plain list, each dash on a line of its own")
        line = text.rfind("\n", 0, line - 1) + 1
    return line


def _line_end(text: str, end: int) -> int:
    """The end of the line on which content ends; a block scalar's content ends at the start of the next one."""
    if end and text[end - 1] == "\n":
        return end
    newline = text.find("\n", end)
    return len(text) if newline < 0 else newline + 1


def above_comments(text: str, line: int) -> int:
    """The start of the first of the comment lines that stand right above the line that starts at `line`."""
    while line:
        before = text.rfind("\n", 0, line - 1) + 1
        if not text[before:line].lstrip().startswith("#"):
            return line
        line = before
    return line


def _below_comments(text: str, line: int, column: int) -> int:
    """The end of the comment lines from `line` on that are indented deeper than `column`: they belong to what stands above."""
    while comment := re.compile(rf" {{{column + 1},}}#.*(?:\n|\Z)").match(text, line):
        line = comment.end()
    return line


def _lines(text: str) -> str:
    return text if text.endswith("\n") else text + "\n"


def _mapping(data: dict[str, Any], key: str) -> dict[str, Any]:
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def _text(data: dict[str, Any], key: str) -> str:
    value = data.get(key)
    return value if isinstance(value, str) else ""
