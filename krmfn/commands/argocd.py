"""Argo CD's config-management plugin (v2): `krmfn generate` and `krmfn parameters`.

Argo CD runs them in the application's folder. This is the only place that reads the environment:
ARGOCD_APP_PARAMETERS (the parameters that are set, as JSON) and ARGOCD_APP_SOURCE_PATH (the
application's folder in its repository). Parameters may come from the repository itself, so they
only say where manifests are.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from krmfn.commands.declared import declared
from krmfn.commands.kustomizations import ignored_errors
from krmfn.commands.outcome import Inputs, applied_with
from krmfn.commands.reply import DONE, NOTHING, Reply, refused
from krmfn.manifests import yamlio
from krmfn.manifests.files import STDIN
from krmfn.problems import Collector, Place, listed, nearest, show

PARAMETERS: list[dict[str, Any]] = [
    {
        "name": "config",
        "title": "Config",
        "tooltip": (
            "The file with the config, from the application's folder on. Unset: the one "
            "KubeVirtNodes among the files."
        ),
        "string": "",
    },
    {
        "name": "paths",
        "title": "Further folders",
        "tooltip": (
            "Files and folders of the repository to read beside the application's own, from "
            "there on, such as ../shared."
        ),
        "collectionType": "array",
        "array": [],
    },
]
_KINDS = {"config": "string", "paths": "array"}


def parameters() -> Reply:
    """Print the parameters that an application may set, in the form of `parameters.dynamic`."""
    return Reply(json.dumps(PARAMETERS) + "\n", [], DONE)


def generate(environment: Mapping[str, str], kustomization: str | None = None) -> Reply:
    """Print the application's manifests: krmfn's objects and what is not krmfn's business.

    With a `kustomization`, kustomize builds that first; else one that does more than list files is
    an error. An empty answer is refused, since Argo CD would delete whatever the application has.
    """
    problems = Collector()
    given = _read_parameters(environment.get("ARGOCD_APP_PARAMETERS") or "[]", problems)
    further = given.get("paths", [])
    if kustomization is not None and further:
        at = Place().field("ARGOCD_APP_PARAMETERS")
        advice = "list the files in the kustomization"
        problems.append(at.error(f'has "paths", but kustomize builds one folder; {advice}'))
    paths = [".", *further]
    repository = _repository(environment.get("ARGOCD_APP_SOURCE_PATH") or ".")
    if kustomization is None and not problems:
        problems += ignored_errors(paths, repository)
    if problems:
        return refused(problems)
    config = given.get("config") or None
    outcome = declared(Inputs(paths, config, kustomization, inside=repository))
    if isinstance(outcome, Reply):
        return outcome
    manifests = outcome.manifests
    if manifests is None:
        # As they would be deployed, without the notes of orchestrators.
        texts = [yamlio.dump(item.manifest) for item in applied_with(outcome)]
        texts += [rendered.text for rendered in outcome.built.objects]
        manifests = "---\n".join(texts)
    if not manifests.strip():
        danger = "Argo CD would delete whatever the application has"
        problem = Place().error(f"the folder gives no manifest: {danger}")
        return refused([*outcome.problems, problem], NOTHING)
    return Reply(manifests, outcome.problems, DONE)


def _read_parameters(text: str, problems: Collector) -> dict[str, Any]:
    """Read the parameters that are set, by name, each of the kind that was announced."""
    at = Place().field("ARGOCD_APP_PARAMETERS")
    try:
        # If none is set, Argo CD sends `null`.
        values = json.loads(text) or []
    except ValueError:
        problems.append(at.error("is not JSON"))
        return {}
    given: dict[str, Any] = {}
    for value in values if isinstance(values, list) else [None]:
        name = value.get("name") if isinstance(value, dict) else None
        if not isinstance(value, dict) or not isinstance(name, str):
            problems.append(at.error("must be a list of parameters, each with a name"))
            continue
        kind = _KINDS.get(name)
        if kind is None:
            known = f"known are {listed(sorted(_KINDS))}{nearest(name, _KINDS)}"
            problems.append(at.error(f"has {show(name)}, no parameter of krmfn; {known}"))
        elif not _fits(value.get(kind), kind):
            problems.append(at.error(f"has {show(name)}, which must be set as {kind}"))
        else:
            given[name] = value[kind]
    return given


def _fits(value: Any, kind: str) -> bool:
    """Tell whether a parameter has a value of its kind."""
    if kind == "array":
        return isinstance(value, list) and all(path and _is_path(path) for path in value)
    return _is_path(value)


def _is_path(value: Any) -> bool:
    """Tell whether a value can name a file; standard input is not one."""
    return isinstance(value, str) and value != STDIN


def _repository(source_path: str) -> str:
    """Return the repository's folder.

    `source_path` is the application's folder in it, which is also the working directory.
    """
    folder = os.path.realpath(".")
    for part in source_path.split("/"):
        if part not in ("", "."):
            folder = os.path.dirname(folder)
    return folder
