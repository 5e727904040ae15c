"""Read YAML as kustomize (go-yaml v3) reads it.

Reading composes PyYAML's event stream in a loop, with no recursion: hostile nesting is refused before it can hurt, and duplicate
keys, tags and aliases are ours to judge. Values share structure where the text has aliases: treat what was read as constant.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml

LARGEST_INPUT = 256 * 2**20
DEEPEST = 100
MOST_ALIASED = 100_000
# Manifests have a value in ten bytes or more. Far denser text is there to keep a reader busy.
_FREE_VALUES = 1_000_000
_BYTES_A_VALUE = 4
_MOST_FAULTS = 20
_LONG = 100
# What a document weighs, in values.
_DOCUMENT = 4


class Timestamp(str):
    """An unquoted date: text to some readers, a date to others, rewritten by kustomize; refused where krmfn reads it."""

    __slots__ = ()


@dataclass(slots=True)
class Fault(Exception):  # noqa: N818 - found, not raised, as a rule
    """Something that no reader may accept; line and column count from 1."""

    message: str
    line: int
    column: int


@dataclass(slots=True)
class Span:
    """Where a collection stands in its text, in characters; `first` is its first key or element, -1 where it has none."""

    start: int
    end: int
    flow: bool
    first: int


@dataclass(slots=True)
class Document:
    """One YAML document: its data, its first line (from 1), and the spans of its outer collections by the identity of their data."""

    data: Any
    line: int
    spans: dict[int, Span]

    def span(self, data: Any) -> Span:
        """The span of a collection in `data`, down to the depth that was asked for."""
        return self.spans[id(data)]


_CONSTANTS: dict[str, Any] = dict.fromkeys(("", "~", "null", "Null", "NULL"))
_CONSTANTS |= {
    text: value
    for value in (True, False)
    for text in (str(value), str(value).lower(), str(value).upper())
}
_CONSTANTS |= {
    sign + text: float(sign + "inf") for sign in ("", "+", "-") for text in (".inf", ".Inf", ".INF")
}
_CONSTANTS |= {text: float("nan") for text in (".nan", ".NaN", ".NAN")}
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_TIMESTAMP = re.compile(
    r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ]\s*[0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(\.[0-9]*)?(\s*(Z|[-+][0-9]{1,2}(:[0-9]{2})?))?)?"
)
_INTEGER = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))")
_CORE = "tag:yaml.org,2002:"


def resolve(text: str) -> Any:
    """The value of a plain scalar, as go-yaml v3 resolves it: `yes` is text, `012` is 10, `1e3` a number, `1:30` text."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if not text[0].isascii() or text[0] not in "+-.0123456789":
        return text
    if text[0] == ".":
        return _number(text) if _FLOAT.fullmatch(text) else text
    if _TIMESTAMP.fullmatch(text):
        return Timestamp(text)
    digits = text.replace("_", "")
    match = _INTEGER.fullmatch(digits) if len(digits) <= 70 else None
    if match:
        sign, hexadecimal, binary, octal, decimal = match.groups()
        value = int(
            hexadecimal or binary or octal or decimal,
            16 if hexadecimal else 2 if binary else 8 if octal else 10,
        )
        value = -value if sign == "-" else value
        if -(2**63) <= value < 2 ** (63 if sign else 64):
            return value
    return _number(digits) if _FLOAT.fullmatch(digits) else text


def _number(digits: str) -> Any:
    # Out of a float's range go-yaml leaves the text alone: `1e400` is a string.
    value = float(digits)
    return digits if value in (float("inf"), float("-inf")) else value


_TAGS: dict[str, type] = {
    "int": int,
    "float": float,
    "bool": bool,
    "null": type(None),
    "timestamp": Timestamp,
}
_MERGE = object()
_NO_KEY = object()


@dataclass(slots=True)
class _Frame:
    """A collection that is being read."""

    value: Any
    start: int
    flow: bool
    anchor: str | None
    count: int
    key: Any = _NO_KEY
    first: int = -1
    merged: dict[str, Any] | None = None


