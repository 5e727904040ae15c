"""Labels, annotations and finalizers of a template, held to what an API server takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from krmfn.kubernetes import names
from krmfn.machine.marks import MANAGED_BY, OURS
from krmfn.manifests.item import ORCHESTRATORS
from krmfn.problems import Path, Place, Problem, show

_RESERVED_PREFIXES = (OURS, *ORCHESTRATORS)

_LARGEST_ANNOTATIONS = 256 * 1024
# Finds the place of a field of the metadata.
Find = Callable[[Path], Place]


def metadata_problems(metadata: Any, find: Find, known: tuple[str, ...]) -> Iterator[Problem]:
    """Yield what an API server would refuse in an object's metadata, or take without effect.

    `find` finds the place of a field in it; `known` are the keys that it may have.
    """
    if not isinstance(metadata, dict):
        return
    for key, value in metadata.items():
        if key not in known:
            yield find((key,)).error(f"can't be set here; known are {', '.join(known)}")
        elif key in ("labels", "annotations") and not isinstance(value, dict):
            yield find((key,)).error(f"is {show(value)}; must be a mapping")
        elif key == "labels":
            yield from _label_problems(value, find((key,)), names.label_value)
        elif key == "annotations":
            yield from _annotation_problems(value, find((key,)))
        elif key == "finalizers":
            yield from _finalizer_problems(value, find)


def _annotation_problems(annotations: dict[str, Any], at: Place) -> Iterator[Problem]:
    """Yield what is wrong with annotations, one by one and together."""
    # An API server takes their keys in any case.
    yield from _label_problems(annotations, at, lambda value: "", str.lower)
    yield from size_problems(annotations, at)


def size_problems(annotations: dict[str, Any], at: Place) -> Iterator[Problem]:
    """Yield an error if annotations are larger than an API server takes."""
    size = sum(len(key) + len(str(value)) for key, value in annotations.items())
    if size > _LARGEST_ANNOTATIONS:
        limit = f"{_LARGEST_ANNOTATIONS // 1024} KiB"
        yield at.error(f"are larger than {limit}, more than an API server takes")


def _finalizer_problems(finalizers: Any, find: Find) -> Iterator[Problem]:
    """Yield finalizers that are not qualified names."""
    if not isinstance(finalizers, list):
        yield find(("finalizers",)).error(f"is {show(finalizers)}; must be a list")
        return
    for index, finalizer in enumerate(finalizers):
        if not isinstance(finalizer, str):
            message = _not_text(finalizer)
        else:
            message = names.label_key(finalizer)
        if message:
            yield find(("finalizers", index)).error(message)


def _label_problems(
    labels: dict[str, Any],
    at: Place,
    check: Callable[[str], str],
    folded: Callable[[str], str] = str,
) -> Iterator[Problem]:
    """Yield labels or annotations that are not legal, or that others set."""
    for key, value in labels.items():
        where = at.field(key)
        if not isinstance(value, str):
            yield where.error(_not_text(value))
        elif message := names.label_key(folded(key)) or check(value):
            yield where.error(message)
        elif key == MANAGED_BY or key.startswith(_RESERVED_PREFIXES):
            yield where.error("can't be set: krmfn or an orchestrator sets it itself")


def _not_text(value: Any) -> str:
    """Say that a value must be text."""
    return f"is {show(value)}; must be text in quotes"
