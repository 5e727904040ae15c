"""What reading YAML gives: documents with the places of their collections, and faults."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

# A key of a mapping, or an index of a list.
Step = str | int


@dataclass(slots=True)
class Fault(Exception):  # noqa: N818 - as a rule collected, not raised
    """Something that no reader may accept; line and column count from 1."""

    message: str
    line: int
    column: int


@dataclass(slots=True)
class Span:
    """Where a collection stands in its text, in characters.

    `first` is where its first key or element stands, -1 if it is empty. `children` are the spans
    of the collections right in it, as deep as the reader was asked for. An alias has no span: what
    it stands for is elsewhere.
    """

    start: int
    end: int
    flow: bool
    first: int
    children: dict[Step, Span] = field(default_factory=dict)


@dataclass(slots=True)
class Document:
    """One YAML document: its data, its first line (from 1), and the span of its data.

    The span is None if the data is not a collection, or if no spans were asked for.
    """

    data: Any
    line: int
    span: Span | None = None
