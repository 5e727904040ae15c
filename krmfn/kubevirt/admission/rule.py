"""What an admission rule is, and the helpers that rules share.

A rule sees a machine that the CRD's schema has passed, as it was written. What Go takes for unset
(`""`, 0, false) counts as unset here too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from krmfn.kubernetes.quantity import Quantity
from krmfn.kubevirt.cluster import Cluster, known_versions, on_since
from krmfn.kubevirt.vm_paths import Map, get
from krmfn.patterns import pattern
from krmfn.problems import Path, RuleCode, show
from krmfn.records import record

# A path from the machine's root, and the rest of a sentence that begins with it.
Finding = tuple[Path, str]
Findings = Iterator[Finding]
Check = Callable[[Map], Findings]
ClusterCheck = Callable[[Map, Cluster], Findings]
# A path, the feature gate that it needs, and what it is if that does not go without saying.
Need = tuple[Path, str, str]
GateCheck = Callable[[Map, Cluster], Iterator[Need]]

_PCI_ADDRESS = pattern(r"[0-9a-fA-F]{4}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\.[0-7]")


@record(frozen=True)
class Judgement:
    """A finding of a rule.

    It is not `certain` if it depends on something of the cluster that is not known.
    """

    path: Path
    message: str
    certain: bool = True


@record(frozen=True)
class Rule:
    """A rule with its code, and with the text that the documentation shows.

    `covers` names the functions of KubeVirt whose rule it is. It holds from the version `since` on,
    and not from the version `before` on.
    """

    code: RuleCode
    text: str
    find: Callable[[Map, Cluster], Iterator[Judgement]]
    covers: tuple[str, ...] = ()
    since: str | None = None
    before: str | None = None

    def judge(self, vm: Map, cluster: Cluster) -> Iterator[Judgement]:
        """Yield what KubeVirt would refuse in a machine on that cluster."""
        if cluster.is_within(self.since, self.before):
            yield from self.find(vm, cluster)


@record(frozen=True)
class _Facts:
    """What a decorator is told of a rule: its code, and the fields of `Rule` of these names."""

    code: str
    covers: tuple[str, ...]
    since: str | None
    before: str | None

    def rule(self, text: str | None, find: Callable[[Map, Cluster], Iterator[Judgement]]) -> Rule:
        """Make the rule. `text` is the check's docstring."""
        words = " ".join((text or "").split())
        return Rule(RuleCode(self.code), words, find, self.covers, self.since, self.before)


def rule(
    code: str, *covers: str, since: str | None = None, before: str | None = None, sure: bool = True
) -> Callable[[Check], Rule]:
    """Turn a check of a machine into a rule. The check's docstring is the rule's text.

    A rule that is not `sure` depends on the cluster's configuration beside its feature gates.
    """
    facts = _Facts(code, covers, since, before)

    def as_rule(check: Check) -> Rule:
        def find(vm: Map, _: Cluster) -> Iterator[Judgement]:
            return (Judgement(path, message, sure) for path, message in check(vm))

        return facts.rule(check.__doc__, find)

    return as_rule


def cluster_rule(
    code: str, *covers: str, since: str | None = None, before: str | None = None
) -> Callable[[ClusterCheck], Rule]:
    """Turn a check that also looks at the cluster into a rule, as `rule` does."""
    facts = _Facts(code, covers, since, before)

    def as_rule(check: ClusterCheck) -> Rule:
        def find(vm: Map, cluster: Cluster) -> Iterator[Judgement]:
            return (Judgement(path, message) for path, message in check(vm, cluster))

        return facts.rule(check.__doc__, find)

    return as_rule


def gate_rule(
    code: str, *covers: str, since: str | None = None, before: str | None = None
) -> Callable[[GateCheck], Rule]:
    """Turn a check for fields that need feature gates into a rule, as `rule` does.

    Where a gate is off it is an error, and where that can't be known a warning.
    """
    facts = _Facts(code, covers, since, before)

    def as_rule(check: GateCheck) -> Rule:
        def find(vm: Map, cluster: Cluster) -> Iterator[Judgement]:
            for path, gate, what in check(vm, cluster):
                is_on = cluster.gate(gate)
                if not is_on:
                    yield Judgement(path, _need(gate, what, is_on), certain=is_on is False)

        return facts.rule(check.__doc__, find)

    return as_rule


def _need(gate: str, what: str, is_on: bool | None) -> str:
    """Return the message for a field that needs a gate which is off, or may be."""
    message = f"{what}, which needs" if what else "needs"
    message += f" the feature gate {gate}"
    since = on_since(gate)
    if since and since != known_versions()[0]:
        message += f" before KubeVirt {since}"
    return f"{message}; the cluster has it off" if is_on is False else message


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
