"""A machine boots from the disk that krmfn says: by KubeVirt's own converter, and by libvirt, which gives the boot index."""

import itertools
import json
import os
import random
import re
import shutil
import subprocess
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from krmfn.kubevirt.disks import boot_sequence
from tests.support import oracle

pytestmark = pytest.mark.system

_NOBODY = "65534"
_AS_NOBODY = ["setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"]
# Disks as people write them, with volumes of the same names. Without a key, KubeVirt appends the disk.
_DISKS: dict[str, dict[str, Any] | None] = {
    "plain": None,
    "virtio": {"disk": {"bus": "virtio"}},
    "sata": {"disk": {"bus": "sata"}},
    "scsi": {"disk": {"bus": "scsi"}},
    "unset": {"disk": {}},
    "cdrom": {"cdrom": {"bus": "sata"}},
    "scsicd": {"cdrom": {"bus": "scsi"}},
    "lun": {"lun": {"bus": "scsi"}},
}


def machine(names: tuple[str, ...], ordered: dict[str, int]) -> dict[str, Any]:
    """A machine with these disks, some with a boot order, and cloud-init's last."""
    disks = []
    for name in names:
        target = _DISKS[name]
        if target is not None:
            order = {"bootOrder": ordered[name]} if name in ordered else {}
            disks.append({"name": name, **target, **order})
    disks.append({"name": "ci", "disk": {"bus": "virtio"}})
    volumes = [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in names]
    volumes.append({"name": "ci", "cloudInitNoCloud": {"secretRef": {"name": "x"}}})
    domain = {"memory": {"guest": "1Gi"}, "devices": {"disks": disks}}
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {"name": "a", "namespace": "machines"},
        "spec": {
            "runStrategy": "Always",
            "template": {"spec": {"domain": domain, "volumes": volumes}},
        },
    }


def cases() -> list[dict[str, Any]]:
    random_ = random.Random(7)
    pairs = list(itertools.permutations(_DISKS, 2))
    chosen = [
        *random_.sample(pairs, 30),
        *(tuple(random_.sample(list(_DISKS), 4)) for _ in range(20)),
    ]
    machines = []
    for names in chosen:
        machines.append(machine(names, {}))
        written = [name for name in names if _DISKS[name] is not None]
        if written and random_.random() < 0.5:
            machines.append(machine(names, {random_.choice(written): 1}))
    return machines


def test_what_boots_first(libvirt: Path) -> None:
    machines = cases()
    answers = oracle("domain", [{"vm": vm} for vm in machines], "oracle")
    domains = [_domain(number, answer["domain"]) for number, answer in enumerate(answers)]
    chosen = _first_disks(libvirt, domains)
    wrong = []
    for vm, first in zip(machines, chosen, strict=True):
        expected = next((disk["name"] for disk in boot_sequence(vm)), None)
        if first != expected:
            wrong.append((json.dumps(vm["spec"]["template"]["spec"]), first, expected))
    assert wrong == []
    assert len(set(chosen)) > 4


@pytest.fixture
def libvirt() -> Iterator[Path]:
    """A folder of nobody's: as root, libvirt's driver asks for a user of its own."""
    root = Path(tempfile.mkdtemp(prefix="krmfn-libvirt-"))
    shutil.chown(root, int(_NOBODY), int(_NOBODY))
    yield root
    shutil.rmtree(root)


def _domain(number: int, text: str) -> str:
    """What libvirt needs of KubeVirt's domain in order to put its disks in their order."""
    domain = ET.fromstring(text)
    kept = ET.Element("domain", type="qemu")
    ET.SubElement(kept, "name").text = f"m{number}"
    ET.SubElement(kept, "memory", unit="b").text = str(2**30)
    operating_system = ET.SubElement(kept, "os")
    for child in domain.findall("os/*"):
        if child.tag == "type":
            child.set("arch", "x86_64")
            child.text = "hvm"
        if child.tag != "smbios":
            operating_system.append(child)
    devices = ET.SubElement(kept, "devices")
    for disk in domain.findall("devices/disk"):
        new = ET.SubElement(devices, "disk", device=disk.get("device", ""), type="block")
        ET.SubElement(new, "source", dev="/dev/disk")
        ET.SubElement(new, "driver", name="qemu", type="raw")
        new.extend(child for child in disk if child.tag in ("target", "alias", "boot"))
    return ET.tostring(kept, encoding="unicode")


def _first_disks(root: Path, domains: list[str]) -> list[str | None]:
    """Ask libvirt's own QEMU driver, without a daemon, which disk each machine tries first."""
    commands = []
    for number, text in enumerate(domains):
        file = root / f"m{number}.xml"
        file.write_text(text)
        file.chmod(0o644)
        commands.append(f"domxml-to-native qemu-argv --xml {file}\n")
    done = subprocess.run(
        [*_AS_NOBODY, "virsh", "-c", f"qemu:///embed?root={root}"],
        input="".join(commands),
        capture_output=True,
        text=True,
        timeout=300,
        env={"HOME": str(root), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
    )
    lines = [line for line in done.stdout.splitlines() if "qemu-system" in line]
    assert len(lines) == len(domains), done.stderr[-2000:]
    return [_first(line) for line in lines]


def _first(line: str) -> str | None:
    devices = re.findall(r"'(\{[^']*\})'", line)
    chosen = [one for text in devices if (one := json.loads(text)).get("bootindex") == 1]
    return str(chosen[0]["id"]).removeprefix("ua-") if chosen else None
