"""What changes in a guest's Secret: the parts of its data that differ.

Values are not shown, but for those of join settings that are no secrets.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from krmfn.commands.join_changes import JOINS_AGAIN, boot_changes, differing_keys
from krmfn.guest import cloud_config
from krmfn.guest.secrets import secret_value
from krmfn.kubevirt.differences import Change
from krmfn.kubevirt.vm_paths import Map, get
from krmfn.manifests.item import Item
from krmfn.manifests.secret_names import owner_of_secret
from krmfn.manifests.shapes import renamed, shape_of
from krmfn.problems import Collector, Origin, Path, Place

_USER, _NETWORK = "userdata", "networkdata"
_BOOT = "bootcmd"
_HOLE = "\0"
_NAME = "name-of-the-node"
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
            yield from self._user_data(before, after, machine)
        network = _data(new, _NETWORK)
        if _data(old, _NETWORK) != network:
            stays = not network and "stringData" in new
            yield Change((_NETWORK,), None, None, *_STAYS) if stays else _change((_NETWORK,))

    def joins_again(self, old: Map, new: Map, machine: str) -> Iterator[Change]:
        """Yield why a machine joins again that gets another Secret in the place of an old one."""
        for change in self._user_data(_data(old, _USER), _data(new, _USER), machine):
            if change.why == JOINS_AGAIN:
                yield change

    def _user_data(self, before: str, after: str, machine: str) -> Iterator[Change]:
        """Yield the keys of two user data that differ, or all of it if no key does."""
        pair = shape_of(before, machine), shape_of(after, machine)
        if pair not in self._parts:
            changes = list(_user_data_changes(*map(_parsed, pair)))
            self._parts[pair] = changes or [_change((_USER,))]
        for change in self._parts[pair]:
            old, new = (renamed(value, _NAME, machine) for value in (change.old, change.new))
            yield replace(change, old=old, new=new)


def _user_data_changes(old: Map, new: Map) -> Iterator[Change]:
    """Yield the parts of two user data that differ: of krmfn's own, its settings."""
    for key in differing_keys(old, new):
        if key == _BOOT:
            yield from boot_changes((_USER, _BOOT), old.get(key), new.get(key))
        else:
            yield _change((_USER, key))


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
