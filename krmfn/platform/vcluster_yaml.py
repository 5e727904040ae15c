"""The part of a vcluster.yaml that asks for nodes: `privateNodes.autoNodes`, in both schemas that vCluster published.

Object form: 0.28 and 0.29. List form: 0.30 and later (loft-sh/vcluster `config/config.go`, `pkg/config/validation.go`). All else in
a vcluster.yaml is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from krmfn.platform.model import LabelKey, LabelValue, Model, Taint, Text, validate
from krmfn.problems import Code, Place, Problem, show

# Of a run, too: what more nodes come to is larger than what krmfn or kustomize read.
MOST_NODES = 50_000


def _as_text(value: Any) -> Any:
    """The text that vCluster takes a number or a bool for; a float that Go would write in another way stays one, and is refused."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and abs(value) < 1e6 and "e" not in repr(value):
        return repr(value).removesuffix(".0")
    return str(value) if isinstance(value, int) else value


def _as_whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


AnyText = Annotated[Text, BeforeValidator(_as_text)]
NodeLabels = dict[LabelKey, Annotated[LabelValue, BeforeValidator(_as_text)]]


class Selector(Model):
    """A requirement on a property of a node type."""

    property: Text = ""
    operator: Text = ""
    value: AnyText = ""
    values: list[AnyText] = Field(default_factory=list)


class StaticPool(Model):
    """A fixed number of nodes; the selector is `requirements` in the object form, `nodeTypeSelector` in the list form."""

    name: Text = ""
    quantity: Annotated[int, BeforeValidator(_as_whole)] = 0
    provider: Text | None = None
    requirements: list[Selector] | None = None
    node_type_selector: list[Selector] | None = None
    taints: list[Taint] = Field(default_factory=list)
    node_labels: NodeLabels = Field(default_factory=dict)
    termination_grace_period: Text = ""
    profile: Text | None = None
    properties: dict[Text, AnyText] = Field(default_factory=dict)


class DynamicPool(Model):
    """A pool of the autoscaler's: only its name is of interest here."""

    model_config = {**Model.model_config, "extra": "ignore"}

    name: Text = ""


class Provider(Model):
    """The pools of one provider (list form)."""

    provider: Text = ""
    properties: dict[Text, AnyText] = Field(default_factory=dict)
    static: list[StaticPool] = Field(default_factory=list)
    dynamic: list[DynamicPool] = Field(default_factory=list)


class ListForm(Model):
    """`autoNodes` of vCluster 0.30 and later."""

    auto_nodes: list[Provider] = Field(default_factory=list)


class Pools(Model):
    """`autoNodes` of vCluster 0.28 and 0.29: each pool names its provider."""

    static: list[StaticPool] = Field(default_factory=list)
    dynamic: list[DynamicPool] = Field(default_factory=list)


class ObjectForm(Model):
    """The object form, under its key."""

    auto_nodes: Pools


class Declared(Model):
    """One static pool of either form, with its place, and the properties of its entry and its own, each with theirs."""

    pool: StaticPool
    provider: Text
    properties: Any
    selector: list[Selector]
    selector_key: str
    profile: Any
    at: Any


def read_values(values: Any, at: Place) -> tuple[list[Declared], list[Problem]]:
    """The static pools of a vcluster.yaml; problems are vCluster's own rules, and a notice for each dynamic pool."""
    private = values.get("privateNodes") if isinstance(values, dict) else None
    at = at.field("privateNodes")
    if not isinstance(values, dict) or not isinstance(private, dict | None):
        return [], [at.error("must be a mapping")]
    auto = (private or {}).get("autoNodes")
    where = at.field("autoNodes")
    if not private or not auto:
        return [], []
    if isinstance(auto, dict) and ({"provider", "properties", "nodeTypeSelector"} & set(auto)):
        return [], [
            where.error(
                'mixes the two forms, which no vCluster reads; write a list: "autoNodes: [{provider: …, static: […]}]"'
            )
        ]
    if isinstance(auto, list):
        listed, problems = validate(ListForm, {"autoNodes": auto}, at)
        entries = (
            [(entry, where.field(index)) for index, entry in enumerate(listed.auto_nodes)]
            if listed
            else []
        )
    elif isinstance(auto, dict):
        pools, problems = validate(ObjectForm, {"autoNodes": auto}, at)
        entries = (
            [
                (
                    Provider.model_construct(
                        static=pools.auto_nodes.static, dynamic=pools.auto_nodes.dynamic
                    ),
                    where,
                )
            ]
            if pools
            else []
        )
    else:
        return [], [where.error(f"is {show(auto)}; must be a list")]
    default, profile = at.field("defaultProfile"), private.get("defaultProfile")
    if profile is not None and not isinstance(profile, str):
        problems.append(default.error(f"is {show(profile)}; must be text in quotes"))
    declared = [
        one for entry, place in entries for one in _declared(entry, place, isinstance(auto, list))
    ]
    declared = [
        one.model_copy(update={"profile": one.profile or ((profile, default) if profile else None)})
        for one in declared
    ]
    if not problems:
        problems = [
            *_entry_rules(entries, isinstance(auto, list)),
            *_pool_rules(declared, entries, isinstance(auto, list)),
        ]
    if entries and private.get("enabled") is not True:
        problems.append(
            at.field("enabled").error(
                "is not true: vCluster makes no nodes for autoNodes without it"
            )
        )
    return declared, problems


