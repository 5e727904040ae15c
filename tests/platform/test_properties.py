"""Each property of the Platform has its documented effect on a machine, or is refused by name."""

import base64
from typing import Any

import pytest
import yaml

from krmfn.platform.properties import PREFIXES, TABLE
from tests.support import (
    CLAIM,
    CONFIG,
    PROVIDER,
    SECRET,
    by_name,
    changed,
    function,
    kubelet_arguments,
    node_labels,
    refusal,
    resource_list,
)

KV = "kubevirt.vcluster.com/"
VC = "vcluster.com/"
IMAGE = {
    KV + "image-url": "docker://quay.io/containerdisks/ubuntu:24.04",
    KV + "root-disk-size": "20Gi",
}
STATIC = {KV + "network-cidr": "10.0.0.0/24", KV + "network-nameservers": "192.0.2.53"}
SPEC = "spec.kubeVirt.virtualMachineTemplate.spec.template.spec"
PUBLIC = "ssh-ed25519 " + base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes(32)).decode()


def shared(kind: str, name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "management.loft.sh/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": spec,
    }


def bare(**spec: Any) -> dict[str, Any]:
    """A provider whose template has no disk and no network."""
    sized = {"domain": {"resources": {"requests": {"cpu": "2", "memory": "4Gi"}}}, **spec}
    return changed(PROVIDER, SPEC, sized)


def run(properties: dict[str, str], *items: dict[str, Any], on: str = "claim", **spec: Any) -> Any:
    provider, claim = bare(**spec), CLAIM
    if on == "claim":
        claim = changed(CLAIM, "spec.properties", properties)
    else:
        provider = changed(
            provider,
            {"provider": "spec.properties", "type": "spec.kubeVirt.nodeTypes.0.properties"}[on],
            properties,
        )
    return function(
        resource_list(
            provider,
            claim,
            SECRET,
            *items,
            config=changed(CONFIG, "spec.secretEncoding", "stringData"),
        )
    )


def machine(properties: dict[str, str], *items: dict[str, Any], **spec: Any) -> dict[str, Any]:
    vm: dict[str, Any] = by_name(run(properties, *items, **spec))["VirtualMachine", "node-1"]
    return vm


