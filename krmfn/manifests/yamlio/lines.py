"""The lines of fields, for messages: the text is composed a second time, and only where there is something to say."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.cyaml import CParser  # type: ignore[attr-defined]
from yaml.resolver import Resolver


class _Nodes(Composer, CParser, Resolver):
    """The nodes of a text by PyYAML, which would refuse an anchor that is set twice: YAML allows it."""

    def __init__(self, text: str) -> None:
        CParser.__init__(self, text)
        Composer.__init__(self)
        Resolver.__init__(self)

    def compose_node(self, parent: Any, index: Any) -> Any:
        event: Any = self.peek_event()
        if not isinstance(event, yaml.AliasEvent):
            self.anchors.pop(event.anchor, None)
        return super().compose_node(parent, index)


@lru_cache(maxsize=16)
def _nodes(text: str) -> list[Any]:
    """The nodes of a text that has problems, composed once for all of them."""
    composer = _Nodes(text.removeprefix("\ufeff"))
    nodes = []
    while composer.check_node():
        nodes.append(composer.get_node())
    return nodes


def find_line(text: str, index: int, path: tuple[str | int, ...]) -> int | None:
    """The line, from 1, of the field at `path` in a document of `text` (which was read without faults), or of its nearest parent."""
    nodes = _nodes(text)
    node = nodes[index] if index < len(nodes) else None
    line = node.start_mark.line + 1 if node else None
    for step in path:
        if isinstance(node, yaml.MappingNode):
            pairs: list[tuple[Any, Any]] = [pair for pair in node.value if pair[0].value == step]
            if not pairs:
                break
            line, node = pairs[0][0].start_mark.line + 1, pairs[0][1]
        elif (
            isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value)
        ):
            node = node.value[step]
            line = node.start_mark.line + 1
        else:
            break
    return line
