"""The metadata of a finished machine and of its instance, held to what an API server takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from krmfn.kubernetes import names
from krmfn.kubevirt import types
from krmfn.kubevirt.vm_paths import INSTANCE_METADATA, get
from krmfn.manifests.item import Item
from krmfn.problems import Place, Problem, nearest, show


def metadata_problems(item: Item) -> Iterator[Problem]:
    """Yield what an API server refuses in the metadata of a machine and of its instance.

    KubeVirt gives the instance the labels and annotations of the machine's template.
    """
    metadata, at = item.data.get("metadata"), item.place.field("metadata")
    if not isinstance(metadata, dict):
        yield at.error("is required" if metadata is None else "must be a mapping")
        return
    known = types.names("ObjectMeta")
    for key in metadata:
        if key not in known:
            yield at.field(key).error(
                f"is an unknown field of an object's metadata{nearest(key, known)}"
            )
    yield from _name_problems(metadata, "name", names.subdomain, at)
    if metadata.get("namespace") is not None:
        yield from _name_problems(metadata, "namespace", names.dns_label, at)
    for key in ("labels", "annotations"):
        texts = metadata.get(key)
        if texts is not None and not isinstance(texts, dict):
            yield at.field(key).error(f"is {show(texts)}; must be a mapping")
        yield from _text_problems(texts, key, at, checks_types=True)
    instance, below = get(item.data, INSTANCE_METADATA), item.place.field(*INSTANCE_METADATA)
    for key in ("labels", "annotations"):
        # Types are for the schema of machines to judge.
        yield from _text_problems(get(instance, (key,)), key, below, checks_types=False)


def _name_problems(
    metadata: dict[str, Any], key: str, grammar: Callable[[str], str], at: Place
) -> Iterator[Problem]:
    """Yield what is wrong with a name that has to be there."""
    name = metadata.get(key)
    if name is None:
        yield at.field(key).error("is required")
    elif not isinstance(name, str):
        yield at.field(key).error(f"is {show(name)}; must be text in quotes")
    elif fault := grammar(name):
        yield at.field(key).error(fault)


def _text_problems(texts: Any, key: str, at: Place, *, checks_types: bool) -> Iterator[Problem]:
    """Yield labels or annotations that are not legal."""
    for name, text in (texts if isinstance(texts, dict) else {}).items():
        where = at.field(key, name)
        # An API server takes annotations in any case.
        if fault := names.label_key(name if key == "labels" else name.lower()):
            yield where.error(fault)
        elif text is None:
            continue
        elif not isinstance(text, str):
            if checks_types:
                yield where.error(f"is {show(text)}; must be text in quotes")
        elif key == "labels" and (fault := names.label_value(text)):
            yield where.error(fault)
