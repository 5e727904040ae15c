"""Partial objects that properties hold, merged over what krmfn would write."""

from __future__ import annotations

from collections.abc import Iterator

from krmfn.kubevirt.merge import without_nulls
from krmfn.kubevirt.vm_paths import Map, get
from krmfn.machine.layers import LayerName
from krmfn.machine.null_checks import NULL_OBJECT, NULL_VALUE
from krmfn.machine.prototype import Prototype
from krmfn.machine.provenance import Source
from krmfn.platform.model import embedded
from krmfn.platform.properties import Given
from krmfn.problems import Code, Collector, Path, Place, Problem
from krmfn.records import record

_LABELS: tuple[Path, ...] = (("metadata", "labels"), ("metadata", "annotations"))


@record(frozen=True)
class Partial:
    """The partial object of a property, {} if the property is not given.

    `nulls` are the paths of its keys that are null, which are not in `value`.
    """

    value: Map
    at: Place | None = None
    nulls: tuple[Path, ...] = ()

    @staticmethod
    def of(given: Given, key: str) -> Partial:
        """Read the partial object of a property that is sound in itself."""
        if key not in given:
            return Partial({})
        text, at = given[key]
        value = embedded(text, at, Collector())
        return Partial(without_nulls(value), at, tuple(_nulls(value)))

    def field(self, *path: str | int) -> Place:
        """Return the place of a field of the object."""
        return (self.at or Place()).field(*path)

    def over(
        self,
        default: Map,
        problems: Collector,
        fixed: tuple[Path, ...],
        alternatives: tuple[str, ...] = (),
        known: tuple[str, ...] = (),
    ) -> Map:
        """Merge the object over a default, which is returned if the object does not fit.

        The paths `fixed` are not the property's to set. Of the keys `alternatives`, one that
        the property has takes the place of the default's. `known` are all keys there may be.
        """
        for path in fixed:
            value = get(self.value, path)
            if value is not None and value != get(default, path):
                message = "can't be set here: other properties, or krmfn, decide it"
                problems.append(self.field(*path).error(message))
        for name in self.value:
            if known and name not in known:
                message = f"is not a part of a DataVolume template; known are {' and '.join(known)}"
                problems.append(self.field(name).error(message))
        problems += self._null_problems(alternatives)
        if any(name in self.value for name in alternatives):
            default = {
                name: value
                for name, value in default.items()
                if name not in alternatives or name in self.value
            }
        if misshapen := list(_misshapen(default, self.value)):
            problems += (self.field(*path).error("must be a mapping") for path in misshapen)
            return default
        return _merged(default, self.value)

    def _null_problems(self, alternatives: tuple[str, ...]) -> Iterator[Problem]:
        """Yield labels that are null, and alternatives that are null and so not chosen."""
        for path in self.nulls:
            if path[:-1] in _LABELS:
                yield self.field(*path).error(NULL_VALUE)
            elif len(path) == 1 and path[0] in alternatives:
                yield self.field(*path).warning(NULL_OBJECT, Code.NULL_FIELD)

    def note(self, prototype: Prototype, target: Path, path: Path = ()) -> None:
        """Note the fields of an element of a machine that this object sets."""
        if self.at is None:
            return
        part = get(self.value, path)
        for leaf, value in _leaves(part, path):
            at = self.at.field(*leaf)
            source = Source(LayerName.PROPERTY, at, value, literal=True)
            prototype.provenance.note((*target, *leaf), source)


def unused(given: Given, keys: tuple[str, ...], why: str) -> Iterator[Problem]:
    """Warn of the properties that have no effect."""
    for key in keys:
        if key in given:
            message = f"has no effect: {why}"
            yield given[key][1].warning(message, Code.UNUSED_PROPERTY)


def _nulls(value: Map, path: Path = ()) -> Iterator[Path]:
    """Yield the paths of what is null in a mapping, at any depth of mappings."""
    for key, child in value.items():
        if child is None:
            yield (*path, key)
        elif isinstance(child, dict):
            yield from _nulls(child, (*path, key))


def _misshapen(base: Map, patch: Map, path: Path = ()) -> Iterator[Path]:
    """Yield the fields of a patch that should be mappings and are not."""
    for key, value in patch.items():
        if not isinstance(base.get(key), dict):
            continue
        if isinstance(value, dict):
            yield from _misshapen(base[key], value, (*path, key))
        else:
            yield (*path, key)


def _merged(base: Map, patch: Map) -> Map:
    """Merge a patch over a base: mappings merge, anything else is replaced."""
    result = dict(base)
    for key, value in patch.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = _merged(result[key], value) if both else value
    return result


def _leaves(value: object, path: Path) -> Iterator[tuple[Path, object]]:
    """Yield what a patch sets, with its path: texts, numbers, lists and empty mappings."""
    if isinstance(value, dict) and value:
        for key, child in value.items():
            yield from _leaves(child, (*path, key))
    elif value is not None and path:
        yield path, value
