"""The files from which kustomize took an object, as far as it left the object as it was."""

from __future__ import annotations

from collections import defaultdict

from krmfn.commands.kustomizations import read_kustomization
from krmfn.manifests.files import read_paths
from krmfn.manifests.item import Item
from krmfn.problems import Origin, Resource


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
        manifest = item.manifest
        for source in self._by_resource[resource]:
            if source.manifest == manifest:
                item.origin = source.origin
                return
        item.origin = Origin(resource, self.label, item.origin.index)
