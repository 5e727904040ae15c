"""Every field that users write, given wrongly: the message names the object, the field and what would be right."""

from typing import Any

import pytest

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

KUBEVIRT = "spec.kubeVirt"
TYPE = f"{KUBEVIRT}.nodeTypes.0"
AT_TYPE = f"{KUBEVIRT}.nodeTypes[0]"
TENANT = "spec.virtualClusters.0"
AT_TENANT = "spec.virtualClusters[0]"
TEXT, MAP, LIST, INTEGER, BOOLEAN = (
    "must be text in quotes",
    "must be a mapping",
    "must be a list",
    "must be a whole number",
    "must be true or false",
)

PROVIDER_ROWS: list[tuple[str, Any, str]] = [
    ("metadata", REMOVED, "metadata: is required"),
    ("metadata.name", 5, f"metadata.name: is 5; {TEXT}"),
    ("metadata.name", "A", 'metadata.name: is "A"; must be a DNS name'),
    ("spec", REMOVED, "spec: is required"),
    ("spec", [], f"spec: is a list; {MAP}"),
    (
        "spec.kubevirt",
        {},
        'spec.kubevirt: is no field that krmfn knows here (did you mean "kubeVirt"?)',
    ),
    ("spec.displayName", 1, f"spec.displayName: is 1; {TEXT}"),
    ("spec.properties", [], f"spec.properties: is a list; {MAP}"),
    ("spec.properties", {"a": 1}, f"spec.properties.a: is 1; {TEXT}"),
    (
        "spec.properties",
        {"vcluster.com/os-imag": "b"},
        'spec.properties[vcluster.com/os-imag]: is no property that krmfn knows (did you mean "vcluster.com/os-image"?)',
    ),
    (
        "spec.properties",
        {"vcluster.com/node-type": "b"},
        "spec.properties[vcluster.com/node-type]: is built in",
    ),
    ("spec.kubeVirt", REMOVED, "spec: names no kind of provider; krmfn renders kubeVirt"),
    ("spec.terraform", {}, "spec.terraform: stands beside kubeVirt; a provider is of one kind"),
    ("spec.clusterAPI", {}, "spec.clusterAPI: stands beside kubeVirt"),
    ("spec.bcm", 1, f"spec.bcm: is 1; {MAP}"),
    ("spec.metal3", 1, f"spec.metal3: is 1; {MAP}"),
    ("spec.nico", 1, f"spec.nico: is 1; {MAP}"),
    (f"{KUBEVIRT}.clusterRef", REMOVED, f"{KUBEVIRT}.clusterRef: is required"),
    (f"{KUBEVIRT}.clusterRef.cluster", REMOVED, f"{KUBEVIRT}.clusterRef.cluster: is required"),
    (
        f"{KUBEVIRT}.clusterRef.cluster",
        "",
        f'{KUBEVIRT}.clusterRef.cluster: is ""; must be a DNS name',
    ),
    (
        f"{KUBEVIRT}.clusterRef.cluster",
        "../x",
        f'{KUBEVIRT}.clusterRef.cluster: is "../x"; must be a DNS name',
    ),
    (f"{KUBEVIRT}.clusterRef.namespace", REMOVED, f"{KUBEVIRT}.clusterRef.namespace: is required"),
    (
        f"{KUBEVIRT}.clusterRef.namespace",
        "a.b",
        f'{KUBEVIRT}.clusterRef.namespace: is "a.b"; must be a DNS label',
    ),
    (
        f"{KUBEVIRT}.clusterRef.zone",
        "a",
        f"{KUBEVIRT}.clusterRef.zone: is no field that krmfn knows here",
    ),
    (
        f"{KUBEVIRT}.namespaceStrategy",
        "Tenant",
        f"{KUBEVIRT}.namespaceStrategy: is \"Tenant\"; must be 'Provider' or 'VirtualCluster'",
    ),
    (f"{KUBEVIRT}.namespaceStrategy", "VirtualCluster", f"{AT_TENANT}.vmNamespace: is required"),
    (f"{KUBEVIRT}.deploy", {"kubevirt": {}}, f"{KUBEVIRT}.deploy.kubevirt.enabled: is required"),
    (
        f"{KUBEVIRT}.deploy",
        {"kubevirt": {"enabled": "yes"}},
        f'{KUBEVIRT}.deploy.kubevirt.enabled: is "yes"; {BOOLEAN}',
    ),
    (
        f"{KUBEVIRT}.deploy",
        {"vClusterDeviceOperator": {"enabled": False, "chart": 1}},
        f"{KUBEVIRT}.deploy.vClusterDeviceOperator.chart: is 1; {TEXT}",
    ),
    (
        f"{KUBEVIRT}.deploy",
        {"kubevrt": {}},
        'kubevrt: is no field that krmfn knows here (did you mean "kubevirt"?)',
    ),
    (
        f"{KUBEVIRT}.virtualMachineTemplate",
        REMOVED,
        f"{AT_TYPE}.virtualMachineTemplate: is required: the provider has no {KUBEVIRT}",
    ),
    (
        f"{KUBEVIRT}.virtualMachineTemplate",
        "x",
        f'{KUBEVIRT}.virtualMachineTemplate: is "x"; {MAP}',
    ),
    (f"{KUBEVIRT}.nodeTypes", REMOVED, f"{KUBEVIRT}.nodeTypes: is required"),
    (
        f"{KUBEVIRT}.nodeTypes",
        [],
        f"{KUBEVIRT}.nodeTypes: is empty; must have at least one element",
    ),
    (f"{KUBEVIRT}.nodeTypes", {}, f"{KUBEVIRT}.nodeTypes: is a mapping; {LIST}"),
    (
        f"{KUBEVIRT}.nodeTypes",
        [{"name": "small"}, {"name": "small"}],
        f'{KUBEVIRT}.nodeTypes[1].name: is "small", as nodeTypes[0] is',
    ),
    (f"{TYPE}.name", REMOVED, f"{AT_TYPE}.name: is required"),
    (f"{TYPE}.name", "a b", f'{AT_TYPE}.name: is "a b"; must be a DNS name'),
    (f"{TYPE}.name", "a" * 64, f'{AT_TYPE}.name: is "{"a" * 64}"; must be at most 63'),
    (
        f"{TYPE}.nam",
        "x",
        f'{AT_TYPE}.nam: is no field that krmfn knows here (did you mean "name"?)',
    ),
    (f"{TYPE}.displayName", 1, f"{AT_TYPE}.displayName: is 1; {TEXT}"),
    (
        f"{TYPE}.metadata",
        {"labels": {"a b": "c"}},
        f'{AT_TYPE}.metadata.labels[a b]: is "a b"; must be [prefix/]name',
    ),
    (f"{TYPE}.metadata", {"labels": {"a": None}}, f"{AT_TYPE}.metadata.labels.a: is null; {TEXT}"),
    (
        f"{TYPE}.metadata",
        {"annotations": {"a": 1}},
        f"{AT_TYPE}.metadata.annotations.a: is 1; {TEXT}",
    ),
    (f"{TYPE}.providerRef", "other", f"{AT_TYPE}.providerRef: names another provider"),
    (f"{TYPE}.properties", {"a": 1}, f"{AT_TYPE}.properties.a: is 1; {TEXT}"),
    (
        f"{TYPE}.properties",
        {"kubevirt.vcluster.com/image-url": "b"},
        f'{AT_TYPE}.properties[kubevirt.vcluster.com/image-url]: is "',
    ),
    (f"{TYPE}.resources", {"cpu": "four"}, f"{AT_TYPE}.resources.cpu: is no quantity"),
    (f"{TYPE}.resources", {"cpu": True}, f"{AT_TYPE}.resources.cpu: is no quantity"),
    (f"{TYPE}.resources", {"cpu": 0}, f"{AT_TYPE}.resources.cpu: is 0; must be above 0"),
    (
        f"{TYPE}.resources",
        {"memory": "-1Gi"},
        f"{AT_TYPE}.resources.memory: is -1Gi; must be above 0",
    ),
    (
        f"{TYPE}.resources",
        {"nvidia.com/gpu": -1},
        f"{AT_TYPE}.resources[nvidia.com/gpu]: is -1; must be 0 or more",
    ),
    (
        f"{TYPE}.resources",
        {"cpu": "1" * 100},
        f"{AT_TYPE}.resources.cpu: is a quantity of over 64 characters",
    ),
    (
        f"{TYPE}.resources",
        {"cpu": int("1" * 4000)},
        f"{AT_TYPE}.resources.cpu: is a quantity of over 64 characters",
    ),
    (
        f"{TYPE}.overhead",
        {"kubeReserved": {"cpu": "x"}},
        f"{AT_TYPE}.overhead.kubeReserved.cpu: is no quantity",
    ),
    (
        f"{TYPE}.overhead",
        {"kubeReserved": {"gpu": 1}},
        f"{AT_TYPE}.overhead.kubeReserved.gpu: is 1; kubelet reserves cpu, memory",
    ),
    (
        f"{TYPE}.overhead",
        {"kubeReserved": {"cpu": -1}},
        f"{AT_TYPE}.overhead.kubeReserved.cpu: is -1; kubelet reserves cpu, memory",
    ),
    (f"{TYPE}.cost", "1", f'{AT_TYPE}.cost: is "1"; {INTEGER}'),
    (f"{TYPE}.cost", 1.5, f"{AT_TYPE}.cost: is 1.5; {INTEGER}"),
    (f"{TYPE}.cost", 2**63, f"{AT_TYPE}.cost: is 9223372036854775808; must be less than"),
    (
        f"{TYPE}.maxCapacity",
        -1,
        f"{AT_TYPE}.maxCapacity: is -1; must be greater than or equal to 0",
    ),
    (
        f"{TYPE}.maxCapacity",
        2**31,
        f"{AT_TYPE}.maxCapacity: is 2147483648; must be less than or equal to 2147483647",
    ),
    (f"{TYPE}.maxCapacity", "1", f'{AT_TYPE}.maxCapacity: is "1"; {INTEGER}'),
    (f"{TYPE}.virtualMachineTemplate", [], f"{AT_TYPE}.virtualMachineTemplate: is a list; {MAP}"),
    (
        f"{TYPE}.mergeVirtualMachineTemplate",
        [],
        f"{AT_TYPE}.mergeVirtualMachineTemplate: is a list; {MAP}",
    ),
]