def read(
    source: bytes | str, depth: int = 0, resolver: Callable[[str], Any] = resolve
) -> tuple[list[Document], list[Fault]]:
    """Read every document of a stream; keep the spans of collections that stand at most `depth` levels deep.

    `resolver` tells the values of plain scalars that are not empty, for text that is another reader's than kustomize's.
    Faults come all together, as far as the text can be read on after one. With faults the documents are not to be used.
    """
    try:
        text = source if isinstance(source, str) else source.decode()
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        return [], [
            Fault("is not valid UTF-8", before.count(b"\n") + 1, len(before) - before.rfind(b"\n"))
        ]
    if len(text) > LARGEST_INPUT:
        return [], [Fault(f"is larger than {LARGEST_INPUT // 2**20} MiB", 1, 1)]
    composer = _Composer(text.removeprefix("\ufeff"), depth, resolver)
    documents: list[Document] = []
    try:
        documents.extend(composer.documents())
    except Fault as fault:
        composer.faults.append(fault)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        composer.faults.append(
            Fault(
                f"is not YAML: {error.problem}",
                mark.line + 1 if mark else 1,
                mark.column + 1 if mark else 1,
            )
        )
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        composer.faults.append(
            Fault(f"is not YAML: {getattr(error, 'reason', 'unreadable characters')}", 1, 1)
        )
    return documents, composer.faults


