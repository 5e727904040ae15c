"""`krmfn check`: whether a cluster takes finished virtual machines, whoever made them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from krmfn.commands.check_metadata import metadata_problems
from krmfn.commands.check_report import FORMS, Checked
from krmfn.commands.reply import DONE, NOTHING, PROBLEMS, Reply
from krmfn.kubevirt.cluster import Cluster
from krmfn.kubevirt.judge import refusals
from krmfn.kubevirt.merge import without_nulls
from krmfn.manifests.files import read_paths
from krmfn.manifests.index import Index
from krmfn.manifests.item import Item
from krmfn.nodes.kubevirt_cluster import read_cluster
from krmfn.platform.config import KIND, Config, FactsConfig
from krmfn.platform.config_reader import read_config
from krmfn.problems import Code, Collector, Place, Problem, nearest, show
from krmfn.records import record

MACHINE = "VirtualMachine"
_GROUP = "kubevirt.io"
_VERSIONS = ("kubevirt.io/v1", "kubevirt.io/v1alpha3")
_LISTS = (
    ("", "List"),
    (_GROUP, f"{MACHINE}List"),
    (_GROUP, "KubeVirtList"),
    ("config.kubernetes.io", "ResourceList"),
)
_PARTS = ("apiVersion", "kind", "metadata", "spec", "status")


@record(frozen=True)
class Settings:
    """What the config of a run says to a check."""

    cluster: Cluster
    warns_of_unknown: bool = False
    accepted: frozenset[str] = frozenset()

    def unaccepted(self, problems: Iterable[Problem]) -> list[Problem]:
        """Leave out the warnings that the config accepts. The rest comes by line."""
        kept = [one for one in problems if one.is_error or one.code not in self.accepted]
        return sorted(kept, key=lambda one: one.position or (0, 0))


def check(paths: list[str], form: str, config_file: str | None = None) -> Reply:
    """Hold every VirtualMachine among files to the schema and rules of the cluster's KubeVirt.

    The cluster is that of `config_file`, or else of the one KubeVirtNodes among the files, and of
    a KubeVirt object among them. Objects of other kinds are left alone and counted.
    """
    problems = Collector()
    items, unreadable = read_paths(paths)
    problems += unreadable
    opened = _opened(items)
    settings = _settings(opened, config_file, problems)
    machines = [item for item in opened if _is_machine(item)]
    code = PROBLEMS
    if not machines and not problems.has_errors:
        problems.append(Place().error(f"the files hold no {MACHINE}"))
        code = NOTHING
    others = len(opened) - len(machines)
    checked = []
    for item in machines:
        checked.append((item.origin, settings.unaccepted(machine_problems(item, settings))))
    report = Checked(checked, list(problems), others)
    # The other forms tell the problems themselves.
    told = report.all_problems if form == "text" else []
    return Reply(FORMS[form](report), told, code if report.has_errors else DONE)


def _settings(items: list[Item], config_file: str | None, problems: Collector) -> Settings:
    """Return what is known of the cluster."""
    candidates = [item for item in items if item.kind == KIND]
    if config_file is not None:
        candidates, unreadable = read_paths([config_file])
        problems += unreadable
    config: Config | None = None
    if len(candidates) == 1:
        config = read_config(candidates[0], problems, FactsConfig)
    elif len(candidates) > 1:
        message = f"there are {len(candidates)} configs ({KIND})"
        hint = "name the one that counts with --config"
        if config_file is not None:
            message, hint = f"{config_file} has {len(candidates)} configs ({KIND})", "keep one"
        problems.append(Place().error(f"{message}; {hint}"))
    spec = config.spec if config else None
    cluster, _ = read_cluster(Index(items), spec.kubevirt if spec else None, problems)
    if spec is None:
        return Settings(cluster)
    return Settings(cluster, spec.unknown_fields == "Warn", frozenset(spec.accept_warnings))


def _opened(items: Iterable[Item]) -> list[Item]:
    """Return the items, with those of lists in their place, also where lists are in lists."""
    opened: list[Item] = []
    for item in items:
        elements = item.data.get("items")
        if (item.group, item.kind) in _LISTS and isinstance(elements, list):
            opened += _opened(_elements(item, elements))
        else:
            opened.append(item)
    return opened


def _elements(item: Item, elements: list[Any]) -> Iterator[Item]:
    """Yield the elements of a list object as items."""
    # A list of one kind need not repeat it in its elements.
    common = {"apiVersion": item.api_version, "kind": item.kind.removesuffix("List")}
    for number, element in enumerate(elements):
        if isinstance(element, dict):
            yield item.element({**common, **element}, number)


def _is_machine(item: Item) -> bool:
    """Tell whether an item is a VirtualMachine of KubeVirt."""
    return item.kind == MACHINE and item.group == _GROUP


def machine_problems(item: Item, settings: Settings) -> Iterator[Problem]:
    """Yield what is wrong or doubtful with a machine."""
    at = item.place
    if item.api_version not in _VERSIONS:
        message = f"is {show(item.api_version)}; must be one of {', '.join(_VERSIONS)}"
        yield at.field("apiVersion").error(message)
    for key in item.data:
        if key not in _PARTS:
            yield at.field(key).error(f"is an unknown field of a {MACHINE}{nearest(key, _PARTS)}")
    yield from metadata_problems(item)
    spec = item.data.get("spec")
    if not isinstance(spec, dict):
        yield at.field("spec").error("is required" if spec is None else "must be a mapping")
        return
    # An API server stores no nulls.
    vm = without_nulls({**item.data, "kind": MACHINE})
    for refusal in refusals(vm, settings.cluster):
        problem = replace(at.field(*refusal.path).error(refusal.message), code=refusal.code)
        if refusal.is_unknown_field and settings.warns_of_unknown:
            problem = replace(problem, severity="warning", code=Code.UNKNOWN_FIELD)
        elif not refusal.certain:
            problem = replace(problem, severity="warning", code=Code.FEATURE_GATE)
        yield problem