def volume(properties: dict[str, str], *items: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = machine(properties, *items)["spec"]["dataVolumeTemplates"][0]["spec"]
    return spec


def network_data(properties: dict[str, str], *items: dict[str, Any]) -> Any:
    text = by_name(run(properties, *items))["Secret", "node-1-cloud-init"]["stringData"][
        "networkdata"
    ]
    return yaml.safe_load(text)


@pytest.mark.parametrize("on", ["claim", "type", "provider"])
def test_an_image_makes_the_first_disk(on: str) -> None:
    vm = by_name(run(IMAGE, on=on))["VirtualMachine", "node-1"]
    spec = vm["spec"]["template"]["spec"]
    assert spec["domain"]["devices"]["disks"][0] == {"name": "rootdisk", "disk": {"bus": "virtio"}}
    assert spec["volumes"][0] == {"name": "rootdisk", "dataVolume": {"name": "node-1-rootdisk"}}
    assert vm["spec"]["dataVolumeTemplates"] == [
        {
            "metadata": {"name": "node-1-rootdisk"},
            "spec": {
                "source": {"registry": {"url": IMAGE[KV + "image-url"]}},
                "storage": {"resources": {"requests": {"storage": "20Gi"}}},
            },
        }
    ]


SOURCES: list[tuple[dict[str, str], dict[str, Any]]] = [
    ({KV + "image-url": "http://x/y.img"}, {"source": {"http": {"url": "http://x/y.img"}}}),
    (
        {KV + "image-datasource": "noble"},
        {"sourceRef": {"kind": "DataSource", "name": "noble", "namespace": "machines"}},
    ),
    (
        {KV + "image-datasource": "os/noble"},
        {"sourceRef": {"kind": "DataSource", "name": "noble", "namespace": "os"}},
    ),
]
SMALL = {KV + "root-disk-size": "1024Mi"}


@pytest.mark.parametrize(("properties", "source"), SOURCES)
def test_sources_of_images(properties: dict[str, str], source: dict[str, Any]) -> None:
    size = {"storage": {"resources": {"requests": {"storage": "1Gi"}}}}
    assert volume({**properties, **SMALL}) == source | size


PARTIAL = {
    KV
    + "image-datavolume-template": "spec: {pvc: {accessModes: [ReadWriteOnce], resources: {requests: {}}}}",
    KV + "root-disk-template": "{bootOrder: 2, serial: abc, lun: {bus: scsi}}",
}


def test_partial_objects_are_merged_over_the_defaults() -> None:
    vm = machine({**IMAGE, **PARTIAL})
    assert vm["spec"]["dataVolumeTemplates"][0]["spec"]["pvc"] == {
        "resources": {"requests": {"storage": "20Gi"}},
        "accessModes": ["ReadWriteOnce"],
    }
    disk = vm["spec"]["template"]["spec"]["domain"]["devices"]["disks"][0]
    assert disk == {"name": "rootdisk", "bootOrder": 2, "serial": "abc", "lun": {"bus": "scsi"}}


OS_IMAGE = shared(
    "OSImage", "debian", properties={KV + "image-url": "https://x/debian.qcow2", "other": "y"}
)
OF_OS_IMAGE = {**IMAGE, KV + "image-datasource": "noble", VC + "os-image": "debian"}


def test_an_os_image_decides_the_source() -> None:
    assert volume(OF_OS_IMAGE, OS_IMAGE)["source"] == {"http": {"url": "https://x/debian.qcow2"}}
    plain = shared("OSImage", "debian", properties={KV + "root-disk-size": "5Gi"})
    assert (
        volume({**IMAGE, VC + "os-image": "debian"}, plain)["storage"]["resources"]["requests"][
            "storage"
        ]
        == "5Gi"
    )


MULTUS: list[tuple[dict[str, str], list[str], list[Any]]] = [
    (
        {},
        ["default", "multus"],
        [{"name": "default", "bridge": {}}, {"name": "multus", "bridge": {}}],
    ),
    (
        {KV + "interface-binding": "sriov"},
        ["default", "multus"],
        [{"name": "default", "bridge": {}}, {"name": "multus", "sriov": {}}],
    ),
    (
        {KV + "interface-template": "{model: e1000, name: multus}"},
        ["default", "multus"],
        [{"name": "default", "bridge": {}}, {"name": "multus", "bridge": {}, "model": "e1000"}],
    ),
    ({KV + "multus-default": "true"}, ["multus"], [{"name": "multus", "bridge": {}}]),
]


def with_multus(properties: dict[str, str]) -> dict[str, Any]:
    """A machine that gets a second network beside the one of its template."""
    domain = {
        "resources": {"requests": {"cpu": "2", "memory": "4Gi"}},
        "devices": {"interfaces": [{"name": "default", "bridge": {}}]},
    }
    attached = {**IMAGE, KV + "network-attachment-definition": "a/b", **properties}
    return machine(attached, domain=domain, networks=[{"name": "default", "pod": {}}])


@pytest.mark.parametrize(("properties", "networks", "interfaces"), MULTUS)
def test_networks_by_multus(
    properties: dict[str, str], networks: list[str], interfaces: list[Any]
) -> None:
    vm = with_multus(properties)
    spec = vm["spec"]["template"]["spec"]
    assert [network["name"] for network in spec["networks"]] == networks
    assert spec["domain"]["devices"]["interfaces"] == interfaces


OVERWRITTEN = [{"name": "multus", "pod": {}}, {"name": "b", "multus": {"networkName": "b"}}]


def with_a_network_of_that_name() -> dict[str, Any]:
    """A machine whose template already has a network named as the property's."""
    interfaces = [{"name": "multus", "masquerade": {}}, {"name": "b", "bridge": {}}]
    domain = {
        "resources": {"requests": {"cpu": "2", "memory": "4Gi"}},
        "devices": {"interfaces": interfaces},
    }
    attached = {**IMAGE, KV + "network-attachment-definition": "a"}
    return machine(attached, domain=domain, networks=OVERWRITTEN)


def test_a_network_of_that_name_is_overwritten() -> None:
    spec = with_a_network_of_that_name()["spec"]["template"]["spec"]
    assert spec["networks"] == [{"name": "multus", "multus": {"networkName": "a"}}, OVERWRITTEN[1]]
    assert spec["domain"]["devices"]["interfaces"][0] == {"name": "multus", "bridge": {}}


def test_a_static_address() -> None:
    vm = by_name(run({**IMAGE, **STATIC}))["VirtualMachine", "node-1"]
    volumes = {volume["name"]: volume for volume in vm["spec"]["template"]["spec"]["volumes"]}
    assert volumes["cloudinit"]["cloudInitNoCloud"]["networkDataSecretRef"] == {
        "name": "node-1-cloud-init"
    }
    assert network_data({**IMAGE, **STATIC}) == {
        "version": 2,
        "ethernets": {
            "enp1s0": {
                "addresses": ["10.0.0.2/24"],
                "routes": [{"to": "0.0.0.0/0", "via": "10.0.0.1"}],
                "nameservers": {"addresses": ["192.0.2.53"]},
            }
        },
    }


def test_network_data_overrides_a_static_address() -> None:
    given = base64.b64encode(b"version: 1\nconfig: []\n").decode()
    assert network_data({**IMAGE, **STATIC, KV + "network-data": given}) == {
        "version": 1,
        "config": [],
    }


def pools(*ranges: tuple[int, str]) -> Any:
    static = [
        {
            "name": f"pool-{index}",
            "quantity": quantity,
            "properties": {**STATIC, KV + "network-ip-range": text},
        }
        for index, (quantity, text) in enumerate(ranges)
    ]
    values = {
        "privateNodes": {"enabled": True, "autoNodes": [{"provider": "edge", "static": static}]}
    }
    config = changed(CONFIG, "spec.virtualClusters.0.values", values)
    return function(
        resource_list(PROVIDER, SECRET, config=changed(config, "spec.secretEncoding", "stringData"))
    )


def test_ordinal_n_gets_address_n() -> None:
    objects = by_name(pools((3, "10.0.0.10-10.0.0.11,10.0.0.40-10.0.0.49"), (1, "10.0.0.12")))
    found = {
        name: yaml.safe_load(value["stringData"]["networkdata"])["ethernets"]["enp1s0"]["addresses"]
        for (kind, name), value in objects.items()
        if kind == "Secret" and name.endswith("-network")
    }
    assert found == {
        "tenant-1-pool-0-0-network": ["10.0.0.10/24"],
        "tenant-1-pool-0-1-network": ["10.0.0.11/24"],
        "tenant-1-pool-0-2-network": ["10.0.0.40/24"],
        "tenant-1-pool-1-0-network": ["10.0.0.12/24"],
    }


@pytest.mark.parametrize(
    ("ranges", "message"),
    [
        (
            [(3, "10.0.0.10-10.0.0.11")],
            "pool pool-0 needs an address for its node 2, and its range has 2",
        ),
        (
            [(1, "10.0.0.10-10.0.0.20"), (1, "10.0.0.15-10.0.0.30")],
            "gets addresses that pool pool-0 also gets",
        ),
        (
            [(1, "10.0.0.10-10.0.0.90"), (1, "10.0.0.15"), (1, "10.0.0.30")],
            "static[2]: gets addresses that pool pool-0 also gets",
        ),
        ([(1, "10.0.0.1-10.0.0.9")], "holds the gateway 10.0.0.1"),
        ([(1, "10.0.1.1-10.0.1.9")], "is not within the addresses of 10.0.0.0/24"),
        ([(1, "10.0.0.250-10.0.0.255")], "is not within the addresses of 10.0.0.0/24"),
        ([(1, "10.0.0.10-10.0.0.20,10.0.0.15")], "has ranges that overlap"),
    ],
)
def test_ranges_that_can_not_be_given_out(ranges: list[tuple[int, str]], message: str) -> None:
    assert message in refusal(pools(*ranges))


@pytest.mark.parametrize(
    ("cidr", "last"),
    [("10.0.0.0/29", "10.0.0.6"), ("fd00::/125", "fd00::7")],
)
@pytest.mark.parametrize("ranged", [False, True])
def test_the_last_address_is_given_out_and_none_beyond_it(
    cidr: str, last: str, ranged: bool
) -> None:
    """IPv4 keeps its last address for broadcasts; IPv6 has none."""
    static = {KV + "network-cidr": cidr, KV + "network-nameservers": "192.0.2.53"}
    if ranged:
        static[KV + "network-ip-range"] = last
    fitting = 1 if ranged else int(last[-1]) - 1
    for quantity in (fitting, fitting + 1):
        pool = {"name": "pool", "quantity": quantity, "properties": static}
        entry = {"provider": "edge", "static": [pool]}
        values = {"privateNodes": {"enabled": True, "autoNodes": [entry]}}
        config = changed(CONFIG, "spec.virtualClusters.0.values", values)
        config = changed(config, "spec.secretEncoding", "stringData")
        done = function(resource_list(PROVIDER, SECRET, config=config))
        if quantity == fitting:
            secret = by_name(done)["Secret", f"tenant-1-pool-{quantity - 1}-network"]
            assert f"- {last}/" in secret["stringData"]["networkdata"].replace('"', "")
        else:
            message = f"needs an address for its node {fitting}, and its range has {fitting}"
            assert message in refusal(done)


def test_two_claims_can_not_have_one_address() -> None:
    other = changed(CLAIM, "metadata.name", "node-2")
    done = function(
        resource_list(changed(PROVIDER, "spec.properties", STATIC), CLAIM, other, SECRET)
    )
    assert (
        "NodeClaim p-default/node-2: spec: gets addresses that NodeClaim p-default/node-1 also gets"
        in refusal(done)
    )


@pytest.mark.parametrize("ranged", [None, "10.0.0.2-10.0.0.9,10.0.0.99", "10.0.0.53"])
def test_no_node_gets_the_address_of_a_nameserver(ranged: str | None) -> None:
    properties = {**IMAGE, **STATIC, KV + "network-nameservers": "192.0.2.53, 10.0.0.53"}
    if ranged:
        properties[KV + "network-ip-range"] = ranged
    done = run(properties)
    if ranged == "10.0.0.2-10.0.0.9,10.0.0.99":
        assert done.code == 0, done.stderr
    else:
        said = refusal(done)
        assert "network-nameservers]: has 10.0.0.53, an address that a node would get" in said


POD = {"name": "default", "pod": {}}
LAB = {"name": "lab", "multus": {"networkName": "lab"}}


@pytest.mark.parametrize(
    ("networks", "interface", "said"),
    [
        ([], "", "gives addresses to machines that have the pod network alone"),
        ([POD], "", "gives addresses to machines that have the pod network alone"),
        ([POD, LAB], "", "gives addresses to enp1s0, which is default, the pod network"),
        ([POD, LAB], "enp2s0", ""),
        ([LAB, POD], "", ""),
        ([LAB], "", ""),
        # What no rule names, such as a device's own name, is left to the user.
        ([POD, LAB], "eth0", ""),
    ],
)
def test_addresses_on_the_pod_network_are_told(
    networks: list[Any], interface: str, said: str
) -> None:
    properties = {**IMAGE, **STATIC, **({KV + "network-interface": interface} if interface else {})}
    interfaces = [{"name": one["name"], "bridge": {}} for one in networks]
    domain = {
        "resources": {"requests": {"cpu": "2", "memory": "4Gi"}},
        "devices": {"interfaces": interfaces},
    }
    done = run(properties, networks=networks, domain=domain)
    assert done.code == 0, done.stderr
    assert ("(pod-network-address)" in done.stderr) == bool(said)
    assert said in done.stderr
    if "enp1s0" in said:
        assert "network-interface, such as to enp2s0" in done.stderr


def test_a_users_own_network_data_is_not_warned_about() -> None:
    given = base64.b64encode(b"version: 2\nethernets: {}\n").decode()
    done = run({**IMAGE, **STATIC, KV + "network-data": given})
    assert done.code == 0, done.stderr
    assert "pod-network-address" not in done.stderr


PATCH = "metadata: {labels: {a: b}}"
WHOLE = "spec: {template: {spec: {domain: {memory: {guest: 3Gi}, cpu: {cores: 3}}}}}"


def with_template(properties: dict[str, str], allowed: bool = True, **spec: Any) -> Any:
    claim = changed(
        CLAIM,
        "spec",
        {"providerRef": "edge", "vClusterRef": "tenant-1", "properties": properties, **spec},
    )
    return function(
        resource_list(
            PROVIDER, claim, SECRET, config=changed(CONFIG, "spec.allowClaimTemplates", allowed)
        )
    )


def test_a_claims_own_template() -> None:
    vm = by_name(
        with_template({KV + "vm-template": WHOLE, KV + "merge-virtual-machine-template": PATCH})
    )["VirtualMachine", "node-1"]
    assert vm["spec"]["template"]["spec"]["domain"]["memory"] == {"guest": "3Gi"}
    assert vm["metadata"]["labels"]["a"] == "b"
    assert "krmfn.dev/node-type" not in vm["metadata"]["labels"]


@pytest.mark.parametrize("key", ["vm-template", "merge-virtual-machine-template"])
def test_claims_bring_templates_only_where_that_is_allowed(key: str) -> None:
    done = with_template({KV + key: WHOLE}, allowed=False)
    assert f"spec.properties[{KV}{key}]: needs allowClaimTemplates in the config" in refusal(done)


def test_a_patch_of_the_provider_needs_no_permission() -> None:
    vm = by_name(run({**IMAGE, KV + "merge-virtual-machine-template": PATCH}, on="type"))[
        "VirtualMachine", "node-1"
    ]
    assert vm["metadata"]["labels"]["a"] == "b"


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({KV + "vm-template": WHOLE + "\n  x: ["}, "vm-template]: line "),
        ({KV + "vm-template": "spec: {}"}, "vm-template].spec.template: is required"),
        ({KV + "vm-template": "[]"}, "vm-template]: is a list; must be a mapping"),
        (
            {KV + "merge-virtual-machine-template": "kind: X"},
            "merge-virtual-machine-template].kind: can't be set in a patch",
        ),
    ],
)
def test_templates_that_are_wrong(properties: dict[str, str], message: str) -> None:
    assert message in refusal(with_template(properties))


