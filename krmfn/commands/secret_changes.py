"""What changes in a guest's Secret: the parts of its data that differ, never their values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from krmfn.guest import cloud_config
from krmfn.guest.join_settings import IDENTITY, join_settings
from krmfn.guest.secrets import secret_value
from krmfn.kubevirt.differences import Change
from krmfn.kubevirt.vm_paths import Map, get
from krmfn.manifests.item import Item
from krmfn.manifests.secret_names import owner_of_secret
from krmfn.manifests.shapes import shape_of
from krmfn.problems import Collector, Origin, Path, Place

_USER, _NETWORK = "userdata", "networkdata"
_BOOT = "bootcmd"
_HOLE = "\0"
_NAME = "name-of-the-node"
JOINS_AGAIN = "the node joins again"
_READ_AGAIN = "read as the node joins again; taints and labels count if its Node object is gone"
_LISTS = ("node-labels", "register-with-taints")
# Settings that may be or hold a secret, or are long.
_NOT_SHOWN = ("token", "ca.crt", "join_arguments")
_AT_THE_JOIN = ("no-effect", "a node that has joined keeps what it has; new nodes read it")
# The server takes `stringData` for `data`, so that a client that drops a key of it drops nothing.
# Flux alone writes `data` itself.
_STAYS = (
    "no-effect",
    "nothing reads it any more; kubectl and Argo CD leave a key of stringData in the live Secret",
)


class SecretChanges:
    """Compares the data of Secrets.

    Data that differs from others in the machine's name alone is compared once.
    """

    def __init__(self) -> None:
        self._parts: dict[tuple[str, str], list[Change]] = {}

    def differences(self, old: Map, new: Map) -> Iterator[Change]:
        """Yield the parts of a machine's user and network data that differ.

        What is declared as `stringData` is `data` in a live Secret: both count alike.
        """
        machine = owner_of_secret(str(get(new, ("metadata", "name"))))
        before, after = _data(old, _USER), _data(new, _USER)
        if before != after:
            yield from self._user_data(shape_of(before, machine), shape_of(after, machine))
        network = _data(new, _NETWORK)
        if _data(old, _NETWORK) != network:
            stays = not network and "stringData" in new
            yield Change((_NETWORK,), None, None, *_STAYS) if stays else _change((_NETWORK,))

    def _user_data(self, before: str, after: str) -> Iterator[Change]:
        """Yield the keys of two user data that differ, or all of it if no key does."""
        pair = (before, after)
        if pair not in self._parts:
            changes = list(_user_data_changes(_parsed(before), _parsed(after)))
            self._parts[pair] = changes or [_change((_USER,))]
        yield from self._parts[pair]


def _user_data_changes(old: Map, new: Map) -> Iterator[Change]:
    """Yield the parts of two user data that differ: of krmfn's own, its settings."""
    for key in _differing_keys(old, new):
        if key == _BOOT:
            yield from _boot_changes(old.get(key), new.get(key))
        else:
            yield _change((_USER, key))


def _boot_changes(old: Any, new: Any) -> Iterator[Change]:
    """Yield what differs in the commands of each boot.

    Settings of the join count for a node that joins, or joins again as another endpoint makes it.
    """
    before, rest_before = join_settings(old)
    after, rest_after = join_settings(new)
    names = _differing_keys(before, after)
    joins_again = not {*names}.isdisjoint(IDENTITY)
    for name in names:
        verdict, why = _AT_THE_JOIN
        if joins_again:
            verdict = "next-start"
            why = JOINS_AGAIN if name in IDENTITY else _READ_AGAIN
        values = _shown(name, before.get(name, ""), after.get(name, ""))
        yield Change((_USER, _BOOT, name), *values, verdict, why)
    if rest_before != rest_after:
        yield _change((_USER, _BOOT))


def _shown(name: str, old: str, new: str) -> tuple[str | None, str | None]:
    """Return what of two values of a setting is shown: of lists, what differs."""
    if name in _NOT_SHOWN:
        return None, None
    if name in _LISTS:
        parts, others = old.split(","), new.split(",")
        old = ",".join(part for part in parts if part not in others)
        new = ",".join(part for part in others if part not in parts)
    return old or None, new or None


def _differing_keys(old: Map, new: Map) -> list[str]:
    """Return the keys whose values differ, in order."""
    keys = sorted({*old, *new})
    return [key for key in keys if old.get(key) != new.get(key)]


def _parsed(shape: str) -> Map:
    """Parse user data whose machine's name is left open.

    It is empty if it can't be read.
    """
    text = shape.replace(_HOLE, _NAME)
    return cloud_config.yaml_mapping(text, Place(), Collector())


def _data(secret: Map, key: str) -> str:
    """Read a key of a Secret, "" if there is none or it can't be read."""
    item = Item(secret, Origin())
    return secret_value(item, key, Collector()) or ""


def _change(path: Path) -> Change:
    """Describe the change of a part of the data.

    Only `bootcmd` runs, and only the network is set up, at every boot (`updates` in the user data).
    """
    if path[-1] in (_BOOT, _NETWORK):
        return Change(path, None, None, "next-start", "")
    why = "cloud-init does not do it again on a disk that has booted"
    return Change(path, None, None, "no-effect", why)