@pytest.mark.parametrize(("path", "value", "message"), PROVIDER_ROWS)
def test_node_provider(path: str, value: Any, message: str) -> None:
    said = refusal(function(resource_list(changed(PROVIDER, path, value), CLAIM, SECRET)))
    assert message in said
    if "virtualClusters" not in message:
        assert "NodeProvider" in said


def test_replaced_and_merged_at_once() -> None:
    both = changed(
        changed(PROVIDER, f"{TYPE}.mergeVirtualMachineTemplate", {}),
        f"{TYPE}.virtualMachineTemplate",
        {},
    )
    assert "mergeVirtualMachineTemplate: stands beside virtualMachineTemplate" in refusal(
        function(resource_list(both, CLAIM, SECRET))
    )


CLAIM_ROWS: list[tuple[str, Any, str]] = [
    ("metadata.name", "a.b", 'metadata.name: is "a.b"; must be a DNS label'),
    ("metadata.name", "a" * 64, "metadata.name: is"),
    ("metadata.name", REMOVED, "metadata.name: is required"),
    ("metadata.namespace", "A", 'metadata.namespace: is "A"; must be a DNS label'),
    ("spec", REMOVED, "spec: is required"),
    ("spec.providerRef", REMOVED, "spec.providerRef: is required"),
    (
        "spec.providerRef",
        "edgy",
        'spec.providerRef: is "edgy"; the NodeProviders here are edge (did you mean "edge"?)',
    ),
    (
        "spec.typeRef",
        "smal",
        'spec.typeRef: is "smal"; the provider has small (did you mean "small"?)',
    ),
    ("spec.typeRef", "other.small", 'spec.typeRef: is "other.small"; the provider has small'),
    ("spec.vClusterRef", REMOVED, "spec.vClusterRef: is required"),
    (
        "spec.vClusterRef",
        "tenant-2",
        'spec.vClusterRef: is "tenant-2"; the config lists tenant-1 (did you mean "tenant-1"?)',
    ),
    ("spec.displayName", 1, f"spec.displayName: is 1; {TEXT}"),
    ("spec.controlPlane", True, "spec.controlPlane: is true; krmfn renders worker nodes"),
    ("spec.controlPlane", "true", f'spec.controlPlane: is "true"; {BOOLEAN}'),
    (
        "spec.environmentRef",
        "x",
        'spec.environmentRef: names NodeEnvironment "x", which is not among the items; there is no NodeEnvironment at all',
    ),
    (
        "spec.profileRef",
        "x",
        'spec.profileRef: names NodeProfile "x", which is not among the items',
    ),
    (
        "spec.properties",
        {"vcluster.com/ssh-keys": "b"},
        'spec.properties[vcluster.com/ssh-keys]: names SSHKey "b", which is not among the items',
    ),
    ("spec.properties", {"a": 1}, f"spec.properties.a: is 1; {TEXT}"),
    (
        "spec.requirements",
        [{"key": "a", "operator": "NotExists"}],
        'spec.requirements[0].operator: is "NotExists", which the documentation writes',
    ),
    (
        "spec.requirements",
        [{"key": "a", "operator": "in"}],
        "spec.requirements[0].operator: must be one of In, NotIn, Exists, DoesNotExist, Gt, Lt",
    ),
    (
        "spec.requirements",
        [{"key": "a", "operator": "In"}],
        "spec.requirements[0].operator: is In, which needs a value",
    ),
    (
        "spec.requirements",
        [{"key": "a", "operator": "Exists", "values": ["b"]}],
        "spec.requirements[0].operator: is Exists, which takes no value",
    ),
    (
        "spec.requirements",
        [{"key": "a", "operator": "Gt", "values": ["b"]}],
        "spec.requirements[0].operator: is Gt, which needs one whole number",
    ),
    ("spec.requirements", [{"key": "a"}], "spec.requirements[0].operator: is required"),
    ("spec.desiredCapacity", {"cpu": "x"}, "spec.desiredCapacity.cpu: is no quantity"),
    ("spec.power", {"state": "off"}, "spec.power.state: is \"off\"; must be 'On', 'Off' or ''"),
    ("spec.power", "Off", f'spec.power: is "Off"; {MAP}'),
    ("spec.taints", {}, f"spec.taints: is a mapping; {LIST}"),
    ("spec.taints", [{"effect": "NoSchedule"}], "spec.taints[0].key: is required"),
    ("spec.taints", [{"key": "a"}], "spec.taints[0].effect: is required"),
    (
        "spec.taints",
        [{"key": "a", "effect": "Never"}],
        'spec.taints[0].effect: is "Never"; must be one of NoSchedule, PreferNoSchedule, NoExecute',
    ),
    (
        "spec.taints",
        [{"key": "a b", "effect": "NoSchedule"}],
        'spec.taints[0].key: is "a b"; must be [prefix/]name',
    ),
    (
        "spec.taints",
        [{"key": "a", "value": "$(x)", "effect": "NoSchedule"}],
        'spec.taints[0].value: is "$(x)"; must be at most 63',
    ),
    (
        "spec.taints",
        [{"key": "a", "value": v, "effect": "NoSchedule"} for v in "bc"],
        "spec.taints: has a with effect NoSchedule twice",
    ),
    (
        "spec.startupTaints",
        [{"key": "a", "effct": "x"}],
        'spec.startupTaints[0].effct: is no field that krmfn knows here (did you mean "effect"?)',
    ),
    ("spec.kubeletArgs", {"--max-pods": "5"}, "spec.kubeletArgs[--max-pods]: is"),
    (
        "spec.kubeletArgs",
        {"hostname-override": "x"},
        "spec.kubeletArgs.hostname-override: can't be set: the node is named after its claim",
    ),
    ("spec.kubeletArgs", {"max-pods": 5}, f"spec.kubeletArgs.max-pods: is 5; {TEXT}"),
    (
        "spec.kubeletArgs",
        {"max-pods": "5 --bad"},
        'spec.kubeletArgs.max-pods: is "5 --bad"; may hold no white space',
    ),
    ("spec.kubeletArgs", {"max-pods": "`id`"}, "spec.kubeletArgs.max-pods: is"),
    ("spec.kubernetesVersion", "1.33", "spec.kubernetesVersion: is no field that krmfn knows here"),
    (
        "apiVersion",
        "management.loft.sh/v2",
        'apiVersion: is "management.loft.sh/v2"; krmfn reads management.loft.sh/v1',
    ),
]


