"""A static pool becomes claims with stable names and labels, and a pool that can't be rendered is refused."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from krmfn.commands.reply import Reply
from krmfn.nodes.pool_metadata import PoolsMetadata
from krmfn.nodes.pools import pool_requests
from krmfn.problems import Collector, Place
from tests.support import (
    CLAIM,
    CONFIG,
    FLAT,
    PROVIDER,
    REMOVED,
    SECRET,
    by_name,
    changed,
    function,
    kubelet_arguments,
    made,
    node_labels,
    refusal,
    resource_list,
    user_data,
)

POOL: dict[str, Any] = {"name": "workers", "quantity": 2}
TENANT = "spec.virtualClusters.0"


def list_form(*pools: dict[str, Any], **entry: Any) -> dict[str, Any]:
    return {
        "privateNodes": {
            "enabled": True,
            "autoNodes": [{"provider": "edge", "static": list(pools or (POOL,)), **entry}],
        }
    }


def object_form(*pools: dict[str, Any], **more: Any) -> dict[str, Any]:
    static = [{"provider": "edge", **pool} for pool in pools or (POOL,)]
    return {"privateNodes": {"enabled": True, "autoNodes": {"static": static, **more}}}


def config_map(
    values: Any,
    name: str = "values",
    label: str = "tenant-1",
    key: str = "vcluster.yaml",
    namespace: str = "p-default",
) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace, "labels": {"krmfn.dev/vcluster": label}}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata,
        "data": {key: values if isinstance(values, str) else json.dumps(values)},
    }


def run(values: Any, *more: dict[str, Any], config: dict[str, Any] = CONFIG) -> Any:
    return function(resource_list(PROVIDER, SECRET, config_map(values), *more, config=config))


def names(values: Any, *more: dict[str, Any]) -> list[str]:
    done = run(values, *more)
    assert done.code == 0, done.stderr
    return [machine["metadata"]["name"] for machine in made(done)]


@pytest.mark.parametrize("form", [list_form, object_form])
def test_both_forms_make_the_same_claims(form: Any) -> None:
    done = run(form())
    assert done.code == 0, done.stderr
    machines = made(done)
    assert [machine["metadata"]["name"] for machine in machines] == [
        "tenant-1-workers-0",
        "tenant-1-workers-1",
    ]
    assert all(machine["metadata"]["labels"]["krmfn.dev/pool"] == "workers" for machine in machines)
    assert all(
        machine["spec"]["template"]["metadata"]["labels"]["krmfn.dev/pool"] == "workers"
        for machine in machines
    )


def test_inline_values_and_the_other_key() -> None:
    inline = changed(CONFIG, f"{TENANT}.values", list_form())
    assert made(function(resource_list(PROVIDER, SECRET, config=inline)))
    assert made(
        function(resource_list(PROVIDER, SECRET, config_map(list_form(), key="values.yaml")))
    )


def test_labels_and_taints_of_a_pool() -> None:
    pool = {
        **POOL,
        "nodeLabels": {"tier": "gold", "generation": 5},
        "taints": [{"key": "a", "effect": "NoSchedule"}],
        "terminationGracePeriod": "30s",
    }
    [shared] = user_data(run(list_form({**pool, "properties": {"tier": "tin", "rack": "r1"}})))
    assert node_labels(shared) == {"generation": "5", "rack": "r1", "tier": "gold"}
    assert kubelet_arguments(shared)["register-with-taints"] == "a=:NoSchedule"


def test_the_rest_of_the_values_may_hold_anything() -> None:
    values = list_form() | {"controlPlane": {"anything": [1, None]}, "sync": 5}
    values["privateNodes"] |= {"kubelet": {"config": {}}, "joinNode": []}
    assert len(names(values)) == 2


POOL_ROWS: list[tuple[str, Any, str]] = [
    ("quantity", -1, 'static[0].quantity: of pool "workers" is -1; must be 0 to 50000'),
    ("quantity", 1.5, 'static[0].quantity: of pool "workers" is 1.5; must be a whole number'),
    ("quantity", "2", 'static[0].quantity: of pool "workers" is "2"; must be a whole number'),
    ("quantity", True, "static[0].quantity: of pool \"workers\" is true; must be a whole number"),
    ("quantity", 10**9, 'static[0].quantity: of pool "workers" is 1000000000; must be 0 to 50000'),
    ("name", REMOVED, "static[0].name: is required"),
    ("name", "", "static[0].name: of pool \"\" is required"),
    ("name", "Workers", 'is "Workers"; must be a DNS label'),
    ("name", "a" * 60, "is too long: its nodes would be named tenant-1-aaa"),
    ("selector", [{"value": "x"}], "[0].property: of pool \"workers\" is required"),
    ("selector", [{"property": "a"}], "[0].value: of pool \"workers\" is required by operator In; one of value and values"),
    ("selector", [{"property": "a", "value": "b", "values": ["c"]}], "[0].values: of pool \"workers\" stands beside value; keep one of them"),
    ("selector", [{"property": "a", "operator": "NotExists"}], 'is "NotExists", which the documentation writes and vCluster refuses; write DoesNotExist'),
    ("selector", [{"property": "a", "operator": "NotExists", "value": "b"}], "write DoesNotExist"),
    ("selector", [{"property": "a", "operator": "Exist"}], '[0].operator: of pool "workers" must be one of In, NotIn, Exists, DoesNotExist, Gt, Lt (did you mean "Exists"?)'),
    ("selector", [{"property": "a", "operator": "Exists", "value": "b"}], "is Exists, which takes no value"),
    ("selector", [{"propertty": "a", "value": "b"}], 'propertty: of pool "workers" is an unknown field (did you mean "property"?)'),
    ("selector", [{"property": "example.com/none", "value": "b"}], 'pool "workers" asks for example.com/none, which no node type meets; the nearest, small, misses'),
    ("selector", [{"property": "vcluster.com/node-type", "value": "smal"}], 'names node type "smal"; the provider has '),
    ("taints", [{"key": "a"}], "taints[0].effect: of pool \"workers\" is required"),
    ("nodeLabels", {"a b": "c"}, "nodeLabels[a b]: of pool \"workers\" is"),
    ("nodeLabels", {"a": None}, "nodeLabels.a: of pool \"workers\" is null; must be text in quotes"),
    ("nodeLabels", {"kubernetes.io/role": "c"}, "nodeLabels[kubernetes.io/role]: is a label under Kubernetes' own domains that kubelet may not set"),
    ("profile", "x", "profile: names NodeProfile \"x\", which is not among the items"),
    ("qantity", 1, "qantity"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value", "message"), POOL_ROWS)
@pytest.mark.parametrize("form", [list_form, object_form])
def test_what_is_wrong_with_a_pool(form: Any, key: str, value: Any, message: str) -> None:
    key = {"selector": "nodeTypeSelector" if form is list_form else "requirements"}.get(key, key)
    said = refusal(run(form(changed(POOL, key, value))))
    assert message in said
    assert "ConfigMap p-default/values: data[vcluster.yaml].privateNodes.autoNodes" in said


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (list_form(provider=""), "autoNodes[0].provider: is required"),
        (
            list_form(provider="my-provider"),
            'autoNodes[0].static[0].provider: pool "workers" names "my-provider"; the NodeProviders here are edge',
        ),
        (
            object_form({**POOL, "provider": "my-provider"}),
            'static[0].provider: pool "workers" names "my-provider"',
        ),
        (
            object_form({**POOL, "provider": None}),
            'static[0].provider: of pool "workers" is required: the NodeProvider of the pool',
        ),
        (
            list_form({**POOL, "provider": "edge"}),
            "is not of this form of autoNodes; it stands beside static",
        ),
        (
            list_form({**POOL, "requirements": []}),
            'requirements: of pool "workers" is not of this form of autoNodes; write nodeTypeSelector',
        ),
        (
            object_form({**POOL, "nodeTypeSelector": []}),
            'nodeTypeSelector: of pool "workers" is not of this form of autoNodes; write requirements',
        ),
        (list_form(POOL, POOL), 'static[1].name: of pool "workers" is "workers" a second time'),
        (
            list_form(POOL, dynamic=[{"name": "workers"}]),
            'dynamic[0].name: is "workers" a second time',
        ),
        (
            {
                "privateNodes": {
                    "enabled": True,
                    "autoNodes": [{"provider": "edge", "static": []}, {"provider": "edge"}],
                }
            },
            'autoNodes[1].provider: is "edge" a second time; put its pools together',
        ),
        (
            {
                "privateNodes": {
                    "enabled": True,
                    "autoNodes": {"provider": "edge", "static": [POOL]},
                }
            },
            "mixes the two forms, which no vCluster reads",
        ),
        (
            {"privateNodes": {"enabled": True, "autoNodes": "x"}},
            'privateNodes.autoNodes: is "x"; must be a list',
        ),
        (
            {"privateNodes": {**list_form()["privateNodes"], "enabled": False}},
            "privateNodes.enabled: is not true: vCluster makes no nodes",
        ),
        (
            {"privateNodes": {**list_form()["privateNodes"], "defaultProfile": "x"}},
            'privateNodes.defaultProfile: names NodeProfile "x"',
        ),
        ({"privateNodes": []}, "privateNodes: must be a mapping"),
        ("a: [", "data[vcluster.yaml]: line 2, column 1: is not YAML"),
        ("a: 1\na: 2\n", 'data[vcluster.yaml]: line 2, column 1: has the key "a" twice'),
        ("a: 1\n---\nb: 2\n", "data[vcluster.yaml]: must be one YAML document"),
        (
            list_form(properties={"vcluster.com/os-image": "x"}),
            'names OSImage "x", which is not among the items',
        ),
    ],
)
def test_what_is_wrong_with_values(values: Any, message: str) -> None:
    assert message in refusal(run(values))


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (
            [config_map(list_form()), config_map(list_form(), name="more")],
            "is a second vcluster.yaml of tenant-1; the first is ConfigMap p-default/more",
        ),
        (
            [config_map(list_form(), label="tenant-2")],
            'metadata.labels[krmfn.dev/vcluster]: is "tenant-2"; the config lists tenant-1 (did you mean',
        ),
        (
            [config_map(list_form(), label="")],
            "metadata.labels[krmfn.dev/vcluster]: must name a virtual cluster",
        ),
        (
            [changed(config_map(list_form()), "data", {})],
            "data: must have one of vcluster.yaml and values.yaml",
        ),
        (
            [changed(config_map(list_form()), "data", {"vcluster.yaml": "", "values.yaml": ""})],
            "must have one of vcluster.yaml and values.yaml, not both",
        ),
        (
            [config_map(list_form()), changed(CLAIM, "metadata.name", "tenant-1-workers-0")],
            "makes VirtualMachine machines/tenant-1-workers-0, as",
        ),
        (
            [config_map(list_form()), changed(CLAIM, "metadata.name", "tenant-1-workers")],
            "makes Secret machines/tenant-1-workers-cloud-init, as",
        ),
        (
            [config_map(list_form({"name": "a", "quantity": 12}, {"name": "a-1", "quantity": 2}))],
            "tenant-1-a-1-1",
        ),
    ],
)
def test_what_does_not_fit_together(items: list[dict[str, Any]], message: str) -> None:
    done = function(resource_list(PROVIDER, SECRET, *items))
    if message == "tenant-1-a-1-1":
        assert done.code == 0, done.stderr
    else:
        assert message in refusal(done)


OTHERS = [
    {"bcm": {"nodeTypes": [{"name": "dgx"}]}},
    {"terraform": {}, "properties": {"vcluster.com/ccm-enabled": "true"}},
    {"metal3": {}, "properties": {"metal3.vcluster.com/image-url": "x"}},
]


@pytest.mark.parametrize("spec", OTHERS)
def test_pools_of_other_kinds_of_providers_are_left_out(spec: dict[str, Any]) -> None:
    other = {**PROVIDER, "metadata": {"name": "racks"}, "spec": spec}
    values = list_form(POOL)
    values["privateNodes"]["autoNodes"].insert(
        0,
        {
            "provider": "racks",
            "static": [{"name": "metal", "quantity": 1}],
            "properties": {"netris.vcluster.com/server-cluster": "a"},
        },
    )
    done = run(values, other)
    assert done.code == 0, done.stderr
    assert len(made(done)) == 2
    message = (
        '"racks", which is not a KubeVirt provider: the nodes of pool "metal" are not rendered'
    )
    assert f"{message} (other-provider)" in done.stderr
    # Its machines would be deleted, as those of a virtual cluster without any pool.
    del values["privateNodes"]["autoNodes"][1]
    assert "virtual cluster tenant-1 has no claim" in refusal(run(values, other))


def test_a_provider_without_node_types_that_nobody_asks() -> None:
    spec = {"clusterRef": {"cluster": "kubevirt-1", "namespace": "machines"}}
    idle = {**PROVIDER, "metadata": {"name": "infra"}, "spec": {"kubeVirt": spec}}
    done = run(list_form(), idle)
    assert done.code == 0, done.stderr
    values = list_form()
    values["privateNodes"]["autoNodes"][0]["provider"] = "infra"
    asked = "NodeProvider infra: spec.kubeVirt.nodeTypes: is required: a claim or pool asks for"
    assert refusal(run(values, idle)).count(asked) == 1


AUTO = {"privateNodes": {"enabled": True, "autoNodes": [{"provider": "edge", "static": [POOL]}]}}
TEXT = "privateNodes:\n  enabled: true\n  autoNodes:\n  - provider: {{ .Values.provider }}\n"
PARAMETER = {"name": "privateNodes.autoNodes[0].provider", "value": "edge"}
PLATFORMS = "management.loft.sh/v1"
FLUX, ARGO = "helm.toolkit.fluxcd.io/v2", "argoproj.io/v1alpha1"


@pytest.mark.parametrize(
    ("version", "kind", "spec", "field"),
    [
        (FLUX, "HelmRelease", {"values": AUTO}, "spec.values.privateNodes.autoNodes"),
        (ARGO, "Application", {"source": {"helm": {"values": TEXT}}}, "spec.source.helm.values"),
        (
            ARGO,
            "Application",
            {"sources": [{"ref": "x"}, {"helm": {"valuesObject": AUTO}}]},
            "spec.sources[1].helm.valuesObject.privateNodes.autoNodes",
        ),
        (
            ARGO,
            "Application",
            {"source": {"helm": {"parameters": [PARAMETER]}}},
            "spec.source.helm.parameters[0]",
        ),
        (
            ARGO,
            "ApplicationSet",
            {"template": {"spec": {"source": {"helm": {"values": json.dumps(AUTO)}}}}},
            "spec.template.spec.source.helm.values",
        ),
        (
            PLATFORMS,
            "VirtualClusterInstance",
            {"template": {"helmRelease": {"values": TEXT}}},
            "spec.template.helmRelease.values",
        ),
        (
            "storage.loft.sh/v1",
            "VirtualClusterTemplate",
            {"template": {"helmRelease": {"values": TEXT}}},
            "spec.template.helmRelease.values",
        ),
        (PLATFORMS, "Project", {"allowedNodeTypes": [{"name": "aws.*"}]}, "spec.allowedNodeTypes"),
        (PLATFORMS, "Project", {"defaultNodeProfile": "a"}, "spec.defaultNodeProfile"),
        # Nothing that krmfn would have to read.
        (FLUX, "HelmRelease", {"values": {"privateNodes": {"autoNodes": []}}}, None),
        (FLUX, "HelmRelease", {"chart": {}}, None),
        (FLUX, "HelmRelease", "text", None),
        (ARGO, "Application", {"source": {"helm": {"values": "# autoNodes: x\n"}}}, None),
        (ARGO, "Application", {"source": {"helm": {"values": "autoNodes: []\n"}}}, None),
        (PLATFORMS, "Project", {"members": []}, None),
        ("example.com/v1", "Project", {"allowedNodeTypes": []}, None),
    ],
)
def test_what_asks_for_nodes_elsewhere_is_told(
    version: str, kind: str, spec: Any, field: str | None
) -> None:
    item = {"apiVersion": version, "kind": kind, "metadata": {"name": "a"}, "spec": spec}
    done = function(resource_list(PROVIDER, CLAIM, SECRET, item))
    assert done.code == 0, done.stderr
    told = [line for line in done.stderr.splitlines() if line.endswith("(not-read)")]
    assert len(told) == bool(field)
    assert not field or f"info: {kind} a: {field}: " in told[0]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        (
            {"controlPlane": {"standalone": {"autoNodes": {"provider": "edge"}}}},
            "controlPlane.standalone.autoNodes",
        ),
        ({"deploy": {"csi": {"kubeVirt": {"enabled": True}}}}, "deploy.csi.kubeVirt"),
        ({"deploy": {"csi": {"kubeVirt": {"enabled": False}}}}, None),
    ],
)
def test_what_of_the_values_concerns_nodes_and_is_not_read(
    values: dict[str, Any], field: str | None
) -> None:
    done = run(list_form() | values)
    assert len(made(done)) == 2
    assert done.stderr.count("(not-read)") == bool(field)
    assert not field or f"data[vcluster.yaml].{field}: is not read" in done.stderr


def test_values_that_are_a_template() -> None:
    said = refusal(run("privateNodes:\n  quantity: {{ .Values.n }}\n"))
    assert "data[vcluster.yaml]: line 2, column 13: has {{: it is a template; krmfn reads" in said


def test_inline_values_beside_a_config_map() -> None:
    inline = changed(CONFIG, f"{TENANT}.values", list_form())
    said = refusal(run(list_form(), config=inline))
    assert (
        "is a second vcluster.yaml of tenant-1; the first is KubeVirtNodes nodes, spec.virtualClusters[0].values"
        in said
    )


def test_pools_of_other_virtual_clusters_are_not_a_flat_configs_business() -> None:
    flat = changed(FLAT, "data.virtualCluster", "tenant-1")
    done = run(list_form(), config_map(list_form(), name="other", label="tenant-2"), config=flat)
    assert done.code == 0, done.stderr
    assert {
        machine["metadata"]["labels"]["krmfn.dev/virtual-cluster"] for machine in made(done)
    } == {"tenant-1"}
    assert "data.virtualCluster: is required: the claims name tenant-1, tenant-2" in refusal(
        run(list_form(), config_map(list_form(), name="other", label="tenant-2"), config=FLAT)
    )


def test_dynamic_pools_are_told_of() -> None:
    done = run(list_form(dynamic=[{"name": "burst", "limits": {"nodes": "3"}, "weight": 1}]))
    assert done.code == 0
    assert (
        'pool "burst" is dynamic: its nodes are the autoscaler\'s, and not rendered (dynamic-pool)'
        in done.stderr
    )


def test_no_pools_are_no_claims() -> None:
    assert "virtual cluster tenant-1 has no claim" in refusal(
        run(list_form({**POOL, "quantity": 0}))
    )
    allowed = changed(CONFIG, f"{TENANT}.allowNoNodes", True)
    assert run({}, config=allowed).code == 0
    assert run("", config=allowed).code == 0


def test_a_labelled_config_map_is_consumed() -> None:
    assert run(list_form()).stdout.count("config.kubernetes.io/local-config") == 3


POOLS = st.dictionaries(st.sampled_from(["a", "b", "c-d"]), st.integers(0, 4), min_size=1)


@settings(max_examples=50, deadline=None)
@given(POOLS, st.sampled_from(["a", "b", "c-d"]), st.integers(1, 3), st.booleans())
def test_growing_a_pool_changes_no_other_object(
    pools: dict[str, int], grown: str, by: int, listed: bool
) -> None:
    form = list_form if listed else object_form

    def texts(quantities: dict[str, int]) -> set[str]:
        values = form(
            *({"name": name, "quantity": quantity} for name, quantity in sorted(quantities.items()))
        )
        done = run(values, CLAIM)
        assert done.code == 0, done.stderr
        return set(done.stdout.partition("functionConfig:")[0].split("\n- apiVersion: ")[1:])

    before, after = texts(pools), texts({**pools, grown: pools.get(grown, 0) + by})
    generated = {text for text in before if "krmfn.dev/owner" in text}
    assert {text.rstrip() for text in generated} <= {text.rstrip() for text in after}
    # The first node of a pool brings the Secret that all of them share.
    assert len(after) == len(before) + by + (not pools.get(grown))


def test_a_run_has_so_many_nodes_at_most() -> None:
    said = refusal(
        run(list_form({"name": "a", "quantity": 40_000}, {"name": "b", "quantity": 40_000}))
    )
    assert "brings the run to over 50000 nodes; render fewer virtual clusters at a time" in said


@pytest.mark.parametrize(("room", "count"), [(4, 0), (5, 5), (6, 5)])
def test_the_last_node_that_a_run_has_room_for_is_rendered(room: int, count: int) -> None:
    values = list_form({"name": "a", "quantity": 2}, {"name": "b", "quantity": 3})
    problems = Collector()
    requests = pool_requests(values, "tenant-1", None, Place(), PoolsMetadata(), room, problems)
    assert len(requests) == count
    assert problems.has_errors == (count == 0)


READABLE = changed(CONFIG, "spec.secretEncoding", "stringData")
ADDRESSES = {
    "kubevirt.vcluster.com/network-cidr": "10.0.0.0/24",
    "kubevirt.vcluster.com/network-nameservers": "192.0.2.53",
    "kubevirt.vcluster.com/network-attachment-definition": "lab",
}


def cloud_inits(done: Reply) -> dict[str, dict[str, str]]:
    """What each machine's cloud-init volume names."""
    return {
        machine["metadata"]["name"]: {
            key: value["name"]
            for volume in machine["spec"]["template"]["spec"]["volumes"]
            for key, value in volume.get("cloudInitNoCloud", {}).items()
        }
        for machine in made(done)
    }


