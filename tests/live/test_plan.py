"""What happens to machines that run is what `plan --against` said, fed with what was committed and with what the cluster returns."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.live.clients import CLIENTS, Connect, provide, rendered
from tests.live.cluster import Cluster, Object, restart_required, status
from tests.support import CLAIM, CONFIG, PROVIDER, REMOVED, changed, krmfn

Fields = list[tuple[str, Any]]
TENANT = "spec.virtualClusters.0"
T = "template.spec"
DEVICES = f"{T}.domain.devices"
# A client and KubeVirt's roll-out strategy.
WAYS = {client: (client, "LiveUpdate") for client in CLIENTS} | {"stage": ("server", "Stage")}


def data_volume(name: str, size: str = "1Gi", url: str = "https://example.com/disk") -> Object:
    storage = {"resources": {"requests": {"storage": size}}, "accessModes": ["ReadWriteMany"]}
    return {"metadata": {"name": name}, "spec": {"source": {"http": {"url": url}}, "storage": storage}}  # fmt: skip


def instancetype(name: str, cpus: int, memory: str) -> Object:
    return {
        "apiVersion": "instancetype.kubevirt.io/v1beta1",
        "kind": "VirtualMachineInstancetype",
        "metadata": {"name": name},
        "spec": {"cpu": {"guest": cpus}, "memory": {"guest": memory}},
    }


def disk(name: str, **fields: Any) -> Object:
    return {"name": name, "disk": {"bus": "scsi" if name == "hot" else "virtio"}, **fields}


DISKS = [disk("root", cache="none"), disk("data", serial="data"), disk("image"), disk("hot")]
INTERFACES: list[Object] = [
    {"name": "default", "masquerade": {}, "model": "virtio"},
    {"name": "lan", "bridge": {}},
]
NETWORKS: list[Object] = [
    {"name": "default", "pod": {}},
    {"name": "lan", "multus": {"networkName": "lan"}},
]
VOLUMES: list[Object] = [
    {"name": "root", "containerDisk": {"image": "x:1", "imagePullPolicy": "Always"}},
    {"name": "data", "emptyDisk": {"capacity": "1Gi"}},
    {"name": "image", "dataVolume": {"name": "image"}},
    {"name": "hot", "dataVolume": {"name": "hot", "hotpluggable": True}},
]
TEMPLATE: Object = {
    "metadata": {"labels": {"own": "a"}},
    "spec": {
        "dataVolumeTemplates": [data_volume("image"), data_volume("hot")],
        "template": {
            "metadata": {"labels": {"a": "b", "c": "d"}},
            "spec": {
                "nodeSelector": {"zone": "a", "rack": "r1"},
                "tolerations": [{"key": "a", "operator": "Exists"}],
                "evictionStrategy": "LiveMigrate",
                "terminationGracePeriodSeconds": 30,
                "dnsPolicy": "None",
                "dnsConfig": {"nameservers": ["192.0.2.1"], "searches": ["example.com"]},
                "domain": {
                    "cpu": {"sockets": 1, "cores": 2, "maxSockets": 4},
                    "memory": {"guest": "2Gi"},
                    "resources": {"limits": {"memory": "3Gi"}},
                    "machine": {"type": "q35"},
                    "firmware": {"serial": "SERIAL"},
                    "devices": {"rng": {}, "disks": DISKS, "interfaces": INTERFACES},
                },
                "networks": NETWORKS,
                "volumes": VOLUMES,
            },
        },
    },
}


def with_volume(volume: Object) -> Fields:
    return [(f"{T}.volumes", [*VOLUMES, volume]), (f"{DEVICES}.disks", [*DISKS, disk(volume["name"])])]  # fmt: skip


def with_interface(interface: Object) -> Fields:
    name = interface["name"]
    network = {"name": name, "multus": {"networkName": name}}
    return [(f"{T}.networks", [*NETWORKS, network]), (f"{DEVICES}.interfaces", [*INTERFACES, interface])]  # fmt: skip


SPREAD = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}
PREFERENCE = {"matchExpressions": [{"key": "zone", "operator": "Exists"}]}
AFFINITY = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": PREFERENCE}]}}  # fmt: skip
SPREADING = "descheduler.alpha.kubernetes.io/evict"
OFF: Fields = [("runStrategy", "Halted")]
TYPED: Fields = [
    ("instancetype", {"kind": "VirtualMachineInstancetype", "name": "small"}),
    (f"{T}.domain.cpu", REMOVED),
    (f"{T}.domain.memory", REMOVED),
    (f"{T}.domain.resources", REMOVED),
]
# What other machines have before the commit than the template above.
BEFORE: dict[str, Fields] = {
    "started": OFF,
    "off-and-cores": OFF,
    "instancetype": TYPED,
    "larger-instancetype": TYPED,
}
# The plan says more than happens: the sizes of instancetypes are not known to it, and it says so.
HEAVIER = {"larger-instancetype"}
INSTANCETYPES = [instancetype("small", 2, "2Gi"), instancetype("large", 4, "2Gi"), instancetype("tiny", 2, "1Gi")]  # fmt: skip
# What a commit takes out or changes in the template.
CHANGES: dict[str, Fields] = {
    "nothing": [],
    "selector-key-out": [(f"{T}.nodeSelector.rack", REMOVED)],
    "selector-out": [(f"{T}.nodeSelector", REMOVED)],
    "selector-changed": [(f"{T}.nodeSelector.zone", "b")],
    "toleration-out": [(f"{T}.tolerations", REMOVED)],
    "eviction-out": [(f"{T}.evictionStrategy", REMOVED)],
    "grace-changed": [(f"{T}.terminationGracePeriodSeconds", 60)],
    "grace-out": [(f"{T}.terminationGracePeriodSeconds", REMOVED)],
    "search-out": [(f"{T}.dnsConfig.searches", REMOVED)],
    "cores": [(f"{T}.domain.cpu.cores", 4)],
    "sockets-up": [(f"{T}.domain.cpu.sockets", 2)],
    "sockets-beyond": [(f"{T}.domain.cpu.sockets", 8), (f"{T}.domain.cpu.maxSockets", 8)],
    "max-sockets-out": [(f"{T}.domain.cpu.maxSockets", REMOVED)],
    "limit-out": [(f"{T}.domain.resources", REMOVED)],
    "machine-out": [(f"{T}.domain.machine", REMOVED)],
    "machine-changed": [(f"{T}.domain.machine.type", "pc-q35-rhel9.6.0")],
    "serial-changed": [(f"{T}.domain.firmware.serial", "OTHER")],
    "firmware-out": [(f"{T}.domain.firmware", REMOVED)],
    "rng-out": [(f"{DEVICES}.rng", REMOVED)],
    "cache-out": [(f"{DEVICES}.disks.0.cache", REMOVED)],
    "cache-changed": [(f"{DEVICES}.disks.0.cache", "writeback")],
    "disk-serial-out": [(f"{DEVICES}.disks.1.serial", REMOVED)],
    "disk-out": [(f"{DEVICES}.disks.1", REMOVED), (f"{T}.volumes.1", REMOVED)],
    "model-out": [(f"{DEVICES}.interfaces.0.model", REMOVED)],
    "image": [(f"{T}.volumes.0.containerDisk.image", "x:2")],
    "pull-policy-out": [(f"{T}.volumes.0.containerDisk.imagePullPolicy", REMOVED)],
    "label-out": [("template.metadata.labels.c", REMOVED)],
    "label-changed": [("template.metadata.labels.c", "e")],
    "annotation-in": [("template.metadata.annotations", {"a": "b"})],
    "descheduler-in": [("template.metadata.annotations", {SPREADING: "true"})],
    "own-label-changed": [("metadata.labels.own", "b")],
    "memory-up": [(f"{T}.domain.memory.guest", "3Gi")],
    "memory-down": [(f"{T}.domain.memory.guest", "1Gi")],
    "memory-rewritten": [(f"{T}.domain.memory.guest", "2048Mi")],
    "max-guest-in": [(f"{T}.domain.memory.maxGuest", "4Gi")],
    "requests-in": [(f"{T}.domain.resources.requests", {"cpu": "1"})],
    "affinity-in": [(f"{T}.affinity", AFFINITY)],
    "toleration-in": [(f"{T}.tolerations", [{"operator": "Exists"}])],
    "spread-in": [(f"{T}.topologySpreadConstraints", [SPREAD])],
    "subdomain-in": [(f"{T}.subdomain", "nodes")],
    "priority-in": [(f"{T}.priorityClassName", "system-node-critical")],
    "volume-in": with_volume({"name": "new", "emptyDisk": {"capacity": "1Gi"}}),
    "secret-in": with_volume({"name": "new", "secret": {"secretName": "x", "optional": True}}),
    "volumes-turned": [(f"{T}.volumes", VOLUMES[::-1])],
    "disks-turned": [(f"{DEVICES}.disks", DISKS[::-1])],
    "bus-changed": [(f"{DEVICES}.disks.1.disk.bus", "sata")],
    "data-volume-size": [("dataVolumeTemplates.0", data_volume("image", size="2Gi"))],
    "data-volume-source": [("dataVolumeTemplates.0", data_volume("image", url="https://example.com/new"))],
    "data-volume-renamed": [("dataVolumeTemplates.0", data_volume("other")), (f"{T}.volumes.2.dataVolume.name", "other")],
    "hot-volume-out": [("dataVolumeTemplates.1", REMOVED), (f"{T}.volumes.3", REMOVED), (f"{DEVICES}.disks.3", REMOVED)],
    "interface-in": with_interface({"name": "new", "bridge": {}}),
    "interface-absent": [(f"{DEVICES}.interfaces.1.state", "absent")],
    "interface-down": [(f"{DEVICES}.interfaces.1.state", "down")],
    "interface-out": [(f"{DEVICES}.interfaces.1", REMOVED), (f"{T}.networks.1", REMOVED)],
    "mac-in": [(f"{DEVICES}.interfaces.1.macAddress", "02:00:00:00:00:01")],
    "network-changed": [(f"{T}.networks.1.multus.networkName", "wan")],
    "manual": [("runStrategy", "Manual")],
    "once": [("runStrategy", "Once")],
    "on-failure": [("runStrategy", "RerunOnFailure")],
    "halted": OFF,
    "started": [("runStrategy", "Always")],
    "off-and-cores": [(f"{T}.domain.cpu.cores", 4)],
    "instancetype": [("instancetype.name", "tiny")],
    "larger-instancetype": [("instancetype.name", "large")],
}  # fmt: skip


def declared(where: Path, way: str, templates: dict[str, Object]) -> Path:
    """A folder with a node type and a claim for each template."""
    where.mkdir()
    _, strategy = WAYS[way]
    reference = {"cluster": "k", "namespace": f"plan-{way}"}
    types = [{"name": name, "virtualMachineTemplate": one} for name, one in templates.items()]
    provider = changed(PROVIDER, "spec.kubeVirt", {"clusterRef": reference, "nodeTypes": types})
    claims = [
        changed(changed(CLAIM, "metadata.name", name), "spec.typeRef", name) for name in templates
    ]
    token = {"name": "join", "namespace": reference["namespace"]}
    config = changed(CONFIG, f"{TENANT}.joinToken", {"delivery": "Disk", "secretKeyRef": token})
    config = changed(config, f"{TENANT}.certificateAuthority", {"system": True})
    config = changed(config, "spec.kubevirt", {"rolloutStrategy": strategy})
    sizes = [changed(one, "metadata.namespace", reference["namespace"]) for one in INSTANCETYPES]
    (where / "config.yaml").write_text(yaml.safe_dump(config))
    (where / "all.yaml").write_text(yaml.safe_dump_all([provider, *sizes, *claims]))
    return where


def templates(*rows: dict[str, Fields]) -> dict[str, Object]:
    """The template of each machine, with the fields of its rows."""
    made = {}
    for name in CHANGES:
        template = TEMPLATE
        for row in rows:
            for path, value in row.get(name, []):
                root = "" if path.startswith("metadata.") else "spec."
                template = changed(template, f"{root}{path}", value)
        made[name] = template
    return made


def verdicts(where: Path, against: Path) -> dict[str, str]:
    done = krmfn("plan", str(where), "--against", str(against), "-o", "json")
    assert done.returncode == 0, done.stderr
    changes = json.loads(done.stdout)["changes"]
    said = {one["name"]: one["verdict"] for one in changes if one["kind"] == "VirtualMachine"}
    return dict.fromkeys(CHANGES, "unchanged") | said


@dataclass(frozen=True)
class Outcome:
    resting: dict[str, str]  # said of what is applied already
    said: dict[str, str]
    said_of_files: dict[str, str]
    complaints: str
    before: dict[str, Object]
    machines: dict[str, Object]
    strategy: str


@pytest.fixture(scope="module", params=WAYS)
def outcome(
    cluster: Cluster, connect: Connect, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Outcome]:  # fmt: skip
    """All changes in one commit, each to a machine of its own."""
    way, tmp = request.param, tmp_path_factory.mktemp(request.param)
    client, strategy = WAYS[way]
    namespace = f"plan-{way}"
    cluster.configure({"vmRolloutStrategy": strategy})
    cluster.run("create", "namespace", namespace)
    for one in INSTANCETYPES:
        cluster.run("apply", "-n", namespace, "-f", "-", text=json.dumps(one))
    before = declared(tmp / "old", way, templates(BEFORE))
    after = declared(tmp / "new", way, templates(BEFORE, CHANGES))
    for folder in (before, after):
        provide(cluster, folder)
    repository = connect(client, namespace)
    complaints = repository.sync(before)
    assert complaints == ""
    off = {name for name in CHANGES if BEFORE.get(name) == OFF}

    def all_started() -> bool:
        machines = cluster.machines(namespace)
        return all(status(machines[name]) == ("Stopped" if name in off else "Running") for name in CHANGES)  # fmt: skip

    assert cluster.wait(all_started, 180), {
        name: status(one) for name, one in cluster.machines(namespace).items()
    }
    live, committed = tmp / "live.yaml", tmp / "committed"
    live.write_text(cluster.live(namespace))
    assert rendered(before, committed) == ""
    resting, said, said_of_files = verdicts(before, live), verdicts(after, live), verdicts(after, committed)  # fmt: skip
    running = cluster.machines(namespace)
    complaints = repository.sync(after)

    def all_staged() -> bool:
        machines = cluster.machines(namespace)
        return all(restart_required(machines[name]) for name in said if said[name] == "restart" and name not in HEAVIER)  # fmt: skip

    cluster.wait(all_staged, 60)
    # And what should stay as it is, does.
    time.sleep(5)
    yield Outcome(resting, said, said_of_files, complaints, running, cluster.machines(namespace), strategy)  # fmt: skip
    cluster.run("delete", "virtualmachines", "--all", "-n", namespace, "--wait=false")
    cluster.configure({"vmRolloutStrategy": None})


def declares(machine: Object) -> tuple[Any, Any]:
    return machine["spec"], machine["metadata"]["labels"]


def test_nothing_is_said_of_what_is_applied(outcome: Outcome) -> None:
    assert {name: verdict for name, verdict in outcome.resting.items() if verdict != "unchanged"} == {}  # fmt: skip


def test_the_same_is_said_of_what_was_committed(outcome: Outcome) -> None:
    assert outcome.said_of_files == outcome.said


@pytest.mark.parametrize("name", CHANGES)
def test_what_happens_is_what_plan_said(outcome: Outcome, name: str) -> None:
    assert outcome.complaints == ""
    said, before, machine = outcome.said[name], outcome.before[name], outcome.machines[name]
    if name in HEAVIER and outcome.strategy == "LiveUpdate":
        assert said == "restart"
        said = "pending"
    assert restart_required(machine) == (said == "restart"), said
    # A machine that was off stays off, unless the plan starts it.
    off = said == "stop" or (status(before) == "Stopped" and said != "start")
    assert (status(machine) == "Stopped") == off, said
    assert (declares(machine) == declares(before)) == (said == "unchanged"), said


def test_the_changes_reach_the_verdicts(outcome: Outcome) -> None:
    reached = {"unchanged", "restart", "stop", "start", "next-start", "live", "no-effect"}
    assert reached <= set(outcome.said.values())