@pytest.mark.parametrize(("path", "value", "message"), CLAIM_ROWS)
def test_node_claim(path: str, value: Any, message: str) -> None:
    said = refusal(function(resource_list(PROVIDER, changed(CLAIM, path, value), SECRET)))
    assert message in said
    assert "NodeClaim" in said


CONFIG_ROWS: list[tuple[str, Any, str]] = [
    ("apiVersion", "krmfn.dev/v1", "apiVersion: is \"krmfn.dev/v1\"; must be 'krmfn.dev/v1alpha1'"),
    ("kind", "Nodes", "is a Nodes; the function's config is a KubeVirtNodes"),
    ("metadata", REMOVED, "metadata: is required"),
    ("metadata.name", REMOVED, "metadata.name: is required"),
    ("spec", REMOVED, "spec: is required"),
    (
        "spec.clusters",
        [],
        'spec.clusters: is no field that krmfn knows here (did you mean "cluster"?)',
    ),
    ("spec.cluster", "", "spec.cluster: is empty"),
    ("spec.virtualClusters", REMOVED, "spec.virtualClusters: is required"),
    ("spec.virtualClusters", [], "spec.virtualClusters: is empty; must have at least one element"),
    ("spec.virtualClusters", {}, f"spec.virtualClusters: is a mapping; {LIST}"),
    (f"{TENANT}.name", REMOVED, f"{AT_TENANT}.name: is required"),
    (f"{TENANT}.name", "T", f'{AT_TENANT}.name: is "T"; must be a DNS label'),
    (
        f"{TENANT}.name",
        "tenant-9",
        f"{AT_TENANT}: virtual cluster tenant-9 has no claim; allowNoNodes: true lets it have none",
    ),
    (f"{TENANT}.namespace", "p_x", f'{AT_TENANT}.namespace: is "p_x"; must be a DNS label'),
    (
        f"{TENANT}.namespace",
        "p-other",
        "metadata.namespace: is p-default; claims of tenant-1 stand in p-other",
    ),
    (f"{TENANT}.endpoint", REMOVED, f"{AT_TENANT}.endpoint: is required"),
    (
        f"{TENANT}.endpoint",
        "http://a",
        f"{AT_TENANT}.endpoint: is http: the join script runs as root",
    ),
    (f"{TENANT}.joinToken", REMOVED, f"{AT_TENANT}.joinToken: is required"),
    (
        f"{TENANT}.joinToken.delivery",
        "Mail",
        f"{AT_TENANT}.joinToken.delivery: is \"Mail\"; must be 'UserData' or 'Disk'",
    ),
    (
        f"{TENANT}.joinToken",
        {"delivery": "Disk", "secretKeyRef": {"name": "join", "namespace": "elsewhere"}},
        f"{AT_TENANT}.joinToken.secretKeyRef.namespace: is elsewhere, but the machines are in machines",
    ),
    (
        f"{TENANT}.joinToken",
        {"delivery": "Disk", "secretKeyRef": {"name": "join", "key": "../x"}},
        'key: is "../x"; must be the key of a Secret',
    ),
    (
        f"{TENANT}.joinToken",
        {"delivery": "Disk", "secretKeyRef": {"name": "absent"}},
        "certificateAuthority: is required, since the token's Secret has",
    ),
    (
        f"{TENANT}.joinToken",
        "YWJjZGVmLjAxMjM0NTY3ODlhYmNkZWY=",
        f"{AT_TENANT}.joinToken: must be a mapping",
    ),
    (
        f"{TENANT}.joinToken.secretKeyRef",
        REMOVED,
        f"{AT_TENANT}.joinToken.secretKeyRef: is required",
    ),
    (
        f"{TENANT}.joinToken.secretKeyRef.name",
        REMOVED,
        f"{AT_TENANT}.joinToken.secretKeyRef.name: is required",
    ),
    (
        f"{TENANT}.joinToken.secretKeyRef.name",
        "joi",
        "Secret joi is not among the items; there is tokens/join (did you mean",
    ),
    (
        f"{TENANT}.joinToken.secretKeyRef.namespace",
        "x",
        "Secret x/join is not among the items; there is tokens/join",
    ),
    (
        f"{TENANT}.joinToken.secretKeyRef.key",
        "tokn",
        'has no key "tokn", which should hold the token; it has ca.crt, token (did you mean "token"?)',
    ),
    (
        f"{TENANT}.joinToken.secretKeyRef.key",
        REMOVED,
        "type: is not bootstrap.kubernetes.io/token: name the token's key",
    ),
    (
        f"{TENANT}.certificateAuthority",
        {},
        f"{AT_TENANT}.certificateAuthority: must have exactly one of pem, configMapKeyRef",
    ),
    (f"{TENANT}.certificateAuthority", {"system": True, "pem": "x"}, "must have exactly one of"),
    (
        f"{TENANT}.certificateAuthority",
        {"pem": "x"},
        "certificateAuthority.pem: must be certificates in PEM",
    ),
    (
        f"{TENANT}.certificateAuthority",
        {"system": "yes"},
        f"certificateAuthority.system: {BOOLEAN}",
    ),
    (f"{TENANT}.certificateAuthority", {"insecureSkipVerify": 1}, f"insecureSkipVerify: {BOOLEAN}"),
    (
        f"{TENANT}.certificateAuthority",
        {"configMapKeyRef": {"name": "x"}},
        "configMapKeyRef.key: is required",
    ),
    (
        f"{TENANT}.certificateAuthority",
        {"configMapKeyRef": {"name": "x", "key": "y"}},
        "ConfigMap x is not among the items; there is no ConfigMap",
    ),
    (
        f"{TENANT}.certificateAuthority",
        {"secretKeyRef": {"name": "join", "key": "y"}},
        'has no key "y"; it has ca.crt, token',
    ),
    (f"{TENANT}.values", [], f"{AT_TENANT}.values: is a list; {MAP}"),
    (f"{TENANT}.vmNamespace", "A", f'{AT_TENANT}.vmNamespace: is "A"; must be a DNS label'),
    (f"{TENANT}.allowNoNodes", "no", f'{AT_TENANT}.allowNoNodes: is "no"; {BOOLEAN}'),
    (
        "spec.secretEncoding",
        "text",
        "spec.secretEncoding: is \"text\"; must be 'data' or 'stringData'",
    ),
    (
        "spec.onAmbiguousNodeType",
        "x",
        "spec.onAmbiguousNodeType: is \"x\"; must be 'Cheapest' or 'Fail'",
    ),
    (
        "spec.allowClaimTemplates",
        "yes",
        'spec.allowClaimTemplates: is "yes"; must be true or false',
    ),
    ("spec.allowClaimTemplates", 1, f"spec.allowClaimTemplates: is 1; {BOOLEAN}"),
    ("spec.unknownFields", "x", "spec.unknownFields: is \"x\"; must be 'Error' or 'Warn'"),
    (
        "spec.annotations",
        {"virtualMachine": {"a": 1}},
        f"spec.annotations.virtualMachine.a: is 1; {TEXT}",
    ),
    ("spec.annotations", {"secret": {"a b": "c"}}, "spec.annotations.secret[a b]: is"),
    (
        "spec.annotations",
        {"virtualMachine": {"krmfn.dev/owner": "x"}},
        "spec.annotations.virtualMachine[krmfn.dev/owner]: can't be set",
    ),
    ("spec.acceptWarnings", "x", f'spec.acceptWarnings: is "x"; {LIST}'),
    ("spec.resources", ["x"], f'spec.resources[0]: is "x"; {MAP}'),
]


