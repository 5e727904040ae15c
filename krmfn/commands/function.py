"""The KRM function: a ResourceList in, a ResourceList out, problems as results and on stderr."""

from __future__ import annotations

from collections.abc import Iterator

from krmfn.commands.reply import DONE, NOTHING, NOTHING_TO_RENDER, PROBLEMS, Reply
from krmfn.manifests.item import Item, item_of
from krmfn.manifests.resource_list import ResourceList, read_resource_list
from krmfn.manifests.results import result_of
from krmfn.nodes import ownership
from krmfn.nodes.build import Build, build
from krmfn.nodes.render import Layout
from krmfn.platform.config import Config, read_config
from krmfn.problems import Place, Problem, errors, limited, report, show

_READ = ("NodeProvider", "NodeClaim", "Secret", "ConfigMap")


def run(source: bytes) -> Reply:
    """Answer one ResourceList. With an error the items come back as they were, with results and without a generated object."""
    resources, problems = read_resource_list(source)
    if problems:
        return _refused(ResourceList(), problems)
    config, problems = read_config(resources.functionConfig)
    if config is None or errors(problems):
        return _refused(resources, problems)
    at = resources.functionConfig.place if resources.functionConfig else Place()
    spec = at.field("data" if config.flat else "spec")
    built, found = build_all(
        resources.items, config, spec, Layout(ownership.package_folder(resources), resources.column)
    )
    problems += found
    if errors(problems):
        return _refused(resources, problems)
    if built.nothing:
        return _refused(resources, [*problems, at.error(NOTHING_TO_RENDER)], NOTHING)
    original = list(resources.items)
    texts = [item.text for item in original]
    problems += ownership.apply(resources, built)
    if errors(problems):
        resources.items = original
        for item, text in zip(original, texts, strict=True):
            item.text = text
        return _refused(resources, problems)
    resources.results = [result_of(problem) for problem in limited(problems)]
    return Reply(resources.to_yaml(_texts(built)), report(problems), DONE)


def _texts(built: Build) -> Iterator[str]:
    """The texts of what was made, each let go of as soon as it is in the output: there are a hundred megabytes of them."""
    objects, built.objects = built.objects[::-1], []
    while objects:
        yield objects.pop().text


def build_all(
    items: list[Item], config: Config, at: Place, layout: Layout, several_clusters: bool = False
) -> tuple[Build, list[Problem]]:
    """Build the items and those that stand in the config itself; the problems are the build's and the conflicts that it meets."""
    inline = [item_of(data, file=at.origin.file) for data in config.spec.resources]
    built = build([*items, *inline], config, at, layout, several_clusters)
    return built, [*_inline_problems(inline), *built.problems, *ownership.conflicts(items, built)]


def _inline_problems(items: list[Item]) -> Iterator[Problem]:
    """What krmfn does not read would be lost there."""
    for item in items:
        known = item.kind in _READ or item.api_version.startswith("instancetype.kubevirt.io/")
        if not known:
            at = item.place.field("kind") if item.kind else item.place
            yield at.error(
                f"is {show(item.kind)}: spec.resources holds what krmfn reads, and this would be lost; known are {', '.join(_READ)}"
            )


def _refused(resources: ResourceList, problems: list[Problem], code: int = PROBLEMS) -> Reply:
    resources.results = [result_of(problem) for problem in limited(problems)]
    return Reply(resources.to_yaml(), report(problems), code)
