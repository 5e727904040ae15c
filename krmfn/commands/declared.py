"""What files declare, built: the way from paths to objects that all commands share."""

from __future__ import annotations

from dataclasses import dataclass

from krmfn.commands.function import build_all, config_place, problems_of_others
from krmfn.commands.reply import NOTHING, NOTHING_TO_RENDER, Reply, refused
from krmfn.manifests.files import read_paths
from krmfn.manifests.item import Item
from krmfn.nodes import ownership
from krmfn.nodes.build import Build
from krmfn.nodes.render import Layout
from krmfn.platform.config import KIND, Config, is_config, read_config
from krmfn.problems import Collector, Origin, Place

# kustomize's and kpt's own files are for them alone.
_TOOLS = ("kustomize.config.k8s.io/", "kpt.dev/")


@dataclass(frozen=True, slots=True)
class Declared:
    """What files declare, built without an error.

    `others` are all items except the config; `problems` are warnings and notices.
    """

    others: list[Item]
    built: Build
    problems: Collector


def declared(
    paths: list[str],
    config_file: str | None,
    several_clusters: bool = False,
    inside: str | None = None,
) -> Declared | Reply:
    """Build what the files declare. If there is an error, return the answer that reports it.

    With `inside`, the real path of a folder, files outside of it are errors.
    """
    problems = Collector()
    items, unreadable = read_paths(paths, inside)
    problems += unreadable
    missing = Collector()
    config_and_place = _find_config(items, config_file, inside, missing)
    # A file that can't be read may hold the config.
    if config_and_place or not unreadable:
        problems += missing
    if config_and_place is None:
        return refused(problems)
    if problems.has_errors:
        config, at = config_and_place
        return refused([*problems, *problems_of_others(items, config, at, several_clusters)])
    config, at = config_and_place
    built = build_all(items, config, at, Layout(), several_clusters, problems)
    if problems.has_errors:
        return refused(problems)
    if built.nothing:
        problems.append(at.error(NOTHING_TO_RENDER))
        return refused(problems, NOTHING)
    others = [item for item in items if item.origin.resource != at.origin.resource]
    return Declared(others, built, problems)


def foreign(items: list[Item], built: Build) -> list[Item]:
    """Return the manifests that krmfn neither reads nor makes, except for other tools' files."""
    consumed = {item.origin for item in built.consumed}
    result = []
    for item in items:
        is_ours = item.origin in consumed or is_config(item)
        is_tools = item.api_version.startswith(_TOOLS)
        is_known = is_ours or is_tools or item.is_plain
        if not is_known and not ownership.is_earlier(item, built.owner):
            result.append(item)
    return result


def _find_config(
    items: list[Item], file: str | None, inside: str | None, problems: Collector
) -> tuple[Config, Place] | None:
    """Find the config of a run and the place of its settings.

    It is the only document of `file`, or else the only KubeVirtNodes among the items.
    """
    candidates = [item for item in items if item.kind == KIND]
    if file is not None:
        candidates, unreadable = read_paths([file], inside)
        problems += unreadable
        if unreadable:
            return None
    if len(candidates) != 1:
        where = Place(Origin(file=file)) if file else Place()
        option = "--config" if inside is None else "the parameter config"
        problems.append(where.error(_not_one(candidates, option)))
        return None
    [item] = candidates
    config = read_config(item, problems)
    return (config, config_place(config, item.place)) if config else None


def _not_one(candidates: list[Item], option: str) -> str:
    """Say why there is no config, or which there are; `option` names one."""
    if not candidates:
        return f"there is no {KIND} among the files; write one, or name one with {option}"
    names = sorted(f"{item.name} ({item.origin.file})" for item in candidates)
    return f"must be one config, but there are {len(candidates)}: {', '.join(names)}"