@pytest.mark.parametrize(("path", "value", "message"), CONFIG_ROWS)
def test_typed_config(path: str, value: Any, message: str) -> None:
    assert message in refusal(function(resource_list(config=changed(CONFIG, path, value))))


FLAT_ROWS: list[tuple[str, Any, str]] = [
    ("data", REMOVED, "data: is required"),
    ("data.endpoint", REMOVED, "data.endpoint: is required"),
    ("data.endpoint", "http://x", "data.endpoint: is http"),
    ("data.tokenSecret", REMOVED, "data.tokenSecret: is required"),
    ("data.tokenSecret", "joi", "data.tokenSecret: Secret joi is not among the items"),
    ("data.virtualCluster", "T", 'data.virtualCluster: is "T"; must be a DNS label'),
    ("data.cluster", "", "data.cluster: is empty"),
    ("data.delivery", "disk", "data.delivery: is \"disk\"; must be 'UserData' or 'Disk'"),
    (
        "data.certificateAuthority",
        "None",
        "data.certificateAuthority: is \"None\"; must be 'System' or 'InsecureSkipVerify'",
    ),
    ("data.secretEncoding", "x", "data.secretEncoding: is \"x\"; must be 'data' or 'stringData'"),
    ("data.allowNoNodes", True, "data.allowNoNodes: is true; must be 'true' or 'false'"),
    (
        "data.endpoints",
        "x",
        'data.endpoints: is no field that krmfn knows here (did you mean "endpoint"?)',
    ),
    ("data.virtualCluster", "other", "virtual cluster other has no claim"),
]


@pytest.mark.parametrize(("path", "value", "message"), FLAT_ROWS)
def test_flat_config(path: str, value: Any, message: str) -> None:
    assert message in refusal(function(resource_list(config=changed(FLAT, path, value))))


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
    claim = changed(changed(CLAIM, "spec.taints", None), "status", {"phase": "Available"})
    assert function(resource_list(provider, claim, SECRET)).code == 0
