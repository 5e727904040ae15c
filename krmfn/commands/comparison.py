"""Compares the objects of an earlier state with what the declarations give now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from krmfn.commands.compare_report import Changed
from krmfn.commands.declaration import declaration, without_user_data
from krmfn.commands.earlier_state import EarlierState, origin_of
from krmfn.commands.object_key import Key
from krmfn.commands.outcome import Declared
from krmfn.commands.secret_changes import SecretChanges
from krmfn.kubevirt import types
from krmfn.kubevirt.canonical import canonical
from krmfn.kubevirt.differences import Change
from krmfn.kubevirt.verdicts import Strategy, heaviest, judged
from krmfn.kubevirt.vm_paths import DATA_VOLUMES, Map, get, mappings
from krmfn.manifests.item import Item
from krmfn.manifests.secret_names import NETWORK_SUFFIX
from krmfn.manifests.shapes import ShapeReader, renamed, replaceable, shape_of
from krmfn.nodes.claim import Claim, Group
from krmfn.problems import Path, Place

# The cause of a machine whose inputs are not known.
_UNKNOWN = "the kustomization"


class Comparison:
    """Compares objects with what they become.

    Machines that differ in their names alone are compared once.
    """

    def __init__(self, outcome: Declared, strategy: Strategy) -> None:
        self._after = outcome.objects
        self._users = outcome.users
        self._claims = outcome.machines
        self._cause = outcome.cause
        self._strategy = strategy
        self._cluster = outcome.built.cluster
        # The rest remembers what was read and compared already.
        self._alike = ShapeReader()
        self._secrets = SecretChanges()
        # By the shapes of both texts: the name of the machine that was compared, its changes.
        self._known: dict[tuple[str, str], tuple[str, list[Change]]] = {}
        self._pool_causes: dict[tuple[Group, Path], str] = {}
        # By a machine of the earlier state, the Secret with its user data.
        self._former_secrets: dict[Key, Key] = {}

    def changes(self, state: EarlierState) -> Iterator[Changed]:
        """Yield every object with what becomes of it, in the order of their names."""
        for secret, users in state.users.items():
            if secret in state.objects and not secret.name.endswith(NETWORK_SUFFIX):
                self._former_secrets.update(dict.fromkeys(users, secret))
        keys = {*state.objects, *self._after}
        for key in sorted(keys, key=lambda key: key.rank):
            before = state.objects.get(key)
            if before and key not in self._after:
                yield self._deleted(key, before, state)
            elif key in state.unchanged:
                yield Changed(key, "unchanged")
            else:
                yield self._changed(key, before, state)

    def _changed(self, key: Key, before: Item | None, state: EarlierState) -> Changed:
        """Compare an object that is still declared with what it was, if there was one."""
        after, users = self._after[key], self._users.get(key, [])
        # A Secret that the nodes of a pool share is compared as the first one's.
        machine = next(iter(users), key)
        claim = self._claims.get(machine)
        request = str(claim.request) if claim else _UNKNOWN
        if before is None:
            joins = [] if key.is_machine else self._joins_again(after.text, users, state)
            causes = [request] * len(joins)
            return Changed(key, "create", joins, causes, request, users=users)
        fields = self._fields(key, before, after.text, machine.name)
        verdict = heaviest([change.verdict for change in fields])
        causes = [request] * len(fields)
        if key.is_machine:
            causes = self._causes(key, fields, claim)
        return Changed(key, verdict, fields, causes, users=users)

    def _joins_again(self, text: str, users: list[Key], state: EarlierState) -> list[Change]:
        """Return why machines that have another Secret now join again, of the first of them."""
        user = next((user for user in users if user in self._former_secrets), None)
        if user is None:
            return []
        old = state.objects[self._former_secrets[user]].data
        return list(self._secrets.joins_again(old, self._alike.read(text), user.name))

    def _deleted(self, key: Key, item: Item, state: EarlierState) -> Changed:
        """Describe an object that goes, with what goes with it and who still needs it."""
        volumes, users, origin = [], [], {}
        if key.is_machine:
            origin = origin_of(item)
            for template in mappings(get(item.data, DATA_VOLUMES)):
                volumes.append(str(get(template, ("metadata", "name"))))
        else:
            users = [user for user in state.users.get(key, []) if user in self._after]
            users = users or state.users.get(key, [])
        cause = "no claim asks for it any more"
        return Changed(key, "delete", cause=cause, data_volumes=volumes, users=users, origin=origin)

    def _fields(self, key: Key, before: Item, text: str, name: str) -> list[Change]:
        """Return the fields of a claim's object that differ; `name` is the claim's.

        Two pairs of texts that differ in their claims' names alone have the same shapes, and so
        the same changes, under other names.
        """
        has_shape = bool(before.text) and replaceable(name)
        if not key.is_machine or not has_shape:
            return self._differing(key, before, text)
        shapes = shape_of(before.text, name), shape_of(text, name)
        if shapes not in self._known:
            self._known[shapes] = name, self._differing(key, before, text)
        other, changes = self._known[shapes]
        if other == name:
            return changes
        return [_renamed(change, other, name) for change in changes]

    def _causes(self, key: Key, changes: list[Change], claim: Claim | None) -> list[str]:
        """Return the inputs that the fields of a machine come from.

        The machines of one pool have the same, but for their claims' names in the paths.
        """
        if claim is None or claim.pool is None:
            return [self._input(key, change.path) for change in changes]
        causes = []
        for change in changes:
            alike = claim.group, renamed(change.path, key.name, "\0")
            if alike not in self._pool_causes:
                self._pool_causes[alike] = self._input(key, change.path)
            causes.append(self._pool_causes[alike])
        return causes

    def _input(self, key: Key, path: Path) -> str:
        """Return the input that a field of a machine comes from."""
        layer, place = self._cause(key, path)
        return place or layer

    def _differing(self, key: Key, before: Item, text: str) -> list[Change]:
        """Compare an object with its new text, field by field.

        A Secret's data is compared in clear, whichever key declares it. What may be secret of it is
        never shown (`krmfn.commands.join_changes`).
        """
        new = self._alike.read(text)
        if key.is_machine:
            return self._machine_changes(before, _canonical(new))
        old = declaration(before, new)
        changes = list(self._secrets.differences(old, new))
        changes += self._secret_metadata(old, new)
        return changes

    def _machine_changes(self, before: Item, new: Map) -> list[Change]:
        """Return the fields of a machine that differ, without the user data in them.

        The earlier machine is brought into the form in which krmfn writes machines, so that other
        spellings of a value are no changes.
        """
        declared = declaration(before, new)
        old = _canonical(declared)
        changes = judged(old, new, self._strategy, self._cluster)
        return [_without_user_data(change) for change in changes]

    def _secret_metadata(self, old: Map, new: Map) -> Iterator[Change]:
        """Yield what differs in a Secret's metadata, without the values.

        Whoever backs a Secret up in an annotation of it shows what it holds.
        """
        before, after = {**old, "spec": None}, {**new, "spec": None}
        for change in judged(before, after, self._strategy):
            yield replace(change, old=None, new=None)


def _canonical(machine: Map) -> Map:
    """Return a machine in the form in which krmfn writes machines."""
    form: Map = canonical(machine, types.ROOT, lambda path: Place(), [])
    return form


def _renamed(change: Change, old: str, new: str) -> Change:
    """Return the same change of a machine with another name."""
    return replace(
        change,
        path=renamed(change.path, old, new),
        old=renamed(change.old, old, new),
        new=renamed(change.new, old, new),
        why=renamed(change.why, old, new),
    )


def _without_user_data(change: Change) -> Change:
    """Mask the user data in the values of a change."""
    return replace(
        change,
        old=without_user_data(change.old, change.path),
        new=without_user_data(change.new, change.path),
    )