def test_a_template_needs_no_node_type() -> None:
    assert "spec.typeRef: stands beside vm-template" in refusal(
        with_template({KV + "vm-template": WHOLE}, typeRef="small")
    )


ENVIRONMENT = shared(
    "NodeEnvironment",
    "lab",
    properties={KV + "root-disk-size": "7Gi", KV + "image-url": "docker://lab"},
)


def test_an_environment_stands_between_type_and_claim() -> None:
    provider = changed(
        bare(), "spec.kubeVirt.nodeTypes.0.properties", {**IMAGE, VC + "network-environment": "lab"}
    )
    claim = changed(CLAIM, "spec.properties", {KV + "image-url": "docker://claim"})
    vm = by_name(function(resource_list(provider, claim, SECRET, ENVIRONMENT)))[
        "VirtualMachine", "node-1"
    ]
    assert vm["spec"]["dataVolumeTemplates"][0]["spec"] == {
        "source": {"registry": {"url": "docker://claim"}},
        "storage": {"resources": {"requests": {"storage": "7Gi"}}},
    }


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"providerRef": "other"}, "names an environment whose providerRef is other, not edge"),
        ({"vClusterRef": "other"}, "names an environment whose vClusterRef is other, not tenant-1"),
        ({"controlPlane": True}, "names an environment of control planes"),
        (
            {"properties": {VC + "network-environment": "x"}},
            "properties[vcluster.com/network-environment]: can't be set here",
        ),
        ({"properties": {KV + "vm-template": WHOLE}}, "vm-template]: is for claims"),
    ],
)
def test_environments_that_do_not_fit(spec: dict[str, Any], message: str) -> None:
    environment = shared("NodeEnvironment", "lab", **{"properties": {}, **spec})
    assert message in refusal(
        function(
            resource_list(
                PROVIDER, changed(CLAIM, "spec.environmentRef", "lab"), SECRET, environment
            )
        )
    )


