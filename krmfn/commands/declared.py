"""What files declare, built: the way from paths to objects that all commands share."""

from __future__ import annotations

from dataclasses import dataclass

from krmfn.commands.function import build_all
from krmfn.commands.reply import NOTHING, NOTHING_TO_RENDER, PROBLEMS, Reply
from krmfn.manifests.files import read_paths
from krmfn.manifests.item import Item
from krmfn.nodes import ownership
from krmfn.nodes.build import Build
from krmfn.nodes.render import Layout
from krmfn.platform.config import KIND, Config, read_config
from krmfn.problems import Origin, Place, Problem, errors, report


@dataclass(frozen=True, slots=True)
class Declared:
    """What files declare, built without an error: all items but the config, what came of them, and the warnings."""

    others: list[Item]
    built: Build
    problems: list[Problem]


def declared(
    paths: list[str],
    config_file: str | None,
    several_clusters: bool = False,
    inside: str | None = None,
) -> Declared | Reply:
    """Build what the files declare; with an error, the answer that tells of it. With `inside`, no file of elsewhere is read."""
    items, problems = read_paths(paths, inside)
    config, at, wrong = _config(items, config_file, inside)
    # A file that can't be read may hold the config.
    problems += [] if errors(problems) and config is None else wrong
    if config is None or errors(problems):
        return Reply("", report(problems), PROBLEMS)
    built, found = build_all(items, config, at, Layout(), several_clusters)
    problems += found
    if errors(problems):
        return Reply("", report(problems), PROBLEMS)
    if built.nothing:
        return Reply("", report([*problems, at.error(NOTHING_TO_RENDER)]), NOTHING)
    return Declared(
        [item for item in items if item.origin.resource != at.origin.resource], built, problems
    )


def foreign(items: list[Item], built: Build) -> list[Item]:
    """The manifests that krmfn neither reads nor makes; kustomize's and kpt's own files are none."""
    consumed = {id(item) for item in built.consumed}
    return [
        item
        for item in items
        if id(item) not in consumed
        and item.kind != KIND
        and not item.api_version.startswith(("kustomize.config.k8s.io/", "kpt.dev/"))
        and not ownership.is_earlier(item, built.owner)
    ]


def _config(
    items: list[Item], file: str | None, inside: str | None
) -> tuple[Config | None, Place, list[Problem]]:
    """The config of a run: the file's, or the one KubeVirtNodes among the items."""
    problems: list[Problem] = []
    found = [item for item in items if item.kind == KIND]
    if file is not None:
        found, problems = read_paths([file], inside)
    if problems or len(found) != 1:
        names = ", ".join(sorted(f"{item.name} ({item.origin.file})" for item in found))
        where = Place(Origin(file=file)) if file else Place()
        text = (
            f"must be one config, but there are {len(found)}: {names}"
            if found
            else f"there is no {KIND} among the files; write one, or name one with --config"
        )
        return None, where, problems or [where.error(text)]
    config, problems = read_config(found[0])
    at = found[0].place.field("data" if config and config.flat else "spec")
    return config, at, problems
