"""Whatever values stand in a ResourceList, krmfn gives valid output or clear errors, and their order never matters."""

import copy
import json
import random
import re
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz import targets
from tests.support import CLAIM, CONFIG, FLAT, PROVIDER, SECRET, TOKEN, changed, function

_POOLS = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "values", "labels": {"krmfn.dev/vcluster": "tenant-1"}},
    "data": {
        "vcluster.yaml": json.dumps(
            {
                "privateNodes": {
                    "enabled": True,
                    "autoNodes": [
                        {
                            "provider": "edge",
                            "static": [{"name": "pool", "quantity": 2, "nodeLabels": {"a": "b"}}],
                        }
                    ],
                }
            }
        )
    },
}
_RICH = changed(
    changed(
        changed(
            PROVIDER,
            "spec.properties",
            {"vcluster.com/user-data": "#cloud-config\nruncmd: [[echo, hi]]\n", "zone": "a"},
        ),
        "spec.kubeVirt.nodeTypes",
        [
            {"name": "small", "resources": {"cpu": "2", "memory": "4Gi"}, "maxCapacity": 9},
            {
                "name": "large",
                "cost": 3,
                "mergeVirtualMachineTemplate": {
                    "spec": {"template": {"spec": {"domain": {"cpu": {"cores": 4}}}}}
                },
                "overhead": {"kubeReserved": {"cpu": "100m"}},
            },
        ],
    ),
    "spec.kubeVirt.virtualMachineTemplate.metadata",
    {"labels": {"a": "b"}, "annotations": {"c": "d"}},
)
_FULL_CLAIM = changed(
    CLAIM,
    "spec",
    {
        **CLAIM["spec"],
        "taints": [{"key": "a", "value": "b", "effect": "NoSchedule"}],
        "kubeletArgs": {"max-pods": "50"},
        "properties": {"rack": "7"},
        "requirements": [{"key": "vcluster.com/node-type", "operator": "In", "values": ["small"]}],
    },
)
_FOREIGN = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {"replicas": 1},
}
LISTS = [
    {
        "apiVersion": "config.kubernetes.io/v1",
        "kind": "ResourceList",
        "items": items,
        "functionConfig": config,
    }
    for items, config in (
        (
            [
                _RICH,
                _FULL_CLAIM,
                changed(CLAIM, "metadata.name", "node-2"),
                SECRET,
                _POOLS,
                _FOREIGN,
            ],
            CONFIG,
        ),
        ([_RICH, CLAIM, SECRET, _FOREIGN], FLAT),
    )
]
_VALUES: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(
        [None, True, 0, -1, 1.5, 2**63, "", " ", "a", "A_b", "a.b", "a/b", "1", "1Gi", "-1", "a\nb", "$(id)", "`id`", "${X}", "{{ .Values.A }}", "%s",
         "'", '"', "\\", "\x00", "\x1b[2J", "\u2028", "\ufeff", "a" * 64, "a" * 300, TOKEN, f"x{TOKEN}", "-----BEGIN PRIVATE KEY-----", "null", "yes",
         "1e3", "2020-01-01", "small", "edge", "tenant-1", "join", [], {}, [None], [{}], {"": ""}, {"a": None}, {"name": "a"}]
    ).map(copy.deepcopy),  # A later draw may change what an earlier one put in.
    st.text(max_size=8),
    st.integers(-3, 70_000),
)  # fmt: skip


def _places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    children = (
        list(value.items())
        if isinstance(value, dict)
        else list(enumerate(value))
        if isinstance(value, list)
        else []
    )
    return [(*path, key) for key, _ in children] + [
        place for key, child in children for place in _places(child, (*path, key))
    ]


@st.composite
def resource_lists(draw: st.DrawFn) -> dict[str, Any]:
    """A ResourceList in which up to three values are others, left out, moved, or stand twice."""
    value: dict[str, Any] = json.loads(json.dumps(draw(st.sampled_from(LISTS))))
    for _ in range(draw(st.integers(1, 3))):
        last: Any
        *parents, last = draw(
            st.sampled_from([place for place in _places(value) if len(place) > 1])
        )
        parent: Any = value
        for step in parents:
            parent = parent[step]
        match draw(st.sampled_from(["replace", "replace", "remove", "key", "repeat"])):
            case "replace":
                parent[last] = draw(_VALUES)
            case "remove":
                del parent[last]
            case "key" if isinstance(parent, dict):
                parent[
                    draw(
                        st.sampled_from(
                            ["", "a", "krmfn.dev/owner", "name ", "$patch", "\x1b", TOKEN]
                        )
                    )
                ] = parent.pop(last)
            case _ if isinstance(parent, list):
                parent.append(parent[last])
    return value


@settings(max_examples=400)
@given(resource_lists())
def test_any_list_gives_valid_output_or_clear_errors(value: dict[str, Any]) -> None:
    targets.function(json.dumps(value, ensure_ascii=False).encode())


@settings(max_examples=100)
@given(resource_lists(), st.integers(0, 2**32))
def test_the_order_of_the_items_never_matters(value: dict[str, Any], seed: int) -> None:
    one = function(json.dumps(value, ensure_ascii=False))
    if isinstance(value.get("items"), list):
        random.Random(seed).shuffle(value["items"])
    other = function(json.dumps(value, ensure_ascii=False))
    assert one.code == other.code
    assert _said(one.stderr) == _said(other.stderr)
    assert _made(one.stdout) == _made(other.stdout)


def _said(stderr: str) -> list[str]:
    # What is not an object is named by where it stands.
    stderr = re.sub(r"line [0-9]+, column [0-9]+", "somewhere", stderr)
    return sorted(re.sub(r"items\[[0-9]+\]", "items", stderr).splitlines())


def _made(text: str) -> list[Any]:
    items = yaml.load(text, Loader=yaml.CSafeLoader)["items"] or []
    return [
        item
        for item in items
        if isinstance(item, dict)
        and item.get("kind") in ("Secret", "VirtualMachine")
        and "krmfn.dev/node-claim" in str(item)
    ]


@pytest.mark.parametrize("value", LISTS)
def test_the_lists_that_are_changed_are_good_ones(value: dict[str, Any]) -> None:
    assert function(value).code == 0