@pytest.mark.parametrize(
    "properties",
    [
        {KV + "root-disk-size": "1Gi"},
        {**IMAGE, KV + "image-checksum": f"sha256:{'a' * 64}"},
        {**IMAGE, KV + "image-datasource": "noble"},
        {KV + "interface-binding": "bridge"},
    ],
)
def test_properties_without_effect_are_warned_of(properties: dict[str, str]) -> None:
    done = run(properties)
    assert done.code == 0
    assert "(unused-property)" in done.stderr


def test_a_network_takes_the_default_one_away() -> None:
    assert "(no-pod-network)" in run({**IMAGE, KV + "network-attachment-definition": "a"}).stderr
    assert (
        "(no-pod-network)"
        not in run(
            {**IMAGE, KV + "network-attachment-definition": "a", KV + "multus-default": "true"}
        ).stderr
    )


def test_no_disk_at_all_is_warned_of() -> None:
    assert "(no-root-disk)" in run({}).stderr
    assert "(no-root-disk)" not in run(IMAGE).stderr


def test_a_disk_of_the_templates_is_not_overwritten() -> None:
    disks = {
        "resources": {"requests": {"cpu": "2", "memory": "4Gi"}},
        "devices": {"disks": [{"name": "rootdisk", "disk": {}}]},
    }
    done = run(
        IMAGE, domain=disks, volumes=[{"name": "rootdisk", "emptyDisk": {"capacity": "1Gi"}}]
    )
    assert 'makes "rootdisk", and disks of the template have one of that name' in refusal(done)


