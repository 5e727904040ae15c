"""`krmfn check` takes any input, and refuses what an API server or KubeVirt refuses."""

import json
from pathlib import Path
from typing import Any

import pytest

from krmfn.commands.check import check
from krmfn.kubevirt.cluster import version_problem
from tests.support import REMOVED, changed

VM: dict[str, Any] = {
    "apiVersion": "kubevirt.io/v1",
    "kind": "VirtualMachine",
    "metadata": {"name": "web", "namespace": "machines"},
    "spec": {
        "runStrategy": "Always",
        "template": {
            "spec": {
                "domain": {"memory": {"guest": "2Gi"}, "devices": {}},
                "volumes": [{"name": "root", "persistentVolumeClaim": {"claimName": "x"}}],
            }
        },
    },
}
INNER = "spec.template.spec"
METRICS = [{"name": "m", "downwardMetrics": {}}]
FALLBACK = {"inferFromVolume": "root", "inferFromVolumeFailurePolicy": "Ignore"}


def said(folder: Path, document: Any, form: str = "text") -> str:
    file = folder / "vm.json"
    file.write_text(json.dumps(document))
    reply = check([str(file)], form)
    return reply.stderr if form == "text" else reply.stdout


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("spec.template", {"metadata": {}}, "domain.memory.guest: is required"),
        ("spec.template", {}, "domain.memory.guest: is required"),
        (f"{INNER}.domain.memory.guest", "1e400", "memory.guest: is a quantity above 2^63-1"),
        (f"{INNER}.domain.memory.guest", "1Gi\n", "memory.guest: is not a quantity"),
        (f"{INNER}.domain.memory.guest", "1e1.5", "memory.guest: is not a quantity"),
        (
            "spec.dataVolumeTemplates",
            [{"metadata": {"name": ["a"]}, "spec": {}}],
            "dataVolumeTemplates[0].metadata.name: is a list; must be text in quotes",
        ),
        (f"{INNER}.dnsPolicy", "", 'dnsPolicy: is ""'),
        (f"{INNER}.volumes", METRICS, "volumes[0].downwardMetrics: needs a disk"),
        ("metadata", [], "metadata: must be a mapping"),
        ("metadata", REMOVED, "metadata: is required"),
        ("metadata.name", REMOVED, "metadata.name: is required"),
        ("metadata.name", 5, "metadata.name: is 5; must be text in quotes"),
        ("metadata.namespace", "a.b", 'metadata.namespace: is "a.b"; must be a DNS label'),
        ("metadata.labels", {"a": "b c"}, 'metadata.labels.a: is "b c"'),
        ("metadata.labels", {"a": 1}, "metadata.labels.a: is 1; must be text in quotes"),
        ("metadata.annotations", {"a b": "c"}, "metadata.annotations[a b]: is"),
        (
            "metadata.namspace",
            "a",
            "metadata.namspace: is an unknown field of an object's metadata",
        ),
        ("spec.template.metadata", {"labels": {"a": "b c"}}, "template.metadata.labels.a: is"),
        ("spec.preference", {}, "spec.preference: has neither name nor inferFromVolume"),
        ("spec.preference", {"name": "a", "kind": "Foo"}, 'spec.preference.kind: is "Foo"'),
        ("spec.preference", {"inferFromVolume": "x"}, "and no volume has that name"),
        ("spec.preference", {"inferFromVolume": "root", "name": "a"}, "preference.name: stands"),
    ],
)
def test_what_is_refused(path: str, value: Any, message: str, tmp_path: Path) -> None:
    assert message in said(tmp_path, changed(VM, path, value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        # As `virtctl create vm` writes it: the memory is for a volume that tells no instancetype.
        ("spec.instancetype", FALLBACK),
        ("spec.preference", {"name": "a", "kind": "virtualmachineclusterpreferences"}),
        (f"{INNER}.utilityVolumes", []),
        (f"{INNER}.domain.cpu", {"dedicatedCpuPlacement": True}),
        ("metadata.annotations", {"Example.COM/a": "b c"}),
    ],
)
def test_what_is_taken(path: str, value: Any, tmp_path: Path) -> None:
    assert said(tmp_path, changed(VM, path, value)) == ""


def test_lists_in_lists(tmp_path: Path) -> None:
    inner = {"apiVersion": "v1", "kind": "List", "items": [changed(VM, "spec.runStrategy", "On")]}
    outer = {"apiVersion": "v1", "kind": "List", "items": [inner]}
    assert 'spec.runStrategy: is "On"' in said(tmp_path, outer)


def test_a_kubevirt_object_in_a_list_counts(tmp_path: Path) -> None:
    newer = changed(VM, f"{INNER}.utilityVolumes", [])
    cluster = {
        "apiVersion": "kubevirt.io/v1",
        "kind": "KubeVirt",
        "metadata": {"name": "kubevirt"},
        "status": {"observedKubeVirtVersion": "v1.6.2"},
    }
    for items in ([cluster], [{**cluster, "kind": "KubeVirtList", "items": [cluster]}]):
        document = {
            "apiVersion": "config.kubernetes.io/v1",
            "kind": "ResourceList",
            "items": [newer, *items],
        }
        assert "utilityVolumes: is an unknown field of KubeVirt 1.6's" in said(tmp_path, document)


def test_a_config_without_virtual_clusters(tmp_path: Path) -> None:
    config = {
        "apiVersion": "krmfn.dev/v1alpha1",
        "kind": "KubeVirtNodes",
        "metadata": {"name": "checks"},
        "spec": {"kubevirt": {"version": "1.6"}},
    }
    vm = changed(VM, f"{INNER}.utilityVolumes", [])
    report = said(tmp_path, {"apiVersion": "v1", "kind": "List", "items": [config, vm]})
    assert "utilityVolumes: is an unknown field of KubeVirt 1.6's" in report
    assert report.count("error: ") == 1


def test_annotations_of_github_name_the_file_once(tmp_path: Path) -> None:
    line, _ = said(tmp_path, changed(VM, "spec.runStrategy", "On"), "github").splitlines()
    assert line.count("vm.json") == 1
    assert "::VirtualMachine machines/web: spec.runStrategy: is" in line


@pytest.mark.parametrize(
    "version", ["1.6.x", " 1.6", "1.6 ", "1._6", "\u0661.\u0666", "1.6+x", "1", ""]
)
def test_what_is_no_version(version: str) -> None:
    assert version_problem(version)


@pytest.mark.parametrize("version", ["1.6", "v1.6", "v1.6.2", "v1.9.0-beta.0.12+abc-dirty"])
def test_what_is_a_version(version: str) -> None:
    assert not version_problem(version)


def test_the_machine_types_of_s390x(tmp_path: Path) -> None:
    vm = changed(VM, f"{INNER}.architecture", "s390x")
    for kind, count in (("s390-ccw-virtio-rhel9", 0), ("q35", 1)):
        machine = changed(vm, f"{INNER}.domain.machine", {"type": kind})
        assert said(tmp_path, machine).count("machine.type: is") == count
