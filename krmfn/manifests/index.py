"""One index over the items of a run: by kind, and by kind and name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from krmfn.manifests.item import Item


class Index:
    """The items of a run, found by kind and name, in the order in which they were read.

    An object that is there several times with the same content counts once: tenants that are
    aggregated may each bring a copy of what they share. Not so objects of kinds of which each is
    `counted`, so that a copy is a mistake.
    """

    def __init__(self, items: Iterable[Item], counted: tuple[str, ...] = ()) -> None:
        self.items: list[Item] = []
        self._by_kind: dict[str, list[Item]] = defaultdict(list)
        self._by_name: dict[tuple[str, str], list[Item]] = defaultdict(list)
        self._copies: list[tuple[Item, Item]] = []
        for item in items:
            namesakes = self._by_name[item.kind, item.name]
            may_repeat = item.name and item.kind not in counted
            if may_repeat and (original := _original(item, namesakes)):
                self._copies.append((item, original))
                continue
            self.items.append(item)
            self._by_kind[item.kind].append(item)
            namesakes.append(item)

    def with_copies(self, items: Iterable[Item]) -> list[Item]:
        """Return items, each once, and those that are copies of them."""
        each = dict.fromkeys(items)
        return [*each, *(copy for copy, original in self._copies if original in each)]

    @property
    def kinds(self) -> list[str]:
        """The kinds that occur."""
        return list(self._by_kind)

    def of_kind(self, kind: str) -> list[Item]:
        """Return the items of a kind, whatever their API group."""
        return self._by_kind.get(kind, [])

    def named(self, kind: str, name: str) -> list[Item]:
        """Return the items of a kind and name, in any namespace and API group."""
        return self._by_name.get((kind, name), [])


def _original(item: Item, namesakes: Iterable[Item]) -> Item | None:
    """Return the object that an item is a copy of, None if there is none.

    Notes of kustomize and kpt, such as the path of a file, do not count.
    """
    for other in namesakes:
        if item.namespace == other.namespace and item.manifest == other.manifest:
            return other
    return None