def test_prefixed_properties_are_no_node_labels() -> None:
    done = run(
        {
            **IMAGE,
            KV + "multus-default": "true",
            KV + "network-attachment-definition": "a",
            "example.com/a": "b",
        }
    )
    text = by_name(done)["Secret", "node-1-cloud-init"]["stringData"]["userdata"]
    assert node_labels(text) == {"example.com/a": "b"}


def test_properties_of_an_image_are_no_node_labels() -> None:
    image = {**IMAGE, "machines.vcluster.com/os-image-type": "kubevirt", "example.com/a": "c"}
    given = {VC + "os-image": "noble", "example.com/a": "b"}
    text = by_name(run(given, shared("OSImage", "noble", properties=image)))
    secret = text["Secret", "node-1-cloud-init"]["stringData"]["userdata"]
    assert node_labels(secret) == {"example.com/a": "b"}


PROFILE = {
    "taints": [{"key": "a", "effect": "NoSchedule"}],
    "startupTaints": [{"key": "b", "effect": "NoExecute"}],
    "nodeLabels": {"c": "d"},
}


def test_a_node_profile() -> None:
    done = function(
        resource_list(
            PROVIDER,
            changed(CLAIM, "spec.profileRef", "hard"),
            SECRET,
            shared("NodeProfile", "hard", **PROFILE),
            config=changed(CONFIG, "spec.secretEncoding", "stringData"),
        )
    )
    text = by_name(done)["Secret", "node-1-cloud-init"]["stringData"]["userdata"]
    assert node_labels(text) == {"c": "d", "vcluster.com/node-profile": "hard"}
    assert kubelet_arguments(text)["register-with-taints"] == "a=:NoSchedule,b=:NoExecute"


