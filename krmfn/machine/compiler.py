"""Compiles and checks the prototypes of a run, within a bound on the work that they make."""

from __future__ import annotations

from typing import Any

from krmfn.kubevirt.cluster import Cluster
from krmfn.machine.checks import UnknownFields, prototype_problems
from krmfn.machine.layers import Layer
from krmfn.machine.prototype import Prototype, compile_layers
from krmfn.platform.properties import ATTACHMENTS, IMAGES, Given
from krmfn.problems import Collector, Place

# A machine has some hundred values. This many are thousands of templates that share nothing,
# some ten seconds' work.
MOST_VALUES = 400_000
# What a prototype costs beside its values.
_LEAST = 50


class Compiler:
    """Compiles layers to prototypes, and checks each prototype once."""

    def __init__(self, unknown_fields: UnknownFields, cluster: Cluster) -> None:
        self._unknown_fields = unknown_fields
        self._cluster = cluster
        self._values = 0
        self._checked: dict[Prototype, bool] = {}

    def compile(
        self, layers: tuple[Layer, ...], at: Place, problems: Collector
    ) -> Prototype | None:
        """Compile a template; `at` is the place that asks for it.

        Return None if something is wrong with it.
        """
        values = sum(_count(layer.value) for layer in layers)
        return compile_layers(layers, problems) if self._spend(values, at, problems) else None

    def check(self, prototype: Prototype, problems: Collector) -> bool:
        """Tell whether a cluster would take the prototype; report what is wrong only once."""
        if prototype not in self._checked:
            collected = Collector()
            if self._spend(_count(prototype.vm), prototype.layers[0].at, collected):
                collected += prototype_problems(prototype, self._unknown_fields, self._cluster)
            if collected.has_errors:
                collected += prototype.causes
            self._checked[prototype] = not collected.has_errors
            problems += collected
        return self._checked[prototype]

    def _spend(self, values: int, at: Place, problems: Collector) -> bool:
        """Count values; report once when there are too many. Tell whether there may be more."""
        before, self._values = self._values, self._values + values + _LEAST
        if before <= MOST_VALUES < self._values:
            message = f"makes the templates of this run come to over {MOST_VALUES} values; "
            message += "share templates, or render fewer providers at a time"
            problems.append(at.error(message))
        return self._values <= MOST_VALUES


def with_properties(
    prototype: Prototype, given: Given, home: str, problems: Collector
) -> Prototype:
    """Return the prototype with the disk and network that properties ask for.

    `home` is the namespace in which a DataSource without one is looked for.
    """
    if not any(key in given for key in (*IMAGES, *ATTACHMENTS)):
        return prototype
    # Imported by need: most runs have neither, and the start is what most users wait for.
    from krmfn.machine.attachments import add_attachment
    from krmfn.machine.images import add_image

    copy = Prototype(
        prototype.vm,
        prototype.layers,
        prototype.provenance.copy(),
        prototype.taints,
        list(prototype.warnings),
    )
    add_image(copy, given, home, problems)
    add_attachment(copy, given, problems)
    return copy


def _count(value: Any) -> int:
    """Count the values in a value."""
    count, rest = 0, [value]
    while rest:
        current = rest.pop()
        count += 1
        if isinstance(current, dict):
            rest += current.values()
        elif isinstance(current, list):
            rest += current
    return count
