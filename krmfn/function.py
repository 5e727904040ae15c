"""The KRM function: a ResourceList in, a ResourceList out, problems as results and on stderr."""

from __future__ import annotations

from dataclasses import dataclass

from krmfn import ownership
from krmfn.api.kubevirtnodes import read_config
from krmfn.build import build
from krmfn.krm import ResourceList, Result, item_of, read_resource_list
from krmfn.problems import Place, Problem, errors

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
    items = [*resources.items, *(item_of(data, file=at.origin.file) for data in config.spec.resources)]
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


def _refused(resources: ResourceList, problems: list[Problem], code: int = PROBLEMS) -> Reply:
    resources.results = [Result.of(problem) for problem in problems]
    return Reply(resources.to_yaml(), report(problems), code)


def report(problems: list[Problem]) -> str:
    """The problems as lines: errors first, since clients show the first line best."""
    ranked = sorted(problems, key=lambda problem: ("error", "warning", "info").index(problem.severity))
    return "".join(f"{problem}\n" for problem in ranked)