def test_annotations_can_not_be_told_to_kubelet() -> None:
    profile = shared("NodeProfile", "hard", nodeAnnotations={"a": "b"})
    done = function(
        resource_list(PROVIDER, changed(CLAIM, "spec.profileRef", "hard"), SECRET, profile)
    )
    assert done.code == 0
    assert "NodeProfile hard: spec.nodeAnnotations: are not rendered" in done.stderr
    assert "a node with the label vcluster.com/node-profile" in done.stderr


def with_profile(pool: dict[str, Any], **private: Any) -> Any:
    """Render one pool of nodes with the profile `hard` among the items."""
    one = {"name": "a", "quantity": 1, **pool}
    values = {"enabled": True, "autoNodes": [{"provider": "edge", "static": [one]}], **private}
    config = changed(CONFIG, "spec.virtualClusters.0.values", {"privateNodes": values})
    config = changed(config, "spec.secretEncoding", "stringData")
    profile = shared("NodeProfile", "hard", **PROFILE)
    return function(resource_list(PROVIDER, SECRET, profile, config=config))


def test_the_labels_of_a_profile_win_over_a_pools() -> None:
    done = with_profile({"profile": "hard", "nodeLabels": {"c": "other", "e": "f"}})
    text = by_name(done)["Secret", "tenant-1-a-cloud-init"]["stringData"]["userdata"]
    assert node_labels(text) == {"c": "d", "e": "f", "vcluster.com/node-profile": "hard"}
    message = 'nodeLabels.c: is "other", but NodeProfile hard sets "d", which wins'
    assert message in done.stderr


