"""What in a ResourceList is consumed, earlier output or foreign, and where new objects go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from posixpath import dirname, isabs, normpath

from krmfn.machine.marks import OURS, OWNER
from krmfn.manifests.annotate import UNCOMMON_LAYOUT, annotated
from krmfn.manifests.item import LOCAL_CONFIG, OLD_PATH, PATH, Item
from krmfn.manifests.resource_list import ResourceList
from krmfn.manifests.yamlio import read
from krmfn.nodes.build import Build
from krmfn.platform.config_reader import is_config
from krmfn.problems import Code, Collector, Problem, redacted, show

_KINDS = {("Secret", "v1"), ("VirtualMachine", "kubevirt.io/v1")}


def package_folder(resources: ResourceList) -> str | None:
    """Return the folder of new files, with a slash at its end. None outside of a package.

    It is `rendered/` beside the function's config.
    """
    config = resources.functionConfig.path if resources.functionConfig else None
    if config is None and not any(item.path for item in resources.items):
        return None
    folder = dirname(config or "")
    return f"{folder}/rendered/" if folder else "rendered/"


def is_rendered(item: Item) -> bool:
    """Tell whether an item is an object that krmfn rendered, for whichever config.

    The annotation alone counts: kustomize and functions after krmfn may change the labels.
    """
    return (item.kind, item.api_version) in _KINDS and OWNER in item.annotations


def is_earlier(item: Item, owner: str) -> bool:
    """Tell whether an earlier run of the same config made the object."""
    return is_rendered(item) and item.annotations[OWNER] == owner


def conflicts(items: Iterable[Item], built: Build) -> Iterator[Problem]:
    """Yield foreign objects with a name that krmfn wants, and machines that would move.

    A provider's namespace can't change while machines exist: they would be replaced.
    """
    wanted = {(one.kind, one.namespace, one.name) for one in built.objects}
    rendered = {
        (one.kind, one.claim or "", one.machines.virtual_cluster, one.machines.provider)
        for one in built.objects
    }
    namespaces = _fixed_namespaces(built)
    of_base: list[Item] = []
    for item in items:
        if not is_earlier(item, built.owner):
            if (item.kind, item.namespace, item.name) in wanted:
                yield from _foreign(item, built.owner)
            continue
        keys = ("node-claim", "virtual-cluster", "node-provider")
        claim, cluster, provider = (str(item.labels.get(OURS + key, "")) for key in keys)
        if (item.kind, claim, cluster, provider) not in rendered:
            continue
        if item.is_kustomizes:
            of_base.append(item)
            continue
        namespace = namespaces.get(provider, item.namespace)
        if namespace != item.namespace:
            message = f"is {item.namespace}, but the provider says {namespace}: either something "
            message += "after krmfn changed it, such as set-namespace, so set clusterRef.namespace "
            message += "instead; or the provider changed, so delete the machines first"
            at = item.place.field("metadata", "namespace")
            yield at.error(message, Code.NAMESPACE_CHANGED)
    yield from _undone(of_base, built)


def _undone(items: list[Item], built: Build) -> Iterator[Problem]:
    """Yield an error if this run would undo what kustomize did to machines of a base.

    krmfn ran in the base already. Whether an overlay then patched the machines or their
    declarations, nobody can tell.
    """
    texts = (
        {(one.kind, one.namespace, one.name): one.text for one in built.objects} if items else {}
    )
    for item in items:
        text = texts.get((item.kind, item.namespace, item.name))
        data = read(text)[0][0].data if text else None
        new = data[0] if isinstance(data, list) else data
        if item.manifest != new:
            message = "was rendered by krmfn in a base, and comes out otherwise here, so that what "
            message += "kustomize changed in between is lost; run krmfn only once: take it out of "
            yield item.place.error(f"{message}the transformers of the base, or of this overlay")
            return


def _foreign(item: Item, owner: str) -> Iterator[Problem]:
    """Report an object of others that is in the way."""
    if item.group in ("", "kubevirt.io"):
        message = "has the name of an object that krmfn makes and is not its own: "
        other = item.annotations.get(OWNER)
        if isinstance(other, str):
            message += f"config {redacted(other)} made it, and config {owner} renders the same node"
        else:
            message += f"it has no annotation {OWNER}"
        yield item.place.field("metadata", "name").error(message, Code.FOREIGN_OBJECT)


def _fixed_namespaces(built: Build) -> dict[str, str]:
    """Return the namespaces that providers, not virtual clusters, give their machines."""
    return {
        offer.provider.metadata.name: offer.kubevirt.cluster_ref.namespace
        for offer in built.node_types
        if offer.kubevirt.namespace_strategy == "Provider"
    }


def path_problems(item: Item) -> Iterator[Problem]:
    """Yield file annotations that leave the package, on an item that krmfn reads."""
    for key in (PATH, OLD_PATH):
        if key not in item.annotations:
            continue
        path = item.annotations[key]
        at = item.place.field("metadata", "annotations")
        if not isinstance(path, str):
            message = f"is {show(path)}; must be text in quotes"
            yield at.field(key).error(message)
        elif _leaves_package(path):
            yield at.error("names a file outside of the package")


def _leaves_package(path: str) -> bool:
    """Tell whether a path leads out of the folder that it is relative to."""
    first, *_ = normpath(path).split("/")
    return isabs(path) or first == ".." or "\\" in path


def remaining_items(resources: ResourceList, built: Build, problems: Collector) -> list[Item]:
    """Return the items as the function hands them back.

    Consumed ones are marked as local config; earlier output is left out, because the new
    objects take its place. `ResourceList.to_yaml` appends those.
    """
    config = resources.functionConfig
    if config:
        problems += path_problems(config)
    consumed = set(built.consumed)
    remaining = []
    for item in resources.items:
        if item not in consumed and is_earlier(item, built.owner):
            continue
        if item in consumed or is_config(item):
            problems += path_problems(item)
            item = _marked(item, problems)
        remaining.append(item)
    return remaining


def _marked(item: Item, problems: Collector) -> Item:
    """Return the item with the mark that keeps it out of the cluster."""
    if LOCAL_CONFIG in item.annotations or not item.metadata:
        return item
    text = annotated(item, LOCAL_CONFIG, "true")
    if text is None:
        problems.append(item.place.field("metadata", "annotations").error(UNCOMMON_LAYOUT))
        return item
    return replace(item, text=text)
