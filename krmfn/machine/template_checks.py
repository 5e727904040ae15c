"""What a template may not set, and the shape that krmfn needs in order to look into it.

All else is for KubeVirt's schema to judge.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from krmfn.kubernetes import names
from krmfn.kubernetes.quantity import Quantity, memory_fault
from krmfn.kubevirt import types
from krmfn.kubevirt.vm_paths import (
    DATA_VOLUMES,
    DISKS,
    DOMAIN,
    GUEST_MEMORY,
    INSTANCE,
    MAX_GUEST_MEMORY,
    MEMORY_LIMIT,
    MEMORY_REQUEST,
    RESOURCES,
    VOLUMES,
    Map,
    get,
    mappings,
)
from krmfn.machine.metadata_checks import Find, metadata_problems
from krmfn.machine.null_checks import null_problems
from krmfn.manifests.yamlio import Timestamp
from krmfn.problems import Path, Place, Problem, closest, nearest, show

_IDENTITY = {"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine"}
_PARTS = ("metadata", "spec")
_LONGEST_KEY = 1000
_TEMPLATE: Path = ("spec", "template")
# The collections that krmfn looks into or adds to.
_MAPPINGS: tuple[Path, ...] = (
    ("metadata",),
    ("spec",),
    _TEMPLATE,
    (*_TEMPLATE, "metadata"),
    (*_TEMPLATE, "spec"),
    DOMAIN,
    (*DOMAIN, "cpu"),
    (*DOMAIN, "memory"),
    (*DOMAIN, "devices"),
    RESOURCES,
    (*RESOURCES, "requests"),
    (*RESOURCES, "limits"),
)
# What has to be there, and the type of what it stands in; a template's own is judged elsewhere.
_REQUIRED: dict[Path, str] = {
    ("spec",): "",
    _TEMPLATE: "VirtualMachineSpec",
    (*_TEMPLATE, "spec"): "VirtualMachineInstanceTemplateSpec",
    DOMAIN: "VirtualMachineInstanceSpec",
}
# What a virtual machine may have in its metadata. Other objects have no finalizers.
_OBJECT_METADATA = ("labels", "annotations")
_VOLUME_METADATA = ("name", *_OBJECT_METADATA)
_MACHINE_METADATA = (*_OBJECT_METADATA, "finalizers")


def template_problems(template: Map, at: Place, patch: bool) -> Iterator[Problem]:
    """Yield what a layer may not set: krmfn sets it, or it does not belong in a declaration."""
    for key, value in template.items():
        if key in _IDENTITY:
            yield from _identity_problems(value, _IDENTITY[key], at.field(key), patch)
        elif not _belongs(key, value, _PARTS, patch):
            hint = nearest(key, _PARTS)
            message = f"is not a part of a template; known are metadata and spec{hint}"
            yield at.field(key).error(message)
    if patch and template.get("$patch") == "delete":
        message = "deletes the whole template; a node type can't be without one"
        yield at.field("$patch").error(message)
    yield from _key_problems(template.get("metadata"), at)
    yield from _unreadable_values(template, at)
    if not patch:
        yield from null_problems(template, at)


def _identity_problems(value: Any, legal: str, at: Place, patch: bool) -> Iterator[Problem]:
    """Yield an apiVersion or kind that is not KubeVirt's, or that stands in a patch."""
    if patch:
        yield at.error("can't be set in a patch")
    elif value != legal:
        yield at.error(f'is {show(value)}; must be "{legal}", or left out')


def _key_problems(metadata: Any, at: Place) -> Iterator[Problem]:
    """Yield the keys of a layer's metadata that it may not set."""
    if not isinstance(metadata, dict):
        return
    for key, value in metadata.items():
        if not _belongs(key, value, _MACHINE_METADATA, directives=True):
            message = "can't be set: krmfn names each virtual machine after its claim; "
            message += "known are labels, annotations and finalizers"
            yield at.field("metadata", key).error(message)


def _belongs(key: str, value: Any, known: tuple[str, ...], directives: bool) -> bool:
    """Tell whether a key may stand in a template; null means that it is absent."""
    is_directive = directives and key.startswith("$")
    return key in known or value is None or is_directive


