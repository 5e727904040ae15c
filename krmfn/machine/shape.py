"""What a template's texts may not set, and the shape that krmfn needs to look into them; all else is for KubeVirt's schema to judge."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from krmfn.kubernetes import names
from krmfn.kubevirt.merge import Map
from krmfn.kubevirt.vm_paths import (
    DATA_VOLUMES,
    DISKS,
    DOMAIN,
    MANAGED_BY,
    OURS,
    RESOURCES,
    VOLUMES,
    get,
    mappings,
)
from krmfn.machine.layers import Layers
from krmfn.manifests.item import ORCHESTRATORS
from krmfn.manifests.yamlio import Timestamp
from krmfn.problems import Path, Place, Problem, nearest, show


def template_problems(template: Map, at: Place, patch: bool) -> Iterator[Problem]:
    """What a layer may not set, because krmfn sets it or because it is no part of a declaration."""
    allowed = {} if patch else {"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine"}
    for key, value in template.items():
        if key in allowed and value == allowed[key]:
            continue
        if key in ("apiVersion", "kind"):
            yield at.field(key).error(
                "can't be set in a patch"
                if patch
                else f'is {show(value)}; must be "{allowed[key]}", or left out'
            )
        elif (
            key not in ("metadata", "spec")
            and not (patch and key.startswith("$"))
            and value is not None
        ):
            yield at.field(key).error(
                f"is no part of a template; known are metadata and spec{nearest(key, ('metadata', 'spec'))}"
            )
    if patch and template.get("$patch") == "delete":
        yield at.field("$patch").error(
            "deletes the whole template; a node type can't be without one"
        )
    metadata = template.get("metadata")
    for key, value in (metadata if isinstance(metadata, dict) else {}).items():
        if key not in _METADATA and not key.startswith("$") and value is not None:
            yield at.field("metadata", key).error(
                "can't be set: krmfn names each virtual machine after its claim; known are labels, annotations and finalizers"
            )
    yield from _unreadable(template, at)


def _unreadable(value: Any, at: Place) -> Iterator[Problem]:
    """Values that YAML readers disagree on, or that JSON can't hold."""
    if isinstance(value, Timestamp):
        yield at.error("is a date to YAML; quote it")
    elif isinstance(value, float) and not math.isfinite(value):
        yield at.error("is no number that JSON can hold")
    elif isinstance(value, dict):
        for key, child in value.items():
            if len(key) > 1000:
                yield at.field(key).error(
                    "is a key of over 1000 characters, which YAML can't hold on a line"
                )
            yield from _unreadable(child, at.field(key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _unreadable(child, at.field(index))


# The collections that krmfn looks into or adds to; all else is for KubeVirt's schema to judge.
_MAPPINGS: tuple[Path, ...] = (
    ("metadata",), ("spec",), ("spec", "template"), ("spec", "template", "metadata"), ("spec", "template", "spec"),
    DOMAIN, (*DOMAIN, "cpu"), (*DOMAIN, "memory"), (*DOMAIN, "devices"),
    RESOURCES, (*RESOURCES, "requests"), (*RESOURCES, "limits"),
)  # fmt: skip
_REQUIRED: tuple[Path, ...] = (
    ("spec",),
    ("spec", "template"),
    ("spec", "template", "spec"),
    DOMAIN,
)


# What a virtual machine may have of its own; the other two have labels and annotations.
_METADATA = ("labels", "annotations", "finalizers")
_LARGEST_ANNOTATIONS = 256 * 1024


def shape_problems(vm: Map, layers: Layers) -> Iterator[Problem]:
    """What krmfn can't look into, or could not add to, in a template whose layers are merged."""
    for path in _MAPPINGS:
        value = get(vm, path)
        if (
            value is None
            and path in _REQUIRED
            and (path == ("spec",) or isinstance(get(vm, path[:-1]), dict))
        ):
            yield layers.place(path).error("is required")
        elif value is not None and not isinstance(value, dict):
            yield layers.place(path).error(f"is {show(value)}; must be a mapping")
    for path in (VOLUMES, DISKS):
        # KubeVirt makes a disk for a volume that has none, and a disk's name is a DNS label.
        yield from _list_problems(get(vm, path), ("name",), layers.place(path), names.dns_label)
    yield from _list_problems(
        get(vm, DATA_VOLUMES), ("metadata", "name"), layers.place(DATA_VOLUMES), names.subdomain
    )
    found: list[tuple[Path, tuple[str, ...]]] = [
        (("metadata",), _METADATA),
        (("spec", "template", "metadata"), _METADATA[:2]),
    ]
    for path, known in found:
        yield from metadata_problems(get(vm, path), partial(_inner, layers, path), known)
    for index, template in enumerate(mappings(get(vm, DATA_VOLUMES))):
        path = (*DATA_VOLUMES, index, "metadata")
        yield from metadata_problems(
            template.get("metadata"), partial(_inner, layers, path), ("name", *_METADATA[:2])
        )


def _inner(layers: Layers, path: Path, inner: Path) -> Place:
    return layers.place((*path, *inner))


def metadata_problems(
    metadata: Any, at: Callable[[Path], Place], known: tuple[str, ...]
) -> Iterator[Problem]:
    """What an API server would not take of an object's metadata, or take without any effect; `at` tells the place of a field in it."""
    for key, value in (metadata if isinstance(metadata, dict) else {}).items():
        if key not in known:
            yield at((key,)).error(f"can't be set here; known are {', '.join(known)}")
        elif key in ("labels", "annotations") and not isinstance(value, dict):
            yield at((key,)).error(f"is {show(value)}; must be a mapping")
        elif key == "labels":
            yield from _label_problems(value, at((key,)), names.label_value)
        elif key == "annotations":
            yield from _label_problems(value, at((key,)), lambda value: "")
            if (
                sum(len(name) + len(str(text)) for name, text in value.items())
                > _LARGEST_ANNOTATIONS
            ):
                yield at((key,)).error(
                    f"are larger than {_LARGEST_ANNOTATIONS // 1024} KiB, more than an API server takes"
                )
        elif key == "finalizers" and not isinstance(value, list):
            yield at((key,)).error(f"is {show(value)}; must be a list")
        elif key == "finalizers":
            for index, finalizer in enumerate(value):
                if (
                    wrong := names.label_key(finalizer)
                    if isinstance(finalizer, str)
                    else f"is {show(finalizer)}; must be text in quotes"
                ):
                    yield at((key, index)).error(wrong)


def _list_problems(
    values: Any, name: Path, at: Place, check: Callable[[str], str]
) -> Iterator[Problem]:
    """A list of mappings, each with a name of its own."""
    if values is not None and not isinstance(values, list):
        yield at.error(f"is {show(values)}; must be a list")
        return
    seen: set[str] = set()
    for index, value in enumerate(values or ()):
        found = get(value, name)
        if not isinstance(value, dict):
            yield at.field(index).error(f"is {show(value)}; must be a mapping")
        elif not isinstance(found, str):
            yield at.field(index, *name).error(
                "is required" if found is None else f"is {show(found)}; must be text in quotes"
            )
        elif found in seen:
            yield at.field(index, *name).error(f'is "{found}" a second time')
        elif wrong := check(found):
            yield at.field(index, *name).error(wrong)
        else:
            seen.add(found)


def _label_problems(labels: Any, at: Place, check: Callable[[str], str]) -> Iterator[Problem]:
    for key, value in (labels if isinstance(labels, dict) else {}).items():
        if not isinstance(value, str):
            yield at.field(key).error(f"is {show(value)}; must be text in quotes")
        elif wrong := names.label_key(key) or check(value):
            yield at.field(key).error(wrong)
        elif key == MANAGED_BY or key.startswith((OURS, *ORCHESTRATORS)):
            yield at.field(key).error("can't be set: krmfn or an orchestrator sets it itself")