def test_a_taint_of_a_profile_and_another_of_the_pool_are_told_with_both_places() -> None:
    taint = {"key": "a", "value": "z", "effect": "NoSchedule"}
    said = refusal(with_profile({"profile": "hard", "taints": [taint]}))
    assert "has a with effect NoSchedule twice, with two values; kubelet takes one" in said
    assert '"" (NodeProfile hard: spec.taints[0]) or "z" (' in said
    assert "static[0].taints[0])" in said


def test_a_label_that_kubelet_may_not_set_is_told_of_the_profile() -> None:
    profile = shared("NodeProfile", "hard", nodeLabels={"kubernetes.io/x": "y"})
    said = refusal(
        function(
            resource_list(PROVIDER, changed(CLAIM, "spec.profileRef", "hard"), SECRET, profile)
        )
    )
    assert (
        "NodeProfile hard: spec.nodeLabels[kubernetes.io/x]: is a label under Kubernetes' own domains"
        in said
    )
    assert "NodeClaim" not in said


def test_what_claims_share_is_told_once() -> None:
    others = [changed(CLAIM, "metadata.name", f"node-{number}") for number in range(2, 5)]
    provider = changed(PROVIDER, "spec.properties", {VC + "ssh-keys": "me"})
    done = function(
        resource_list(provider, CLAIM, *others, SECRET, shared("SSHKey", "me", publicKey="none"))
    )
    assert refusal(done).count("SSHKey me: spec.publicKey") == 1
    # What each wrote itself is told of each.
    own = [
        changed(claim, "spec.properties", {KV + "image-url": "http://x"})
        for claim in (CLAIM, *others)
    ]
    assert (
        refusal(function(resource_list(PROVIDER, *own, SECRET))).count(
            "needs kubevirt.vcluster.com/root-disk-size"
        )
        == 4
    )


def test_a_disk_of_the_templates_keeps_its_number_behind_an_image() -> None:
    disks = {
        "resources": {"requests": {"cpu": "2", "memory": "4Gi"}},
        "devices": {"disks": [{"name": "krmfn-join"}]},
    }
    said = refusal(
        run(IMAGE, domain=disks, volumes=[{"name": "krmfn-join", "emptyDisk": {"capacity": "1Gi"}}])
    )
    assert "template.spec.volumes[0].name: is" in said


@pytest.mark.parametrize("level", ["pool", "default"])
def test_profiles_of_pools(level: str) -> None:
    pool = {"name": "a", "quantity": 1, **({"profile": "hard"} if level == "pool" else {})}
    private = {"enabled": True, "autoNodes": [{"provider": "edge", "static": [pool]}]} | (
        {"defaultProfile": "hard"} if level != "pool" else {}
    )
    config = changed(CONFIG, "spec.virtualClusters.0.values", {"privateNodes": private})
    done = function(
        resource_list(
            PROVIDER,
            SECRET,
            shared("NodeProfile", "hard", **PROFILE),
            config=changed(config, "spec.secretEncoding", "stringData"),
        )
    )
    text = by_name(done)["Secret", "tenant-1-a-cloud-init"]["stringData"]["userdata"]
    chosen = {"vcluster.com/node-profile": "hard"} if level == "pool" else {}
    assert node_labels(text) == {"c": "d", **chosen}


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nabc", "spec.publicKey: holds a private key"),
        ("ssh-dss AAAA", "is not a public key on one line"),
        (f"{PUBLIC}\n{PUBLIC}", "is not a public key on one line"),
        (
            "ssh-rsa " + PUBLIC.split()[1],
            "is not a key of type ssh-rsa: its body is damaged or of another type",
        ),
        (f'command="x" {PUBLIC}', "is not a public key on one line"),
    ],
)
def test_keys_that_are_none(key: str, message: str) -> None:
    assert message in refusal(run({VC + "ssh-keys": "me"}, shared("SSHKey", "me", publicKey=key)))


