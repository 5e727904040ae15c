"""A claim's output depends only on the claim, its provider and its virtual cluster, and everything refused is named."""

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import (
    CLAIM,
    CONFIG,
    PROVIDER,
    SECRET,
    changed,
    function,
    kubelet_arguments,
    made,
    node_labels,
    refusal,
    resource_list,
    user_data,
)

TENANT = "spec.virtualClusters.0"
EAST = changed(
    changed(PROVIDER, "metadata.name", "east"), "spec.kubeVirt.clusterRef.cluster", "kubevirt-2"
)


def claim(name: str, **spec: Any) -> dict[str, Any]:
    result = changed(CLAIM, "metadata.name", name)
    result["spec"] |= spec
    return result


def test_capacity_is_checked_and_moves_no_claim() -> None:
    provider = changed(PROVIDER, "spec.kubeVirt.nodeTypes.0.maxCapacity", 2)
    claims = [claim(f"n{index}") for index in range(3)]
    assert function(resource_list(provider, *claims[:2], SECRET)).code == 0
    said = refusal(function(resource_list(provider, *claims, SECRET)))
    assert (
        "spec.kubeVirt.nodeTypes[0].maxCapacity: is 2, but 3 claims ask for edge.small: n0, n1, n2"
        in said
    )


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (
            [PROVIDER, changed(PROVIDER, "spec.displayName", "b"), CLAIM, SECRET],
            "metadata.name: is the name of two NodeProviders",
        ),
        (
            [PROVIDER, CLAIM, CLAIM, SECRET],
            "makes Secret machines/node-1-cloud-init, as NodeClaim p-default/node-1 does",
        ),
        (
            [PROVIDER, CLAIM, changed(CLAIM, "metadata.namespace", "p-x"), SECRET],
            "makes VirtualMachine machines/node-1, as NodeClaim",
        ),
        (
            [PROVIDER, EAST, CLAIM, claim("e", providerRef="east"), SECRET],
            "spec.cluster: is required: the claims go to kubevirt-1, kubevirt-2",
        ),
        (
            [
                changed(
                    changed(PROVIDER, "metadata.name", "a"), "spec.kubeVirt.nodeTypes.0.name", "b.c"
                ),
                changed(
                    changed(PROVIDER, "metadata.name", "a.b"), "spec.kubeVirt.nodeTypes.0.name", "c"
                ),
                claim("n", providerRef="a", typeRef="b.c"),
                SECRET,
            ],
            "has the full name a.b.c, as one of provider a has",
        ),
        (
            [changed(PROVIDER, "spec", {"terraform": {}}), CLAIM, SECRET],
            'spec.providerRef: is "edge", which is not a KubeVirt provider',
        ),
        ([PROVIDER, SECRET], "virtual cluster tenant-1 has no claim"),
        (
            [PROVIDER, SECRET, changed(CLAIM, "kind", "Nodeclaim")],
            'kind: is "Nodeclaim"; krmfn reads single objects of kind NodeClaim',
        ),
        (
            [PROVIDER, SECRET, changed(CLAIM, "kind", "NodeClaimList")],
            "krmfn reads single objects of kind NodeClaim",
        ),
        ([CLAIM, SECRET], 'spec.providerRef: is "edge"; the NodeProviders here are none at all'),
        ([PROVIDER, CLAIM], "Secret join is not among the items; there is no Secret at all"),
    ],
)
def test_what_does_not_fit_together(items: list[dict[str, Any]], message: str) -> None:
    assert message in refusal(function(resource_list(*items)))


VM_SPEC = "spec.kubeVirt.virtualMachineTemplate.spec.template.spec"


def test_two_claims_that_make_one_data_volume() -> None:
    def with_volume(provider: str, volume: str) -> dict[str, Any]:
        result = changed(
            changed(PROVIDER, "metadata.name", provider),
            "spec.kubeVirt.virtualMachineTemplate.spec.dataVolumeTemplates",
            [],
        )
        storage = {"resources": {"requests": {"storage": "1Gi"}}}
        spec: dict[str, Any] = {"source": {"blank": {}}, "storage": storage}
        result["spec"]["kubeVirt"]["virtualMachineTemplate"]["spec"]["dataVolumeTemplates"] = [
            {"metadata": {"name": volume}, "spec": spec}
        ]
        return changed(
            result, f"{VM_SPEC}.volumes", [{"name": "root", "dataVolume": {"name": volume}}]
        )

    items = [
        with_volume("p", "b-c"),
        with_volume("q", "c"),
        claim("a", providerRef="p"),
        claim("a-b", providerRef="q"),
        SECRET,
    ]
    assert "makes DataVolume machines/a-b-c, as NodeClaim p-default/a does" in refusal(
        function(resource_list(*items))
    )


