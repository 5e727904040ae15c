"""The files from which kustomize took an object, as far as it left the object as it was."""

from __future__ import annotations

from collections import defaultdict

from krmfn.commands.kustomizations import read_kustomization
from krmfn.machine.provenance import value_at
from krmfn.manifests.files import read_paths
from krmfn.manifests.item import Item
from krmfn.problems import Inside, Origin, Path, Position, Resource


class Sources:
    """Finds the file and line of an object that kustomize built.

    What a kustomization changes has no line in any file: such an object is the folder's.
    """

    def __init__(self, folder: str) -> None:
        kustomization = read_kustomization(folder)
        files = list(kustomization.files()) if kustomization else []
        items, _ = read_paths(files)
        self.label = folder
        self.file = kustomization.file if kustomization else folder
        self.folders = kustomization.folders() if kustomization else []
        self._by_resource: dict[Resource | None, list[Item]] = defaultdict(list)
        for item in items:
            self._by_resource[item.origin.resource].append(item)

    def place(self, item: Item) -> None:
        """Give an item the file that it was read from, or the kustomization's folder."""
        resource = item.origin.resource
        sources = self._by_resource[resource]
        same = [source for source in sources if source.manifest == item.manifest]
        if same:
            item.origin = same[0].origin
        elif len(sources) == 1:
            item.origin = self._partly(item, sources[0])
        else:
            item.origin = Origin(resource, self.label, item.origin.index)

    def _partly(self, item: Item, source: Item) -> Origin:
        """Return the origin of an object of which the kustomization changed some fields."""
        now, before, label = item.manifest, source.manifest, self.label
        file, find_position = source.origin.file, source.origin.find_position

        def is_same(path: Path) -> bool:
            return bool(path) and value_at(now, path) == value_at(before, path)

        def find_file(path: Path) -> str | None:
            return file if is_same(path) else label

        def find(path: Path, inside: Inside | None) -> Position | None:
            return find_position(path, inside) if find_position and is_same(path) else None

        return Origin(item.origin.resource, label, item.origin.index, find, find_file)