def _declared(entry: Provider, at: Place, listed: bool) -> Iterator[Declared]:
    for index, pool in enumerate(entry.static):
        key = "nodeTypeSelector" if listed else "requirements"
        yield Declared.model_construct(
            pool=pool,
            provider=entry.provider if listed else pool.provider or "",
            properties=(
                (entry.properties, at.field("properties")),
                (pool.properties, at.field("static", index, "properties")),
            ),
            selector=(pool.node_type_selector if listed else pool.requirements) or [],
            selector_key=key,
            profile=(pool.profile, at.field("static", index, "profile")) if pool.profile else None,
            at=at.field("static", index),
        )


def _entry_rules(entries: list[tuple[Provider, Place]], listed: bool) -> Iterator[Problem]:
    seen: set[str] = set()
    for entry, at in entries if listed else []:
        if not entry.provider:
            yield at.field("provider").error("is required: the NodeProvider of these pools")
        elif entry.provider in seen:
            yield at.field("provider").error(
                f"is {show(entry.provider)} a second time; put its pools together"
            )
        seen.add(entry.provider)


def _pool_rules(
    declared: list[Declared], entries: list[tuple[Provider, Place]], listed: bool
) -> Iterator[Problem]:
    places = [(one.pool.name, one.at) for one in declared]
    places += [
        (pool.name, at.field("dynamic", index))
        for entry, at in entries
        for index, pool in enumerate(entry.dynamic)
    ]
    seen: set[str] = set()
    for name, at in places:
        if not name:
            yield at.field("name").error("is required")
        elif name in seen:
            yield at.field("name").error(
                f"is {show(name)} a second time; every pool, static or dynamic, needs a name of its own"
            )
        seen.add(name)
    for one in declared:
        yield from _static_rules(one, listed)
    for entry, at in entries:
        for index, pool in enumerate(entry.dynamic):
            text = f"pool {show(pool.name)} is dynamic: its nodes are the autoscaler's, and not rendered"
            yield at.field("dynamic", index).notice(text, Code.DYNAMIC_POOL)


def _static_rules(one: Declared, listed: bool) -> Iterator[Problem]:
    pool, at = one.pool, one.at
    wrong_key = "requirements" if listed else "nodeTypeSelector"
    if (pool.requirements if listed else pool.node_type_selector) is not None:
        yield at.field(wrong_key).error(
            f"is not of this form of autoNodes; write {one.selector_key}"
        )
    if listed and pool.provider is not None:
        yield at.field("provider").error(
            "is not of this form of autoNodes; it stands beside static"
        )
    if not listed and not pool.provider:
        yield at.field("provider").error("is required: the NodeProvider of the pool")
    if not 0 <= pool.quantity <= MOST_NODES:
        yield at.field("quantity").error(f"is {show(pool.quantity)}; must be 0 to {MOST_NODES}")
    for index, selector in enumerate(one.selector):
        yield from _selector_rules(selector, at.field(one.selector_key, index))


def _selector_rules(selector: Selector, at: Place) -> Iterator[Problem]:
    """VCluster's rules for a requirement, short of what the operator means."""
    operator = selector.operator or "In"
    if not selector.property:
        yield at.field("property").error("is required")
    if selector.value and selector.values:
        yield at.field("values").error("stands beside value; keep one of them")
    elif operator not in ("Exists", "DoesNotExist") and not selector.value and not selector.values:
        yield at.field("value").error(
            f"is required by operator {operator}; one of value and values"
        )
