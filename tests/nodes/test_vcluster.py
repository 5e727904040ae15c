"""krmfn takes the `autoNodes` that vCluster takes, except those that can never become a node."""

from typing import Any

import pytest

from krmfn.nodes import pools
from krmfn.nodes.pool_metadata import PoolsMetadata
from krmfn.problems import Collector, Place, errors

GOOD: dict[str, Any] = {"name": "workers", "quantity": 2}
TAINT = {"key": "a", "value": "b", "effect": "NoSchedule"}


def pool(**changes: Any) -> dict[str, Any]:
    return {**GOOD, **changes}


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in GOOD.items() if name != key}


def selecting(**selector: Any) -> dict[str, Any]:
    return pool(nodeTypeSelector=[{"property": "a", **selector}])


# One pool each, good or bad.
POOLS: list[dict[str, Any]] = [
    GOOD, pool(quantity=0), pool(quantity=-1), pool(quantity=1.5), pool(quantity="2"), pool(quantity=True), without("quantity"), pool(quantity=50_000), pool(quantity=2.0),
    selecting(operator="Gt", value=5), selecting(values=[1, True, 1.5]), selecting(value=False),
    without("name"), pool(name=""), pool(unknown=1), pool(nodeTypeSelector=[]), pool(nodeTypeSelector=None), pool(nodeTypeSelector={}),
    selecting(value="b"), selecting(values=["b"]), selecting(values=["b", "c"]), selecting(value="b", values=["c"]), selecting(), selecting(value=""),
    selecting(values=[]), selecting(operator="In", value="b"), selecting(operator="In"), selecting(operator="NotIn", values=["b"]),
    selecting(operator="NotIn"), selecting(operator="Exists"), selecting(operator="Exists", value="b"), selecting(operator="Exists", values=["b"]),
    selecting(operator="DoesNotExist"), selecting(operator="DoesNotExist", value="b"), selecting(operator="NotExists"), selecting(operator="in", value="b"),
    selecting(operator="Gt", value="5"), selecting(operator="Gt", values=["5"]), selecting(operator="Gt"), selecting(operator="Lt", value="5"),
    selecting(operator="Lt"), selecting(operator="Equal", value="b"), selecting(operator="", value="b"), selecting(value="b", extra=1),
    pool(nodeTypeSelector=[{"value": "b"}]), pool(nodeTypeSelector=[{"property": "", "value": "b"}]), pool(nodeTypeSelector=[{"property": "a", "value": ["b"]}]),
    pool(nodeTypeSelector=[{"property": "a", "values": "b"}]), pool(nodeTypeSelector=["a"]), pool(nodeTypeSelector="a"),
    pool(taints=[TAINT]), pool(taints=[]), pool(taints={}), pool(taints=[{**TAINT, "extra": 1}]), pool(taints=["a"]),
    pool(nodeLabels={"a": "b"}), pool(nodeLabels={"a": 5}), pool(nodeLabels={"a": True}), pool(nodeLabels={}), pool(nodeLabels=[]), pool(nodeLabels={"a": {}}),
    pool(terminationGracePeriod="30s"), pool(terminationGracePeriod={}), pool(name=["a"]), pool(name="a" * 40), pool(requirements=[]), pool(provider="edge"),
]  # fmt: skip
# Where krmfn is stricter on purpose: what vCluster lets through here can never become a node.
STRICTER: list[tuple[Any, str]] = [
    (pool(name="With Space"), "must be a DNS label"),
    (pool(name="a" * 64), "must be a DNS label"),
    (pool(quantity=10**9), "must be 0 to 50000"),
    (selecting(operator="Gt", value="b"), "needs one whole number"),
    (selecting(operator="Gt", values=["1", "2"]), "needs one whole number"),
    (pool(taints=[{"key": "a"}]), "is required"),
    (pool(taints=[{**TAINT, "effect": "Never"}]), "must be one of NoSchedule"),
    (pool(nodeLabels={"a b": "c"}), "must be [prefix/]name"),
    (pool(nodeLabels={"a": "b c"}), "must be at most 63"),
]


def listed(entries: Any) -> dict[str, Any]:
    return {"privateNodes": {"enabled": True, "autoNodes": entries}}


def problems_of(values: Any) -> list[str]:
    problems = Collector()
    pools.pool_requests(values, "tenant-1", None, Place(), PoolsMetadata(), 100_000, problems)
    return [str(problem) for problem in errors(problems)]


@pytest.mark.parametrize(("one", "message"), STRICTER)
def test_where_krmfn_is_stricter(one: dict[str, Any], message: str) -> None:
    [problem] = problems_of(listed([{"provider": "edge", "static": [one]}]))
    assert message in problem


def test_the_object_form_takes_and_refuses_the_same_pools() -> None:
    for one in POOLS:
        if {"requirements", "provider"} & set(one):
            continue
        twin = {
            ("requirements" if key == "nodeTypeSelector" else key): value
            for key, value in one.items()
        }
        values = {
            "privateNodes": {
                "enabled": True,
                "autoNodes": {"static": [{"provider": "edge", **twin}]},
            }
        }
        assert bool(problems_of(values)) == bool(
            problems_of(listed([{"provider": "edge", "static": [one]}]))
        ), one
