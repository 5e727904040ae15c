"""Each changed field of a running machine gets the verdict that KubeVirt's webhooks and controller give it."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from krmfn.kubevirt import types
from krmfn.kubevirt.canonical import canonical
from krmfn.kubevirt.cluster import Cluster
from krmfn.kubevirt.differences import Change
from krmfn.kubevirt.verdicts import Strategy, heaviest, judged
from krmfn.kubevirt.vm_paths import Named
from krmfn.problems import Place
from tests.support import REMOVED, changed

Fields = list[tuple[str, Any]]
T = "spec.template.spec"
D = f"{T}.domain"


def data_volume(name: str, size: str = "1Gi") -> dict[str, Any]:
    storage = {"resources": {"requests": {"storage": size}}}
    return {
        "metadata": {"name": name},
        "spec": {"source": {"http": {"url": "http://x/u"}}, "storage": storage},
    }


def disk(name: str) -> dict[str, Any]:
    return {"name": name, "disk": {"bus": "scsi" if name == "hot" else "virtio"}}


DISKS = [disk("root"), disk("extra"), disk("hot")]
VOLUMES: list[dict[str, Any]] = [
    {"name": "root", "dataVolume": {"name": "a-root"}},
    {"name": "extra", "containerDisk": {"image": "x:1"}},
    {"name": "hot", "dataVolume": {"name": "h", "hotpluggable": True}},
]
LAN = {"name": "lan", "bridge": {}, "model": "virtio"}
NET = {"name": "lan", "multus": {"networkName": "lan"}}
VM: dict[str, Any] = {
    "apiVersion": "kubevirt.io/v1",
    "kind": "VirtualMachine",
    "metadata": {"name": "a", "labels": {"l": "1"}, "annotations": {}},
    "spec": {
        "runStrategy": "Always",
        "dataVolumeTemplates": [data_volume("a-root")],
        "template": {
            "metadata": {"labels": {"l": "1"}, "annotations": {}},
            "spec": {
                "domain": {
                    "cpu": {"cores": 1, "sockets": 2},
                    "memory": {"guest": "4Gi"},
                    "resources": {"requests": {"memory": "4Gi"}},
                    "devices": {"disks": DISKS, "interfaces": [LAN]},
                },
                "networks": [NET],
                "nodeSelector": {"a": "b"},
                "volumes": VOLUMES,
            },
        },
    },
}


def with_(*fields: tuple[str, Any]) -> dict[str, Any]:
    vm = copy.deepcopy(VM)
    for path, value in fields:
        vm = changed(vm, path, value)
    return vm


def nic(one: dict[str, Any], network: str = "multus") -> Fields:
    source = {"networkName": "x"} if network == "multus" else {}
    return [
        (f"{D}.devices.interfaces", [LAN, one]),
        (f"{T}.networks", [NET, {"name": one["name"], network: source}]),
    ]


def volumes(*added: dict[str, Any], base: list[dict[str, Any]] = VOLUMES) -> Fields:
    made = [*base, *added]
    return [
        (f"{T}.volumes", made),
        (f"{D}.devices.disks", [disk(volume["name"]) for volume in made]),
    ]


POD: Fields = [(f"{T}.networks", [{"name": "lan", "pod": {}}])]
MASQUERADE: Fields = [*POD, (f"{D}.devices.interfaces", [{"name": "lan", "masquerade": {}}])]
OFF: Fields = [("spec.runStrategy", "Halted")]
EFI = (f"{D}.firmware", {"bootloader": {"efi": {"secureBoot": False}}})
TYPED: Fields = [
    ("spec.instancetype", {"name": "small"}),
    (f"{D}.cpu", REMOVED),
    (f"{D}.memory", REMOVED),
    (f"{D}.resources", REMOVED),
]
MIGRATION: Fields = [("spec.updateVolumesStrategy", "Migration")]
MOVED: Fields = [
    ("spec.dataVolumeTemplates", [data_volume("b")]),
    (f"{T}.volumes.0.dataVolume.name", "b"),
]
SPREAD = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}
KEYS = {
    "sshPublicKey": {
        "source": {"secret": {"secretName": "x"}},
        "propagationMethod": {"qemuGuestAgent": {"users": ["a"]}},
    }
}
HOT_DATA = {"name": "data", "dataVolume": {"name": "a-data", "hotpluggable": True}}
# Each row: what is on both sides, the change, and the heaviest verdict under LiveUpdate and under Stage.
TABLE: list[tuple[Fields, Fields, str, str]] = [
    ([], [], "unchanged", "unchanged"),
    ([], [(f"{D}.cpu.sockets", 4)], "pending", "restart"),
    ([], [(f"{D}.cpu.sockets", 8)], "pending", "restart"),
    ([], [(f"{D}.cpu.sockets", 9)], "restart", "restart"),
    ([], [(f"{D}.cpu.sockets", 1)], "restart", "restart"),
    ([], [(f"{D}.cpu.sockets", REMOVED)], "restart", "restart"),
    ([(f"{D}.cpu.sockets", REMOVED)], [(f"{D}.cpu.sockets", 3)], "restart", "restart"),
    ([(f"{D}.cpu.cores", 64)], [(f"{D}.cpu.sockets", 8)], "pending", "restart"),
    ([(f"{D}.cpu.cores", 600)], [(f"{D}.cpu.sockets", 8)], "pending", "restart"),
    ([(f"{D}.cpu", {"sockets": 2, "cores": 50, "threads": 2})], [(f"{D}.cpu.sockets", 5)], "pending", "restart"),
    ([(f"{D}.cpu", {"sockets": 2, "cores": 50, "threads": 2})], [(f"{D}.cpu.sockets", 6)], "restart", "restart"),
    ([(f"{D}.cpu", {"sockets": 2, "cores": 300, "threads": 2})], [(f"{D}.cpu.sockets", 3)], "restart", "restart"),
    ([(f"{D}.cpu.maxSockets", 4)], [(f"{D}.cpu.sockets", 4)], "pending", "restart"),
    ([(f"{D}.cpu.maxSockets", 4)], [(f"{D}.cpu.sockets", 5)], "rejected", "rejected"),
    ([(f"{D}.cpu.maxSockets", 4)], [(f"{D}.cpu.maxSockets", 6), (f"{D}.cpu.sockets", 6)], "restart", "restart"),
    ([(f"{T}.architecture", "arm64")], [(f"{D}.cpu.sockets", 4)], "restart", "restart"),
    (POD, [(f"{D}.cpu.sockets", 4)], "next-start", "restart"),
    (MASQUERADE, [(f"{D}.cpu.sockets", 4)], "pending", "restart"),
    ([], [(f"{D}.cpu.cores", 2)], "restart", "restart"),
    ([], [(f"{D}.cpu.threads", 2)], "restart", "restart"),
    ([], [(f"{D}.cpu.maxSockets", 2)], "restart", "restart"),
    ([], [(f"{D}.cpu.model", "host-passthrough")], "restart", "restart"),
    ([], [(f"{D}.cpu.features", [{"name": "vmx"}])], "restart", "restart"),
    ([], [(f"{D}.cpu", REMOVED)], "restart", "restart"),
    ([(f"{D}.cpu", REMOVED)], [(f"{D}.cpu", {"cores": 2})], "restart", "restart"),
    ([(f"{D}.cpu", REMOVED)], [(f"{D}.cpu", {"sockets": 2})], "restart", "restart"),
    ([], [(f"{D}.memory.guest", "6Gi")], "pending", "restart"),
    ([], [(f"{D}.memory.guest", "16Gi")], "pending", "restart"),
    ([], [(f"{D}.memory.guest", "17Gi")], "restart", "restart"),
    ([], [(f"{D}.memory.guest", "3Gi")], "restart", "restart"),
    ([], [(f"{D}.memory.guest", "4097Mi")], "restart", "restart"),
    ([], [(f"{D}.memory.guest", "4098Mi")], "pending", "restart"),
    ([], [(f"{D}.memory.guest", "4096Mi")], "unchanged", "unchanged"),
    ([(f"{D}.memory.guest", "512Mi"), (f"{D}.resources", REMOVED)], [(f"{D}.memory.guest", "768Mi")], "restart", "restart"),
    ([(f"{D}.memory.guest", "512Mi"), (f"{D}.resources", REMOVED)], [(f"{D}.memory.guest", "2Gi")], "restart", "restart"),
    ([(f"{D}.memory.guest", "1Gi"), (f"{D}.resources", REMOVED)], [(f"{D}.memory.guest", "2Gi")], "pending", "restart"),
    ([(f"{D}.memory.guest", "4097Mi")], [(f"{D}.memory.guest", "6Gi")], "restart", "restart"),
    ([(f"{D}.memory.hugepages", {"pageSize": "1Gi"})], [(f"{D}.memory.guest", "5Gi")], "pending", "restart"),
    ([(f"{D}.memory.hugepages", {"pageSize": "1Gi"})], [(f"{D}.memory.guest", "4608Mi")], "restart", "restart"),
    ([(f"{D}.memory.maxGuest", "8Gi")], [(f"{D}.memory.guest", "8Gi")], "pending", "restart"),
    ([(f"{D}.memory.maxGuest", "8Gi")], [(f"{D}.memory.guest", "9Gi")], "rejected", "restart"),
    ([(f"{D}.memory.maxGuest", "8Gi")], [(f"{D}.memory.maxGuest", "16Gi"), (f"{D}.memory.guest", "9Gi")], "restart", "restart"),
    ([(f"{T}.architecture", "arm64")], [(f"{D}.memory.guest", "6Gi")], "restart", "restart"),
    (POD, [(f"{D}.memory.guest", "6Gi")], "restart", "restart"),
    (MASQUERADE, [(f"{D}.memory.guest", "6Gi")], "pending", "restart"),
    ([], [(f"{D}.memory.maxGuest", "8Gi")], "restart", "restart"),
    ([], [(f"{D}.memory.hugepages", {"pageSize": "2Mi"})], "restart", "restart"),
    ([], [(f"{D}.memory.guest", "6Gi"), (f"{D}.resources.requests.memory", "6Gi")], "restart", "restart"),
    ([], [(f"{D}.resources.requests.cpu", "1")], "restart", "restart"),
    ([], [(f"{D}.resources.requests.memory", "4096Mi")], "unchanged", "unchanged"),
    ([], [(f"{T}.nodeSelector.a", "c")], "pending", "restart"),
    ([], [(f"{T}.nodeSelector", REMOVED)], "pending", "restart"),
    ([], [(f"{T}.affinity", {"nodeAffinity": {}})], "pending", "restart"),
    ([], [(f"{T}.tolerations", [{"key": "a", "operator": "Exists"}])], "pending", "restart"),
    ([(f"{T}.tolerations", [{"key": "a", "operator": "Exists"}])], [(f"{T}.tolerations", REMOVED)], "pending", "restart"),
    ([], [(f"{T}.tolerations", [{"key": "a", "operator": "Exists"}]), (f"{T}.hostname", "x")], "restart", "restart"),
    ([], [(f"{T}.topologySpreadConstraints", [SPREAD])], "restart", "restart"),
    ([], [(f"{T}.hostname", "x")], "restart", "restart"),
    ([], [(f"{T}.subdomain", "x")], "restart", "restart"),
    ([], [(f"{T}.evictionStrategy", "None")], "restart", "restart"),
    ([], [(f"{T}.startStrategy", "Paused")], "restart", "restart"),
    ([], [(f"{T}.terminationGracePeriodSeconds", 1)], "restart", "restart"),
    ([], [(f"{T}.priorityClassName", "x")], "restart", "restart"),
    ([], [(f"{T}.schedulerName", "x")], "restart", "restart"),
    ([], [(f"{T}.dnsPolicy", "Default")], "restart", "restart"),
    ([], [(f"{T}.livenessProbe", {"guestAgentPing": {}})], "restart", "restart"),
    ([], [(f"{T}.accessCredentials", [KEYS])], "restart", "restart"),
    ([], [(f"{D}.firmware", {"uuid": "5d307ca9-b3ef-428c-8861-06e72d69f223"})], "restart", "restart"),
    ([], [EFI], "restart", "restart"),
    ([], [(f"{D}.machine", {"type": "pc-q35-rhel9.6.0"})], "restart", "restart"),
    ([], [(f"{D}.machine", {"type": "q35"})], "unchanged", "unchanged"),
    ([(f"{D}.machine", {"type": "q35"})], [(f"{D}.machine", REMOVED)], "unchanged", "unchanged"),
    ([(f"{D}.machine", {"type": "pc-q35-rhel9.6.0"})], [(f"{D}.machine", REMOVED)], "restart", "restart"),
    ([], [(f"{T}.architecture", "amd64")], "unchanged", "unchanged"),
    ([(f"{T}.architecture", "amd64")], [(f"{T}.architecture", REMOVED)], "unchanged", "unchanged"),
    ([(f"{D}.machine", {"type": "q35"})], [(f"{D}.machine", {"type": "pc-q35-rhel9.6.0"})], "restart", "restart"),
    ([], [(f"{D}.clock", {"utc": {}, "timer": {}})], "restart", "restart"),
    ([], [(f"{D}.ioThreadsPolicy", "auto")], "restart", "restart"),
    ([], [(f"{D}.devices.rng", {})], "restart", "restart"),
    ([], [(f"{D}.devices.networkInterfaceMultiqueue", True)], "restart", "restart"),
    ([], [(f"{D}.devices.autoattachSerialConsole", False)], "restart", "restart"),
    ([], volumes({"name": "n", "emptyDisk": {"capacity": "1Gi"}}), "restart", "restart"),
    ([], volumes({"name": "n", "secret": {"secretName": "x"}}), "restart", "restart"),
    ([], volumes(base=[VOLUMES[0], VOLUMES[2]]), "restart", "restart"),
    ([], [(f"{T}.volumes.1.containerDisk.image", "x:2")], "restart", "restart"),
    ([], [(f"{T}.volumes.1", {"name": "extra", "emptyDisk": {"capacity": "1Gi"}})], "restart", "restart"),
    ([], MOVED, "restart", "restart"),
    ([], [(f"{T}.volumes.0", {"name": "root", "persistentVolumeClaim": {"claimName": "a-root"}})], "restart", "restart"),
    (MIGRATION, MOVED, "pending", "next-start"),
    ([*MIGRATION], [(f"{T}.volumes.0", {"name": "root", "persistentVolumeClaim": {"claimName": "a-root"}})], "next-start", "next-start"),
    ([], volumes(base=VOLUMES[:2]), "next-start", "next-start"),
    ([], [(f"{T}.volumes.2.dataVolume.name", "i")], "next-start", "next-start"),
    ([], volumes({"name": "hot2", "dataVolume": {"name": "i", "hotpluggable": True}}), "next-start", "next-start"),
    ([], [("spec.dataVolumeTemplates", [data_volume("a-root"), data_volume("a-data")]), *volumes(HOT_DATA)], "next-start", "next-start"),
    ([], [(f"{T}.volumes", VOLUMES[::-1])], "next-start", "next-start"),
    ([], [(f"{D}.devices.disks", DISKS[::-1])], "next-start", "next-start"),
    ([], [(f"{D}.devices.disks.0.disk.bus", "sata")], "restart", "restart"),
    ([], [(f"{D}.devices.disks.1.cache", "none")], "restart", "restart"),
    ([], [(f"{D}.devices.disks.0.bootOrder", 1)], "restart", "restart"),
    ([], [(f"{D}.devices.disks.2.serial", "x")], "next-start", "next-start"),
    ([], nic({"name": "new", "bridge": {}}), "pending", "pending"),
    ([], nic({"name": "new", "sriov": {}}), "pending", "pending"),
    ([], nic({"name": "new", "binding": {"name": "x"}}), "next-start", "next-start"),
    ([], nic({"name": "new", "masquerade": {}}, "pod"), "restart", "restart"),
    ([], nic({"name": "new", "bridge": {}, "state": "absent"}), "no-effect", "no-effect"),
    ([], [(f"{D}.devices.interfaces.0.state", "absent")], "live", "live"),
    ([], [(f"{D}.devices.interfaces.0.state", "down")], "live", "live"),
    ([], [(f"{D}.devices.interfaces", []), (f"{T}.networks", [])], "restart", "restart"),
    ([], [(f"{D}.devices.interfaces.0.model", "e1000")], "restart", "restart"),
    ([], [(f"{D}.devices.interfaces.0.macAddress", "02:00:00:00:00:01")], "restart", "restart"),
    ([], [(f"{T}.networks.0.multus.networkName", "x")], "restart", "restart"),
    ([], [("spec.template.metadata.labels.l", "2")], "next-start", "next-start"),
    ([], [("spec.template.metadata.annotations", {"a": "true"})], "next-start", "next-start"),
    ([], [("spec.template.metadata.annotations", {"descheduler.alpha.kubernetes.io/evict": "true"})], "live", "live"),
    ([], [("metadata.labels.l", "2")], "live", "live"),
    ([], [("metadata.annotations.x", "2")], "live", "live"),
    ([], MIGRATION, "live", "live"),
    ([], OFF, "stop", "stop"),
    ([], [*OFF, (f"{D}.cpu.cores", 2)], "stop", "stop"),
    ([], [("spec.runStrategy", "Manual")], "no-effect", "no-effect"),
    ([], [("spec.runStrategy", "RerunOnFailure")], "no-effect", "no-effect"),
    ([], [("spec.runStrategy", "Once")], "no-effect", "no-effect"),
    ([("spec.runStrategy", "Once")], [("spec.runStrategy", "Always")], "no-effect", "no-effect"),
    ([("spec.runStrategy", "RerunOnFailure")], [("spec.runStrategy", "Halted")], "stop", "stop"),
    ([("spec.runStrategy", REMOVED), ("spec.running", True)], [("spec.running", False)], "stop", "stop"),
    ([("spec.runStrategy", REMOVED), ("spec.running", True)], [("spec.running", REMOVED), ("spec.runStrategy", "Always")], "no-effect", "no-effect"),
    (OFF, [("spec.runStrategy", "Always")], "start", "start"),
    (OFF, [("spec.runStrategy", "RerunOnFailure")], "start", "start"),
    (OFF, [("spec.runStrategy", "Once")], "start", "start"),
    (OFF, [("spec.runStrategy", "Always"), (f"{D}.cpu.cores", 2)], "start", "start"),
    (OFF, [("spec.runStrategy", "Manual")], "no-effect", "no-effect"),
    (OFF, [(f"{D}.cpu.cores", 2)], "next-start", "next-start"),
    (OFF, [(f"{T}.hostname", "x")], "next-start", "next-start"),
    ([*OFF, (f"{D}.cpu.maxSockets", 4)], [(f"{D}.cpu.sockets", 5)], "rejected", "rejected"),
    (OFF, [("spec.dataVolumeTemplates", [data_volume("a-root"), data_volume("a-data")]), *volumes(HOT_DATA)], "next-start", "next-start"),
    (TYPED, [(f"{T}.hostname", "x")], "restart", "restart"),
    ([], [("spec.dataVolumeTemplates", [data_volume("a-root", "2Gi")])], "no-effect", "no-effect"),
    ([], [("spec.dataVolumeTemplates.0.spec.source.http.url", "http://x/v")], "no-effect", "no-effect"),
    ([], [("spec.dataVolumeTemplates", [])], "no-effect", "no-effect"),
    ([], [("spec.template.metadata.annotations", {"descheduler.alpha.kubernetes.io/evict": "true"})], "live", "live"),
]  # fmt: skip


def verdicts(
    old: dict[str, Any], new: dict[str, Any], strategy: Strategy, cluster: Cluster | None = None
) -> list[Change]:
    stored = [canonical(vm, types.ROOT, lambda path: Place(), []) for vm in (old, new)]
    return judged(stored[0], stored[1], strategy, cluster=cluster)


STRATEGIES: tuple[Strategy, ...] = ("LiveUpdate", "Stage")


@pytest.mark.parametrize(("base", "change", "live", "stage"), TABLE)
def test_verdicts(base: Fields, change: Fields, live: str, stage: str) -> None:
    old, new = with_(*base), with_(*base, *change)
    assert heaviest([one.verdict for one in verdicts(old, new, "LiveUpdate")]) == live
    assert heaviest([one.verdict for one in verdicts(old, new, "Stage")]) == stage
    assert verdicts(new, new, "Stage") == []


LEFT = "a-root stays until the machine is deleted, with all that was written to it"
ANOTHER = f"the next start is on another disk; {LEFT}"
NOT_OWNED: Fields = [("spec.dataVolumeTemplates", [])]
A_CLAIM = {"name": "root", "persistentVolumeClaim": {"claimName": "x"}}
HOT_ROOT: Fields = [(f"{T}.volumes.0.dataVolume.hotpluggable", True)]
NO_GATE = "hot-pluggable; live with the feature gate DeclarativeHotplugVolumes"


@pytest.mark.parametrize(
    ("base", "change", "reasons"),
    [
        ([], MOVED, [ANOTHER]),
        (OFF, MOVED, [ANOTHER]),
        ([], [*MOVED, *HOT_ROOT], [f"{NO_GATE}; {ANOTHER}", NO_GATE]),
        ([], [*MOVED, (f"{D}.devices.disks.0.cache", "none")], [ANOTHER, ""]),
        ([], [*NOT_OWNED, (f"{T}.volumes.0", A_CLAIM)], [ANOTHER, ""]),
        ([], [*NOT_OWNED, *volumes(base=VOLUMES[1:])], [LEFT, ""]),
        ([], [*NOT_OWNED, (f"{T}.volumes.0", {**VOLUMES[1], "name": "root"})], [LEFT, ""]),
        # The disk is the same, was never the machine's own, or is copied to the other one.
        ([], [(f"{T}.volumes.0", {**A_CLAIM, "persistentVolumeClaim": {"claimName": "a-root"}})], ["", ""]),
        (NOT_OWNED, MOVED, [""]),
        (MIGRATION, MOVED, ["the volume migrates"]),
    ],
)  # fmt: skip
def test_the_disk_that_a_machine_leaves(base: Fields, change: Fields, reasons: list[str]) -> None:
    found = verdicts(with_(*base), with_(*base, *change), "LiveUpdate")
    inside = [one for one in found if one.path[:2] == ("spec", "template")]
    # The volume comes first, and then its disk.
    inside.sort(key=lambda one: "devices" in one.path)
    assert [one.why for one in inside] == reasons


_SOME = st.sampled_from(TABLE)


def applied(vm: dict[str, Any], path: tuple[Any, ...], new: Any) -> None:
    """Set a field by its path; a list's order is a field of its own."""
    target: Any = vm
    for step in path[:-1]:
        target = element(target, step) if isinstance(step, Named) else target.setdefault(step, {})
    last = path[-1]
    if isinstance(last, Named):
        index = next(
            (index for index, value in enumerate(target) if name_of(value) == last), len(target)
        )
        target[index : index + 1] = [] if new is None else [new]
    elif new is None:
        target.pop(last, None)
    elif isinstance(target.get(last), list) and all(isinstance(name, str) for name in new):
        target[last].sort(key=lambda value: new.index(name_of(value)))
    else:
        target[last] = new


def name_of(value: dict[str, Any]) -> str:
    return str(value.get("name") or value["metadata"]["name"])


def element(values: list[Any], name: str) -> Any:
    return next(value for value in values if name_of(value) == name)


@settings(max_examples=300)
@given(_SOME, _SOME)
def test_the_changes_applied_to_the_old_give_the_new(one: Any, other: Any) -> None:
    old, new = with_(*one[0], *one[1]), with_(*other[0], *other[1])
    built = copy.deepcopy(old)
    for change in sorted(
        judged(old, new, "LiveUpdate"), key=lambda change: isinstance(change.new, list)
    ):
        applied(built, change.path, copy.deepcopy(change.new))
    assert cleaned(defaulted(built)) == cleaned(defaulted(new))


def defaulted(vm: dict[str, Any]) -> dict[str, Any]:
    """With what the webhook adds: that it is written or not is not a change."""
    spec = vm["spec"]["template"]["spec"]
    spec["architecture"] = spec.get("architecture") or "amd64"
    spec["domain"]["machine"] = spec["domain"].get("machine") or {"type": "q35"}
    return vm


def cleaned(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: cleaned(child) for key, child in value.items() if child not in (None, {}, [])}
    return [cleaned(child) for child in value] if isinstance(value, list) else value
