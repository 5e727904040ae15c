"""What differs between two declarations of a machine, field by field."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from krmfn.kubevirt.vm_paths import INSTANCE_METADATA, NAMED, Map, Named, get
from krmfn.problems import Path, path_text
from krmfn.records import record


@record(frozen=True)
class Change:
    """One field that differs: its path, and both values (None: not there).

    `verdict` is what comes of it, and `why` says more if that is not plain.
    """

    path: Path
    old: Any
    new: Any
    verdict: str = "unchanged"
    why: str = ""

    @property
    def text(self) -> str:
        """The path: `spec.template.spec.volumes[root].dataVolume.name`."""
        text = ""
        for step in self.path:
            in_brackets = isinstance(step, Named) or path_text((step,)).startswith("[")
            if in_brackets:
                text += f"[{step}]"
            else:
                text += f".{step}" if text else str(step)
        return text


def differences(old: Any, new: Any, path: Path = ()) -> Iterator[Change]:
    """Yield the fields that differ between two values at `path`.

    The elements of lists with names are compared by name.
    """
    if old == new:
        return
    is_metadata = path[: len(INSTANCE_METADATA)] == INSTANCE_METADATA
    if is_metadata and None in (old, new) and dict in (type(old), type(new)):
        # Labels and annotations each have a verdict of their own, the first and the last as well.
        old, new = old or {}, new or {}
    if isinstance(old, dict) and isinstance(new, dict):
        for key in _union(old, new):
            yield from differences(old.get(key), new.get(key), (*path, key))
        return
    before = _by_name(old, path)
    after = _by_name(new, path)
    if before is None or after is None:
        yield Change(path, old, new)
    else:
        yield from _element_differences(before, after, path)


def _element_differences(
    before: dict[str, Map], after: dict[str, Map], path: Path
) -> Iterator[Change]:
    """Yield what differs between two lists by name, and their order if it does."""
    for name in _union(before, after):
        inner = (*path, Named(name))
        old = before.get(name)
        new = after.get(name)
        yield from differences(old, new, inner)
    # What is new comes last; in any other order the list has changed as a whole too.
    kept = [name for name in before if name in after]
    if _union(kept, after) != list(after):
        yield Change(path, list(before), list(after))


def _union(first: Iterable[str], second: Iterable[str]) -> list[str]:
    """Return the keys of the first, and then those that only the second has."""
    return list(dict.fromkeys([*first, *second]))


def _by_name(values: Any, path: Path) -> dict[str, Map] | None:
    """Return the elements of a list by their names.

    Return None if the list at this path has no names, or its elements have none of their own.
    """
    name = NAMED.get(path)
    values = [] if values is None else values
    if name is None or not isinstance(values, list):
        return None
    names = [get(value, name) for value in values]
    distinct = {one for one in names if isinstance(one, str)}
    if len(distinct) < len(values):
        return None
    return dict(zip(names, values, strict=True))
