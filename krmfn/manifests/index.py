"""One index over the items of a run: by kind, and by kind and name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from krmfn.manifests.item import Item


class Index:
    """The items of a run, found by kind and name, in the order in which they were read."""

    def __init__(self, items: Iterable[Item]) -> None:
        self.items = list(items)
        self._by_kind: dict[str, list[Item]] = defaultdict(list)
        self._by_name: dict[tuple[str, str], list[Item]] = defaultdict(list)
        for item in self.items:
            self._by_kind[item.kind].append(item)
            key = (item.kind, item.name)
            self._by_name[key].append(item)

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