def test_a_secret_named_as_another_claims_machine_is_none() -> None:
    assert function(resource_list(PROVIDER, claim("a"), claim("a-cloud-init"), SECRET)).code == 0


def test_claims_of_another_kubevirt_cluster_are_not_ours() -> None:
    config = changed(CONFIG, "spec.cluster", "kubevirt-1")
    broken = changed(EAST, "spec.kubeVirt.virtualMachineTemplate", {"spec": {}})
    done = function(
        resource_list(
            PROVIDER,
            broken,
            CLAIM,
            claim("e", providerRef="east", vClusterRef="unlisted"),
            SECRET,
            config=config,
        )
    )
    assert done.code == 0, done.stderr
    assert [item["metadata"]["name"] for item in made(done)] == ["node-1"]


def test_nothing_to_render_is_an_exit_code_of_its_own() -> None:
    config = changed(CONFIG, "spec.cluster", "kubevirt-9")
    done = function(resource_list(config=config))
    assert done.code == 3
    assert "there is nothing to render" in done.stderr
    allowed = changed(changed(config, f"{TENANT}.allowNoNodes", True), "spec.cluster", "kubevirt-9")
    assert function(resource_list(config=allowed)).code == 0


def test_the_platforms_own_charts_are_only_told_of() -> None:
    provider = changed(PROVIDER, "spec.kubeVirt.deploy", {"kubevirt": {"enabled": True}})
    done = function(resource_list(provider, CLAIM, SECRET))
    assert done.code == 0
    assert "(nothing-deployed)" in done.stderr
    accepted = changed(CONFIG, "spec.acceptWarnings", ["nothing-deployed", "plaintext-token"])
    assert function(resource_list(provider, CLAIM, SECRET, config=accepted)).stderr == ""


