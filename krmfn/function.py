"""The KRM function: a ResourceList in, a ResourceList out, problems as results and on stderr."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from krmfn import ownership
from krmfn.api.kubevirtnodes import Config, read_config
from krmfn.build import build
from krmfn.krm import Item, ResourceList, Result, item_of, read_resource_list
from krmfn.problems import Place, Problem, errors, show

_READ = ("NodeProvider", "NodeClaim", "Secret", "ConfigMap")
DONE, PROBLEMS, USAGE, NOTHING, STALE = 0, 1, 2, 3, 4


@dataclass(frozen=True, slots=True)
class Reply:
    """What a run answers: text for stdout, lines for stderr, and the exit code."""

    stdout: str
    stderr: str
    code: int


def run(source: bytes) -> Reply:
    """Answer one ResourceList. With an error the items come back as they were, with results and without a generated object."""
    resources, problems = read_resource_list(source)
    if problems:
        return _refused(ResourceList(), problems)
    config, problems = read_config(resources.functionConfig)
    if config is None or errors(problems):
        return _refused(resources, problems)
    at = resources.functionConfig.place if resources.functionConfig else Place()
    inline = inline_items(config, at)
    problems += inline_problems(inline)
    items = [*resources.items, *inline]
    built = build(items, config, at.field("data" if config.flat else "spec"), ownership.package_folder(resources))
    problems += built.problems
    problems += ownership.conflicts(resources.items, built)
    if built.nothing and not errors(problems):
        return _refused(resources, [*problems, at.error("there is nothing to render: no claim of this config's KubeVirt cluster")], NOTHING)
    if errors(problems):
        return _refused(resources, problems)
    original = list(resources.items)
    texts = [item.text for item in original]
    problems += ownership.apply(resources, built)
    if errors(problems):
        resources.items = original
        for item, text in zip(original, texts, strict=True):
            item.text = text
        return _refused(resources, problems)
    resources.results = [Result.of(problem) for problem in problems]
    return Reply(resources.to_yaml(made.text for made in built.objects), report(problems), DONE)


def inline_items(config: Config, at: Place) -> list[Item]:
    """The items that stand in the config itself."""
    return [item_of(data, file=at.origin.file) for data in config.spec.resources]


def inline_problems(items: list[Item]) -> Iterator[Problem]:
    """What krmfn does not read would be lost there."""
    for item in items:
        known = item.kind in _READ or item.api_version.startswith("instancetype.kubevirt.io/")
        if not known:
            at = item.place.field("kind") if item.kind else item.place
            yield at.error(
                f"is {show(item.kind)}: spec.resources holds what krmfn reads, and this would be lost; known are {', '.join(_READ)}"
            )


def _refused(resources: ResourceList, problems: list[Problem], code: int = PROBLEMS) -> Reply:
    resources.results = [Result.of(problem) for problem in problems]
    return Reply(resources.to_yaml(), report(problems), code)


def report(problems: list[Problem]) -> str:
    """The problems as lines: errors first, since clients show the first line best."""
    ranked = sorted(problems, key=lambda problem: ("error", "warning", "info").index(problem.severity))
    return "".join(f"{problem}\n" for problem in ranked)
