"""Problems in what users write come all at once, and null is the same as absent (single bad fields are in `tests/hostile`)."""

from tests.support import (
    CLAIM,
    FLAT,
    PROVIDER,
    SECRET,
    changed,
    function,
    refusal,
    resource_list,
)

TYPE = "spec.kubeVirt.nodeTypes.0"


def test_replaced_and_merged_at_once() -> None:
    both = changed(
        changed(PROVIDER, f"{TYPE}.mergeVirtualMachineTemplate", {}),
        f"{TYPE}.virtualMachineTemplate",
        {},
    )
    assert "mergeVirtualMachineTemplate: stands beside virtualMachineTemplate" in refusal(
        function(resource_list(both, CLAIM, SECRET))
    )


def test_a_flat_config_needs_its_virtual_cluster_named_where_claims_name_two() -> None:
    other = changed(changed(CLAIM, "spec.vClusterRef", "tenant-2"), "metadata.name", "node-2")
    said = refusal(function(resource_list(PROVIDER, CLAIM, other, SECRET, config=FLAT)))
    assert "data.virtualCluster: is required: the claims name tenant-1, tenant-2" in said


def test_all_problems_come_at_once() -> None:
    wrong = changed(
        changed(PROVIDER, "spec.kubeVirt.clusterRef.cluster", ""), "spec.displayName", 1
    )
    said = refusal(
        function(
            resource_list(
                wrong,
                changed(CLAIM, "spec.controlPlane", 1),
                changed(SECRET, "stringData.token", "x"),
            )
        )
    )
    assert len(said.splitlines()) >= 4


def test_null_means_absent() -> None:
    provider = changed(changed(PROVIDER, "spec.displayName", None), f"{TYPE}.maxCapacity", None)
    claim = changed(changed(CLAIM, "spec.taints", None), "status", None)
    assert function(resource_list(provider, claim, SECRET)).code == 0
