"""A claim gets the cheapest node type that meets all it asks for, or the nearest miss in an error."""

from typing import Any

import pytest

from tests.support import (
    BUILT_IN,
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

TYPE = "krmfn.dev/node-type"
NAMES = ["vcluster.com/node-type", "node.kubernetes.io/instance-type"]


def provider(*types: dict[str, Any], **spec: Any) -> dict[str, Any]:
    result = changed(PROVIDER, "spec.kubeVirt.nodeTypes", list(types))
    result["spec"] |= spec
    return result


def sized(name: str, cpu: Any, memory: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "resources": {"cpu": cpu, "memory": memory, **more.pop("resources", {})},
        **more,
    }


def claim(**spec: Any) -> dict[str, Any]:
    result = changed(CLAIM, "spec", {"providerRef": "edge", "vClusterRef": "tenant-1"})
    result["spec"] |= spec
    return result


def chosen(types: list[dict[str, Any]], **spec: Any) -> str:
    done = function(resource_list(provider(*types), claim(**spec), SECRET))
    assert done.code == 0, done.stderr
    return str(made(done)[0]["metadata"]["labels"][TYPE])


SMALL, LARGE = sized("small", 2, "4Gi"), sized("large", 4, "16Gi")
GPU = sized("gpu", 2, "4Gi", resources={"nvidia.com/gpu": 1}, cost=1)


@pytest.mark.parametrize(
    ("types", "asked", "expected"),
    [
        ([LARGE, SMALL], {}, "small"),
        ([LARGE, SMALL], {"typeRef": "large"}, "large"),
        ([LARGE, SMALL], {"typeRef": "edge.large"}, "large"),
        (
            [LARGE, SMALL],
            {
                "requirements": [
                    {"key": "vcluster.com/node-type", "operator": "In", "values": ["large"]}
                ]
            },
            "large",
        ),
        (
            [LARGE, SMALL],
            {
                "requirements": [
                    {
                        "key": "node.kubernetes.io/instance-type",
                        "operator": "NotIn",
                        "values": ["edge.small"],
                    }
                ]
            },
            "large",
        ),
        (
            [LARGE, SMALL],
            {
                "requirements": [
                    {"key": "vcluster.com/node-type", "operator": "NotIn", "values": ["small"]}
                ]
            },
            "large",
        ),
        (
            [LARGE, SMALL],
            {"requirements": [{"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]}]},
            "small",
        ),
        (
            [LARGE, SMALL],
            {
                "requirements": [
                    {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["global"]}
                ]
            },
            "small",
        ),
        (
            [LARGE, SMALL],
            {"requirements": [{"key": "karpenter.sh/capacity-type", "operator": "Exists"}]},
            "small",
        ),
        ([LARGE, SMALL], {"desiredCapacity": {"memory": "5Gi"}}, "large"),
        (
            [LARGE, SMALL],
            {"desiredCapacity": {"cpu": "1500m", "pods": "5", "ephemeral-storage": "1Gi"}},
            "small",
        ),
        ([GPU, SMALL], {}, "small"),
        ([GPU, SMALL], {"desiredCapacity": {"nvidia.com/gpu": 1}}, "gpu"),
        # None of a resource is what a type without it has.
        ([LARGE, SMALL], {"desiredCapacity": {"nvidia.com/gpu": 0}}, "small"),
        ([{**GPU, "resources": {**GPU["resources"], "nvidia.com/gpu": 0}}], {}, "gpu"),
        ([sized("b", 2, "4Gi"), sized("a", 2, "4Gi")], {}, "a"),
        ([sized("a", 2, "4Gi", cost=100), sized("b", 2, "4Gi")], {}, "b"),
        ([sized("a", 2, "4Gi", cost=-1), sized("b", 1, "1Gi")], {}, "a"),
    ],
)
def test_the_cheapest_that_meets_it(
    types: list[dict[str, Any]], asked: dict[str, Any], expected: str
) -> None:
    assert chosen(types, **asked) == expected


@pytest.mark.parametrize(
    ("resources", "cost"),
    [
        ({"cpu": 2, "memory": "4Gi"}, 28),
        ({"cpu": 4, "memory": "16Gi"}, 72),
        ({"cpu": "500m", "memory": "1536Mi"}, 8),
        ({"cpu": "100m", "memory": "128Mi"}, 1),
        ({"cpu": "50m", "memory": "1Mi"}, 1),
        ({"cpu": 1, "memory": "1Gi", "nvidia.com/gpu": 2}, 20_012),
        ({"cpu": 1, "memory": "1Gi", "pods": 110, "ephemeral-storage": "100Gi"}, 12),
    ],
)
def test_cost(resources: dict[str, Any], cost: int) -> None:
    other = sized("other", 1, "1Gi", cost=10**9)
    asked = {"nvidia.com/gpu": 1} if "nvidia.com/gpu" in resources else {}
    domain = {"memory": {"guest": "1Gi"}, "devices": {}}
    template = {"spec": {"template": {"spec": {"domain": domain}}}}
    types = [
        {"name": "this", "resources": resources, "virtualMachineTemplate": template},
        other | {"resources": {**other["resources"], **asked}},
    ]
    done = function(resource_list(provider(*types), claim(desiredCapacity=asked), SECRET))
    assert f"this (cost {cost}), other (cost {10**9})" in done.stderr, done.stderr


def test_ambiguity_is_told_with_what_pins_it() -> None:
    done = function(resource_list(provider(LARGE, SMALL), claim(), SECRET))
    assert (
        "spec: fits 2 node types, small (cost 28), large (cost 72); the cheapest, small, is pinned by typeRef: edge.small"
        in done.stderr
    )
    fail = changed(CONFIG, "spec.onAmbiguousNodeType", "Fail")
    assert "fits 2 node types" in refusal(
        function(resource_list(provider(LARGE, SMALL), claim(), SECRET, config=fail))
    )


@pytest.mark.parametrize(
    ("types", "asked", "message"),
    [
        (
            [LARGE, SMALL],
            {"desiredCapacity": {"cpu": 8}},
            "asks for cpu 8, which no node type meets; the nearest, large, misses cpu (has 4)",
        ),
        (
            [LARGE, SMALL],
            {"requirements": [{"key": "example.com/x", "operator": "In", "values": ["y", "z"]}]},
            "asks for example.com/x, which no node type meets; the nearest, large, misses example.com/x (y, z)",
        ),
        (
            [SMALL],
            {
                "requirements": [
                    {"key": "vcluster.com/node-type", "operator": "In", "values": ["smal"]}
                ]
            },
            'names node type "smal"; the provider has ',
        ),
        (
            [SMALL],
            {
                "requirements": [
                    {"key": "vcluster.com/nodetype", "operator": "In", "values": ["small"]}
                ]
            },
            'misses vcluster.com/nodetype (small) (did you mean "vcluster.com/node-type"?)',
        ),
        ([SMALL], {"desiredCapacity": {"nvidia.com/gpu": 1}}, "misses nvidia.com/gpu (has none)"),
        (
            [GPU],
            {},
            "asks for nothing in particular; gpu meets that, but has nvidia.com/gpu, which must be asked for in desiredCapacity",
        ),
        (
            [SMALL],
            {
                "requirements": [
                    {"key": "a", "operator": "Exists"},
                    {"key": "a", "operator": "DoesNotExist"},
                ]
            },
            "asks for a, which no node type meets",
        ),
    ],
)
def test_what_no_type_meets(
    types: list[dict[str, Any]], asked: dict[str, Any], message: str
) -> None:
    assert message in refusal(function(resource_list(provider(*types), claim(**asked), SECRET)))


def test_requirements_on_one_property_hold_together() -> None:
    both = sized("both", 1, "1Gi", properties={"tier": "a,b"})
    requirements = [
        {"key": "tier", "operator": "In", "values": ["a", "b"]},
        {"key": "tier", "operator": "NotIn", "values": ["a"]},
    ]
    assert chosen([both], requirements=requirements) == "both"
    requirements.append({"key": "tier", "operator": "NotIn", "values": ["b"]})
    assert "asks for tier" in refusal(
        function(resource_list(provider(both), claim(requirements=requirements), SECRET))
    )


def test_full_types_are_chosen_all_the_same_and_then_refused() -> None:
    types = [sized("small", 2, "4Gi", maxCapacity=1), LARGE]
    claims = [changed(claim(), "metadata.name", name) for name in ("a", "b")]
    said = refusal(function(resource_list(provider(*types), *claims, SECRET)))
    assert "maxCapacity: is 1, but 2 claims ask for edge.small: a, b; large would also fit" in said


@pytest.mark.parametrize(
    ("domain", "told"),
    [
        (
            {
                "memory": {"guest": "4Gi"},
                "cpu": {"cores": 2, "threads": 2},
                "resources": {"requests": {"memory": "1Gi", "cpu": "1"}},
            },
            48,
        ),
        (
            {
                "resources": {
                    "requests": {"memory": "4Gi", "cpu": "2"},
                    "limits": {"memory": "8Gi", "cpu": "4"},
                }
            },
            28,
        ),
        ({"resources": {"limits": {"memory": "8Gi", "cpu": "4"}}}, 56),
        ({"memory": {"guest": "4Gi"}}, 18),
    ],
)
def test_sizes_are_discovered(domain: dict[str, Any], told: int) -> None:
    template = changed(
        PROVIDER,
        "spec.kubeVirt.virtualMachineTemplate.spec.template.spec.domain",
        {**domain, "devices": {}},
    )
    template = changed(
        template, "spec.kubeVirt.virtualMachineTemplate.spec.template.spec.volumes", []
    )
    template["spec"]["kubeVirt"]["nodeTypes"] = [{"name": "this"}, {"name": "z", "cost": 10**6}]
    done = function(resource_list(template, claim(), SECRET))
    assert f"this (cost {told})" in done.stderr, done.stderr
    assert ("(no-cpu)" in done.stderr) == ("cpu" not in str(domain))


def test_properties_become_labels_where_kubelet_takes_them() -> None:
    properties = {
        "tier": "gold", "example.com/a": "b", "several": "a,b", "any": "*", "not a label": "x", "kubernetes.io/os": "linux", "kubernetes.io/role": "x",
        "node.kubernetes.io/x": "y", "k8s.io/x": "y", "topology.kubernetes.io/zone": "z",
    }  # fmt: skip
    done = function(
        resource_list(
            provider(
                {"name": "small", "properties": properties}, properties={"tier": "tin", "p": "q"}
            ),
            claim(),
            SECRET,
        )
    )
    assert node_labels(user_data(done)[0]) == {
        "example.com/a": "b",
        "node.kubernetes.io/x": "y",
        "p": "q",
        "tier": "gold",
        "topology.kubernetes.io/zone": "z",
    }


def test_built_in_properties_become_labels() -> None:
    done = function(resource_list())
    text = kubelet_arguments(user_data(done)[0])["node-labels"]
    assert text == ",".join(f"{key}={BUILT_IN[key]}" for key in sorted(BUILT_IN))


@pytest.mark.parametrize(
    ("name", "zone", "expected"),
    [
        # A name that is too long for a label, and zones that are several or any, make no label.
        ("a" * 60, "z", {"topology.kubernetes.io/zone": "z"}),
        ("a", "y,z", {}),
        ("a", "*", {}),
    ],
)
def test_built_in_properties_that_are_no_labels(
    name: str, zone: str, expected: dict[str, str]
) -> None:
    node_type = {"name": name, "properties": {"topology.kubernetes.io/zone": zone}}
    text = user_data(function(resource_list(provider(node_type), claim(), SECRET)))[0]
    labels = node_labels(text)
    assert "zone=global" not in text
    if len(name) == 1:
        expected = dict.fromkeys(NAMES, "edge.a") | expected
    assert labels == expected


def test_what_is_wrong_with_a_shared_template_is_told_once() -> None:
    types = [{"name": f"t{number}", "resources": {"cpu": number + 1}} for number in range(3)]
    wrong = changed(
        provider(*types),
        "spec.kubeVirt.virtualMachineTemplate.spec.template.spec.domain.memory.guest",
        "2Gb",
    )
    said = refusal(function(resource_list(wrong, claim(), SECRET)))
    assert said.count("2Gb") == 1


def test_templates_without_end_are_refused() -> None:
    patch = {"metadata": {"labels": {"a": "b"}}}
    many = provider(
        *(sized(f"t{number}", 1, "2Gi", mergeVirtualMachineTemplate=patch) for number in range(700))
    )
    annotations = {f"a{number}": "" for number in range(1000)}
    wide = changed(
        many, "spec.kubeVirt.virtualMachineTemplate.metadata", {"annotations": annotations}
    )
    said = refusal(function(resource_list(wide, claim(), SECRET)))
    assert said.count("makes the templates of this run come to over 400000 values") == 1


OTHER_GPU = sized("other-gpu", 2, "4Gi", resources={"amd.com/gpu": 1}, cost=2)


def selecting(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"key": key, "operator": operator, "values": list(values)}


@pytest.mark.parametrize("key", NAMES)
@pytest.mark.parametrize("name", ["gpu", "edge.gpu"])
def test_a_selector_that_names_a_type_asks_for_its_resources(key: str, name: str) -> None:
    assert chosen([SMALL, GPU], requirements=[selecting(key, "In", name)]) == "gpu"


@pytest.mark.parametrize(
    ("types", "values", "expected"),
    [
        ([GPU, OTHER_GPU], ["gpu", "other-gpu"], "gpu"),
        # The cheapest of all, but an ordinary type would do as well.
        ([SMALL, GPU], ["small", "gpu"], "small"),
        ([LARGE, GPU, OTHER_GPU], ["edge.large", "gpu", "other-gpu"], "large"),
    ],
)
def test_of_several_named_types_those_without_devices_come_first(
    types: list[dict[str, Any]], values: list[str], expected: str
) -> None:
    assert chosen(types, requirements=[selecting(NAMES[0], "In", *values)]) == expected


@pytest.mark.parametrize(
    "requirements",
    [
        [selecting(NAMES[0], "NotIn", "small")],
        [selecting(NAMES[0], "Exists")],
        [selecting("zone", "In", "b")],
        [selecting(NAMES[0], "In", "small", "gpu"), selecting("zone", "In", "b")],
    ],
)
def test_a_selector_that_only_leads_to_a_gpu_does_not_ask_for_it(
    requirements: list[dict[str, Any]],
) -> None:
    types = [{**SMALL, "properties": {"zone": "a"}}, {**GPU, "properties": {"zone": "b"}}]
    if requirements[0]["operator"] != "In":
        types = types[1:]
    said = refusal(
        function(resource_list(provider(*types), claim(requirements=requirements), SECRET))
    )
    assert (
        "gpu meets that, but has nvidia.com/gpu, which must be asked for in desiredCapacity" in said
    )


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            {"desiredCapacity": {"cpu": 64}},
            "spec.desiredCapacity.cpu: is 64, but small, which typeRef names, has 2",
        ),
        (
            {"desiredCapacity": {"nvidia.com/gpu": 1}},
            "desiredCapacity[nvidia.com/gpu]: is 1, but small, which typeRef names, has none",
        ),
        (
            {"requirements": [selecting(NAMES[1], "In", "edge.large")]},
            "spec.requirements[0]: is not met by small, which typeRef names: "
            "its node.kubernetes.io/instance-type is edge.small",
        ),
        (
            {"requirements": [selecting("zone", "In", "a")]},
            "spec.requirements[0]: is not met by small, which typeRef names: its zone is absent",
        ),
    ],
)
def test_what_is_asked_for_beside_a_type_that_does_not_have_it(
    spec: dict[str, Any], message: str
) -> None:
    types = [SMALL, {**LARGE, "properties": {"zone": "a"}}]
    asked = claim(typeRef="edge.small", **spec)
    assert message in refusal(function(resource_list(provider(*types), asked, SECRET)))


def test_what_is_asked_for_beside_a_type_that_has_it() -> None:
    capacity = {"cpu": 2, "memory": "4Gi", "pods": "110"}
    requirements = [
        selecting(NAMES[1], "In", "edge.small"),
        selecting("karpenter.sh/nodepool", "In", "workers"),
    ]
    types = [SMALL, GPU]
    assert chosen(types, typeRef="edge.small", desiredCapacity=capacity, requirements=requirements)
    assert chosen(types, typeRef="gpu") == "gpu"