def secrets(done: Reply) -> dict[str, dict[str, str]]:
    """The Secrets that came out, with what they hold."""
    return {
        name: item["stringData"]
        for (kind, name), item in by_name(done).items()
        if kind == "Secret" and "krmfn.dev/owner" in item["metadata"].get("annotations", {})
    }


def test_the_nodes_of_a_pool_share_their_secret() -> None:
    done = run(list_form(), CLAIM, config=READABLE)
    shared = {"secretRef": "tenant-1-workers-cloud-init"}
    assert cloud_inits(done) == {
        "node-1": {"secretRef": "node-1-cloud-init"},
        "tenant-1-workers-0": shared,
        "tenant-1-workers-1": shared,
    }
    found = secrets(done)
    assert sorted(found) == ["node-1-cloud-init", "tenant-1-workers-cloud-init"]
    # Only a claim written by hand has its name in its user data.
    assert "hostname: node-1\n" in found["node-1-cloud-init"]["userdata"]
    text = found["tenant-1-workers-cloud-init"]["userdata"]
    assert "\nhostname:" not in text
    assert "\n  node=" not in text
    assert "workers" not in text
    secret = by_name(done)["Secret", "tenant-1-workers-cloud-init"]
    assert secret["metadata"]["labels"] == {
        "app.kubernetes.io/managed-by": "krmfn",
        "krmfn.dev/node-provider": "edge",
        "krmfn.dev/node-type": "small",
        "krmfn.dev/virtual-cluster": "tenant-1",
        "krmfn.dev/pool": "workers",
    }