def test_what_is_read_is_consumed() -> None:
    done = run({}, ENVIRONMENT, shared("OSImage", "a", properties={}))
    items = yaml.safe_load(done.stdout)["items"]
    marked = [
        item["kind"]
        for item in items
        if item["metadata"].get("annotations", {}).get("config.kubernetes.io/local-config")
        == "true"
    ]
    assert {"NodeEnvironment", "OSImage"} <= set(marked)


def test_every_property_has_a_prefix_that_is_checked() -> None:
    assert all(key.startswith((*PREFIXES, "netris.")) for key in TABLE)


@pytest.mark.parametrize(
    "place", ["provider", "type", "claim", "pool", "environment", "image"]
)  # fmt: skip
def test_unknown_properties_are_errors_unless_they_are_ignored(place: str) -> None:
    unknown = {VC + "profile": "xlarge", KV + "new-thing": "x"}
    provider, claim, items = PROVIDER, CLAIM, []
    config = changed(CONFIG, "spec.secretEncoding", "stringData")
    if place == "provider":
        provider = changed(provider, "spec.properties", unknown)
    elif place == "type":
        provider = changed(provider, "spec.kubeVirt.nodeTypes.0.properties", unknown)
    elif place == "claim":
        claim = changed(claim, "spec.properties", unknown)
    elif place == "pool":
        pool = {"name": "a", "quantity": 1, "properties": unknown}
        values = {"enabled": True, "autoNodes": [{"provider": "edge", "static": [pool]}]}
        config = changed(config, "spec.virtualClusters.0.values", {"privateNodes": values})
    elif place == "environment":
        items.append(shared("NodeEnvironment", "e", properties=unknown))
        claim = changed(claim, "spec.environmentRef", "e")
    else:
        items.append(shared("OSImage", "i", properties=unknown))
        claim = changed(claim, "spec.properties", {VC + "os-image": "i"})
    given = resource_list(provider, claim, SECRET, *items, config=config)
    said = refusal(function(given))
    for key in unknown:
        assert f"[{key}]: is an unknown property; under " in said
    assert "unknownProperties: Ignore accepts others" in said
    config = changed(config, "spec.unknownProperties", "Ignore")
    done = function(resource_list(provider, claim, SECRET, *items, config=config))
    name = "tenant-1-a-cloud-init" if place == "pool" else "node-1-cloud-init"
    text = by_name(done)["Secret", name]["stringData"]["userdata"]
    # Pods can select on what is the user's own; the keys of KubeVirt's provider describe no node.
    labels = {} if place == "image" else {VC + "profile": "xlarge"}
    assert node_labels(text) == labels


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        (KV + "image-ur", KV + "image-url"),
        (VC + "image-url", KV + "image-url"),
        (VC + "OS-image", VC + "os-image"),
        (VC + "user-data-templates", VC + "user-data-template-config"),
        # Nothing like it, or only keys that krmfn refuses.
        (VC + "profile", None),
        (VC + "vpc-cidrs", None),
        (VC + "csi-enable", None),
        (KV + "capacity-typ", None),
    ],
)
def test_hints_name_what_krmfn_takes(key: str, meant: str | None) -> None:
    said = refusal(run({key: "x"}))
    assert ("did you mean" in said) == bool(meant)
    assert not meant or f'(did you mean "{meant}"?)' in said
    for name, row in TABLE.items():
        assert not row.refused or f'"{name}"' not in said