def _unreadable_values(value: Any, at: Place) -> Iterator[Problem]:
    """Yield the values that YAML readers disagree on, or that JSON can't hold."""
    if isinstance(value, Timestamp):
        yield at.error("is a date to YAML; quote it")
    elif isinstance(value, float) and not math.isfinite(value):
        yield at.error("is not a number that JSON can hold")
    elif isinstance(value, dict):
        for key, child in value.items():
            where = at.field(key)
            if len(key) > _LONGEST_KEY:
                message = f"is a key of over {_LONGEST_KEY} characters, "
                message += "which YAML can't hold on a line"
                yield where.error(message)
            yield from _unreadable_values(child, where)
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _unreadable_values(child, at.field(index))


def shape_problems(vm: Map, find: Find) -> Iterator[Problem]:
    """Yield what krmfn can't look into, or add to, in a template whose layers are merged.

    `find` finds the place of a field in the layer that set it.
    """
    yield from _mapping_problems(vm, find)
    hostname = (*INSTANCE, "hostname")
    if get(vm, hostname):
        message = "can't be set: the host is named after its claim, and guests of the RHEL family"
        yield find(hostname).error(f"{message} would take this name instead")
    for path in (VOLUMES, DISKS):
        # KubeVirt makes a disk for a volume that has none, and a disk's name is a DNS label.
        values = get(vm, path)
        yield from _list_problems(values, ("name",), find(path), names.dns_label)
    templates = get(vm, DATA_VOLUMES)
    name: Path = ("metadata", "name")
    yield from _list_problems(templates, name, find(DATA_VOLUMES), names.subdomain)
    yield from _metadata_problems(vm, ("metadata",), find, _MACHINE_METADATA)
    yield from _metadata_problems(vm, (*_TEMPLATE, "metadata"), find, _OBJECT_METADATA)
    for index, template in enumerate(mappings(templates)):
        metadata = template.get("metadata")
        below = _below(find, (*DATA_VOLUMES, index, "metadata"))
        yield from metadata_problems(metadata, below, _VOLUME_METADATA)


def memory_problems(vm: Map, find: Find) -> Iterator[Problem]:
    """Yield memory in canonical form that no guest can do with, as where its unit is forgotten."""
    for path in (GUEST_MEMORY, MAX_GUEST_MEMORY, MEMORY_REQUEST, MEMORY_LIMIT):
        value = get(vm, path)
        if value is not None and (fault := memory_fault(Quantity.parse(value))):
            yield find(path).error(fault)


def _mapping_problems(vm: Map, find: Find) -> Iterator[Problem]:
    """Yield collections that are missing, or that are not mappings."""
    for path in _MAPPINGS:
        value = get(vm, path)
        parent = get(vm, path[:-1])
        if value is None and path in _REQUIRED and isinstance(parent, dict):
            yield _missing(path, parent, find)
        elif value is not None and not isinstance(value, dict):
            yield find(path).error(f"is {show(value)}; must be a mapping")


def _missing(path: Path, parent: Map, find: Find) -> Problem:
    """Report a field that is missing, or the misspelt one that was meant to be it."""
    known = types.names(_REQUIRED[path]) if _REQUIRED[path] else ()
    for key in parent:
        if known and key not in known and closest(key, known) == path[-1]:
            where = find((*path[:-1], key))
            return where.error(f"is an unknown field{nearest(key, known)}")
    return find(path).error("is required")


def _metadata_problems(
    vm: Map, path: Path, find: Find, known: tuple[str, ...]
) -> Iterator[Problem]:
    """Yield what is wrong with the metadata at a path."""
    yield from metadata_problems(get(vm, path), _below(find, path), known)


def _below(find: Find, path: Path) -> Find:
    """Return a function that finds the places of fields below a path."""
    return lambda inner: find((*path, *inner))


def _list_problems(
    values: Any, name_path: Path, at: Place, check: Callable[[str], str]
) -> Iterator[Problem]:
    """Yield what is wrong with a list of mappings that each have a name of their own."""
    if values is not None and not isinstance(values, list):
        yield at.error(f"is {show(values)}; must be a list")
        return
    seen: set[str] = set()
    for index, value in enumerate(values or ()):
        name, where = get(value, name_path), at.field(index, *name_path)
        if not isinstance(value, dict):
            yield at.field(index).error(f"is {show(value)}; must be a mapping")
        elif name is None:
            yield where.error("is required")
        elif not isinstance(name, str):
            yield where.error(f"is {show(name)}; must be text in quotes")
        elif name in seen:
            yield where.error(f'is "{name}" a second time')
        elif message := check(name):
            yield where.error(message)
        else:
            seen.add(name)
