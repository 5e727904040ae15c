"""Provenance: which layer set each field of a machine, noted at the moment when it set it.

A path here names the elements of keyed lists by their keys (`Named`), so that it stays true
when elements move.
"""

from __future__ import annotations

from dataclasses import field
from typing import Any

from krmfn.kubevirt.vm_paths import NAMED, TOPOLOGY_SPREAD, Named, get
from krmfn.machine.layers import LayerName
from krmfn.problems import Path, Place
from krmfn.records import record

# The lists of a VirtualMachine whose elements merges or properties tell apart by a key.
KEYED: dict[Path, Path] = {**NAMED, TOPOLOGY_SPREAD: ("topologyKey",)}


@record(frozen=True)
class Source:
    """Who set a field, and with which text.

    With `literal`, the field itself stands at `place`, and `value` is the text there. Else the
    place only asks for it, as `image-url` asks for a disk. krmfn's own fields have no place.
    """

    layer: LayerName
    place: Place | None = None
    value: Any = None
    literal: bool = False

    def below(self, steps: Path) -> Place | None:
        """Return the place of a field `steps` below the one that was set."""
        if self.place is None or not self.literal:
            return self.place
        place, value = self.place, self.value
        for step in steps:
            position = _position(value, step)
            if position is None:
                return place
            place, value = place.field(position), _child(value, position)
        return place


@record()
class _Node:
    """A field in the record: its source, if it has one of its own, and the fields below it."""

    source: Source | None = None
    children: dict[str | int, _Node] = field(default_factory=dict)

    def copy(self) -> _Node:
        """Return a copy that shares nothing but the sources."""
        children = {step: child.copy() for step, child in self.children.items()}
        return _Node(self.source, children)


class Provenance:
    """The sources of a machine's fields. A field without one of its own came with its parent."""

    def __init__(self) -> None:
        self._root = _Node()

    def copy(self) -> Provenance:
        """Return a copy that can be noted in without changing this one."""
        copy = Provenance()
        copy._root = self._root.copy()
        return copy

    def note(self, path: Path, source: Source) -> None:
        """Note who set the field at `path`, with everything below it."""
        if not path:
            self._root = _Node(source)
            return
        node = self._root
        for step in path[:-1]:
            node = node.children.setdefault(step, _Node())
        node.children[path[-1]] = _Node(source)

    def find(self, path: Path) -> tuple[Source, Path]:
        """Find the source of a field, and the steps from the field that was set down to it."""
        node = self._root
        source, steps = node.source, path
        for depth, step in enumerate(path, 1):
            if step not in node.children:
                break
            node = node.children[step]
            if node.source:
                source, steps = node.source, path[depth:]
        return source or Source(LayerName.KRMFN), steps

    def is_written(self, mapping: Path, path: Path) -> bool:
        """Tell whether a field is noted, or the mapping that it is in stands in a text."""
        _, below = self.find(path)
        source, steps = self.find(mapping)
        return not below or value_at(source.value, steps) is not None

    def place(self, path: Path) -> Place | None:
        """Return the place that has to change for a field to change, None if krmfn sets it."""
        source, steps = self.find(path)
        return source.below(steps)


def named(path: Path, vm: Any) -> Path:
    """Replace the positions in a machine's keyed lists by the keys of the elements there."""
    steps: Path = ()
    value = vm
    for step in path:
        child = _child(value, step)
        if isinstance(step, int) and (key := key_of(steps, child)) is not None:
            step = key
        steps, value = (*steps, step), child
    return steps


def key_of(path: Path, element: Any) -> Named | None:
    """Return the key of an element of the list at `path`, None if the list has no keys."""
    key = get(element, KEYED[path]) if path in KEYED else None
    return Named(key) if isinstance(key, str) else None


def value_at(value: Any, path: Path) -> Any:
    """Return the value at a path of keys and positions, None if there is none."""
    for step in path:
        value = _child(value, step)
    return value


def _child(value: Any, step: str | int) -> Any:
    """Return what stands a step below a value, None if nothing does."""
    if isinstance(value, dict):
        return value.get(step)
    position = _position(value, step)
    if isinstance(value, list) and isinstance(position, int) and position < len(value):
        return value[position]
    return None


def _position(value: Any, step: str | int) -> str | int | None:
    """Return the step as a text has it: an element that is named stands at a position there."""
    if not isinstance(step, Named):
        return step
    for index, element in enumerate(value if isinstance(value, list) else ()):
        if step in (get(element, key) for key in set(KEYED.values())):
            return index
    return None
