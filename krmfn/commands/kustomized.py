"""What a kustomization declares (`-k DIR`): the real kustomize builds it first.

There are two ways to use krmfn with kustomize. Either the kustomization runs krmfn as one of its
functions: then the machines are in what kustomize printed, perhaps changed after krmfn, and what
krmfn was handed tells where they come from. Or it lists the declarations alone: then krmfn renders
what kustomize printed, as in `kustomize build DIR | krmfn render -`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace

from krmfn.commands import kustomize
from krmfn.commands.final_object import Run
from krmfn.commands.final_objects import finished
from krmfn.commands.function import build_all, config_place
from krmfn.commands.outcome import Declared, Inputs, declared_items
from krmfn.commands.reply import NOTHING, NOTHING_TO_RENDER, PROBLEMS, Reply, refused
from krmfn.commands.sources import Sources
from krmfn.manifests.files import read_paths, read_text
from krmfn.manifests.folders import yaml_files
from krmfn.manifests.item import LOCAL_CONFIG, Item, item_of
from krmfn.manifests.resource_list import read_resource_list
from krmfn.nodes import ownership
from krmfn.nodes.render import Layout
from krmfn.platform.config import KIND
from krmfn.platform.config_reader import read_config
from krmfn.problems import Collector, Origin, Place, errors

_DECLARATIONS = ("NodeProvider", "NodeClaim", KIND)


def kustomized(folder: str, inputs: Inputs, several_clusters: bool) -> Declared | Reply:
    """Build the kustomization of a folder, and return what it declares."""
    problems = Collector()
    output = kustomize.build(folder, problems)
    if output is None:
        return refused(problems)
    sources = Sources(folder)
    runs = [run for source in output.runs if (run := _run(source, sources, problems))]
    if output.faults and not problems.has_errors:
        problems += output.faults
    if problems.has_errors:
        is_nothing = all(one.message == NOTHING_TO_RENDER for one in errors(problems))
        return refused(problems, NOTHING if is_nothing else PROBLEMS)
    items, faults = read_text(output.text, folder)
    problems += faults
    if not runs and _is_for_krmfn(items):
        return _piped(items, inputs, several_clusters, sources, problems)
    return _finished(runs, items, output.text, inputs, sources, problems)


def _is_for_krmfn(items: list[Item]) -> bool:
    """Tell whether krmfn has still to render what kustomize printed."""
    declares = any(item.kind in _DECLARATIONS for item in items)
    return declares or not any(ownership.is_rendered(item) for item in items)


def _finished(
    runs: list[Run],
    items: list[Item],
    text: bytes,
    inputs: Inputs,
    sources: Sources,
    problems: Collector,
) -> Declared | Reply:
    """Return what kustomize printed, which holds the machines."""
    if inputs.config is not None:
        message = "runs krmfn with a config of its own; leave out --config"
        problems.append(Place(Origin(file=sources.file)).error(message))
    if problems.has_errors:
        return refused(problems)
    outcome = finished(runs, items, text.decode(), sources, problems)
    return refused(problems) if problems.has_errors else outcome


def _run(source: bytes, sources: Sources, problems: Collector) -> Run | None:
    """Repeat a run of krmfn, None if that is where the kustomization failed."""
    resources, faults = read_resource_list(source)
    problems += faults
    if faults:
        return None
    item = resources.functionConfig
    for each in [*resources.items, *([item] if item else [])]:
        sources.place(each)
    collected = Collector()
    config = read_config(item, collected)
    at = item.place if item else Place()
    if config is None or collected.has_errors:
        problems += collected
        return None
    place = config_place(config, at)
    built = build_all(resources.items, config, place, Layout(), False, collected)
    if built.nothing and not collected.has_errors:
        collected.append(at.error(NOTHING_TO_RENDER))
    problems += collected
    return Run(resources.items, config, built)


def _piped(
    items: list[Item],
    inputs: Inputs,
    several_clusters: bool,
    sources: Sources,
    problems: Collector,
) -> Declared | Reply:
    """Render what kustomize printed, and the declarations that it left out as local config."""
    hidden = list(_hidden(sources.label, items))
    for item in [*items, *hidden]:
        sources.place(item)
    candidates = [*items, *hidden]
    if not any(item.kind == KIND for item in candidates):
        candidates = _beside(sources.folders)
    outcome = declared_items([*items, *hidden], candidates, inputs, several_clusters, problems)
    if isinstance(outcome, Reply):
        return outcome
    consumed = set(outcome.built.consumed)
    others = [item for item in outcome.others if item in consumed or item not in hidden]
    return replace(outcome, others=others)


def _hidden(folder: str, items: Iterable[Item]) -> Iterable[Item]:
    """Yield the objects that kustomize left out of its output, since they are local config."""
    printed = {item.origin.resource for item in items}
    marked, _ = read_text(kustomize.local_config(folder), folder)
    for item in marked:
        if kustomize.KEPT in item.annotations and item.origin.resource not in printed:
            annotations = dict(item.annotations)
            annotations[LOCAL_CONFIG] = annotations.pop(kustomize.KEPT)
            metadata = {**item.metadata, "annotations": annotations}
            yield item_of({**item.data, "metadata": metadata}, folder, item.origin.index)


def _is_in(file: str, folder: str) -> bool:
    """Tell whether a file stands right in a folder."""
    return os.path.dirname(file) == os.path.normpath(folder).removeprefix(os.curdir)


def _beside(folders: list[str]) -> list[Item]:
    """Return the configs beside a kustomization, or else beside the nearest one below it."""
    for folder in folders:
        beside = [file for file in yaml_files(folder) if _is_in(file, folder)]
        files = [file for file in beside if os.path.isfile(file)]
        items, _ = read_paths(files)
        configs = [item for item in items if item.kind == KIND]
        if configs:
            return configs
    return []
