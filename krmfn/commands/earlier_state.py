"""The earlier state that `krmfn plan --against` reads: a folder, a file, or manifests on stdin.

An earlier state that is not whole is an error. What krmfn did not make, or made for another config
or another cluster, is left out, and a notice counts it.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cached_property

from krmfn.commands.field_owners import applied_fields, is_live
from krmfn.commands.kustomizations import ignored_warnings
from krmfn.commands.object_key import Key, key_of
from krmfn.commands.outcome import Declared
from krmfn.commands.secret_users import Users, earlier_users
from krmfn.machine.marks import OURS, OWNER
from krmfn.manifests.files import STDIN, KnownDocuments, read_paths
from krmfn.manifests.item import Item, item_of
from krmfn.manifests.secret_names import owner_of_secret
from krmfn.manifests.yamlio import read
from krmfn.nodes import ownership
from krmfn.nodes.build import Build
from krmfn.problems import Code, Collector, Origin, Place, Problem, counted, listed, redacted
from krmfn.records import record

PROVIDER_LABEL = f"{OURS}node-provider"
NODE_TYPE_LABEL = f"{OURS}node-type"
# What a machine was made for, by the keys of a claim in a NodePlan, and the marks that say so.
_MARKS = {
    "virtualCluster": f"{OURS}virtual-cluster",
    "provider": PROVIDER_LABEL,
    "nodeType": NODE_TYPE_LABEL,
    "pool": f"{OURS}pool",
}
_KINDS = ("Secret", "VirtualMachine")
_DECLARATIONS = ("KubeVirtNodes", "NodeProvider", "NodeClaim")
_ELSEWHERE = "another cluster"


@record(frozen=True)
class EarlierState:
    """The objects of an earlier state that this config owns.

    Those that the declarations give again, to the byte, are `unchanged`, and are not parsed.
    `users` are the machines that name each Secret. `abandoned` machines are of another config, and
    would be this one's if that was renamed. `is_unsure`: it is of files, none of them krmfn's.
    """

    objects: dict[Key, Item]
    unchanged: set[Key]
    users: Users
    abandoned: int = 0
    is_unsure: bool = False


def read_earlier_state(path: str, outcome: Declared, problems: Collector) -> EarlierState:
    """Read the earlier state of what is declared; `path` is a folder, a file, or `-`.

    The problems leave out the notices that the config accepts. Use the state only if there is no
    error among them.
    """
    name = "standard input" if path == STDIN else path
    at = Place(Origin(file=name))
    built = outcome.built
    keys = {rendered.text: key for key, rendered in outcome.objects.items()}
    known = KnownDocuments(keys)
    collected = Collector()
    items, unreadable = read_paths([path], known=known)
    collected += unreadable
    collected += ignored_warnings([path], "pipe in kustomize build {}")
    sorter = _sorted(items, Counter(known.recognised), outcome, at, collected)
    is_known_empty = known.says_nothing or os.path.isdir(path)
    if sorter.is_empty and not is_known_empty and not collected.has_errors:
        advice = "an empty one is an empty folder, or a v1 List without items"
        message = f"has no machine and no Secret, so it is not an earlier state; {advice}"
        collected.append(at.error(message))
    users = earlier_users(sorter.objects, sorter.unchanged, outcome.users)
    collected += _missing_halves(sorter.owned, users, at)
    collected += _without_owners(sorter.objects.values(), at)
    nothing = not sorter.owned and not collected.has_errors
    if nothing:
        message = f"holds nothing that krmfn made for {built.owner}: all is new"
        collected.append(at.notice(message, Code.NOTHING_EARLIER))
    collected += sorter.left_out(at)
    problems += (one for one in collected if one.is_error or one.code not in built.accepted)
    abandoned = 0 if Code.RENAMED_OWNER in built.accepted else sorter.abandoned.total()
    is_unsure = nothing and _is_unsure(sorter, items, built)
    return EarlierState(sorter.objects, sorter.unchanged, users, abandoned, is_unsure)


def _sorted(
    items: list[Item], copies: Counter[Key], outcome: Declared, at: Place, problems: Collector
) -> _Sorter:
    """Sort the objects of an earlier state; `copies` counts those that come out again."""
    for key, number in copies.items():
        if number > 1:
            problems.append(at.error(f"has {key.kind} {key.namespace}/{key.name} twice"))
    sorter = _Sorter(outcome, set(copies))
    for item in items:
        sorter.add(item, problems)
    problems += sorter.overwritten()
    problems += _declarations(items, sorter, at)
    return sorter


def _is_unsure(sorter: _Sorter, items: list[Item], built: Build) -> bool:
    """Tell whether files have manifests, and none that krmfn made."""
    is_accepted = Code.NOTHING_EARLIER in built.accepted
    return not (is_accepted or sorter.has_owners or all(map(is_live, items)))


class _Sorter:
    """Sorts the objects of an earlier state by whose they are."""

    def __init__(self, outcome: Declared, unchanged: set[Key]) -> None:
        self.objects: dict[Key, Item] = {}
        self.unchanged = unchanged
        self._owners = outcome.owners
        self._rendered = set(outcome.objects)
        self._elsewhere = _providers_elsewhere(outcome.built)
        # The machines of other configs that this one makes too, as it seems, by owner.
        self.abandoned: Counter[str] = Counter()
        self._outcome = outcome
        self._foreign = 0
        self._other_owners: Counter[str] = Counter()
        self._of_others: dict[Key, Problem] = {}

    @property
    def owned(self) -> set[Key]:
        """The objects that this config owns."""
        return {*self.objects, *self.unchanged}

    @property
    def has_owners(self) -> bool:
        """Whether there is an object that krmfn made, for whatever config."""
        return bool(self.owned or self._other_owners)

    @property
    def is_empty(self) -> bool:
        """Whether there is no machine and no Secret at all."""
        return not (self.has_owners or self._foreign)

    def add(self, item: Item, problems: Collector) -> None:
        """Count an object for its owner.

        `problems` gets what the change would overwrite, and what stands there twice.
        """
        if item.kind not in _KINDS:
            return
        key = key_of(item)
        if OWNER not in item.annotations:
            self._add_foreign(key, item, problems)
        elif not any(ownership.is_earlier(item, owner) for owner in self._owners):
            self._add_of_other_owner(key, item)
            self._add_abandoned(key, item)
        elif str(item.labels.get(PROVIDER_LABEL)) in self._elsewhere:
            self._other_owners[_ELSEWHERE] += 1
        elif key in self.objects or key in self.unchanged:
            problems.append(item.place.error("stands in the earlier state twice"))
        else:
            self.objects[key] = item

    def _add_foreign(self, key: Key, item: Item, problems: Collector) -> None:
        """Count an object that krmfn did not make."""
        self._foreign += 1
        if key in self._rendered:
            advice = "give the pool or claim another name"
            message = f"is not krmfn's, and the change would overwrite it; {advice}"
            problems.append(item.place.error(message))

    def _add_of_other_owner(self, key: Key, item: Item) -> None:
        """Count an object of another config.

        It is an error only if the change would overwrite it, and if this config's own state does
        not have the object too.
        """
        owner = str(item.annotations.get(OWNER, "no owner"))
        self._other_owners[owner] += 1
        message = f"is of {redacted(owner)}, and the change would overwrite it"
        self._of_others[key] = item.place.error(message)

    def _add_abandoned(self, key: Key, item: Item) -> None:
        """Count a machine of another config for what this one makes machines for."""
        if not key.is_machine or key in self._rendered:
            return
        virtual_cluster, provider = marks = _marks(item)
        built = self._outcome.built
        is_ours = virtual_cluster in built.virtual_clusters and provider in built.providers
        if is_ours or marks in self._kustomized_for:
            self.abandoned[str(item.annotations[OWNER])] += 1

    @cached_property
    def _kustomized_for(self) -> set[tuple[str, str]]:
        """What the machines are made for of which nothing but the manifest is known.

        They are parsed for that, so only if there is a machine of another config.
        """
        pairs = set()
        for rendered in self._outcome.unknown:
            documents, _ = read(rendered.text)
            pairs.add(_marks(item_of(documents[0].data)))
        return pairs

    def overwritten(self) -> Iterator[Problem]:
        """Yield the objects of other owners that the change would overwrite."""
        for key, problem in self._of_others.items():
            if key in self._rendered and key not in self.owned:
                yield problem

    def left_out(self, at: Place) -> Iterator[Problem]:
        """Yield notices of what is left out."""
        for owner, count in sorted(self._other_owners.items()):
            message = f"holds {counted(count, 'object')} of {redacted(owner)}, left out here"
            yield at.notice(message, Code.OTHER_OWNER)
            if number := self.abandoned[owner]:
                whose = f"the config {redacted(owner)} has {counted(number, 'machine')}"
                purpose = "for virtual clusters and providers of this one"
                fate = "if it was renamed, a prune deletes them with their disks"
                message = f"{whose} {purpose}; {fate}"
                yield at.warning(message, Code.RENAMED_OWNER)
        if self._foreign:
            what = f"{counted(self._foreign, 'object')} that krmfn did not make"
            yield at.notice(f"holds {what}, left out here", Code.NOT_KRMFN)


def _marks(item: Item) -> tuple[str, str]:
    """Return the virtual cluster and the provider that a machine was made for."""
    marks = {**item.annotations, **item.labels}
    return str(marks.get(_MARKS["virtualCluster"])), str(marks.get(PROVIDER_LABEL))


def _declarations(items: list[Item], sorter: _Sorter, at: Place) -> Iterator[Problem]:
    """Refuse declarations that stand where what krmfn made of them is asked for."""
    declared = next((item for item in items if item.kind in _DECLARATIONS), None)
    if declared and not sorter.has_owners:
        what = f"{declared.kind} {redacted(declared.name)}"
        advice = "an earlier state is what krmfn made: pipe in krmfn render DIR, with --against -"
        yield at.error(f"holds declarations, such as {what}; {advice}")


def origin_of(item: Item) -> dict[str, str | None]:
    """Return what a machine was made for, by the keys of a claim in a NodePlan.

    A value that is no legal label stands among the annotations.
    """
    marks = {**item.annotations, **item.labels}
    origin: dict[str, str | None] = {}
    for name, mark in _MARKS.items():
        origin[name] = redacted(str(marks[mark])) if mark in marks else None
    return origin


def _pool(node: str) -> str:
    """Return what the name of a pool's node begins with, before its number."""
    return node.rpartition("-")[0]


