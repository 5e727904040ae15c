"""The objects that properties, claims and pools name, found among the items: OSImages, SSHKeys, profiles, environments and templates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, TypeVar

from krmfn.manifests.item import Item
from krmfn.platform.model import Model, validate
from krmfn.platform.shared import NodeEnvironment
from krmfn.problems import Place, Problem, listed, nearest, show

M = TypeVar("M", bound=Model)


class Referenced:
    """The objects by kind and name; each is read, and its problems told, when the first names it."""

    def __init__(self, items: Iterable[Item]) -> None:
        self.items = list(items)
        self._found: dict[tuple[str, str], list[Item]] = defaultdict(list)
        self._read: dict[int, Any] = {}
        for item in self.items:
            self._found[item.kind, item.name].append(item)

    def find(
        self, kind: type[M], name: str, at: Place, namespace: str | None = None
    ) -> tuple[M | None, Place, list[Problem]]:
        """The object of a name with the place of its spec; an error at `at` lists what is there.

        Only NodeEnvironments have namespaces: the claim's, where both are known.
        """
        found = self._found[kind.__name__, name]
        if kind is NodeEnvironment and namespace:
            found = [item for item in found if item.namespace in ("", namespace)]
        if len(found) != 1:
            known = sorted({item.name for item in self.items if item.kind == kind.__name__})
            there = (
                f"; there {'are' if len(known) > 1 else 'is'} {listed(known)}"
                if known
                else f"; there is no {kind.__name__} at all"
            )
            text = f"names {kind.__name__} {show(name)}, which is " + (
                f"there {len(found)} times"
                if found
                else f"not among the items{there}{nearest(name, known)}"
            )
            return None, at, [at.error(text)]
        item = found[0]
        problems: list[Problem] = []
        if id(item) not in self._read:
            self._read[id(item)], problems = validate(kind, item.data, item.place)
        return self._read[id(item)], item.place.field("spec"), problems
