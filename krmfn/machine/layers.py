"""The texts that a template is made of."""

from __future__ import annotations

from dataclasses import dataclass

from krmfn.kubevirt.merge import Map
from krmfn.kubevirt.vm_paths import has
from krmfn.problems import Path, Place


@dataclass(frozen=True, slots=True)
class Layer:
    """One text that a template is made of: a whole template, or a patch that is merged into what stands before it."""

    value: Map
    at: Place
    patch: bool = False


@dataclass(frozen=True, slots=True)
class Layers:
    """The layers of a template in order, so that a problem names the text that has to change."""

    layers: tuple[Layer, ...]

    def place(self, path: Path) -> Place:
        """The place of a field of the prototype in the layer that wrote it last."""
        for layer in reversed(self.layers):
            if not layer.patch or has(layer.value, path):
                return layer.at.field(*path)
        raise AssertionError("a template begins with a layer that is no patch")
