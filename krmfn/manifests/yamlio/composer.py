"""Compose values from PyYAML's event stream, in a loop without recursion.

So hostile nesting is refused before it can hurt, and duplicate keys, tags and aliases are krmfn's
to judge.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import field
from typing import Any, NamedTuple, NoReturn

import yaml

from krmfn.manifests.yamlio.document import Document, Fault, Span, Step
from krmfn.manifests.yamlio.parser import Parser
from krmfn.manifests.yamlio.resolve import Timestamp
from krmfn.records import record

DEEPEST = 100
MOST_ALIASED = 100_000
# Manifests have a value in ten bytes or more. Far denser text is there to keep a reader busy.
_FREE_VALUES = 1_000_000
_BYTES_A_VALUE = 4
_MOST_FAULTS = 20
_LONG = 100
# What a document weighs, in values.
_DOCUMENT = 4
_LONGEST_SHOWN_KEY = 100

_CORE = "tag:yaml.org,2002:"
_TAGS: dict[str, type] = {
    "int": int,
    "float": float,
    "bool": bool,
    "null": type(None),
    "timestamp": Timestamp,
}
_MERGE = object()
_NO_KEY = object()


@record()
class _Frame:
    """A collection that is being read.

    `count` is the number of values before its own, `key` a key whose value comes next. Keys that
    merges (`<<`) bring are kept apart: the mapping's own keys win, wherever they stand.
    """

    value: Any
    start: int
    flow: bool
    anchor: str | None
    count: int
    key: Any = _NO_KEY
    first: int = -1
    # By key or index; the value of a merge key is among them until it is merged.
    children: dict[Any, Span] | None = None
    merged: _Merged | None = None


@record()
class _Merged:
    """The keys that merges bring to a mapping, with the spans of those written in place."""

    value: dict[str, Any] = field(default_factory=dict)
    spans: dict[Step, Span] = field(default_factory=dict)

    def override(self, source: dict[str, Any], spans: dict[Step, Span]) -> None:
        """Let the keys of another source win."""
        kept = {key: span for key, span in self.spans.items() if key not in source}
        self.value = self.value | source
        self.spans = kept | spans


class _Anchored(NamedTuple):
    """What an anchor names: a value, its weight in values, and where it starts."""

    value: Any
    weight: int
    start: int


class Composer:
    """Composes the documents of one text.

    `depth` is how many levels of collections get spans. `resolver` gives the values of plain
    scalars. Faults gather in `faults`, as far as the text can be read on after one.

    Raises:
        yaml.YAMLError: The text has characters that YAML does not allow.
    """

    def __init__(
        self, text: str, depth: int, resolver: Callable[[str], Any], faults: list[Fault]
    ) -> None:
        self._faults = faults
        self._get: Callable[[], Any] = Parser(text).get_event
        self._depth = depth
        self._resolver = resolver
        self._plain: dict[str, Any] = {}
        self._anchors: dict[str, _Anchored] = {}
        self._root: Span | None = None
        self._count = self._aliased = 0
        self._most = _FREE_VALUES + len(text) // _BYTES_A_VALUE

    def documents(self) -> Iterator[Document]:
        """Compose the documents one by one.

        Raises:
            Fault: The text can't be read on.
            yaml.YAMLError: It is not YAML.
        """
        while True:
            event = self._get()
            if isinstance(event, yaml.DocumentStartEvent):
                if event.tags:
                    self._fault("has a %TAG directive; write tags in full", event)
                self._count += _DOCUMENT
                yield self._document()
            elif isinstance(event, yaml.StreamEndEvent):
                return

    def _document(self) -> Document:
        """Compose one document.

        This loop sees every node of every input, so it decides first what is common.
        """
        get = self._get
        attach = self._attach
        plain = self._plain
        depth = self._depth
        stack: list[_Frame] = []
        self._anchors, self._root = {}, None
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
                        value = plain[event.value] = self._resolver(event.value)
                    if event.value == "<<" and _expects_key(stack):
                        value = _MERGE
                else:
                    value = event.value if event.tag is None else self._tagged(event)
                # Long text weighs more: an alias that repeats it is as dear as one that repeats
                # many values.
                weight = 1 + len(event.value) // _LONG
                self._count += weight
                if event.anchor is not None:
                    start = event.start_mark.index
                    self._anchors[event.anchor] = _Anchored(value, weight, start)
            elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
                self._open(event, stack, {} if kind is yaml.MappingStartEvent else [])
                continue
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                frame = stack.pop()
                if frame.flow:
                    last = event
                if frame.merged is not None:
                    _add_merged(frame, frame.merged)
                if len(stack) < depth:
                    self._note_span(frame, stack, last.end_mark.index)
                value = frame.value
                if frame.anchor is not None:
                    weight = self._count - frame.count
                    self._anchors[frame.anchor] = _Anchored(value, weight, frame.start)
            elif kind is yaml.AliasEvent:
                last = event
                value = self._alias(event, stack)
            else:
                return Document(value, line or 1, self._root)
            line = line or event.start_mark.line + 1
            if self._count > self._most:
                message = f"has over {self._most} values, more than manifests of its size have"
                raise Fault(message, line, 1)
            if stack:
                attach(stack[-1], value, event)

    def _open(self, event: Any, stack: list[_Frame], value: Any) -> None:
        """Begin a collection."""
        start = event.start_mark.index
        if event.tag is not None:
            self._check_tag(event, "map" if type(value) is dict else "seq")
        if len(stack) >= DEEPEST:
            _refuse(f"is nested over {DEEPEST} levels deep", event)
        if stack and stack[-1].first < 0:
            stack[-1].first = start
        self._count += 2
        is_flow = bool(event.flow_style)
        stack.append(_Frame(value, start, is_flow, event.anchor, self._count))

    def _check_tag(self, event: Any, core: str) -> None:
        """Report the tag of a collection that is not the usual one."""
        if event.tag not in ("!", _CORE + core):
            self._fault(f"unknown tag {event.tag}", event)

    def _note_span(self, frame: _Frame, stack: list[_Frame], end: int) -> None:
        """Keep where a collection stands, with the collection around it."""
        span = Span(frame.start, end, frame.flow, frame.first, frame.children or {})
        if not stack:
            self._root = span
            return
        parent = stack[-1]
        if parent.children is None:
            parent.children = {}
        if type(parent.value) is list:
            parent.children[len(parent.value)] = span
        elif type(parent.key) is str or parent.key is _MERGE:
            parent.children[parent.key] = span

    def _attach(self, parent: _Frame, value: Any, event: Any) -> None:
        """Add a value to the collection around it: as an element, a key or a key's value."""
        if parent.first < 0:
            parent.first = event.start_mark.index
        if type(parent.value) is list:
            parent.value.append(value)
        elif parent.key is _NO_KEY:
            parent.key = value
            if type(value) is not str or value in parent.value:
                self._check_key(value, event)
        else:
            key, parent.key = parent.key, _NO_KEY
            if type(key) is str:
                parent.value[key] = value
            elif key is _MERGE:
                self._merge(parent, value, event)

    def _check_key(self, key: Any, event: Any) -> None:
        """Report a key that comes twice or is not text. It is left out of its mapping."""
        if key is _MERGE:
            return
        if type(key) is str:
            self._fault(f'has the key "{key[:_LONGEST_SHOWN_KEY]}" twice', event)
            return
        what = "a date" if type(key) is Timestamp else "not text"
        if isinstance(key, dict | list):
            what = "a collection"
        self._fault(f"has a key that is {what}; quote it", event)

    def _merge(self, parent: _Frame, value: Any, event: Any) -> None:
        """Merge a mapping, or the mappings of a list, of which the first wins."""
        sources = value if isinstance(value, list) else [value]
        if not all(isinstance(source, dict) for source in sources):
            self._fault("merges (<<) something that is not a mapping", event)
            return
        span = parent.children.pop(_MERGE, None) if parent.children else None
        spans: dict[Step, Span] = {}
        if span is not None:
            spans = span.children if isinstance(value, list) else {0: span}
        parent.merged = parent.merged or _Merged()
        for index, source in reversed(list(enumerate(sources))):
            inner = spans.get(index)
            children = inner.children if inner else {}
            parent.merged.override(source, children)

    def _tagged(self, event: Any) -> Any:
        """Return the value of a scalar with an explicit tag."""
        tag = event.tag.removeprefix(_CORE)
        text = event.value
        if tag in ("!", "str"):
            return text
        value = self._resolver(text)
        if tag == "float" and type(value) is int:
            return float(value)
        if tag == "binary":
            try:
                return base64.b64decode(text, validate=True).decode()
            except ValueError:
                self._fault("is not base64 of UTF-8 text", event)
        elif tag not in _TAGS:
            self._fault(f"unknown tag {event.tag}", event)
        elif type(value) is not _TAGS[tag]:
            self._fault(f"is not a valid {tag}", event)
        return value

    def _alias(self, event: Any, stack: list[_Frame]) -> Any:
        """Return the value that an alias stands for."""
        if event.anchor not in self._anchors:
            inside = any(frame.anchor == event.anchor for frame in stack)
            what = "contains itself" if inside else "has no anchor before it"
            self._fault(f"alias *{event.anchor} {what}", event)
            return None
        anchored = self._anchors[event.anchor]
        # Each item of a ResourceList has to stand alone, since others may be taken out beside it.
        in_list = len(stack) > 1 and isinstance(stack[1].value, list)
        item = stack[2:3] if in_list else stack[1:2]
        if self._depth and (not item or anchored.start < item[0].start):
            message = f"alias *{event.anchor} points out of its item; write the value out"
            self._fault(message, event)
        self._aliased += anchored.weight
        if self._aliased > MOST_ALIASED:
            _refuse(f"has aliases that stand for over {MOST_ALIASED} values", event)
        self._count += anchored.weight
        return anchored.value

    def _fault(self, message: str, event: Any) -> None:
        """Report a fault that can be read on after."""
        if len(self._faults) >= _MOST_FAULTS:
            _refuse(message, event)
        self._faults.append(_fault_at(message, event))


def _add_merged(frame: _Frame, merged: _Merged) -> None:
    """Add the keys that merges bring to a mapping and that it does not have itself."""
    spans = {key: span for key, span in merged.spans.items() if key not in frame.value}
    frame.children = spans | (frame.children or {})
    frame.value = merged.value | frame.value


def _expects_key(stack: list[_Frame]) -> bool:
    """Tell whether the next value is a key of a mapping."""
    return bool(stack) and stack[-1].key is _NO_KEY and type(stack[-1].value) is dict


def _refuse(message: str, event: Any) -> NoReturn:
    """Stop reading."""
    raise _fault_at(message, event)


def _fault_at(message: str, event: Any) -> Fault:
    """Return a fault at the start of an event."""
    mark = event.start_mark
    return Fault(message, mark.line + 1, mark.column + 1)