class _Composer:
    def __init__(self, text: str, depth: int, resolver: Callable[[str], Any]) -> None:
        self.get: Callable[[], Any] = yaml.CSafeLoader(text).get_event
        self.depth = depth
        self.resolver = resolver
        self.plain: dict[str, Any] = {}
        self.faults: list[Fault] = []
        self.anchors: dict[str, tuple[Any, int, int]] = {}
        self.count = self.aliased = 0
        self.most = _FREE_VALUES + len(text) // _BYTES_A_VALUE

    def documents(self) -> Iterator[Document]:
        while True:
            event = self.get()
            if isinstance(event, yaml.DocumentStartEvent):
                if event.tags:
                    self.fault("has a %TAG directive; write tags in full", event)
                self.count += _DOCUMENT
                yield self.document()
            elif isinstance(event, yaml.StreamEndEvent):
                return

    def fault(self, message: str, event: Any) -> None:
        fault = Fault(message, event.start_mark.line + 1, event.start_mark.column + 1)
        if len(self.faults) >= _MOST_FAULTS:
            raise fault
        self.faults.append(fault)

    def document(self) -> Document:
        """Compose one document. This loop sees every node of every input, so what is common is decided first."""
        get, plain = self.get, self.plain
        spans: dict[int, Span] = {}
        stack: list[_Frame] = []
        self.anchors = {}
        line = 0
        last: Any = None
        while True:
            event = get()
            kind = type(event)
            if kind is yaml.ScalarEvent:
                last = event
                if event.tag is None and event.implicit[0]:
                    value = plain.get(event.value, plain)
                    if value is plain:
                        value = plain[event.value] = self.resolver(event.value)
                    if (
                        event.value == "<<"
                        and stack
                        and stack[-1].key is _NO_KEY
                        and type(stack[-1].value) is dict
                    ):
                        value = _MERGE
                else:
                    value = event.value if event.tag is None else self.tagged(event)
                # Long text weighs more: an alias that repeats it is as dear as one that repeats many values.
                self.count += 1 + len(event.value) // _LONG
                if event.anchor is not None:
                    self.anchors[event.anchor] = (
                        value,
                        1 + len(event.value) // _LONG,
                        event.start_mark.index,
                    )
            elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
                self.open(event, stack, {} if kind is yaml.MappingStartEvent else [])
                continue
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                frame = stack.pop()
                if frame.flow:
                    last = event
                if frame.merged is not None:
                    frame.value = frame.merged | frame.value
                value = frame.value
                if len(stack) < self.depth:
                    spans[id(value)] = Span(
                        frame.start, last.end_mark.index, frame.flow, frame.first
                    )
                if frame.anchor is not None:
                    self.anchors[frame.anchor] = (value, self.count - frame.count, frame.start)
            elif kind is yaml.AliasEvent:
                last = event
                value = self.alias(event, stack)
            else:
                return Document(value, line or 1, spans)
            line = line or event.start_mark.line + 1
            if self.count > self.most:
                raise Fault(
                    f"has over {self.most} values, more than manifests of its size have", line, 1
                )
            if stack:
                self.attach(stack[-1], value, event)

    def open(self, event: Any, stack: list[_Frame], value: Any) -> None:
        start = event.start_mark.index
        if event.tag is not None and event.tag not in (
            "!",
            _CORE + ("map" if type(value) is dict else "seq"),
        ):
            self.fault(f"unknown tag {event.tag}", event)
        if len(stack) >= DEEPEST:
            raise Fault(
                f"is nested over {DEEPEST} levels deep",
                event.start_mark.line + 1,
                event.start_mark.column + 1,
            )
        if stack and stack[-1].first < 0:
            stack[-1].first = start
        self.count += 2
        stack.append(_Frame(value, start, bool(event.flow_style), event.anchor, self.count))

    def attach(self, parent: _Frame, value: Any, event: Any) -> None:
        if parent.first < 0:
            parent.first = event.start_mark.index
        if type(parent.value) is list:
            parent.value.append(value)
        elif parent.key is _NO_KEY:
            parent.key = value
            if value is not _MERGE and type(value) is not str:
                what = (
                    "a collection"
                    if isinstance(value, dict | list)
                    else "not text"
                    if type(value) is not Timestamp
                    else "a date"
                )
                self.fault(f"has a key that is {what}; quote it", event)
            elif type(value) is str and value in parent.value:
                self.fault(f'has the key "{value[:100]}" twice', event)
        else:
            key, parent.key = parent.key, _NO_KEY
            if key is not _MERGE:
                # A key that is no text is a fault already: it only has to be hashable to read on.
                parent.value[key if type(key) is str else id(key)] = value
                return
            sources = value if isinstance(value, list) else [value]
            if not all(isinstance(source, dict) for source in sources):
                self.fault("merges (<<) something that is no mapping", event)
                return
            for source in reversed(sources):
                parent.merged = (parent.merged or {}) | source

    def tagged(self, event: Any) -> Any:
        """The value of a scalar with an explicit tag."""
        tag, text = event.tag.removeprefix(_CORE), event.value
        if tag in ("!", "str"):
            return text
        value = self.resolver(text)
        if tag == "float" and type(value) is int:
            return float(value)
        if tag == "binary":
            try:
                return base64.b64decode(text, validate=True).decode()
            except ValueError:
                self.fault("is no base64 of UTF-8 text", event)
        elif tag not in _TAGS:
            self.fault(f"unknown tag {event.tag}", event)
        elif type(value) is not _TAGS[tag]:
            self.fault(f"is no {tag}", event)
        return value

    def alias(self, event: Any, stack: list[_Frame]) -> Any:
        if event.anchor not in self.anchors:
            inside = any(frame.anchor == event.anchor for frame in stack)
            self.fault(
                f"alias *{event.anchor} "
                + ("contains itself" if inside else "has no anchor before it"),
                event,
            )
            return None
        value, size, start = self.anchors[event.anchor]
        # Each item of a ResourceList has to stand alone, since others may be taken out beside it.
        item = stack[2:3] if len(stack) > 1 and isinstance(stack[1].value, list) else stack[1:2]
        if self.depth and (not item or start < item[0].start):
            self.fault(f"alias *{event.anchor} points out of its item; write the value out", event)
        self.aliased += size
        if self.aliased > MOST_ALIASED:
            raise Fault(
                f"has aliases that stand for over {MOST_ALIASED} values",
                event.start_mark.line + 1,
                event.start_mark.column + 1,
            )
        self.count += size
        return value
