"""`krmfn plan --against`: what a merge of the declarations does to machines that run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import Any

from krmfn.commands.compare_json import as_document
from krmfn.commands.compare_report import Changed, Compared, as_markdown, as_text, shown
from krmfn.commands.comparison import Comparison
from krmfn.commands.declared import declared
from krmfn.commands.earlier_state import (
    NODE_TYPE_LABEL,
    PROVIDER_LABEL,
    EarlierState,
    read_earlier_state,
)
from krmfn.commands.json_form import json_text
from krmfn.commands.outcome import Declared, Inputs
from krmfn.commands.reply import DONE, STALE, Reply, refused
from krmfn.commands.screen import Screen
from krmfn.kubevirt.verdicts import VERDICTS, Strategy
from krmfn.kubevirt.vm_paths import DATA_VOLUMES
from krmfn.nodes.budgets import budgets
from krmfn.nodes.build import Build
from krmfn.nodes.needs import Former
from krmfn.nodes.totals import peak
from krmfn.problems import Code, Collector, Place, Problem, counted
from krmfn.records import record


@record(frozen=True)
class Options:
    """How the change is judged and shown, and what makes the command fail.

    Without a `strategy`, it is that of the cluster, as far as it is known, and else LiveUpdate.
    """

    strategy: Strategy | None = None
    form: str = "text"
    screen: Screen = field(default_factory=Screen)
    max_deletions: int | None = None
    fail_on: frozenset[str] = frozenset()


def plan(
    paths: list[str],
    config: str | None,
    earlier: str,
    options: Options,
    kustomization: str | None = None,
) -> Reply:
    """Show what a merge of the declarations would do to each machine of an earlier state.

    `earlier` is a folder, a file, or `-`.
    """
    outcome = declared(Inputs(paths, config, kustomization), several_clusters=True)
    if isinstance(outcome, Reply):
        return outcome
    built, problems = outcome.built, outcome.problems
    state = read_earlier_state(earlier, outcome, problems)
    if problems.has_errors:
        return refused(problems)
    strategy = options.strategy or built.cluster.rollout_strategy or "LiveUpdate"
    changes = list(Comparison(outcome, strategy).changes(state))
    former = list(_former(changes, state, built))
    over = Collector()
    rows = budgets(built, outcome.others, former, over)
    problems += over
    failures = [*_unsafe(state, options), *_failures(changes, state, over, options)]
    if over.has_errors:
        return refused(problems)
    after = outcome.totals
    compared = Compared(changes, after, peak(after, former), rows, state.abandoned)
    messages = [*failures, *problems]
    text = _text(compared, outcome, messages, options)
    return Reply(text, messages, STALE if failures else DONE)


def _text(compared: Compared, outcome: Declared, messages: list[Problem], options: Options) -> str:
    """Write the plan in the form that the options name; the page holds the messages too."""
    match options.form:
        case "json":
            return json_text(as_document(compared))
        case "markdown":
            return as_markdown(compared)
        case "html":
            # Imported by need: other forms do without them.
            from krmfn.commands.plan import as_document as planned
            from krmfn.commands.plan_page import as_page

            limits = budgets(outcome.built, outcome.others, [], Collector())
            return as_page(planned(outcome, limits), as_document(compared), messages)
        case _:
            return as_text(compared, options.screen)


def _former(changes: list[Changed], state: EarlierState, built: Build) -> Iterator[Former]:
    """Yield what only the earlier state has: machines, and disks whose machine stays."""
    clusters = _clusters(built)
    names = set(clusters.values())
    # A machine whose provider is gone belongs to the only cluster, if there is only one.
    default = names.pop() if len(names) == 1 else ""
    for change in changes:
        if not change.is_machine or change.verdict in ("create", "unchanged"):
            continue
        item = state.objects[change.key]
        namespace = item.namespace
        provider = str(item.labels.get(PROVIDER_LABEL))
        cluster = clusters.get(provider, default)
        if change.verdict == "delete":
            bare_type = item.labels.get(NODE_TYPE_LABEL)
            node_type = f"{provider}.{bare_type}"
            yield Former(cluster, namespace, node_type, item.data)
        elif disks := _removed_disks(change):
            vm = {"spec": {"dataVolumeTemplates": disks}}
            yield Former(cluster, namespace, "", vm, whole=False)


def _clusters(built: Build) -> dict[str, str]:
    """Return the KubeVirt clusters by the names of their providers."""
    clusters = {}
    for offer in built.node_types:
        clusters[offer.provider.metadata.name] = offer.cluster
    return clusters


def _removed_disks(change: Changed) -> list[Any]:
    """Return the whole DataVolume templates that a change removes from a machine."""
    disks = []
    for one in change.fields:
        if one.path[:-1] == DATA_VOLUMES and not one.new:
            disks.append(one.old)
    return disks


def _unsafe(state: EarlierState, options: Options) -> Iterator[Problem]:
    """Refuse to check deletions against manifests of which none is krmfn's."""
    asked = options.max_deletions is not None or "delete" in options.fail_on
    if asked and state.is_unsure:
        message = "no manifest of the earlier state is krmfn's, so no deletion could be seen"
        advice = "compare with what krmfn rendered; before the first render, with an empty folder"
        yield Place().error(f"{message}; {advice}", Code.CHECK)


def _failures(
    changes: list[Changed], state: EarlierState, over: list[Problem], options: Options
) -> Iterator[Problem]:
    """Yield the checks of the command line that fail; `over` are budgets that are not kept."""
    at = Place()
    deleted, most = _deletions(changes) + state.abandoned, options.max_deletions
    others = f", {state.abandoned} of them of another config" if state.abandoned else ""
    if most is not None and deleted > most:
        message = f"{counted(deleted, 'machine')} would be deleted{others}"
        yield at.error(f"{message}; --max-deletions allows {most}", Code.CHECK)
    if state.abandoned and "delete" in options.fail_on:
        message = f"{counted(state.abandoned, 'machine')} of another config would be deleted"
        yield at.error(f"{message}, on which --fail-on fails", Code.CHECK)
    yield from _unwanted(changes, options.fail_on)
    if over and Code.QUOTA in options.fail_on:
        verb = "is" if len(over) == 1 else "are"
        message = f"{counted(len(over), 'budget')} {verb} not kept, on which --fail-on fails"
        yield at.error(message, Code.CHECK)


def _unwanted(changes: list[Changed], fail_on: frozenset[str]) -> Iterator[Problem]:
    """Yield the verdicts on which the command fails, and that objects have."""
    for verdict in VERDICTS:
        if verdict not in fail_on:
            continue
        found = [change for change in shown(changes) if verdict in change.verdicts]
        if found:
            verb = "has" if len(found) == 1 else "have"
            message = f"{_counted_objects(found)} {verb} the verdict {verdict}"
            yield Place().error(f"{message}, on which --fail-on fails", Code.CHECK)


def _counted_objects(changes: list[Changed]) -> str:
    """Count machines, and Secrets that change by themselves: `2 machines and 1 Secret`."""
    machines = sum(change.is_machine for change in changes)
    parts = ((machines, "machine"), (len(changes) - machines, "Secret"))
    return " and ".join(counted(number, noun) for number, noun in parts if number)


def _deletions(changes: list[Changed]) -> int:
    """Count the machines that would be deleted."""
    return sum(change.is_machine and change.verdict == "delete" for change in changes)
