"""What must be one machine's own is told when several machines of a run would share it, across node types and providers."""

import json
from typing import Any

import pytest

from tests.support import (
    CLAIM,
    CONFIG,
    PROVIDER,
    SECRET,
    changed,
    function,
    refusal,
    resource_list,
)

SPEC = "spec.kubeVirt.virtualMachineTemplate.spec.template.spec"
AT = f"error: NodeProvider edge: {SPEC}"
CLAIM_2 = changed(CLAIM, "metadata.name", "node-2")
CLAIM_3 = changed(CLAIM, "metadata.name", "node-3")
MAC = "02:00:00:00:00:01"
POD = {"name": "a", "pod": {}}
LAN = {"name": "a", "multus": {"networkName": "lan"}}
FAR = {"name": "a", "multus": {"networkName": "other/lan"}}
BRIDGE = {"name": "a", "bridge": {}}
MASQUERADE = {"name": "a", "masquerade": {}}


def provider(*changes: tuple[str, Any], name: str = "edge") -> dict[str, Any]:
    value = changed(PROVIDER, "metadata.name", name)
    for path, new in changes:
        value = changed(value, path, new)
    return value


def networked(network: Any, interface: Any, *changes: tuple[str, Any]) -> dict[str, Any]:
    return provider(
        (f"{SPEC}.networks", [network]),
        (f"{SPEC}.domain.devices.interfaces", [interface]),
        *changes,
    )


def with_mac(address: str = MAC) -> dict[str, Any]:
    return networked(POD, {**BRIDGE, "macAddress": address})


def run(*items: dict[str, Any]) -> Any:
    return function(resource_list(*items, SECRET))


BOTH = "of both NodeClaim p-default/node-1 and NodeClaim p-default/node-2"


def test_one_mac_address() -> None:
    message = f"{AT}.domain.devices.interfaces[0].macAddress: is {MAC}, the MAC address {BOTH}"
    said = refusal(run(with_mac(), CLAIM, CLAIM_2))
    assert f"{message}; leave it out" in said
    said = refusal(run(with_mac(), CLAIM_3, CLAIM, CLAIM_2))
    assert f"{message}, and of 1 more; leave it out" in said
    assert said.count("MAC address") == 1
    assert run(with_mac(), CLAIM).code == 0


def test_of_two_providers_and_in_two_spellings() -> None:
    other = changed(with_mac("02-00-00-00-00-01"), "metadata.name", "other")
    claim = changed(CLAIM_2, "spec.providerRef", "other")
    said = refusal(run(with_mac(), other, CLAIM, claim))
    assert f"is {MAC}, the MAC address {BOTH} (there at NodeProvider other: {SPEC}" in said
    far = changed(other, "spec.kubeVirt.clusterRef.cluster", "kubevirt-2")
    assert "MAC address" not in run(with_mac(), far, CLAIM, claim).stderr
    assert run(with_mac(), changed(other, f"{SPEC}.domain.devices.interfaces.0.macAddress", "02:00:00:00:00:02"), CLAIM, claim).code == 0  # fmt: skip


def test_of_two_node_types_that_share_a_template() -> None:
    types = [
        {"name": "small"},
        {"name": "large", "resources": {"memory": "8Gi"}},
    ]
    both = changed(with_mac(), "spec.kubeVirt.nodeTypes", types)
    said = refusal(run(both, CLAIM, changed(CLAIM_2, "spec.typeRef", "large")))
    assert said.count("MAC address") == 1
    assert f"{BOTH}; leave it out" in said


def test_the_nodes_of_a_pool_are_named() -> None:
    pool = {"provider": "edge", "static": [{"name": "workers", "quantity": 2}]}
    values = {"privateNodes": {"enabled": True, "autoNodes": [pool]}}
    config = changed(CONFIG, "spec.virtualClusters.0.values", values)
    said = refusal(function(resource_list(with_mac(), SECRET, config=config)))
    assert (
        "of both tenant-1-workers-0 of pool workers and tenant-1-workers-1 of pool workers" in said
    )


FIRMWARE = {"uuid": "5D307CA9-b3ef-428c-8861-06e72d69f223", "serial": "e4686d2c"}


