"""Argo CD's config-management plugin (v2): `krmfn generate` and `krmfn parameters`, run in the application's folder.

The one place that reads the environment: ARGOCD_APP_PARAMETERS (the parameters that are set, as JSON) and ARGOCD_APP_SOURCE_PATH (the
application's folder in its repository). Parameters may come from the repository itself, and so say only where manifests are.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from krmfn.commands.declared import declared, foreign
from krmfn.commands.reply import DONE, NOTHING, PROBLEMS, Reply
from krmfn.manifests import yamlio
from krmfn.manifests.files import STDIN
from krmfn.manifests.item import LOCAL_CONFIG, ORCHESTRATORS, Item
from krmfn.problems import Place, Problem, listed, nearest, report, show

PARAMETERS: list[dict[str, Any]] = [
    {
        "name": "config",
        "title": "Config",
        "tooltip": "The file with the config, from the application's folder on. Unset: the one KubeVirtNodes among the files.",
        "string": "",
    },
    {
        "name": "paths",
        "title": "Further folders",
        "tooltip": "Files and folders of the repository to read beside the application's own, from there on, such as ../shared.",
        "collectionType": "array",
        "array": [],
    },
]
_KINDS = {"config": "string", "paths": "array"}


def parameters() -> Reply:
    """The parameters that an application may set, as Argo CD's `parameters.dynamic` takes them."""
    return Reply(json.dumps(PARAMETERS) + "\n", "", DONE)


def generate(environment: Mapping[str, str]) -> Reply:
    """The application's manifests: what krmfn makes of its folder, and the manifests there that are not krmfn's business.

    No output at all is refused: Argo CD would delete whatever the application has.
    """
    given, problems = _given(environment.get("ARGOCD_APP_PARAMETERS") or "[]")
    if problems:
        return Reply("", report(problems), PROBLEMS)
    paths = [".", *given.get("paths", [])]
    found = declared(
        paths,
        given.get("config") or None,
        inside=_repository(environment.get("ARGOCD_APP_SOURCE_PATH") or "."),
    )
    if isinstance(found, Reply):
        return found
    others = [
        item
        for item in foreign(found.others, found.built)
        if item.annotations.get(LOCAL_CONFIG) != "true"
    ]
    texts = [
        *(yamlio.dump(_plain(item)) for item in others),
        *(made.text for made in found.built.objects),
    ]
    if not texts:
        wrong = Place().error(
            "there is no manifest at all: Argo CD would delete whatever the application has"
        )
        return Reply("", report([*found.problems, wrong]), NOTHING)
    return Reply("---\n".join(texts), report(found.problems), DONE)


def _given(text: str) -> tuple[dict[str, Any], list[Problem]]:
    """The parameters that are set, by name; each of the kind that was announced."""
    at = Place().field("ARGOCD_APP_PARAMETERS")
    try:
        # Where none is set, Argo CD sends `null`.
        values = json.loads(text) or []
    except ValueError:
        return {}, [at.error("is no JSON")]
    given: dict[str, Any] = {}
    problems: list[Problem] = []
    for value in values if isinstance(values, list) else [None]:
        name = value.get("name") if isinstance(value, dict) else None
        if not isinstance(value, dict) or not isinstance(name, str):
            problems.append(at.error("must be a list of parameters, each with a name"))
        elif name not in _KINDS:
            problems.append(
                at.error(
                    f"has {show(name)}, no parameter of krmfn; known are {listed(sorted(_KINDS))}{nearest(name, _KINDS)}"
                )
            )
        elif not _fits(value.get(_KINDS[name]), _KINDS[name]):
            problems.append(at.error(f"has {show(name)}, which must be set as {_KINDS[name]}"))
        else:
            given[name] = value[_KINDS[name]]
    return given, problems


def _fits(value: Any, kind: str) -> bool:
    if kind == "array":
        return isinstance(value, list) and all(
            isinstance(path, str) and path and path != STDIN for path in value
        )
    return isinstance(value, str) and value != STDIN


def _repository(source_path: str) -> str:
    """The repository's folder, from the application's, which is the working directory."""
    here = os.path.realpath(".")
    depth = sum(part not in ("", ".") for part in source_path.split("/"))
    for _ in range(depth):
        here = os.path.dirname(here)
    return here


def _plain(item: Item) -> dict[str, Any]:
    """A manifest without what orchestrators note on it for themselves."""
    kept = {
        key: value for key, value in item.annotations.items() if not key.startswith(ORCHESTRATORS)
    }
    if len(kept) == len(item.annotations):
        return item.data
    metadata = {key: value for key, value in item.metadata.items() if key != "annotations"} | (
        {"annotations": kept} if kept else {}
    )
    return {**item.data, "metadata": metadata}
