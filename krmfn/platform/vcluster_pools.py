"""Reads the static pools of a vcluster.yaml, in either of its forms, with vCluster's own rules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from krmfn.kubernetes.requirements import NEED_VALUES
from krmfn.platform.validation import validate
from krmfn.platform.vcluster_yaml import (
    DynamicPool,
    ListForm,
    ObjectForm,
    Provider,
    Selector,
    StaticPool,
)
from krmfn.problems import Code, Collector, Place, Problem, closest, nearest, show
from krmfn.records import record

# The limit for a pool and for a whole run: the output of more nodes is larger than krmfn or
# kustomize can read.
MOST_NODES = 50_000
# How many letters a typo adds or leaves out, and how much of a name is left in it.
_LETTERS = 2
_TYPO = 0.85
Written = tuple[dict[str, str], Place]


@record(frozen=True)
class Declared:
    """One static pool of either form; `at` is its place.

    `properties` are those of its entry and its own, the later win. `profile` is the name of its
    NodeProfile and the field that names it.
    """

    pool: StaticPool
    provider: str
    properties: tuple[Written, ...]
    selector: list[Selector]
    selector_key: str
    profile: tuple[str, Place] | None
    at: Place


@record(frozen=True)
class _Entry:
    """The pools of one provider with their place; in the object form, all pools."""

    value: Provider
    at: Place
    in_list: bool

    @property
    def selector_key(self) -> str:
        """The key of a pool's selector in this form."""
        return "nodeTypeSelector" if self.in_list else "requirements"

    @property
    def wrong_selector_key(self) -> str:
        """The key of the selector in the other form."""
        return "requirements" if self.in_list else "nodeTypeSelector"

    def static(self) -> Iterator[tuple[StaticPool, Place]]:
        """Yield the static pools with their places."""
        for index, pool in enumerate(self.value.static):
            yield pool, self.at.field("static", index)

    def dynamic(self) -> Iterator[tuple[DynamicPool, Place]]:
        """Yield the dynamic pools with their places."""
        for index, pool in enumerate(self.value.dynamic):
            yield pool, self.at.field("dynamic", index)


def read_values(values: Any, at: Place, problems: Collector) -> list[Declared]:
    """Read the static pools of a vcluster.yaml, whose place is `at`.

    The problems are those that vCluster itself finds, and a notice for each dynamic pool. Use the
    pools only if there is no error among them.
    """
    problems += _misspelt(values, at)
    private = values.get("privateNodes") if isinstance(values, dict) else None
    at = at.field("privateNodes")
    if not isinstance(values, dict) or not isinstance(private, dict | None):
        problems.append(at.error("must be a mapping"))
        return []
    if not private or not private.get("autoNodes"):
        return []
    collected = Collector()
    entries = _entries(private["autoNodes"], at, collected)
    if entries is None:
        problems += collected
        return []
    default = _default_profile(private, at, collected)
    declared = [pool for entry in entries for pool in _declared(entry, default)]
    if not collected:
        collected += _entry_problems(entries)
        collected += _pool_problems(entries)
    problems += collected
    if entries and private.get("enabled") is not True:
        message = "is not true: vCluster makes no nodes for autoNodes without it"
        problems.append(at.field("enabled").error(message))
    return declared


def _misspelt(values: Any, at: Place) -> Iterator[Problem]:
    """Yield a key that was meant to be one on the way to the pools.

    All other keys are vCluster's own, so a key has to be near, and the right one missing.
    """
    for name in ("privateNodes", "autoNodes"):
        if not isinstance(values, dict):
            return
        lengths = range(len(name) - _LETTERS, len(name) + _LETTERS + 1)
        others = [str(key) for key in values if key != name and len(str(key)) in lengths]
        if values.get(name) is None and (typo := closest(name, others, _TYPO)):
            yield at.field(typo).error(f"is an unknown field{nearest(typo, [name])}")
        values, at = values.get(name), at.field(name)


def _entries(auto_nodes: Any, at: Place, problems: Collector) -> list[_Entry] | None:
    """Read `autoNodes` in either form; `at` is the place of `privateNodes`.

    Return None if it has neither form.
    """
    where = at.field("autoNodes")
    if isinstance(auto_nodes, list):
        listed = validate(ListForm, {"autoNodes": auto_nodes}, at, problems)
        providers = listed.auto_nodes if listed else []
        return [_Entry(entry, where.field(i), True) for i, entry in enumerate(providers)]
    if not isinstance(auto_nodes, dict):
        problems.append(where.error(f"is {show(auto_nodes)}; must be a list"))
        return None
    if {"provider", "properties", "nodeTypeSelector"} & set(auto_nodes):
        example = '"autoNodes: [{provider: …, static: […]}]"'
        message = f"mixes the two forms, which no vCluster reads; write a list: {example}"
        problems.append(where.error(message))
        return None
    form = validate(ObjectForm, {"autoNodes": auto_nodes}, at, problems)
    if form is None:
        return []
    pools = form.auto_nodes
    entry = Provider(static=pools.static, dynamic=pools.dynamic)
    return [_Entry(entry, where, False)]


