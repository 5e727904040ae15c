"""A virtual cluster's static pools become claims: `<virtual cluster>-<pool>-<ordinal>` from 0, as a StatefulSet's pods."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from krmfn.guest.guest import GuestNode
from krmfn.kubernetes import names
from krmfn.kubernetes.quantity import Quantity
from krmfn.kubernetes.requirements import Allowed, required
from krmfn.manifests.item import Item
from krmfn.platform.model import Taint, embedded
from krmfn.platform.node_claim import NodeClaim
from krmfn.platform.vcluster_yaml import MOST_NODES, Declared, read_values
from krmfn.problems import Place, Problem, show

LABEL = "krmfn.dev/vcluster"
_KEYS = ("vcluster.yaml", "values.yaml")


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What is asked for, be it by one NodeClaim or by a pool for all its nodes; `at` is the place of the claim's spec or of the pool."""

    at: Place
    provider: str
    virtual_cluster: str | None
    type_ref: str | None = None
    requirements: tuple[tuple[str, Allowed, Place], ...] = ()
    capacity: dict[str, Quantity] = field(default_factory=dict)
    written: tuple[tuple[dict[str, str], Place], ...] = ()
    node_labels: dict[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    kubelet_arguments: dict[str, str] = field(default_factory=dict)
    off: bool = False
    pool: str = ""
    environment: str | None = None
    profile: tuple[str, Place] | None = None

    @property
    def properties(self) -> dict[str, str]:
        """The properties, as `written` in one or several places, of which the last wins."""
        return {key: value for properties, _ in self.written for key, value in properties.items()}

    @property
    def provider_place(self) -> Place:
        """Where the provider is named."""
        return self.at.field("provider" if self.pool else "providerRef")


@dataclass(frozen=True, slots=True)
class Request:
    """One node that is asked for: a name, the project namespace of its claim, and all else that it shares with its pool.

    `ordinal` is its number in the pool, 0 for a claim of its own.
    """

    name: str
    namespace: str | None
    asked: Asked
    at: Place
    ordinal: int = 0

    @property
    def guest(self) -> GuestNode:
        """What the guest's data depends on."""
        asked = self.asked
        return GuestNode(
            self.name,
            self.namespace,
            self.ordinal,
            asked.provider,
            asked.virtual_cluster,
            asked.type_ref,
            asked.at,
        )

    def __str__(self) -> str:
        """The request as messages name it."""
        return f"pool {self.asked.pool}" if self.asked.pool else str(self.at.origin.resource)


def of_claim(model: NodeClaim, at: Place) -> tuple[Request, list[Problem]]:
    """The request of a NodeClaim; `at` is the place of the claim."""
    spec, place = model.spec, at.field("spec")
    problems: list[Problem] = []
    requirements = []
    for index, requirement in enumerate(spec.requirements):
        where = place.field("requirements", index)
        try:
            requirements.append(
                (requirement.key, required(requirement.operator, requirement.values), where)
            )
        except ValueError as error:
            problems.append(where.field("operator").error(str(error)))
    asked = Asked(
        at=place,
        provider=spec.provider_ref,
        virtual_cluster=spec.v_cluster_ref,
        type_ref=spec.type_ref,
        requirements=tuple(requirements),
        capacity=spec.desired_capacity,
        written=((spec.properties, place.field("properties")),),
        taints=(*spec.taints, *spec.startup_taints),
        kubelet_arguments=spec.kubelet_args,
        off=spec.power.state == "Off",
        environment=spec.environment_ref,
        profile=(spec.profile_ref, place.field("profileRef")) if spec.profile_ref else None,
    )
    return Request(model.metadata.name, model.metadata.namespace, asked, at), problems


def labelled(items: list[Item]) -> list[Item]:
    """The ConfigMaps that hold a vcluster.yaml."""
    return [
        item
        for item in items
        if item.kind == "ConfigMap" and item.api_version == "v1" and LABEL in item.labels
    ]


def values_of(item: Item) -> tuple[Any, Place, list[Problem]]:
    """The vcluster.yaml of a labelled ConfigMap, and its place."""
    data = item.data.get("data")
    found = [key for key in _KEYS if isinstance(data, dict) and data.get(key) is not None]
    at = item.place.field("data")
    if len(found) != 1 or not isinstance(data, dict):
        return (
            None,
            at,
            [at.error(f"must have one of {' and '.join(_KEYS)}" + (", not both" if found else ""))],
        )
    values, problems = embedded(data[found[0]], at.field(found[0]))
    return values, at.field(found[0]), problems


def requests(
    values: Any, virtual_cluster: str, namespace: str | None, at: Place, room: int
) -> tuple[list[Request], list[Problem]]:
    """The claims that a vcluster.yaml's static pools ask for; there is `room` for so many in the run."""
    declared, problems = read_values(values, at)
    problems = [_naming_pool(problem, values, at) for problem in problems]
    if any(problem.severity == "error" for problem in problems):
        return [], problems
    if sum(one.pool.quantity for one in declared) > room:
        return [], [
            *problems,
            at.error(
                f"brings the run to over {MOST_NODES} nodes; render fewer virtual clusters at a time"
            ),
        ]
    found: list[Request] = []
    for one in declared:
        asked, wrong = _asked(one, virtual_cluster)
        problems += wrong
        if not wrong:
            found += [
                Request(
                    f"{virtual_cluster}-{one.pool.name}-{ordinal}",
                    namespace,
                    asked,
                    one.at,
                    ordinal,
                )
                for ordinal in range(one.pool.quantity)
            ]
    return found, problems


def _naming_pool(problem: Problem, values: Any, at: Place) -> Problem:
    """The problem with the name of its pool, which its path tells by number alone."""
    value, name = values, ""
    for key in problem.place.path[len(at.path) :]:
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and isinstance(key, int):
            value = value[key]
        if isinstance(value, dict) and "quantity" in value and isinstance(value.get("name"), str):
            name = f"of pool {show(value['name'])} "
    return replace(problem, message=name + problem.message)


def _asked(one: Declared, virtual_cluster: str) -> tuple[Asked, list[Problem]]:
    pool, at = one.pool, one.at
    problems = list(_name_problems(one, virtual_cluster))
    requirements = []
    for index, selector in enumerate(one.selector):
        where = at.field(one.selector_key, index)
        try:
            allowed = required(
                selector.operator or "In",
                selector.values or ([selector.value] if selector.value else []),
            )
            requirements.append((selector.property, allowed, where))
        except ValueError as error:
            problems.append(where.field("operator").error(str(error)))
    asked = Asked(
        at=at,
        provider=one.provider,
        virtual_cluster=virtual_cluster,
        requirements=tuple(requirements),
        written=one.properties,
        node_labels=pool.node_labels,
        taints=tuple(pool.taints),
        pool=pool.name,
        profile=one.profile,
    )
    return asked, problems


def _name_problems(one: Declared, virtual_cluster: str) -> Iterator[Problem]:
    at = one.at.field("name")
    if wrong := names.dns_label(one.pool.name):
        yield at.error(wrong)
        return
    longest = f"{virtual_cluster}-{one.pool.name}-{max(one.pool.quantity - 1, 0)}"
    if names.dns_label(longest):
        yield at.error(
            f"is too long: its nodes would be named {longest}, and a host name has at most 63 characters"
        )
