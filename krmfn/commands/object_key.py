"""The identity of an object that krmfn makes: a machine or a Secret."""

from __future__ import annotations

from typing import NamedTuple

from krmfn.manifests.item import Item
from krmfn.nodes.build import Build
from krmfn.nodes.render import Rendered


class Key(NamedTuple):
    """Kind, namespace and name of an object."""

    kind: str
    namespace: str
    name: str

    @property
    def is_machine(self) -> bool:
        """Whether it is a VirtualMachine; else it is a Secret."""
        return self.kind == "VirtualMachine"

    def __str__(self) -> str:
        """Name the object as people do: `namespace/name`."""
        return f"{self.namespace}/{self.name}"

    @property
    def rank(self) -> tuple[str, str, str]:
        """The order in which objects are shown: by their names."""
        return self.namespace, self.name, self.kind


def key_of(thing: Item | Rendered) -> Key:
    """Return the key of an object that was read or made."""
    return Key(thing.kind, thing.namespace, thing.name)


def rendered_objects(built: Build) -> dict[Key, Rendered]:
    """Return the objects that a run made, by their keys."""
    return {key_of(rendered): rendered for rendered in built.objects}
