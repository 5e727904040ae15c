"""`krmfn check`: finished machines, whoever made them, are held to KubeVirt's rules."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import FIXTURES, krmfn

VM = """\
apiVersion: kubevirt.io/v1
kind: VirtualMachine
metadata: {name: web, namespace: machines}
spec:
  runStrategy: Always
  template:
    spec:
      domain:
        memory: {guest: 1Gi}
        devices:
          disks:
          - name: root
            disk: {bus: BUS}
      volumes:
      - name: root
        containerDisk: {image: x}
"""
GOOD, BAD = VM.replace("BUS", "virtio"), VM.replace("BUS", "ide, weird")
SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: s}\n"
WHERE = "VirtualMachine machines/web: spec.template.spec.domain.devices.disks[0].disk.bus"
SAID = f'{WHERE}: is "ide"; must be one of virtio, scsi, sata, usb'


def check(text: str, *arguments: str) -> Any:
    return krmfn("check", *arguments, "-", stdin=text)


def test_a_good_machine() -> None:
    done = check(GOOD)
    assert (done.stdout, done.stderr, done.returncode) == (
        "1 virtual machine checked, 0 refused, 0 warnings\n",
        "",
        0,
    )


def test_a_bad_machine_is_named_with_its_line() -> None:
    done = check(f"{SERVICE}---\n{VM.replace('BUS', 'ide')}")
    assert done.stderr == f"error: standard input:17:20: {SAID}\n"
    assert (
        done.stdout
        == "1 virtual machine checked, 1 refused, 0 warnings, 1 other object left alone\n"
    )
    assert done.returncode == 1


def _list(kind: str, api: str, *machines: str) -> str:
    items = [yaml.safe_load(machine) for machine in machines]
    return json.dumps({"apiVersion": api, "kind": kind, "items": items})


@pytest.mark.parametrize(
    "text",
    [
        f"{GOOD}---\n{GOOD}---\n{SERVICE}",
        _list("List", "v1", GOOD, GOOD, SERVICE),
        _list("VirtualMachineList", "kubevirt.io/v1", GOOD, GOOD) + f"\n---\n{SERVICE}",
        _list("ResourceList", "config.kubernetes.io/v1", GOOD, GOOD, SERVICE),
    ],
)
def test_documents_and_lists(text: str) -> None:
    done = check(text)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("2 virtual machines checked, 0 refused")
    assert "1 other object left alone" in done.stdout


def test_what_a_cluster_exports_is_taken() -> None:
    vm = yaml.safe_load(GOOD)
    vm["metadata"] |= {"creationTimestamp": "2026-01-01T00:00:00Z", "managedFields": [], "uid": "x"}
    vm["spec"]["template"]["metadata"] = {"creationTimestamp": None}
    vm["status"] = {"ready": True}
    assert check(json.dumps(vm)).returncode == 0


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("kubevirt.io/v1\n", "kubevirt.io/v2\n", 'apiVersion: is "kubevirt.io/v2"; must be one of kubevirt.io/v1'),
        ("name: web", "name: Web", "metadata.name: "),
        ("spec:\n  run", "sepc:\n  run", 'sepc: is an unknown field of a VirtualMachine (did you mean "spec"?)'),
        ("spec:\n  run", "sepc:\n  run", "spec: is required"),
        ("runStrategy: Always", "running: {}", "spec.running: is a mapping; must be true or false"),
        ("bus: virtio", "buss: virtio", "disk.buss: is an unknown field of KubeVirt 1.9"),
        ("volumes:", "taints: []\n      volumes:", "spec.template.spec.taints: is an unknown field"),
        ("{image: x}", "{image: x}\n      - {name: '.'}", "volumes[1]: has no source"),
    ],
)  # fmt: skip
def test_what_is_refused(old: str, new: str, said: str) -> None:
    assert old in GOOD
    done = check(GOOD.replace(old, new, 1))
    assert said in done.stderr
    assert done.returncode == 1


def test_files_that_hold_no_machine_do_not_pass(tmp_path: Path) -> None:
    assert check(SERVICE).returncode == 3
    assert krmfn("check", str(tmp_path)).returncode == 3
    done = krmfn("check", str(tmp_path / "missing"))
    assert done.returncode == 1
    assert "can't be read" in done.stderr


@pytest.mark.parametrize("text", ["a: [", "\0", "- 1", ""])
def test_odd_texts_make_no_traceback(text: str) -> None:
    done = check(text)
    assert done.returncode in (1, 3)
    assert "report it" not in done.stderr


def test_the_cluster_comes_from_a_config_or_a_kubevirt_object(tmp_path: Path) -> None:
    vm = GOOD.replace("devices:", "devices:\n          video: {type: vga}")
    assert "VideoConfig before KubeVirt 1.9 (feature-gate)" in check(vm).stderr
    assert check(vm).returncode == 0
    kubevirt = "---\napiVersion: kubevirt.io/v1\nkind: KubeVirt\nmetadata: {name: k}\nspec: {}\nstatus: {observedKubeVirtVersion: v1.7.0}\n"
    assert "the cluster has it off" in check(vm + kubevirt).stderr
    config = yaml.safe_load((FIXTURES / "minimal" / "config.yaml").read_text())
    config["spec"]["kubevirt"] = {"version": "1.5"}
    file = tmp_path / "config.yaml"
    file.write_text(json.dumps(config))
    assert "since 1.6" in check(vm, "--config", str(file)).stderr
    config["spec"] |= {"kubevirt": {"version": "1.7"}, "acceptWarnings": ["feature-gate"]}
    file.write_text(json.dumps(config))
    assert check(vm, "--config", str(file)).stderr == ""


def test_every_fixture_passes() -> None:
    for case in sorted(FIXTURES.glob("*/expected.yaml")):
        # One of them has machines of another run, without a spec.
        if case.parent.name != "package" and "kind: VirtualMachine\n" in case.read_text():
            done = krmfn("check", str(case))
            assert "error: " not in done.stderr, case
            assert done.returncode == 0


def test_json() -> None:
    document = json.loads(check(VM.replace("BUS", "ide"), "-o", "json").stdout)
    assert (document["machines"], document["others"]) == (1, 0)
    [result] = document["results"]
    assert result["severity"] == "error"
    assert result["resourceRef"]["name"] == "web"
    assert result["line"] == 13
    assert result["tags"] == {"code": "disk-target"}


def test_junit() -> None:
    text = VM.replace("BUS", "'<\"&>'") + f"---\n{GOOD}"
    suite = ET.fromstring(check(text, "-o", "junit").stdout)
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    first, second = suite.findall("testcase")
    failure = first.find("failure")
    assert failure is not None
    assert '<\\"&>' in (failure.text or "")
    assert second.find("failure") is None


def test_github() -> None:
    done = check(VM.replace("BUS", "ide"), "-o", "github")
    lines = done.stdout.splitlines()
    assert lines[0] == f"::error file=standard input,line=13,col=20,title=krmfn check::{SAID}"
    assert done.returncode == 1
