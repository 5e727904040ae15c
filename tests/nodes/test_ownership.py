"""What krmfn reads is kept from the cluster, and what it renders is owned by its config so that prunes stay apart."""

from typing import Any

import pytest
import yaml

from krmfn.manifests.item import LOCAL_CONFIG
from tests.support import (
    CLAIM,
    CONFIG,
    FLAT,
    PROVIDER,
    REMOVED,
    SECRET,
    changed,
    function,
    refusal,
    resource_list,
)

PATH = "config.kubernetes.io/path"


def items(stdout: str) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (item["kind"], item["metadata"]["name"]): item for item in yaml.safe_load(stdout)["items"]
    }


def earlier(kind: str = "VirtualMachine", owner: str = "nodes", **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1" if kind == "Secret" else "kubevirt.io/v1",
        "kind": kind,
        "metadata": {
            "name": "gone",
            "namespace": "machines",
            "labels": {
                "app.kubernetes.io/managed-by": "krmfn",
                "krmfn.dev/node-claim": "gone",
                "krmfn.dev/virtual-cluster": "tenant-1",
            },
            "annotations": {"krmfn.dev/owner": owner},
            **metadata,
        },
    }


def test_consumed_items_are_marked_and_others_are_not() -> None:
    foreign = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "foreign"}}
    karpenter = {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodeClaim",
        "metadata": {"name": "of-karpenter"},
    }
    out = items(function(resource_list(PROVIDER, CLAIM, SECRET, foreign, karpenter, CONFIG)).stdout)
    marked = {
        name
        for (_, name), item in out.items()
        if item["metadata"].get("annotations", {}).get(LOCAL_CONFIG) == "true"
    }
    assert marked == {"edge", "node-1", "join", "nodes"}


def test_a_flat_config_among_the_items_is_marked() -> None:
    out = items(function(resource_list(PROVIDER, CLAIM, SECRET, FLAT, config=FLAT)).stdout)
    assert out["ConfigMap", "nodes"]["metadata"]["annotations"][LOCAL_CONFIG] == "true"


def test_the_flat_config_of_another_virtual_cluster_is_marked() -> None:
    """Declarations never come out as manifests to apply, whoever's they are."""
    other = changed(FLAT, "data.endpoint", "other.example.com")
    other = changed(other, "metadata.name", "other")
    out = items(function(resource_list(PROVIDER, CLAIM, SECRET, other, config=FLAT)).stdout)
    assert out["ConfigMap", "other"]["metadata"]["annotations"][LOCAL_CONFIG] == "true"


def test_another_config_map_with_the_configs_name_is_not_marked() -> None:
    other = changed(FLAT, "data.another", "value")
    done = function(resource_list(PROVIDER, CLAIM, SECRET, other, config=FLAT))
    assert done.code == 0, done.stderr
    assert items(done.stdout)["ConfigMap", "nodes"] == other


@pytest.mark.parametrize(
    ("item", "stays"),
    [
        (earlier(), False),
        (earlier("Secret"), False),
        (earlier(owner="others"), True),
        (changed(earlier(), "metadata.annotations", REMOVED), True),
        # As kustomize's managedByLabel leaves it.
        (
            changed(earlier(), "metadata.labels", {"app.kubernetes.io/managed-by": "kustomize-v5"}),
            False,
        ),
        (earlier("ConfigMap"), True),
    ],
)
def test_only_what_this_config_made_is_pruned(item: dict[str, Any], stays: bool) -> None:
    out = items(function(resource_list(PROVIDER, CLAIM, SECRET, item)).stdout)
    assert ((item["kind"], "gone") in out) == stays


@pytest.mark.parametrize("kind", ["VirtualMachine", "Secret"])
def test_a_foreign_object_is_never_overwritten(kind: str) -> None:
    name = "node-1" if kind == "VirtualMachine" else "node-1-cloud-init"
    whose = {
        "others": "config others made it, and config nodes renders the same node",
        REMOVED: "it has no annotation krmfn.dev/owner",
    }
    for owner, why in whose.items():
        foreign = changed(earlier(kind), "metadata.name", name)
        foreign = changed(
            foreign,
            "metadata.annotations",
            {"krmfn.dev/owner": owner} if owner is not REMOVED else REMOVED,
        )
        said = refusal(function(resource_list(PROVIDER, CLAIM, SECRET, foreign)))
        at = f"{kind} machines/{name}: metadata.name: has the name of an object that krmfn makes"
        assert f"{at} and is not its own: {why}" in said


def test_machines_do_not_move_to_another_namespace() -> None:
    labels = {
        **earlier()["metadata"]["labels"],
        "krmfn.dev/node-claim": "node-1",
        "krmfn.dev/node-provider": "edge",
    }
    old = changed(earlier(namespace="old"), "metadata.labels", labels)
    assert "metadata.namespace: is old, but the provider says machines: " in refusal(
        function(resource_list(PROVIDER, CLAIM, SECRET, old))
    )


