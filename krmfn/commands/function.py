"""The KRM function: a ResourceList in, a ResourceList out, problems as results and on stderr."""

from __future__ import annotations

from collections.abc import Iterator

from krmfn.commands.hashed_secrets import hashed_secrets
from krmfn.commands.lost_annotations import lost_annotations
from krmfn.commands.reply import DONE, NOTHING, NOTHING_TO_RENDER, PROBLEMS, Reply
from krmfn.manifests.item import Item, item_of
from krmfn.manifests.resource_list import ResourceList, read_resource_list
from krmfn.manifests.results import Result, result_of
from krmfn.nodes import ownership
from krmfn.nodes.build import Build, build
from krmfn.nodes.render import Layout
from krmfn.platform.config import Config
from krmfn.platform.config_reader import read_config
from krmfn.problems import Collector, Place, Problem, limited, show, without_absences

_READ = ("NodeProvider", "NodeClaim", "Secret", "ConfigMap")


def run(source: bytes) -> Reply:
    """Answer one ResourceList.

    If there is an error, the items come back as they were, with results and without a generated
    object.
    """
    resources, faults = read_resource_list(source)
    if faults:
        return _refused(ResourceList(), faults)
    problems = Collector()
    config = read_config(resources.functionConfig, problems)
    if config is None:
        return _refused(resources, problems)
    at = resources.functionConfig.place if resources.functionConfig else Place()
    if problems.has_errors:
        problems += problems_of_others(resources.items, config, config_place(config, at))
        return _refused(resources, problems)
    layout = Layout(ownership.package_folder(resources), resources.column)
    built = build_all(resources.items, config, config_place(config, at), layout, False, problems)
    problems += hashed_secrets(resources.items, built)
    if problems.has_errors:
        return _refused(resources, problems)
    if built.nothing:
        problems.append(at.error(NOTHING_TO_RENDER))
        return _refused(resources, problems, NOTHING)
    remaining = ownership.remaining_items(resources, built, problems)
    if problems.has_errors:
        return _refused(resources, problems)
    resources.items = remaining
    resources.results = _results(problems)
    return Reply(resources.to_yaml(_texts(built)), problems, DONE)


def _texts(built: Build) -> Iterator[str]:
    """Yield the texts of the objects, and free each as soon as it is in the output.

    There may be a hundred megabytes of them.
    """
    objects, built.objects = built.objects[::-1], []
    while objects:
        yield objects.pop().text


def config_place(config: Config, at: Place) -> Place:
    """Return the place of the config's settings; `at` is the config's own place."""
    return at.field("data" if config.flat else "spec")


def problems_of_others(
    items: list[Item], config: Config, at: Place, several_clusters: bool = False
) -> list[Problem]:
    """Return the problems of what could be read, for a run in which something could not.

    `at` is the place of the config's settings, whose own problems have been told. What the run
    does not find may stand in what could not be read.
    """
    found = Collector()
    build_all(items, config, at, Layout(), several_clusters, found)
    resource = at.origin.resource
    return [one for one in without_absences(found) if one.place.origin.resource != resource]


def build_all(
    items: list[Item],
    config: Config,
    at: Place,
    layout: Layout,
    several_clusters: bool,
    problems: Collector,
) -> Build:
    """Build the items and those in the config itself; `at` is the place of its settings.

    The problems are the build's, and objects of others that have the name of a new one.
    """
    resources = [item_of(data, file=at.origin.file) for data in config.spec.resources]
    built = build([*items, *resources], config, at, layout, several_clusters)
    problems += _resource_problems(resources)
    problems += built.problems
    problems += ownership.conflicts(items, built)
    problems += lost_annotations(items, built)
    return built


def _resource_problems(items: list[Item]) -> Iterator[Problem]:
    """Yield the items in the config that krmfn does not read, since they would be lost."""
    for item in items:
        if item.kind in _READ or item.api_version.startswith("instancetype.kubevirt.io/"):
            continue
        at = item.place.field("kind") if item.kind else item.place
        rule = "spec.resources holds what krmfn reads, and this would be lost"
        known = ", ".join(_READ)
        yield at.error(f"is {show(item.kind)}: {rule}; known are {known}")


def _results(problems: list[Problem]) -> list[Result]:
    """Turn problems into results, at most as many as a report has."""
    return [result_of(problem) for problem in limited(problems)]


def _refused(resources: ResourceList, problems: list[Problem], code: int = PROBLEMS) -> Reply:
    """Answer with the items as they came, and with the problems as results."""
    resources.results = _results(problems)
    return Reply(resources.to_yaml(), problems, code)