def _missing_halves(keys: Iterable[Key], users: Users, at: Place) -> Iterator[Problem]:
    """Check that every machine has its Secrets, and every Secret a machine."""
    keys = set(keys)
    machines = {key for key in keys if key.is_machine}
    secrets = keys - machines
    if machines and not secrets:
        message = "has machines and no Secret: changes of their user data are not shown"
        yield at.notice(message, Code.NO_SECRETS)
        return
    half = {user for secret in users.keys() - secrets for user in users[secret]}
    # A Secret of machines that name another one by now is only left over.
    named = {(key.namespace, name) for key in machines for name in (key.name, _pool(key.name))}
    for secret in secrets - users.keys():
        name = owner_of_secret(secret.name)
        if (secret.namespace, name) not in named:
            half.add(Key(secret.kind, secret.namespace, name))
    if half:
        names = listed(sorted({str(key) for key in half}))
        message = f"is not whole: of {names} there is only the machine or only its Secret"
        yield at.error(message)


def _without_owners(items: Iterable[Item], at: Place) -> Iterator[Problem]:
    """Yield a notice of live objects that do not tell which of their fields were declared."""
    count = sum(is_live(item) and applied_fields(item) is None for item in items)
    if count:
        message = f"has {count} live objects without managedFields, so some fields that go with"
        advice = "use kubectl get --show-managed-fields"
        yield at.notice(f"{message} the change are not shown; {advice}", Code.NO_FIELD_OWNERS)


def _providers_elsewhere(built: Build) -> set[str]:
    """Return the providers among the items whose cluster this run does not render."""
    providers = {item.name for item in built.consumed if item.kind == "NodeProvider"}
    return providers - built.providers