def test_one_firmware_id_is_a_warning() -> None:
    template = provider((f"{SPEC}.domain.firmware", FIRMWARE))
    said = run(template, CLAIM, CLAIM_2).stderr
    assert (
        f"firmware.uuid: is 5d307ca9-b3ef-428c-8861-06e72d69f223, the firmware UUID {BOTH}" in said
    )
    assert f"firmware.serial: is e4686d2c, the serial number {BOTH}" in said
    assert said.count("(shared-identity)") == 2
    assert "(shared-identity)" not in run(template, CLAIM).stderr
    template = provider((f"{SPEC}.domain.chassis", {"serial": "x"}))
    assert f"chassis.serial: is x, the serial number {BOTH}" in run(template, CLAIM, CLAIM_2).stderr


def host_disk(**others: Any) -> dict[str, Any]:
    disk = {"path": "/data/disk.img", "type": "Disk", **others}
    return provider((f"{SPEC}.volumes", [{"name": "root", "hostDisk": disk}]))


def test_one_file_of_a_host() -> None:
    said = run(host_disk(), CLAIM, CLAIM_2).stderr
    assert f"volumes[0].hostDisk.path: is /data/disk.img, the host disk {BOTH}" in said
    assert "(shared-host-disk)" in said
    assert "(shared-host-disk)" not in run(host_disk(shared=True), CLAIM, CLAIM_2).stderr
    hosts = [
        changed(
            changed(host_disk(), f"{SPEC}.nodeSelector", {"kubernetes.io/hostname": host}),
            "metadata.name",
            name,
        )
        for host, name in (("host-1", "edge"), ("host-2", "other"))
    ]
    other = changed(CLAIM_2, "spec.providerRef", "other")
    assert "(shared-host-disk)" not in run(*hosts, CLAIM, other).stderr
    assert "(shared-host-disk)" in run(*hosts, CLAIM, CLAIM_2).stderr
    anywhere = changed(host_disk(), "metadata.name", "other")
    assert "(shared-host-disk)" in run(hosts[0], anywhere, CLAIM, other).stderr


def config(*addresses: Any) -> dict[str, Any]:
    return {"version": 2, "ethernets": {"enp1s0": {"addresses": list(addresses)}}}


def with_data(data: Any, kind: str = "cloudInitNoCloud") -> tuple[str, Any]:
    source = {"userData": "#cloud-config\n{}\n", "networkData": json.dumps(data)}
    root = {"name": "root", "persistentVolumeClaim": {"claimName": "x"}}
    return f"{SPEC}.volumes", [root, {"name": "ci", kind: source}]


STATIC = {"type": "static", "address": "10.1.1.5/24"}


@pytest.mark.parametrize(
    "data",
    [
        config("10.1.1.5/24"),
        {"network": config("10.1.1.5/24")},
        config({"10.1.1.5/24": {"label": "a"}}),
        {"version": 2, "bonds": {"bond0": {"addresses": ["10.1.1.5/24"]}}},
        {"version": 1, "config": [{"type": "physical", "name": "e", "subnets": [STATIC]}]},
    ],
)
def test_one_static_address(data: Any) -> None:
    template = networked(LAN, BRIDGE, with_data(data))
    said = refusal(run(template, CLAIM, CLAIM_2))
    message = f"volumes[1].cloudInitNoCloud.networkData: is 10.1.1.5, the static address {BOTH}"
    assert f"{AT}.{message}; take addresses from" in said
    assert run(template, CLAIM).code == 0


def test_in_openstacks_form() -> None:
    data = {"networks": [{"type": "ipv4", "ip_address": "10.1.1.5"}]}
    template = networked(LAN, BRIDGE, with_data(data, "cloudInitConfigDrive"))
    assert f"is 10.1.1.5, the static address {BOTH}" in refusal(run(template, CLAIM, CLAIM_2))


@pytest.mark.parametrize(
    ("network", "interface", "data"),
    [
        # Behind KubeVirt's masquerade, every guest has these.
        (POD, MASQUERADE, config("10.0.2.2/24", "fd10:0:2::2/120")),
        ({"name": "a", "pod": {"vmNetworkCIDR": "10.9.0.0/24"}}, MASQUERADE, config("10.9.0.2/24")),
        (LAN, BRIDGE, config("169.254.1.1/16", "fe80::5/64", "127.0.0.2/8")),
        (LAN, BRIDGE, {"version": 2, "ethernets": {"lo": {"addresses": ["10.1.1.5/32"]}}}),
        (LAN, BRIDGE, {"version": 2, "ethernets": {"enp1s0": {"dhcp4": True}}}),
    ],
)
def test_addresses_that_many_machines_may_have(network: Any, interface: Any, data: Any) -> None:
    done = run(networked(network, interface, with_data(data)), CLAIM, CLAIM_2)
    assert done.code == 0, done.stderr


