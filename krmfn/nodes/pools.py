"""Static pools as requests: `<virtual cluster>-<pool>-<ordinal>`, counted from 0.

They are counted like a StatefulSet's pods.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from krmfn.guest.kubelet import placed
from krmfn.kubernetes import names
from krmfn.kubevirt.vm_paths import get
from krmfn.manifests.item import Item
from krmfn.nodes.pool_metadata import PoolsMetadata
from krmfn.nodes.request import Asked, Request, Requirement, Written
from krmfn.nodes.unread import unread_values
from krmfn.platform.model import embedded
from krmfn.platform.vcluster_pools import MOST_NODES, Declared, read_values
from krmfn.problems import Code, Collector, Inside, Place, Problem, show

_KEYS = ("vcluster.yaml", "values.yaml")


def read_vcluster_yaml(item: Item, problems: Collector) -> tuple[Any, Place]:
    """Return the vcluster.yaml of a labelled ConfigMap, None with an error, and its place."""
    at = item.place.field("data")
    texts = [(key, get(item.data, ("data", key))) for key in _KEYS]
    texts = [(key, text) for key, text in texts if text is not None]
    if len(texts) != 1:
        both = ", not both" if texts else ""
        message = f"must have one of {' and '.join(_KEYS)}{both}"
        problems.append(at.error(message))
        return None, at
    [(key, text)] = texts
    where = at.field(key)
    collected = Collector()
    values = embedded(text, where, collected)
    if collected and isinstance(text, str) and "{{" in text:
        message = "has {{: it is a template; krmfn reads the text that comes of it"
        there = where.within(Inside.of(text, text.index("{{")))
        collected = Collector([there.error(message, Code.YAML)])
    problems += collected
    return (None if collected else values), where


def pool_requests(
    values: Any,
    virtual_cluster: str,
    namespace: str | None,
    at: Place,
    metadata: PoolsMetadata,
    room: int,
    problems: Collector,
) -> list[Request]:
    """Return the nodes that the static pools of a vcluster.yaml ask for.

    `metadata` is what the config gives their machines. `room` is how many more nodes the run may
    have.
    """
    problems += unread_values(values, at)
    collected = Collector()
    declarations = read_values(values, at, collected)
    problems += (_naming_pool(problem, values, at) for problem in collected)
    if collected.has_errors:
        return []
    if sum(declared.pool.quantity for declared in declarations) > room:
        message = f"brings the run to over {MOST_NODES} nodes; render fewer virtual clusters "
        problems.append(at.error(message + "at a time"))
        return []
    pools = [declared.pool.name for declared in declarations]
    problems += metadata.problems(pools, virtual_cluster)
    requests: list[Request] = []
    for declared in declarations:
        if asked := _asked(declared, virtual_cluster, metadata, problems):
            prefix = f"{virtual_cluster}-{declared.pool.name}"
            for ordinal in range(declared.pool.quantity):
                name = f"{prefix}-{ordinal}"
                requests.append(Request(name, namespace, asked, declared.at, ordinal))
    return requests


def _naming_pool(problem: Problem, values: Any, at: Place) -> Problem:
    """Name the pool in a problem's message, since its path only numbers the pools."""
    value, prefix = values, ""
    for key in problem.place.path[len(at.path) :]:
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and isinstance(key, int):
            value = value[key]
        if isinstance(value, dict) and "quantity" in value:
            name = value.get("name")
            prefix = f"of pool {show(name)} " if isinstance(name, str) else prefix
    return replace(problem, message=prefix + problem.message)


def _asked(
    declared: Declared, virtual_cluster: str, metadata: PoolsMetadata, problems: Collector
) -> Asked | None:
    """Return what a pool asks for, None if something is wrong with it."""
    collected = Collector(_name_problems(declared, virtual_cluster))
    problems += collected
    if collected:
        return None
    return Asked(
        at=declared.at,
        provider=declared.provider,
        virtual_cluster=virtual_cluster,
        requirements=tuple(_requirements(declared)),
        written=tuple(Written(*part) for part in declared.properties),
        node_labels=declared.pool.node_labels,
        taints=tuple(placed(declared.pool.taints, declared.at.field("taints"))),
        pool=declared.pool.name,
        profile=declared.profile,
        is_default_profile=not declared.pool.profile,
        metadata=metadata.of(declared.pool.name, problems),
    )


def _requirements(declared: Declared) -> Iterator[Requirement]:
    """Yield the node type selector as sets of allowed values."""
    for index, selector in enumerate(declared.selector):
        where = declared.at.field(declared.selector_key, index)
        yield Requirement(selector.property, selector.allowed(), where)


def _name_problems(declared: Declared, virtual_cluster: str) -> Iterator[Problem]:
    """Yield names that don't make host names."""
    at = declared.at.field("name")
    if message := names.dns_label(declared.pool.name):
        yield at.error(message)
        return
    longest = f"{virtual_cluster}-{declared.pool.name}-{max(declared.pool.quantity - 1, 0)}"
    if names.dns_label(longest):
        message = f"is too long: its nodes would be named {longest}, and a host name has at most "
        yield at.error(message + "63 characters")
