"""What objects among the items say about nodes, and krmfn does not read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from krmfn.kubevirt.vm_paths import get
from krmfn.manifests.index import Index
from krmfn.manifests.item import Item
from krmfn.nodes.virtual_clusters import LABEL
from krmfn.patterns import pattern
from krmfn.platform.model import PLATFORM, from_base64
from krmfn.problems import Code, Path, Place, Problem

# The kinds that hold a vcluster.yaml, by API group, and where: "*" is every element of a list.
_SOURCES: dict[tuple[str, str], tuple[Path, ...]] = {
    ("helm.toolkit.fluxcd.io", "HelmRelease"): (("spec", "values"),),
    ("argoproj.io", "Application"): (
        ("spec", "source", "helm"),
        ("spec", "sources", "*", "helm"),
    ),
    ("argoproj.io", "ApplicationSet"): (
        ("spec", "template", "spec", "source", "helm"),
        ("spec", "template", "spec", "sources", "*", "helm"),
    ),
}
_OF_PLATFORM: Path = ("spec", "template", "helmRelease", "values")
_PLATFORM_KINDS = ("VirtualClusterInstance", "VirtualClusterTemplate")
_PROJECT_FIELDS = ("allowedNodeTypes", "allowedNodeProfiles", "defaultNodeProfile")
_KEY = "autoNodes"
_PLACES = f"krmfn reads autoNodes from a ConfigMap with the label {LABEL}, "
_PLACES += "or from virtualClusters[].values"
# The key with a value, in YAML or JSON that may be a template: it is looked for, not parsed.
_IN_TEXT = pattern(
    rf"""(?m)(?:^[ \t-]*|[{{,]\s*)["']?{_KEY}["']?:(?!\s*(?:\[\s*\]|\{{\s*\}}|null|~))"""
)

# What asks for something that krmfn does not make, and what to know about it.
_UNREAD_VALUES = {
    ("controlPlane", "standalone", "autoNodes"): (
        "is not read: these are nodes of the control plane, and krmfn renders worker nodes"
    ),
    ("deploy", "csi", "kubeVirt"): (
        "is not read: this driver plugs disks into the machines of the virtual cluster's own "
        "namespace, so the provider needs namespaceStrategy VirtualCluster"
    ),
}


def unread_problems(index: Index) -> Iterator[Problem]:
    """Yield a notice for each object that asks for nodes or limits them, and is not read."""
    for (group, kind), paths in _SOURCES.items():
        for item in index.of_kind(kind):
            if item.group == group:
                yield from _auto_nodes(item, paths)
    for kind in _PLATFORM_KINDS:
        for item in index.of_kind(kind):
            if item.api_version in PLATFORM:
                yield from _auto_nodes(item, (_OF_PLATFORM,))
    for item in index.of_kind("Project"):
        if item.api_version in PLATFORM:
            yield from _project(item)


def unread_files(items: Iterable[Item]) -> Iterator[Problem]:
    """Yield a notice for each vcluster.yaml that is no Kubernetes object and is not read."""
    for item in items:
        message = "asks for nodes and is not read. A plain vcluster.yaml is read if its file is "
        message += "named on the command line and the config has one virtual cluster; else "
        message += _PLACES
        notice = item.place.field("privateNodes", _KEY).notice(message, Code.NOT_READ)
        yield notice.leading()


def unlabelled_problems(index: Index) -> Iterator[Problem]:
    """Yield a notice for each ConfigMap and Secret that holds a vcluster.yaml and is not read.

    Each text is searched, so this is for runs that found too few nodes.
    """
    for kind in ("ConfigMap", "Secret"):
        for item in index.of_kind(kind):
            if item.api_version != "v1" or (kind == "ConfigMap" and LABEL in item.labels):
                continue
            for place, text in _texts(item):
                if _IN_TEXT.search(text):
                    message = f"asks for nodes and is not read: {_PLACES}"
                    notice = item.place.field(*place).notice(message, Code.NOT_READ)
                    yield notice.leading()


def _texts(item: Item) -> Iterator[tuple[Path, str]]:
    """Yield the texts of a ConfigMap or Secret, each with its path."""
    for field in ("data", "stringData"):
        values = item.data.get(field)
        for key, text in values.items() if isinstance(values, dict) else ():
            if not isinstance(text, str):
                continue
            if item.kind == "Secret" and field == "data":
                # What is not text in base64 holds no vcluster.yaml.
                with suppress(ValueError):
                    yield (field, str(key)), from_base64(text)
            else:
                yield (field, str(key)), text


def unread_values(values: Any, at: Place) -> Iterator[Problem]:
    """Yield a notice for each part of a vcluster.yaml that concerns nodes and is not read."""
    for path, message in _UNREAD_VALUES.items():
        value = get(values, path)
        is_off = isinstance(value, dict) and value.get("enabled") is False
        if value and not is_off:
            yield at.field(*path).notice(message, Code.NOT_READ)


def _auto_nodes(item: Item, paths: tuple[Path, ...]) -> Iterator[Problem]:
    """Yield a notice if an object asks for nodes."""
    for path in paths:
        for place, value in _values(item.data, path):
            found = _find(value)
            if found is None:
                continue
            message = "asks for nodes, which krmfn does not read here: wherever this object is "
            message += f"applied, the Platform makes them; {_PLACES}"
            notice = item.place.field(*place, *found).notice(message, Code.NOT_READ)
            # It comes first: it may be why a virtual cluster has no claim.
            yield notice.leading()
            return


def _values(value: Any, path: Path, before: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield the values at a path, each with its own path."""
    if not path:
        yield before, value
    elif path[0] == "*":
        for index, element in enumerate(value if isinstance(value, list) else ()):
            yield from _values(element, path[1:], (*before, index))
    elif isinstance(value, dict) and path[0] in value:
        yield from _values(value[path[0]], path[1:], (*before, path[0]))


def _find(value: Any) -> Path | None:
    """Return the path of the first `autoNodes` with a value, or of the text that has it."""
    if isinstance(value, str):
        return () if _IN_TEXT.search(value) else None
    if isinstance(value, dict):
        if value.get(_KEY):
            return (_KEY,)
        for key, child in value.items():
            if (found := _find(child)) is not None:
                return (str(key), *found)
    # A parameter of Argo CD: {name: "privateNodes.autoNodes[0].provider", value: …}.
    for index, child in enumerate(value if isinstance(value, list) else ()):
        if isinstance(child, dict) and f".{_KEY}[" in str(child.get("name")):
            return (index,)
        if (found := _find(child)) is not None:
            return (index, *found)
    return None


def _project(item: Item) -> Iterator[Problem]:
    """Yield a notice for each limit that a project sets on nodes."""
    spec = item.data.get("spec")
    for name in _PROJECT_FIELDS:
        if isinstance(spec, dict) and spec.get(name) is not None:
            message = "is not read: the Platform applies it to the claims that it admits"
            yield item.place.field("spec", name).notice(message, Code.NOT_READ)