@pytest.mark.parametrize("network", [POD, {"name": "a", "pod": {"vmNetworkCIDR": "none"}}])
def test_one_address_on_the_pod_network(network: Any) -> None:
    template = networked(network, MASQUERADE, with_data(config("10.1.1.5/24")))
    assert "is 10.1.1.5, the static address" in refusal(run(template, CLAIM, CLAIM_2))


def test_one_address_on_two_networks() -> None:
    one = networked(LAN, BRIDGE, with_data(config("10.1.1.5/24")))
    other = changed(CLAIM_2, "spec.providerRef", "other")
    for network, clashes in ((LAN, True), (FAR, False)):
        two = changed(one, f"{SPEC}.networks", [network])
        done = run(one, changed(two, "metadata.name", "other"), CLAIM, other)
        assert (done.code == 1) == clashes, done.stderr


def templated(line: str) -> list[dict[str, Any]]:
    """A provider whose nodes get their network data from a template, and the template."""
    key = "vcluster.com/network-data-template-config"
    text = f"version: 2\nethernets:\n  enp1s0:\n    addresses: [{line}]\n"
    template = {
        "apiVersion": "management.loft.sh/v1",
        "kind": "MachineConfigTemplate",
        "metadata": {"name": "net"},
        "spec": {"networkDataTemplate": text},
    }
    return [networked(LAN, BRIDGE, ("spec.properties", {key: "net"})), template]


def test_a_template_may_make_an_address_for_each_node() -> None:
    said = refusal(run(*templated("10.1.1.5/24"), CLAIM, CLAIM_2))
    assert f"spec.networkDataTemplate: is 10.1.1.5, the static address {BOTH}" in said
    claims = [changed(CLAIM, "metadata.name", name) for name in ("5", "6")]
    done = run(*templated("10.1.1.{{ .Values.NodeClaim.Name }}/24"), *claims)
    assert done.code == 0, done.stderr


def test_ranges_of_two_clusters_may_be_equal() -> None:
    properties = {
        "kubevirt.vcluster.com/network-cidr": "10.0.0.0/29",
        "kubevirt.vcluster.com/network-ip-range": "10.0.0.2-10.0.0.2",
        "kubevirt.vcluster.com/network-nameservers": "1.1.1.1",
    }
    one = networked(LAN, BRIDGE, ("spec.properties", properties))
    two = changed(one, "metadata.name", "other")
    other = changed(CLAIM_2, "spec.providerRef", "other")
    assert "gets addresses that" in refusal(run(one, two, CLAIM, other))
    far = changed(two, "spec.kubeVirt.clusterRef.cluster", "kubevirt-2")
    assert "gets addresses that" not in run(one, far, CLAIM, other).stderr


def test_a_written_address_within_a_range() -> None:
    properties = {
        "kubevirt.vcluster.com/network-cidr": "10.0.0.0/24",
        "kubevirt.vcluster.com/network-ip-range": "10.0.0.5-10.0.0.9",
        "kubevirt.vcluster.com/network-nameservers": "1.1.1.1",
    }
    ranged = networked(LAN, BRIDGE, ("spec.properties", properties))
    pool = {"provider": "edge", "static": [{"name": "workers", "quantity": 2}]}
    values = {"privateNodes": {"enabled": True, "autoNodes": [pool]}}
    tenants = changed(CONFIG, "spec.virtualClusters.0.values", values)
    claim = changed(CLAIM, "spec.providerRef", "other")
    for address, clashes in (("10.0.0.4", 0), ("10.0.0.5", 1), ("10.0.0.9", 1), ("10.0.0.10", 0)):
        written = networked(LAN, BRIDGE, with_data(config(f"{address}/24")))
        written = changed(written, "metadata.name", "other")
        done = function(resource_list(ranged, written, claim, SECRET, config=tenants))
        said = (
            f"networkData: is {address}, the static address of NodeClaim p-default/node-1, and an"
        )
        assert done.stderr.count(f"{said} address in the range of pool workers") == clashes
        assert done.code == clashes, done.stderr
        far = changed(written, f"{SPEC}.networks", [FAR])
        assert function(resource_list(ranged, far, claim, SECRET, config=tenants)).code == 0
