"""What in a ResourceList is consumed, what an earlier run made, what is foreign, and where new objects go in a package."""

from __future__ import annotations

from collections.abc import Iterator
from posixpath import dirname, isabs, normpath

from krmfn.kubevirt.vm_paths import MANAGED_BY, OURS, OWNER
from krmfn.manifests.annotate import annotated
from krmfn.manifests.item import LOCAL_CONFIG, OLD_PATH, PATH, Item
from krmfn.manifests.resource_list import ResourceList
from krmfn.nodes.build import Build
from krmfn.platform.config import KIND
from krmfn.problems import Code, Problem, show

_KINDS = {("Secret", "v1"), ("VirtualMachine", "kubevirt.io/v1")}


def package_folder(resources: ResourceList) -> str | None:
    """The folder, with a slash, that new files go to: `rendered/` beside the function's config; None outside of a package."""
    config = resources.functionConfig.path if resources.functionConfig else None
    if config is None and not any(item.path for item in resources.items):
        return None
    folder = dirname(config or "")
    return f"{folder}/rendered/" if folder else "rendered/"


def is_earlier(item: Item, owner: str) -> bool:
    """Whether an earlier run of the same config made the object."""
    made = item.labels.get(MANAGED_BY) == "krmfn" and item.annotations.get(OWNER) == owner
    return made and (item.kind, item.api_version) in _KINDS


def conflicts(items: list[Item], built: Build) -> Iterator[Problem]:
    """Foreign objects with a name that krmfn wants, and machines that a change of namespace would replace."""
    wanted = {(made.kind, made.namespace, made.name) for made in built.objects}
    kept = {
        (made.kind, made.claim, made.group.virtual_cluster, made.group.provider)
        for made in built.objects
    }
    fixed = {
        offer.provider.metadata.name: kubevirt.cluster_ref.namespace
        for offer in built.node_types
        if (kubevirt := offer.provider.spec.kube_virt) and kubevirt.namespace_strategy == "Provider"
    }
    for item in items:
        if not is_earlier(item, built.owner):
            group = item.api_version.rpartition("/")[0]
            if (item.kind, item.namespace, item.name) in wanted and group in ("", "kubevirt.io"):
                text = f"has the name of an object that krmfn makes and is not its own (label {MANAGED_BY}, annotation {OWNER}: {built.owner})"
                yield item.place.field("metadata", "name").error(text, Code.FOREIGN_OBJECT)
            continue
        claim, cluster, provider = (
            str(item.labels.get(OURS + key, ""))
            for key in ("node-claim", "virtual-cluster", "node-provider")
        )
        now = (
            fixed.get(provider, item.namespace)
            if (item.kind, claim, cluster, provider) in kept
            else item.namespace
        )
        if now != item.namespace:
            text = f"is {item.namespace}, but the provider says {now} now: that can't change while machines exist; delete them first"
            yield item.place.field("metadata", "namespace").error(text, Code.NAMESPACE_CHANGED)


def path_problems(item: Item) -> Iterator[Problem]:
    """A file outside of the package, on an item that krmfn reads."""
    annotations = item.annotations
    for key in (PATH, OLD_PATH):
        if key not in annotations:
            continue
        path, at = annotations[key], item.place.field("metadata", "annotations")
        if not isinstance(path, str):
            yield at.field(key).error(f"is {show(path)}; must be text in quotes")
        elif isabs(path) or normpath(path).split("/")[0] == ".." or "\\" in path:
            yield at.error("names a file outside of the package")


def apply(resources: ResourceList, built: Build) -> list[Problem]:
    """Turn the items into the function's output: consumed ones marked, earlier ones and their like dropped.

    The new objects are not among the items: `ResourceList.to_yaml` appends them.
    """
    consumed = {id(item) for item in built.consumed}
    problems: list[Problem] = (
        list(path_problems(resources.functionConfig)) if resources.functionConfig else []
    )
    kept = []
    for item in resources.items:
        if is_earlier(item, built.owner) and id(item) not in consumed:
            continue
        if id(item) in consumed or item.kind == KIND or _is_config(item, resources.functionConfig):
            problems += path_problems(item)
            if LOCAL_CONFIG not in item.annotations and item.metadata:
                try:
                    item.text = annotated(item, LOCAL_CONFIG, "true")
                except ValueError as error:
                    problems.append(item.place.field("metadata", "annotations").error(str(error)))
        kept.append(item)
    resources.items = kept
    return problems


def _is_config(item: Item, config: Item | None) -> bool:
    return (
        config is not None
        and item.origin.resource == config.origin.resource
        and item.data.get("data") == config.data.get("data")
    )
