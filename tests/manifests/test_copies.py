"""An object that is there several times with the same content is one; with another content it is an error."""

from typing import Any

import pytest
import yaml

from tests.nodes.test_pools import config_map, list_form
from tests.support import (
    CLAIM,
    CONFIG,
    PROVIDER,
    SECRET,
    changed,
    function,
    made,
    refusal,
    resource_list,
)

POOL = config_map(list_form())
SHARED = [PROVIDER, SECRET, POOL]
LOCAL = "config.kubernetes.io/local-config"


def from_file(item: dict[str, Any], path: str) -> dict[str, Any]:
    """An item as kpt hands it over from a file."""
    notes = {"config.kubernetes.io/path": path, "config.kubernetes.io/index": "0"}
    return {**item, "metadata": {**item["metadata"], "annotations": notes}}


def test_copies_count_once_and_none_of_them_is_applied() -> None:
    first, second = (
        [from_file(item, f"{folder}/{number}.yaml") for number, item in enumerate(SHARED)]
        for folder in ("a", "b")
    )
    once = function(resource_list(*first, CLAIM, config=CONFIG))
    twice = function(resource_list(*first, CLAIM, *second, config=CONFIG))
    assert twice.code == 0, twice.stderr
    assert twice.stderr == once.stderr
    assert machines(twice) == machines(once)
    marked = [item["metadata"]["annotations"].get(LOCAL) for item in consumed(twice)]
    assert marked == ["true"] * 7


def machines(reply: Any) -> list[dict[str, Any]]:
    return [item for item in made(reply) if item["kind"] == "VirtualMachine"]


def consumed(reply: Any) -> list[dict[str, Any]]:
    items = yaml.safe_load(reply.stdout)["items"]
    return [item for item in items if "krmfn.dev/owner" not in item["metadata"]["annotations"]]


@pytest.mark.parametrize(
    ("item", "path", "value", "message"),
    [
        (PROVIDER, "spec.kubeVirt.nodeTypes.0.name", "other", "is the name of two NodeProviders"),
        (CLAIM, "spec.profileRef", "p", "node-1"),
        (SECRET, "stringData.token", "abcdef.1123456789abcdef", "is there 2 times"),
        (POOL, "metadata.annotations", {"a": "b"}, "is a second vcluster.yaml of tenant-1"),
    ],
)
def test_two_objects_of_one_name(item: Any, path: str, value: Any, message: str) -> None:
    said = refusal(
        function(resource_list(*SHARED, CLAIM, changed(item, path, value), config=CONFIG))
    )
    assert message in said


def test_a_claim_that_was_copied_and_not_renamed_is_a_node_too_few() -> None:
    said = refusal(function(resource_list(*SHARED, CLAIM, CLAIM, config=CONFIG)))
    assert "makes Secret machines/node-1-cloud-init, as NodeClaim p-default/node-1 does" in said


def test_an_object_of_another_namespace_is_another_one() -> None:
    other = changed(CLAIM, "metadata.namespace", "p-other")
    said = refusal(function(resource_list(*SHARED, CLAIM, other, config=CONFIG)))
    assert "node-1" in said
