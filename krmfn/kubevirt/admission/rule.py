"""What an admission rule is, and the helpers that rules share.

A rule sees a machine that the CRD's schema has passed, as it was written. What Go takes for unset
(`""`, 0, false) counts as unset here too.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from krmfn.kubernetes.quantity import Quantity
from krmfn.kubevirt.vm_paths import Map, get
from krmfn.problems import Path, RuleCode, show

# A path from the machine's root, and the rest of a sentence that begins with it.
Finding = tuple[Path, str]
Findings = Iterator[Finding]
Check = Callable[[Map], Findings]

_PCI_ADDRESS = re.compile(r"[0-9a-fA-F]{4}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\.[0-7]")


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule with its code, and with the text that the documentation shows.

    Whether KubeVirt has a `gated` rule depends on the cluster's configuration, which krmfn can't
    see: its findings are warnings.
    """

    code: RuleCode
    text: str
    check: Check
    gated: bool = False


def rule(code: str, gated: bool = False) -> Callable[[Check], Rule]:
    """Turn a check into a rule. The check's docstring is the rule's text."""

    def as_rule(check: Check) -> Rule:
        text = " ".join((check.__doc__ or "").split())
        return Rule(RuleCode(code), text, check, gated)

    return as_rule


def elements(value: Any, path: Path, base: Path = ()) -> list[tuple[Path, Map]]:
    """Return the mappings in the list at `path` of a value, each with its own path.

    `base` is the path of the value itself.
    """
    at = (*base, *path)
    numbered = enumerate(get(value, path) or ())
    return [((*at, index), element) for index, element in numbered if isinstance(element, dict)]


def by_name(vm: Map, path: Path) -> dict[Any, Map]:
    """Return the mappings in a list by their names."""
    return {element.get("name"): element for _, element in elements(vm, path)}


def names_in(vm: Map, path: Path) -> set[Any]:
    """Return the names of a list's elements, with None for an element without one."""
    return set(by_name(vm, path))


def amount(value: Any, path: Path) -> Quantity | None:
    """Read the quantity at a path, or None if it is not set."""
    text = get(value, path)
    return None if text is None else Quantity.parse(text)


def whole(quantity: Quantity | None) -> int:
    """Round a quantity up as Go's `Value()` does; it is 0 if it is not set."""
    return math.ceil(quantity.value) if quantity else 0


def milli(quantity: Quantity | None) -> int:
    """Return a quantity in thousandths as Go's `MilliValue()` does; it is 0 if it is not set."""
    return math.ceil(quantity.value * 1000) if quantity else 0


def finding(path: Path, message: str) -> Findings:
    """Yield a finding, unless the message is empty."""
    if message:
        yield path, message


def choice(path: Path, value: Any, allowed: tuple[str, ...]) -> Findings:
    """Yield a finding if a value is not one of those allowed."""
    if value not in allowed:
        names = ", ".join(name for name in allowed if name)
        yield path, f"is {show(value)}; must be one of {names}"


def exactly_one(path: Path, keys: Sequence[str], none: str) -> Findings:
    """Yield a finding unless there is one key; `none` is the text for no key at all."""
    if len(keys) != 1:
        yield path, f"has {' and '.join(keys) or none}; must have one"


def pci_address(path: Path, address: str | None) -> Findings:
    """Yield a finding if an address is set and no PCI address."""
    if address and not _PCI_ADDRESS.fullmatch(address):
        yield path, f"is {show(address)}; must be as 0000:81:11.1"