def _default_profile(
    private: dict[str, Any], at: Place, problems: Collector
) -> tuple[str, Place] | None:
    """Read the profile of pools that name none, with its place."""
    name, where = private.get("defaultProfile"), at.field("defaultProfile")
    if isinstance(name, str | None):
        return (name, where) if name else None
    problems.append(where.error(f"is {show(name)}; must be text in quotes"))
    return None


def _declared(entry: _Entry, default_profile: tuple[str, Place] | None) -> Iterator[Declared]:
    """Yield the static pools of an entry."""
    for pool, at in entry.static():
        selector = pool.node_type_selector if entry.in_list else pool.requirements
        provider = entry.value.provider if entry.in_list else pool.provider
        profile = (pool.profile, at.field("profile")) if pool.profile else default_profile
        yield Declared(
            pool=pool,
            provider=provider or "",
            properties=(
                (entry.value.properties, entry.at.field("properties")),
                (pool.properties, at.field("properties")),
            ),
            selector=selector or [],
            selector_key=entry.selector_key,
            profile=profile,
            at=at,
        )


def _entry_problems(entries: list[_Entry]) -> Iterator[Problem]:
    """Check that each entry of the list form names a provider of its own."""
    seen: set[str] = set()
    for entry in entries:
        if not entry.in_list:
            continue
        provider, at = entry.value.provider, entry.at.field("provider")
        if not provider:
            yield at.error("is required: the NodeProvider of these pools")
        elif provider in seen:
            yield at.error(f"is {show(provider)} a second time; put its pools together")
        seen.add(provider)


def _pool_problems(entries: list[_Entry]) -> Iterator[Problem]:
    """Check all pools, and yield a notice for each dynamic one."""
    yield from _name_problems(entries)
    for entry in entries:
        for static, at in entry.static():
            yield from _static_problems(static, at, entry)
    for entry in entries:
        for dynamic, at in entry.dynamic():
            whose = "its nodes are the autoscaler's, and not rendered"
            message = f"pool {show(dynamic.name)} is dynamic: {whose}"
            yield at.notice(message, Code.DYNAMIC_POOL)


def _name_problems(entries: list[_Entry]) -> Iterator[Problem]:
    """Check that each pool has a name of its own, static ones first."""
    static = [(pool.name, at) for entry in entries for pool, at in entry.static()]
    dynamic = [(pool.name, at) for entry in entries for pool, at in entry.dynamic()]
    seen: set[str] = set()
    for name, at in [*static, *dynamic]:
        if not name:
            yield at.field("name").error("is required")
        elif name in seen:
            rule = "every pool, static or dynamic, needs a name of its own"
            yield at.field("name").error(f"is {show(name)} a second time; {rule}")
        seen.add(name)


def _static_problems(pool: StaticPool, at: Place, entry: _Entry) -> Iterator[Problem]:
    """Check the fields of a static pool against the form that it stands in."""
    foreign = "is not of this form of autoNodes"
    other_selector = pool.requirements if entry.in_list else pool.node_type_selector
    if other_selector is not None:
        message = f"{foreign}; write {entry.selector_key}"
        yield at.field(entry.wrong_selector_key).error(message)
    if entry.in_list and pool.provider is not None:
        yield at.field("provider").error(f"{foreign}; it stands beside static")
    if not entry.in_list and not pool.provider:
        yield at.field("provider").error("is required: the NodeProvider of the pool")
    if not 0 <= pool.quantity <= MOST_NODES:
        message = f"is {show(pool.quantity)}; must be 0 to {MOST_NODES}"
        yield at.field("quantity").error(message)
    selectors = pool.node_type_selector if entry.in_list else pool.requirements
    for index, selector in enumerate(selectors or ()):
        where = at.field(entry.selector_key, index)
        yield from _selector_problems(selector, where)


def _selector_problems(selector: Selector, at: Place) -> Iterator[Problem]:
    """Yield where a requirement breaks vCluster's rules."""
    if not selector.property:
        yield at.field("property").error("is required")
    if selector.value and selector.values:
        yield at.field("values").error("stands beside value; keep one of them")
    elif selector.operation() in NEED_VALUES and not selector.all_values():
        message = f"is required by operator {selector.operation()}; one of value and values"
        yield at.field("value").error(message)
    else:
        try:
            selector.allowed()
        except ValueError as error:
            yield at.field("operator").error(str(error))
