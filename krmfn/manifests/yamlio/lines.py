"""Find the lines and columns of fields, for messages.

The text is composed a second time, and only if there is something to say.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.resolver import Resolver

from krmfn.manifests.yamlio.parser import Parser
from krmfn.patterns import pattern
from krmfn.problems import Inside, Path, Position

# What ends a line to a YAML reader.
# A tag, an anchor and comments, up to the header of a literal block.
_HEAD = pattern(r"\A(?:\s|[!&][^\s]*|(?<=\s)#[^\n]*)*(?=\|)")
_BREAK = pattern("\r\n|[\n\r\x85\u2028\u2029]")


class _Nodes(Composer, Parser, Resolver):
    """PyYAML's composer of nodes, which would refuse an anchor that is set twice.

    YAML allows it.
    """

    def __init__(self, text: str) -> None:
        Parser.__init__(self, text)
        Composer.__init__(self)
        Resolver.__init__(self)

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Forget an earlier anchor of the same name before the next node is composed."""
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if not isinstance(event, yaml.AliasEvent):
            self.anchors.pop(event.anchor, None)
        return super().compose_node(parent, index)


@lru_cache(maxsize=16)
def _nodes(text: str) -> list[Any]:
    """Compose the documents of a text that has problems, once for all of them."""
    composer = _Nodes(text.removeprefix("\ufeff"))
    nodes = []
    while composer.check_node():
        nodes.append(composer.get_node())
    return nodes


def find_position(
    text: str, index: int, path: Path, inside: Inside | None = None
) -> Position | None:
    """Find the line and column, from 1, of the field at `path`, or of its nearest parent.

    `index` is the document's in a text that was read without faults. A path may lead on into a
    literal block that holds YAML. With `inside`, find this position in the text that the field
    holds, None if that text does not stand in the file as it is, in a literal block.
    """
    nodes = _nodes(text)
    if index >= len(nodes) or not nodes[index]:
        return None
    node = nodes[index]
    mark = node.start_mark
    for depth, step in enumerate(path):
        child = _child(node, step)
        if child is None:
            if inside:
                return None
            found = _in_literal(node, path[depth:])
            return _in_file(text, node, found) if found else _position(mark)
        named, node = child
        mark = named.start_mark
    if inside is None:
        return _position(mark)
    is_there = _is_literal(node) and node.value == inside.text
    return _in_file(text, node, (inside.line, inside.column)) if is_there else None


def _is_literal(node: Any) -> bool:
    """Tell whether a node is a literal block."""
    return isinstance(node, yaml.ScalarNode) and node.style == "|"


def _position(mark: Any) -> Position:
    """Return where a mark stands, counted from 1."""
    return mark.line + 1, mark.column + 1


def _in_literal(node: Any, path: Path) -> Position | None:
    """Find a field of the YAML that a literal block holds, None if it holds no such field."""
    # A template has other lines than what comes of it.
    if not _is_literal(node) or "{{" in node.value:
        return None
    try:
        is_there = any(_child(document, path[0]) for document in _nodes(node.value)[:1])
    except yaml.YAMLError:
        return None
    return find_position(node.value, 0, path) if is_there else None


def _in_file(text: str, node: Any, position: Position) -> Position:
    """Return where a line and column of a literal block stand in the file that it is in."""
    line, column = position
    raw = _BREAK.split(text)
    start = node.start_mark
    head = _HEAD.search("\n".join([raw[start.line][start.column :], *raw[start.line + 1 :]]))
    first = start.line + 1 + (head[0].count("\n") if head else 0)
    lines = node.value.split("\n")
    last = next((n for n, one in reversed(list(enumerate(lines, 1))) if one), 1)
    if line > last:
        # Readers notice the end of a text where the next one begins.
        line, column = last, len(lines[last - 1]) + 1
    # All lines have the same indentation, and empty ones may have none.
    number = next((n for n, one in enumerate(lines) if one), 0)
    indent = len(raw[first + number]) - len(lines[number])
    return first + line, indent + column


def _child(node: Any, step: str | int) -> tuple[Any, Any] | None:
    """Return the node that a step of a path leads to, after the node whose line names it."""
    if isinstance(node, yaml.MappingNode):
        pairs: list[tuple[Any, Any]] = node.value
        return next((pair for pair in pairs if pair[0].value == step), None)
    if not isinstance(node, yaml.SequenceNode) or not isinstance(step, int):
        return None
    if step >= len(node.value):
        return None
    element = node.value[step]
    return element, element
