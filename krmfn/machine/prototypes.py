"""The prototypes of a run: each is made and checked once, however many node types and claims share its texts and its size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from krmfn.kubernetes.quantity import Quantity
from krmfn.machine.checks import UnknownFields, checked
from krmfn.machine.layers import Layer
from krmfn.machine.prototype import Prototype, prototype, resized
from krmfn.problems import Place, Problem, errors

# A machine has some hundred values: this is thousands of templates that have nothing in common, some ten seconds' work.
MOST_VALUES = 400_000
# What a prototype costs beside its values.
_LEAST = 50


@dataclass(slots=True)
class Prototypes:
    """Prototypes by what they are made of. What is wrong with one is told once, when it is first asked for."""

    unknown_fields: UnknownFields
    _bases: dict[tuple[int, ...], Prototype | None] = field(default_factory=dict)
    _sized: dict[Any, Prototype | None] = field(default_factory=dict)
    _checked: dict[int, bool] = field(default_factory=dict)
    _kept: list[Any] = field(default_factory=list)
    _values: int = 0

    def made(
        self, of: tuple[Layer, ...], resources: Mapping[str, Quantity], at: Place
    ) -> tuple[Prototype | None, list[Problem]]:
        """The prototype of layers and a size, which stands at `at`; None where something is or was wrong with it."""
        key = tuple(id(layer.value) for layer in of)
        sizes = tuple(
            (name, str(resources[name])) for name in ("cpu", "memory") if name in resources
        )
        problems: list[Problem] = []
        if key not in self._bases:
            # What is known by its identity has to live on.
            self._kept.append(of)
            problems = self._spend(sum(_values(layer.value) for layer in of), at)
            base, wrong = (None, []) if problems else prototype(of)
            problems += wrong
            self._bases[key] = None if errors(problems) else base
        base = self._bases[key]
        if base and (key, sizes) not in self._sized:
            made, wrong = resized(base, resources, at)
            problems += wrong
            self._sized[key, sizes] = None if errors(wrong) else made
        return self._sized.get((key, sizes)), problems

    def check(self, made: Prototype) -> tuple[bool, list[Problem]]:
        """Whether a cluster would take the prototype, and what is wrong or doubtful with it, as far as that was not told before."""
        if id(made) in self._checked:
            return self._checked[id(made)], []
        self._kept.append(made)
        places = [layer.at for layer in made.layers.layers]
        problems = self._spend(_values(made.vm), places[0]) or list(
            checked(made, self.unknown_fields)
        )
        self._checked[id(made)] = not errors(problems)
        return self._checked[id(made)], problems

    def _spend(self, values: int, at: Place) -> list[Problem]:
        before, self._values = self._values, self._values + values + _LEAST
        if self._values <= MOST_VALUES:
            return []
        text = f"makes the templates of this run come to over {MOST_VALUES} values; share templates, or render fewer providers at a time"
        return [at.error(text)] if before <= MOST_VALUES else []


def _values(value: Any) -> int:
    """How many values there are in a value."""
    children = (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    )
    return 1 + sum(map(_values, children))
