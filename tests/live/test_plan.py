"""What happens to machines that run is what `plan --against` said, fed with what the cluster returns."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.live.cluster import MODES, Cluster, Object, restart_required, status
from tests.support import CLAIM, CONFIG, PROVIDER, REMOVED, changed, krmfn, objects

Fields = list[tuple[str, Any]]
TENANT = "spec.virtualClusters.0"
T = "template.spec"
DEVICES = f"{T}.domain.devices"
TEMPLATE: Object = {
    "spec": {
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
                    "devices": {
                        "rng": {},
                        "disks": [
                            {"name": "root", "disk": {"bus": "virtio"}, "cache": "none"},
                            {"name": "data", "disk": {"bus": "virtio"}, "serial": "data"},
                        ],
                        "interfaces": [{"name": "default", "masquerade": {}, "model": "virtio"}],
                    },
                },
                "networks": [{"name": "default", "pod": {}}],
                "volumes": [
                    {"name": "root", "containerDisk": {"image": "x:1", "imagePullPolicy": "Always"}},
                    {"name": "data", "emptyDisk": {"capacity": "1Gi"}},
                ],
            },
        }
    }
}  # fmt: skip
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
    "halted": [("runStrategy", "Halted")],
}


def declared(where: Path, mode: str, templates: dict[str, Object]) -> Path:
    """A folder with a node type and a claim for each template."""
    where.mkdir()
    reference = {"cluster": "k", "namespace": f"plan-{mode}"}
    types = [{"name": name, "virtualMachineTemplate": one} for name, one in templates.items()]
    provider = changed(PROVIDER, "spec.kubeVirt", {"clusterRef": reference, "nodeTypes": types})
    claims = [
        changed(changed(CLAIM, "metadata.name", name), "spec.typeRef", name) for name in templates
    ]
    token = {"name": "join", "namespace": reference["namespace"]}
    config = changed(CONFIG, f"{TENANT}.joinToken", {"delivery": "Disk", "secretKeyRef": token})
    config = changed(config, f"{TENANT}.certificateAuthority", {"system": True})
    (where / "all.yaml").write_text(yaml.safe_dump_all([config, provider, *claims]))
    return where


def objects_of(where: Path) -> list[Object]:
    done = krmfn("render", str(where))
    assert done.returncode == 0, done.stderr
    return objects(done.stdout)


def verdicts(where: Path, live: Path) -> dict[str, str]:
    done = krmfn("plan", str(where), "--against", str(live), "-o", "json")
    assert done.returncode == 0, done.stderr
    changes = json.loads(done.stdout)["changes"]
    said = {one["name"]: one["verdict"] for one in changes if one["kind"] == "VirtualMachine"}
    return dict.fromkeys(CHANGES, "unchanged") | said


@dataclass(frozen=True)
class Outcome:
    resting: dict[str, str]  # said of what is applied already
    said: dict[str, str]
    complaints: str
    before: dict[str, Object]
    machines: dict[str, Object]


@pytest.fixture(scope="module", params=MODES)
def outcome(cluster: Cluster, request: pytest.FixtureRequest, tmp_path_factory: Any) -> Outcome:
    """All changes in one commit, each to a machine of its own."""
    mode, tmp = request.param, tmp_path_factory.mktemp(request.param)
    namespace = f"plan-{mode}"
    new = dict.fromkeys(CHANGES, TEMPLATE)
    for name, fields in CHANGES.items():
        for path, value in fields:
            new[name] = changed(new[name], f"spec.{path}", value)
    before = declared(tmp / "old", mode, dict.fromkeys(CHANGES, TEMPLATE))
    after = declared(tmp / "new", mode, new)
    complaints = cluster.apply(objects_of(before), mode)
    assert "rror" not in complaints, complaints
    assert cluster.wait(lambda: cluster.all_run(namespace), 120), cluster.machines(namespace)
    live = tmp / "live.yaml"
    live.write_text(cluster.live(namespace))
    resting, said = verdicts(before, live), verdicts(after, live)
    running = cluster.machines(namespace)
    complaints = cluster.apply(objects_of(after), mode)

    def all_staged() -> bool:
        machines = cluster.machines(namespace)
        return all(restart_required(machines[name]) for name in said if said[name] == "restart")

    cluster.wait(all_staged, 30)
    # And what should stay as it is, does.
    time.sleep(5)
    return Outcome(resting, said, complaints, running, cluster.machines(namespace))


def test_nothing_is_said_of_what_is_applied(outcome: Outcome) -> None:
    assert {name: verdict for name, verdict in outcome.resting.items() if verdict != "unchanged"} == {}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_what_happens_is_what_plan_said(outcome: Outcome, name: str) -> None:
    assert "rror" not in outcome.complaints, outcome.complaints
    said, before, machine = outcome.said[name], outcome.before[name], outcome.machines[name]
    assert restart_required(machine) == (said == "restart"), said
    assert (status(machine) == "Stopped") == (said == "stop"), said
    assert (machine["spec"] == before["spec"]) == (said == "unchanged"), said


def test_the_changes_reach_the_verdicts(outcome: Outcome) -> None:
    assert {"unchanged", "restart", "stop", "pending", "next-start"} <= set(outcome.said.values())
