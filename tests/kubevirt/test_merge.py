"""A patch is merged into a template as Kubernetes merges a strategic merge patch, or refused where it makes no sense."""

from typing import Any

import pytest

from krmfn.kubevirt.merge import merge
from krmfn.kubevirt.merge_elements import MergeError

Case = dict[str, Any]
SPREAD = "topologySpreadConstraints"


def vm(spec: Any) -> dict[str, Any]:
    return {"spec": {"template": {"spec": spec}}}


@pytest.mark.parametrize(
    ("base", "patch", "result"),
    [
        (
            {"nodeSelector": {"a": "1", "b": "2"}},
            {"nodeSelector": {"b": None, "c": "3"}},
            {"nodeSelector": {"a": "1", "c": "3"}},
        ),
        ({"volumes": [{"name": "a"}]}, {"volumes": [{"name": "b"}]}, {"volumes": [{"name": "b"}]}),
        ({"volumes": [{"name": "a"}]}, {"volumes": []}, {"volumes": []}),
        (
            {"domain": {"cpu": {"cores": 1}}},
            {"domain": {"cpu": {"$patch": "replace", "sockets": 2}}},
            {"domain": {"cpu": {"sockets": 2}}},
        ),
        (
            {"domain": {"cpu": {"cores": 1}}},
            {"domain": {"cpu": {"$patch": "delete"}}},
            {"domain": {"cpu": {}}},
        ),
        ({"nodeSelector": {"a": "1"}}, {"nodeSelector": "text"}, {"nodeSelector": "text"}),
        ({}, {"taints": [{"key": "a"}]}, {"taints": [{"key": "a"}]}),
        (
            {SPREAD: [{"topologyKey": "a", "maxSkew": 1}, {"topologyKey": "b"}]},
            {SPREAD: [{"topologyKey": "c"}, {"topologyKey": "a", "maxSkew": 2}]},
            {
                SPREAD: [
                    {"topologyKey": "c"},
                    {"topologyKey": "a", "maxSkew": 2},
                    {"topologyKey": "b"},
                ]
            },
        ),
    ],
)
def test_what_a_patch_does(base: Case, patch: Case, result: Case) -> None:
    assert merge(vm(base), vm(patch)) == vm(result)


@pytest.mark.parametrize(
    ("base", "patch", "path", "message"),
    [
        (
            {"taints": {"a": 1}},
            {"taints": {"b": 1}},
            ("taints",),
            "is an unknown field of KubeVirt's VirtualMachineInstanceSpec",
        ),
        (
            {SPREAD: [{"topologyKey": "a"}]},
            {SPREAD: [{"maxSkew": 1}]},
            (SPREAD, 0),
            'has no "topologyKey"',
        ),
        ({"domain": {}}, {"domain": {"$patch": "merge"}}, ("domain", "$patch"), 'is "merge"'),
        (
            {"domain": {}},
            {"domain": {"$retainKeys": ["a"], "cpu": {}}},
            ("domain", "$retainKeys"),
            'must list "cpu"',
        ),
        ({}, {"$setElementOrder": []}, ("$setElementOrder",), "is not a directive"),
    ],
)
def test_what_is_refused(base: Case, patch: Case, path: tuple[Any, ...], message: str) -> None:
    with pytest.raises(MergeError) as caught:
        merge(vm(base), vm(patch))
    assert caught.value.path == ("spec", "template", "spec", *path)
    assert message in caught.value.message


def test_neither_argument_is_changed() -> None:
    base, patch = (
        vm({SPREAD: [{"topologyKey": "a"}]}),
        vm({SPREAD: [{"topologyKey": "a", "$retainKeys": ["topologyKey"]}]}),
    )
    before = repr((base, patch))
    merge(base, patch)
    assert repr((base, patch)) == before