def test_each_node_has_a_secret_where_the_config_asks_for_it() -> None:
    done = run(list_form(), config=changed(READABLE, "spec.cloudInitSecrets", "PerNode"))
    names = ["tenant-1-workers-0", "tenant-1-workers-1"]
    assert cloud_inits(done) == {name: {"secretRef": f"{name}-cloud-init"} for name in names}
    assert [f"hostname: {name}\n" in secrets(done)[f"{name}-cloud-init"]["userdata"] for name in names] == [True, True]  # fmt: skip
    refused = run(list_form(), config=changed(READABLE, "spec.cloudInitSecrets", "perNode"))
    assert "cloudInitSecrets: " in refusal(refused)


@pytest.mark.parametrize("quantity", [1, 2])
def test_a_node_with_an_address_has_a_secret_for_its_network_alone(quantity: int) -> None:
    pool = {"name": "workers", "quantity": quantity, "properties": ADDRESSES}
    done = run(list_form(pool), config=READABLE)
    nodes = [f"tenant-1-workers-{number}" for number in range(quantity)]
    assert cloud_inits(done) == {
        node: {
            "secretRef": "tenant-1-workers-cloud-init",
            "networkDataSecretRef": f"{node}-network",
        }
        for node in nodes
    }
    found = secrets(done)
    assert sorted(found) == sorted(
        ["tenant-1-workers-cloud-init", *(f"{node}-network" for node in nodes)]
    )
    assert set(found["tenant-1-workers-cloud-init"]) == {"userdata"}
    for number, node in enumerate(nodes):
        assert set(found[f"{node}-network"]) == {"networkdata"}
        assert f"10.0.0.{number + 2}/24" in found[f"{node}-network"]["networkdata"]


