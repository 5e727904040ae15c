"""What a command reads and what comes of it: items and a config become objects and claims."""

from __future__ import annotations

from collections.abc import Callable

from krmfn.commands.function import build_all, config_place, problems_of_others
from krmfn.commands.object_key import Key, rendered_objects
from krmfn.commands.reply import NOTHING, NOTHING_TO_RENDER, Reply, refused
from krmfn.commands.secret_users import Users, rendered_users
from krmfn.manifests.files import read_paths
from krmfn.manifests.item import LOCAL_CONFIG, Item
from krmfn.manifests.yamlio import read
from krmfn.nodes import ownership
from krmfn.nodes.build import Build
from krmfn.nodes.claim import Claim
from krmfn.nodes.needs import Former
from krmfn.nodes.provenance import field_source
from krmfn.nodes.render import Layout, Rendered
from krmfn.nodes.totals import Total, peak, totals
from krmfn.platform.config import KIND, Config
from krmfn.platform.config_reader import is_config, read_config
from krmfn.problems import Collector, Origin, Path, Place
from krmfn.records import record

# The layer that set a field of a machine, and the place of its input, "" if there is none.
Cause = tuple[str, str]
# kustomize's and kpt's own files are for them alone.
_TOOLS = ("kustomize.config.k8s.io/", "kpt.dev/")


@record(frozen=True)
class Inputs:
    """Where a command reads from: files and folders, or a kustomization that is built first.

    `config` names the file with the config. With `inside`, the real path of a folder, files outside
    of it are errors.
    """

    paths: list[str]
    config: str | None = None
    kustomization: str | None = None
    inside: str | None = None


@record(frozen=True)
class Declared:
    """What the inputs declare, built without an error.

    `others` are all items except the config; `problems` are warnings and notices. `objects` are
    those that will be applied, `machines` the claims by the keys of their machines, and `users` the
    machines that name each Secret. `cause` names the input that a field of a machine comes from.
    `manifests` is what kustomize printed, if it ran krmfn.
    """

    others: list[Item]
    built: Build
    problems: Collector
    objects: dict[Key, Rendered]
    machines: dict[Key, Claim]
    users: Users
    cause: Callable[[Key, Path], Cause]
    manifests: str | None = None

    @property
    def owners(self) -> list[str]:
        """The configs that the objects belong to; a kustomization may run several."""
        return self.built.owner.split(", ")

    @property
    def unknown(self) -> list[Rendered]:
        """The machines whose inputs are not known: they were rendered before, or elsewhere."""
        known = self.machines
        return [one for key, one in self.objects.items() if key.is_machine and key not in known]

    @property
    def totals(self) -> list[Total]:
        """What the machines add up to, by cluster and namespace."""
        return peak(totals(self.built), map(_former, self.unknown))


def _former(rendered: Rendered) -> Former:
    """Return what a machine needs of which nothing is known but its manifest."""
    documents, _ = read(rendered.text)
    return Former("", rendered.namespace, "", documents[0].data)


def declared_items(
    items: list[Item],
    candidates: list[Item],
    inputs: Inputs,
    several_clusters: bool,
    problems: Collector,
) -> Declared | Reply:
    """Build items; `candidates` are those among which the config is, unless the inputs name it."""
    missing = Collector()
    config_and_place = _find_config(candidates, inputs, missing)
    # A file that can't be read may hold the config.
    if config_and_place or not problems.has_errors:
        problems += missing
    if config_and_place is None:
        return refused(problems)
    config, at = config_and_place
    if problems.has_errors:
        return refused([*problems, *problems_of_others(items, config, at, several_clusters)])
    accepted = config.spec.accept_warnings
    problems[:] = [one for one in problems if one.is_error or one.code not in accepted]
    built = build_all(items, config, at, Layout(), several_clusters, problems)
    if problems.has_errors:
        return refused(problems)
    if built.nothing:
        problems.append(at.error(NOTHING_TO_RENDER))
        return refused(problems, NOTHING)
    others = [item for item in items if item.origin.resource != at.origin.resource]
    return as_declared(others, built, problems)


def as_declared(others: list[Item], built: Build, problems: Collector) -> Declared:
    """Return what was built as it is: all of it will be applied."""
    machines = {machine_key(claim): claim for claim in built.claims}

    def cause(key: Key, path: Path) -> Cause:
        layer, place = field_source(machines[key], path)
        return layer, place.text if place else ""

    users = rendered_users(built)
    return Declared(others, built, problems, rendered_objects(built), machines, users, cause)


def machine_key(claim: Claim) -> Key:
    """Return the key of the machine that krmfn renders for a claim."""
    return Key("VirtualMachine", claim.namespace, claim.name)


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


def applied_with(outcome: Declared) -> list[Item]:
    """Return the manifests of others that are applied with krmfn's: all but local config."""
    items = foreign(outcome.others, outcome.built)
    return [item for item in items if item.annotations.get(LOCAL_CONFIG) != "true"]


def _find_config(
    candidates: list[Item], inputs: Inputs, problems: Collector
) -> tuple[Config, Place] | None:
    """Find the config of a run and the place of its settings.

    It is the only document of the file that the inputs name, or else the only KubeVirtNodes.
    """
    file = inputs.config
    candidates = [item for item in candidates if item.kind == KIND]
    if file is not None:
        candidates, unreadable = read_paths([file], inputs.inside)
        problems += unreadable
        if unreadable:
            return None
    if len(candidates) != 1:
        where = Place(Origin(file=file)) if file else Place()
        option = "--config" if inputs.inside is None else "the parameter config"
        problems.append(where.error(_not_one(candidates, option)))
        return None
    [item] = candidates
    config = read_config(item, problems)
    return (config, config_place(config, item.place)) if config else None


def _not_one(candidates: list[Item], option: str) -> str:
    """Say why there is no config, or which there are; `option` names one."""
    if not candidates:
        return f"the files hold no {KIND}; write one, or name one with {option}"
    names = sorted(f"{item.name} ({item.origin.file})" for item in candidates)
    return f"must be one config, but there are {len(candidates)}: {', '.join(names)}"