def test_what_krmfn_does_not_read_has_no_place_in_the_config() -> None:
    config = changed(
        CONFIG,
        "spec.resources",
        [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x"}}],
    )
    assert (
        'Namespace x: kind: is "Namespace": spec.resources holds what krmfn reads, and this would be lost'
        in refusal(function(resource_list(config=config)))
    )


def test_a_broken_provider_is_told_once() -> None:
    said = refusal(function(resource_list(changed(PROVIDER, "spec.displayName", 1), CLAIM, SECRET)))
    assert [line for line in said.splitlines() if line.startswith("error")] == [
        "error: NodeProvider edge: spec.displayName: is 1; must be text in quotes"
    ]


def test_of_namesakes_a_claim_without_a_namespace_has_none() -> None:
    config = changed(CONFIG, f"{TENANT}.namespace", "p-a")
    config["spec"]["virtualClusters"].append(
        {**config["spec"]["virtualClusters"][0], "namespace": "p-b"}
    )
    nowhere = changed(CLAIM, "metadata", {"name": "n"})
    said = refusal(function(resource_list(PROVIDER, nowhere, SECRET, config=config)))
    assert "metadata.namespace: is required; claims of tenant-1 stand in p-a, p-b" in said


def test_taints_of_the_node_type_and_of_the_claim() -> None:
    template = "spec.kubeVirt.virtualMachineTemplate.spec.template.spec.taints"
    provider = changed(PROVIDER, template, [{"key": "a", "value": "b", "effect": "NoSchedule"}])
    node = claim(
        "n",
        taints=[{"key": "c", "effect": "NoExecute"}],
        startupTaints=[{"key": "a", "value": "b", "effect": "NoSchedule"}],
    )
    done = function(resource_list(provider, node, SECRET))
    [machine] = made(done)
    assert "taints" not in machine["spec"]["template"]["spec"]
    arguments = kubelet_arguments(user_data(done)[0])
    assert arguments["register-with-taints"] == "a=b:NoSchedule,c=:NoExecute"


def test_what_kubelet_keeps_for_itself() -> None:
    provider = changed(
        PROVIDER,
        "spec.kubeVirt.nodeTypes.0.overhead",
        {"kubeReserved": {"memory": "512Mi", "cpu": 0.1}},
    )
    node = claim("n", kubeletArgs={"max-pods": "50"})
    [text] = user_data(function(resource_list(provider, node, SECRET)))
    arguments = kubelet_arguments(text)
    assert list(arguments) == ["max-pods", "kube-reserved", "node-labels"]
    assert arguments["max-pods"] == "50"
    assert arguments["kube-reserved"] == "cpu=100m,memory=512Mi"


@pytest.mark.parametrize(
    ("reserved", "warned"),
    [
        ({"cpu": "999m", "memory": "2047Mi"}, 0),
        ({"cpu": "1"}, 1),
        ({"memory": "2Gi"}, 1),
        ({"cpu": "2", "memory": "3Gi"}, 2),
    ],
)
def test_a_kubelet_that_keeps_all_for_itself_does_not_start(
    reserved: dict[str, str], warned: int
) -> None:
    overhead = {"kubeReserved": reserved}
    provider = changed(PROVIDER, "spec.kubeVirt.nodeTypes.0.overhead", overhead)
    done = function(resource_list(provider, CLAIM, SECRET))
    assert done.code == 0, done.stderr
    message = "nothing is left, and kubelet refuses to start (unfit-node-type)"
    assert done.stderr.count(message) == warned


@pytest.mark.parametrize("name", ["register-with-taints", "kube-reserved"])
def test_an_argument_that_is_also_made(name: str) -> None:
    provider = changed(PROVIDER, "spec.kubeVirt.nodeTypes.0.overhead", {"kubeReserved": {"cpu": 1}})
    provider = changed(provider, "spec.properties", {"rack": "a"})
    node = claim("n", kubeletArgs={name: "x"}, taints=[{"key": "a", "effect": "NoSchedule"}])
    said = refusal(function(resource_list(provider, node, SECRET)))
    assert (
        f"spec.kubeletArgs.{name}: is also made of the taints, labels, properties or overhead"
        in said
    )


def test_labels_in_the_arguments_join_those_that_are_made() -> None:
    provider = changed(PROVIDER, "spec.properties", {"rack": "a"})
    arguments = {"node-labels": "b=c,rack=a,topology.kubernetes.io/zone=z", "max-pods": "5"}
    [text] = user_data(function(resource_list(provider, claim("n", kubeletArgs=arguments), SECRET)))
    assert list(kubelet_arguments(text)) == ["node-labels", "max-pods"]
    assert node_labels(text) == {"b": "c", "rack": "a", "topology.kubernetes.io/zone": "z"}


@pytest.mark.parametrize(
    ("label", "other"), [("rack=b", "a"), ("node.kubernetes.io/instance-type=b", "edge.small")]
)
def test_labels_in_the_arguments_with_another_value(label: str, other: str) -> None:
    provider = changed(PROVIDER, "spec.properties", {"rack": "a"})
    node = claim("n", kubeletArgs={"node-labels": label})
    said = refusal(function(resource_list(provider, node, SECRET)))
    key, _, value = label.partition("=")
    assert (
        f'spec.kubeletArgs.node-labels: sets {key} to "{value}", but a property, a profile or the '
        f'node type sets it to "{other}"; keep one of them' in said
    )


REF = {"kubevirt.vcluster.com/vm-ref": "machines/node-1"}


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("status", {"phase": "Available"}, "status"),
        ("metadata.annotations", REF, "metadata.annotations[kubevirt.vcluster.com/vm-ref]"),
    ],
)
def test_a_claim_whose_machine_the_platform_runs(path: str, value: Any, field: str) -> None:
    live = changed(CLAIM, path, value)
    others = [claim("node-2"), claim("node-3", typeRef="none")]
    said = refusal(function(resource_list(PROVIDER, *others, live, SECRET)))
    first = said.splitlines()[0]
    assert f"{field}: shows that the Platform runs this claim's machine" in first
    assert "liveClaims: Render in the config" in first
    # All problems are told.
    assert 'NodeClaim p-default/node-3: spec.typeRef: is "none"' in said
    accepted = changed(CONFIG, "spec.liveClaims", "Render")
    assert len(made(function(resource_list(PROVIDER, live, SECRET, config=accepted)))) == 1