def test_kubelet_announces_the_interface_of_the_address() -> None:
    pool = {"name": "workers", "quantity": 1, "properties": ADDRESSES}
    [with_address] = user_data(run(list_form(pool)))
    assert "\n  node_ip_interface=enp1s0\n" in with_address
    [without] = user_data(run(list_form()))
    assert "\n  node_ip_interface=enp1s0\n" not in without


def test_a_template_that_may_name_its_node_keeps_a_secret_for_each() -> None:
    template = {
        "apiVersion": "management.loft.sh/v1",
        "kind": "MachineConfigTemplate",
        "metadata": {"name": "t"},
        "spec": {"cloudInitTemplate": "runcmd: ['echo {{ .Values.NodeClaim.Name }}']"},
    }
    properties = {"vcluster.com/user-data-template-config": "t"}
    pool = {"name": "workers", "quantity": 2, "properties": properties}
    done = run(list_form(pool), template, config=READABLE)
    assert sorted(secrets(done)) == [
        "tenant-1-workers-0-cloud-init",
        "tenant-1-workers-1-cloud-init",
    ]


@pytest.mark.parametrize("name", ["tenant-1-workers-cloud-init", "tenant-1-workers-1-network"])
def test_the_secret_of_a_token_on_a_disk_is_not_overwritten(name: str) -> None:
    token = {"delivery": "Disk", "secretKeyRef": {"name": name}}
    config = changed(changed(CONFIG, f"{TENANT}.joinToken", token), f"{TENANT}.certificateAuthority", {"system": True})  # fmt: skip
    pool = {"name": "workers", "quantity": 2, "properties": ADDRESSES}
    said = refusal(run(list_form(pool), config=config))
    assert f"joinToken.secretKeyRef.name: is {name}, a Secret in machines that krmfn makes" in said


def test_a_pool_asks_for_a_gpu_by_the_name_of_its_type() -> None:
    gpu = {"name": "gpu", "resources": {"nvidia.com/gpu": 1}, "properties": {"model": "a"}}
    provider = changed(PROVIDER, "spec.kubeVirt.nodeTypes", [{"name": "small"}, gpu])

    def result(**selector: str) -> Reply:
        values = config_map(list_form({**POOL, "nodeTypeSelector": [selector]}))
        return function(resource_list(provider, SECRET, values))

    named = made(result(property="vcluster.com/node-type", value="gpu"))
    assert {machine["metadata"]["labels"]["krmfn.dev/node-type"] for machine in named} == {"gpu"}
    said = refusal(result(property="model", value="a"))
    assert (
        "gpu meets that, but has nvidia.com/gpu, which must be asked for by vcluster.com/node-type In [edge.gpu]"
        in said
    )
