"""Find the lines of fields, for messages.

The text is composed a second time, and only if there is something to say.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.cyaml import CParser  # type: ignore[attr-defined]
from yaml.resolver import Resolver


class _Nodes(Composer, CParser, Resolver):
    """PyYAML's composer of nodes, which would refuse an anchor that is set twice.

    YAML allows it.
    """

    def __init__(self, text: str) -> None:
        CParser.__init__(self, text)
        Composer.__init__(self)
        Resolver.__init__(self)

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Forget an earlier anchor of the same name before the next node is composed."""
        event: Any = self.peek_event()
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


def find_line(text: str, index: int, path: tuple[str | int, ...]) -> int | None:
    """Find the line, from 1, of the field at `path`, or of its nearest parent.

    `index` is the document's in a text that was read without faults.
    """
    nodes = _nodes(text)
    if index >= len(nodes) or not nodes[index]:
        return None
    node = nodes[index]
    line: int = node.start_mark.line + 1
    for step in path:
        child = _child(node, step)
        if child is None:
            break
        named, node = child
        line = named.start_mark.line + 1
    return line


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