def test_claims_that_only_look_live_are_rendered() -> None:
    idle = changed(changed(CLAIM, "status", {}), "metadata.annotations", {})
    elsewhere = changed(CLAIM, "status", {"phase": "Available"})
    elsewhere = changed(changed(elsewhere, "metadata.name", "x"), "spec.providerRef", "far")
    far = changed(PROVIDER, "spec.kubeVirt.clusterRef.cluster", "other")
    far = changed(far, "metadata.name", "far")
    config = changed(CONFIG, "spec.cluster", "kubevirt-1")
    done = function(resource_list(PROVIDER, far, idle, elsewhere, SECRET, config=config))
    assert len(made(done)) == 1


def test_a_claim_that_is_being_deleted_is_not_rendered() -> None:
    gone = changed(claim("gone"), "metadata.deletionTimestamp", "2026-08-01T10:00:00Z")
    gone = changed(gone, "status", {"phase": "Available"})
    done = function(resource_list(PROVIDER, CLAIM, gone, SECRET))
    assert [machine["metadata"]["name"] for machine in made(done)] == ["node-1"]
    assert "NodeClaim p-default/gone: metadata.deletionTimestamp: is set" in done.stderr
    # A virtual cluster that has no other claim would lose its machines.
    assert "tenant-1 has no claim" in refusal(function(resource_list(PROVIDER, gone, SECRET)))


def test_namesakes_in_two_projects() -> None:
    config = changed(CONFIG, f"{TENANT}.namespace", "p-default")
    second = {
        **config["spec"]["virtualClusters"][0],
        "namespace": "p-other",
        "endpoint": "other.example.com",
    }
    config["spec"]["virtualClusters"].append(second)
    other = changed(claim("node-2"), "metadata.namespace", "p-other")
    done = function(resource_list(PROVIDER, CLAIM, other, SECRET, config=config))
    assert done.code == 0, done.stderr
    first, last = user_data(done)
    assert "https://tenant-1.example.com" in first
    assert "https://other.example.com" in last


NAMES = st.lists(
    st.from_regex(r"\A[a-z0-9]([-a-z0-9]{0,10}[a-z0-9])?\Z"), min_size=2, max_size=6, unique=True
)


@settings(max_examples=60)
@given(NAMES, st.randoms(use_true_random=False))
def test_a_claims_output_depends_on_no_other_claim_and_on_no_order(
    names: list[str], random: Random
) -> None:
    items = [PROVIDER, SECRET, *(claim(name) for name in names)]
    whole = function(resource_list(*items))
    shuffled = items.copy()
    random.shuffle(shuffled)
    fewer = [item for item in shuffled if item["metadata"]["name"] != names[0]]
    assert whole.code == 0, whole.stderr
    everything = generated(whole.stdout)
    assert generated(function(resource_list(*shuffled)).stdout) == everything
    rest = generated(function(resource_list(*fewer)).stdout)
    assert all(text in everything for text in rest)
    assert len(everything) == 2 * len(names)
    assert len(rest) == len(everything) - 2


def generated(stdout: str) -> list[str]:
    """The texts of the generated objects, in their order."""
    texts = [
        "- " + text.rstrip("\n")
        for text in stdout.partition("functionConfig:")[0].split("\n- ")[1:]
    ]
    return [text for text in texts if "krmfn.dev/owner: nodes" in text]


@settings(max_examples=60)
@given(
    st.dictionaries(
        st.sampled_from(["a", "b.c", "x/y"]),
        st.text("yesnoYSNO01exX._-tTrRuUfFaAlL~", max_size=6),
        max_size=3,
    )
)
def test_a_label_comes_out_as_the_string_that_it_was(labels: dict[str, str]) -> None:
    provider = changed(PROVIDER, "spec.kubeVirt.virtualMachineTemplate.metadata.labels", labels)
    done = function(resource_list(provider, CLAIM, SECRET))
    if done.code == 0:
        out = made(done)[0]["metadata"]["labels"]
        assert {key: value for key, value in out.items() if key in labels} == labels
    else:
        assert "metadata.labels" in refusal(done)
