"""An instancetype gives a node type its size: the one that KubeVirt would find, or the size that the node type states."""

from typing import Any

import pytest
import yaml

from tests.support import (
    CLAIM,
    CONFIG,
    PROVIDER,
    REMOVED,
    SECRET,
    changed,
    function,
    made,
    refusal,
    resource_list,
)

TEMPLATE = "spec.kubeVirt.virtualMachineTemplate.spec"
DOMAIN = f"{TEMPLATE}.template.spec.domain"
TYPE = "spec.kubeVirt.nodeTypes.0"
AT_TYPE = "spec.kubeVirt.nodeTypes[0]"
NAMESPACED, CLUSTER = "VirtualMachineInstancetype", "VirtualMachineClusterInstancetype"
LOCAL_CONFIG = "config.kubernetes.io/local-config"
INFERRED = {"inferFromVolume": "root"}
SMALL = {"kind": NAMESPACED, "name": "small"}


def instancetype(memory: str, namespace: str | None = "machines", **others: Any) -> dict[str, Any]:
    metadata = {"name": "small"} | ({"namespace": namespace} if namespace else {})
    return {
        "apiVersion": "instancetype.kubevirt.io/v1beta1",
        "kind": NAMESPACED,
        "metadata": metadata,
        "spec": {"cpu": {"guest": 2}, "memory": {"guest": memory}},
        **others,
    }


def provider(reference: Any = SMALL, **resources: Any) -> dict[str, Any]:
    value = changed(PROVIDER, f"{TEMPLATE}.instancetype", reference)
    value = changed(changed(value, f"{DOMAIN}.cpu", REMOVED), f"{DOMAIN}.memory", REMOVED)
    return changed(value, f"{TYPE}.resources", resources)


# An amount that no node type has: the error tells what they have.
HUGE = changed(CLAIM, "spec.desiredCapacity", {"memory": "1Ti"})
HUGE = changed(HUGE, "spec.typeRef", REMOVED)


def run(*items: dict[str, Any], config: dict[str, Any] = CONFIG) -> Any:
    return function(resource_list(*items, SECRET, config=config))


@pytest.mark.parametrize("order", [1, -1])
def test_it_is_the_one_of_the_machines_namespace(order: int) -> None:
    near, far = instancetype("2Gi"), instancetype("64Gi", "other")
    others = [
        instancetype("32Gi", None),
        instancetype("16Gi", None, kind=CLUSTER),
        instancetype("8Gi", apiVersion="example.com/v1"),
    ]
    items = [near, far, *others][::order]
    assert "misses memory (has 2Gi)" in refusal(run(provider(), HUGE, *items))
    # What is without a namespace goes where the machines go.
    items.remove(near)
    assert "misses memory (has 32Gi)" in refusal(run(provider(), HUGE, *items))
    for reference in ({"name": "small"}, {"name": "small", "kind": CLUSTER.lower() + "s"}):
        assert "(has 16Gi)" in refusal(run(provider(reference), HUGE, *items))
    said = refusal(run(provider(), HUGE, far))
    assert f"the template has {NAMESPACED} small, which is not among the items" in said


def test_of_machines_in_their_virtual_clusters_namespaces() -> None:
    path = "spec.kubeVirt.namespaceStrategy"
    strategy = changed(provider(), path, "VirtualCluster")
    config = changed(CONFIG, "spec.virtualClusters.0.vmNamespace", "t1")
    near, far = instancetype("2Gi", "t1"), instancetype("64Gi", "machines")
    assert "(has 2Gi)" in refusal(run(strategy, HUGE, near, far, config=config))
    assert "which is not among the items" in refusal(run(strategy, HUGE, far, config=config))


def test_of_several_sizes() -> None:
    other = instancetype("4Gi", apiVersion="instancetype.kubevirt.io/v1")
    said = refusal(run(provider(), CLAIM, instancetype("2Gi"), other))
    assert f"{AT_TYPE}.resources: can't be told: {NAMESPACED} small is among the items" in said
    same = instancetype("2Gi", apiVersion="instancetype.kubevirt.io/v1")
    assert run(provider(), CLAIM, instancetype("2Gi"), same).code == 0


def test_without_memory() -> None:
    empty = instancetype("2Gi", spec={"cpu": {"guest": 2}})
    said = refusal(run(provider(), CLAIM, empty))
    assert f"is required: {NAMESPACED} small has no spec.memory.guest" in said


UNKNOWN = [
    (INFERRED, "an instancetype that KubeVirt infers from volume root"),
    (
        {**INFERRED, "inferFromVolumeFailurePolicy": "Reject"},
        "an instancetype that KubeVirt infers from volume root",
    ),
    ({"name": "u1.medium"}, f"{CLUSTER} u1.medium, which is not among the items"),
    (SMALL, f"{NAMESPACED} small, which is not among the items"),
]


@pytest.mark.parametrize(("reference", "described"), UNKNOWN)
def test_an_unknown_one_needs_the_size_beside_it(reference: Any, described: str) -> None:
    said = refusal(run(provider(reference), CLAIM))
    message = f"resources.memory: is required: the template has {described}; state the size in"
    assert f"{AT_TYPE}.{message} resources" in said
    done = run(provider(reference, cpu=4, memory="8Gi"), CLAIM)
    assert done.code == 0, done.stderr
    assert "(no-cpu)" not in done.stderr
    domain = made(done)[0]["spec"]["template"]["spec"]["domain"]
    # KubeVirt refuses a machine that has both.
    assert not {"cpu", "memory", "resources"} & domain.keys()
    said = refusal(run(provider(reference, cpu=4, memory="8Gi"), HUGE))
    assert "misses memory (has 8Gi)" in said
    warned = run(provider(reference, memory="8Gi"), CLAIM).stderr
    assert f"{AT_TYPE}.resources.cpu: is not stated, and the template has {described}" in warned


def test_a_size_beside_a_known_one_may_not_differ() -> None:
    said = refusal(run(provider(memory="8Gi", cpu=2), CLAIM, instancetype("2Gi")))
    message = f"is 8Gi, but {NAMESPACED} small of the template gives 2Gi; leave it out"
    assert f"{AT_TYPE}.resources.memory: {message}" in said
    assert "resources.cpu" not in said
    assert run(provider(memory="2048Mi", cpu=2), CLAIM, instancetype("2Gi")).code == 0


def test_nor_beside_one_that_a_claim_brings() -> None:
    patch = yaml.safe_dump({"spec": {"instancetype": SMALL}})
    key = "kubevirt.vcluster.com/merge-virtual-machine-template"
    claim = changed(CLAIM, "spec.properties", {key: patch})
    config = changed(CONFIG, "spec.allowClaimTemplates", True)
    other = provider({"name": "u1.medium"}, memory="8Gi", cpu=2)
    said = refusal(run(other, claim, instancetype("2Gi"), config=config))
    assert f"{AT_TYPE}.resources.memory: is 8Gi, but {NAMESPACED} small" in said


def test_all_are_local_config_also_without_a_machine() -> None:
    """Or one would be applied until a machine has it, and pruned from under that machine."""
    items = [instancetype("2Gi"), instancetype("64Gi", "other")]
    done = run(provider(), CLAIM, *items)
    assert done.code == 0, done.stderr
    marks = {
        item["metadata"]["namespace"]: (item["metadata"].get("annotations") or {}).get(LOCAL_CONFIG)
        for item in yaml.safe_load(done.stdout)["items"]
        if item["kind"] == NAMESPACED
    }
    assert marks == {"machines": "true", "other": "true"}