def test_namesakes_in_two_namespaces_are_not_taken_for_a_move() -> None:
    other = changed(
        changed(PROVIDER, "metadata.name", "edge2"),
        "spec.kubeVirt.clusterRef.namespace",
        "machines2",
    )
    second = changed(changed(CLAIM, "metadata.namespace", "p-b"), "spec.providerRef", "edge2")
    source = resource_list(PROVIDER, other, CLAIM, second, SECRET)
    once = function(source)
    assert once.code == 0, once.stderr
    assert function(once.stdout).stdout == once.stdout
    package = resource_list(
        PROVIDER, other, CLAIM, second, SECRET, config=at(CONFIG, "config.yaml")
    )
    assert "makes file kubevirt-1/node-1.yaml, as NodeClaim p-" in refusal(function(package))


def test_a_tokens_secret_that_looks_like_ours_stays() -> None:
    labels, annotations = {"app.kubernetes.io/managed-by": "krmfn"}, {"krmfn.dev/owner": "nodes"}
    secret = changed(
        changed(SECRET, "metadata.labels", labels), "metadata.annotations", annotations
    )
    assert ("Secret", "join") in items(function(resource_list(PROVIDER, CLAIM, secret)).stdout)


def test_a_label_that_is_no_text_is_nobodys() -> None:
    odd = earlier()
    odd["metadata"]["labels"]["krmfn.dev/node-claim"] = {"a": 1}
    assert function(resource_list(PROVIDER, CLAIM, SECRET, odd)).code == 0


def at(item: dict[str, Any], path: str) -> dict[str, Any]:
    return changed(item, "metadata.annotations", {PATH: path})


@pytest.mark.parametrize(
    ("config", "file"),
    [
        (at(CONFIG, "deep/nodes/config.yaml"), "deep/nodes/rendered/kubevirt-1/node-1.yaml"),
        (at(CONFIG, "config.yaml"), "rendered/kubevirt-1/node-1.yaml"),
        (CONFIG, "rendered/kubevirt-1/node-1.yaml"),
    ],
)
def test_new_objects_get_a_file_in_a_package(config: dict[str, Any], file: str) -> None:
    out = items(
        function(
            resource_list(at(PROVIDER, "nodes/provider.yaml"), CLAIM, SECRET, config=config)
        ).stdout
    )
    for key, index in ((("Secret", "node-1-cloud-init"), "0"), (("VirtualMachine", "node-1"), "1")):
        annotations = out[key]["metadata"]["annotations"]
        assert (annotations[PATH], annotations["config.kubernetes.io/index"]) == (file, index)


def test_a_config_outside_of_the_package_is_refused() -> None:
    said = refusal(function(resource_list(config=at(CONFIG, "../nodes.yaml"))))
    assert "KubeVirtNodes nodes: metadata.annotations: names a file outside of the package" in said


def test_claims_of_others_stay_beside_a_flat_config_and_are_marked() -> None:
    flat = changed(FLAT, "data.virtualCluster", "tenant-1")
    other = changed(changed(CLAIM, "metadata.name", "node-2"), "spec.vClusterRef", "tenant-2")
    out = items(function(resource_list(PROVIDER, CLAIM, other, SECRET, config=flat)).stdout)
    assert out["NodeClaim", "node-2"] == changed(
        other, "metadata.annotations", {LOCAL_CONFIG: "true"}
    )
    nameless = changed(other, "spec.vClusterRef", None)
    assert "spec.vClusterRef: is required" in refusal(
        function(resource_list(PROVIDER, CLAIM, nameless, SECRET, config=flat))
    )


def test_outside_of_a_package_there_are_no_files() -> None:
    assert PATH not in function(resource_list()).stdout


@pytest.mark.parametrize("path", ["/etc/passwd", "../x.yaml", "a/../../x.yaml", "..", "a\\..\\b"])
def test_a_file_outside_of_the_package_is_refused(path: str) -> None:
    assert "metadata.annotations: names a file outside of the package" in refusal(
        function(resource_list(at(PROVIDER, path), CLAIM, SECRET))
    )


def test_inline_configs_of_kpt_do_not_prune_each_other() -> None:
    inline = changed(
        changed(FLAT, "metadata.name", "function-input"), "data.virtualCluster", "tenant-1"
    )
    second = changed(inline, "data.virtualCluster", "tenant-2")
    other = changed(changed(CLAIM, "spec.vClusterRef", "tenant-2"), "metadata.name", "node-2")
    first = yaml.safe_load(
        function(resource_list(PROVIDER, CLAIM, other, SECRET, config=inline)).stdout
    )
    both = function({**first, "functionConfig": second})
    assert both.code == 0, both.stderr
    out = items(both.stdout)
    assert (
        out["VirtualMachine", "node-1"]["metadata"]["annotations"]["krmfn.dev/owner"]
        == "function-input-tenant-1"
    )
    assert (
        out["VirtualMachine", "node-2"]["metadata"]["annotations"]["krmfn.dev/owner"]
        == "function-input-tenant-2"
    )


def test_running_twice_changes_nothing() -> None:
    for source in (
        resource_list(),
        resource_list(
            PROVIDER,
            CLAIM,
            SECRET,
            earlier(),
            at(CONFIG, "a/b.yaml"),
            config=at(CONFIG, "a/b.yaml"),
        ),
    ):
        once = function(source).stdout
        assert function(once).stdout == once
