"""Each file for the guest is accepted by the program that reads it there."""

import base64
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.fixtures import cases
from tests.guest import test_join
from tests.support import FIXTURES, ROOT, objects

pytestmark = pytest.mark.system
GUEST = ROOT / "krmfn" / "guest"


def judged(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def user_data(key: str = "userdata") -> dict[str, str]:
    """The user data, or the network data, of every fixture that has it, by fixture and Secret."""
    found = {}
    for case in cases():
        text = (FIXTURES / case / "expected.yaml").read_text()
        documents = objects(text)
        for secret in (
            documents[0]["items"] if documents[0]["kind"] == "ResourceList" else documents
        ):
            if secret["kind"] == "Secret" and secret["metadata"]["name"].endswith(
                ("-cloud-init", "-network")
            ):
                encoded = secret.get("data", {}).get(key, "")
                if (
                    value := secret.get("stringData", {}).get(key)
                    or base64.b64decode(encoded).decode()
                ):
                    found[f"{case}/{secret['metadata']['name']}"] = value
    return found


def test_cloud_init_accepts_all_user_data(tmp_path: Path) -> None:
    texts = user_data()
    assert len(texts) > 20
    for number, text in enumerate(texts.values()):
        file = tmp_path / f"user-data-{number}"
        file.write_text(text)
        said = judged("cloud-init", "schema", "--config-file", file)
        assert "Valid" in said
        assert "warning" not in said.lower()


@pytest.mark.parametrize("kind", ["eni", "netplan", "networkd", "sysconfig", "network-manager"])
def test_cloud_init_makes_every_distributions_network_of_the_network_data(
    tmp_path: Path, kind: str
) -> None:
    texts = user_data("networkdata")
    assert len(texts) > 4
    for number, (name, text) in enumerate(texts.items()):
        file, out = tmp_path / f"network-{number}", tmp_path / f"out-{number}"
        file.write_text(text)
        distribution = "rhel" if kind in ("sysconfig", "network-manager") else "debian"
        command: list[str | Path] = [
            "cloud-init",
            "devel",
            "net-convert",
            "-p",
            file,
            "-k",
            "yaml",
            "-d",
            out,
            "-D",
            distribution,
            "-O",
            kind,
        ]
        judged(*command)
        written = "".join(path.read_text() for path in out.rglob("*") if path.is_file())
        for interface in yaml.safe_load(text)["ethernets"].values():
            gateways = [route["via"] for route in interface.get("routes", [])] + [
                interface.get("gateway4", "")
            ]
            for wanted in (
                *(address.partition("/")[0] for address in interface.get("addresses", [])),
                *filter(None, gateways),
            ):
                assert wanted in written, (name, kind)


def test_shellcheck_accepts_the_scripts(tmp_path: Path) -> None:
    judged(
        "shellcheck",
        GUEST / "join.sh",
        ROOT / "tests" / "judges" / "system" / "install-packages.sh",
        ROOT / "fixtures" / "demo.sh",
    )
    script = tmp_path / "bootcmd.sh"
    script.write_text(
        "#!/bin/sh\n"
        + yaml.safe_load(user_data()["sizes/tenant-1-merged-cloud-init"])["bootcmd"][0]
    )
    judged("shellcheck", script)


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_shells_can_read_the_script(shell: str) -> None:
    judged(shell, "-n", GUEST / "join.sh")


@pytest.mark.parametrize(
    ("addresses", "first"),
    [
        (["192.0.2.7/24", "192.0.2.8/24"], "192.0.2.7"),
        (["2001:db8::7/64"], "2001:db8::7"),
        (["2001:db8::7/64", "192.0.2.7/24"], "192.0.2.7"),
    ],
)
def test_the_script_reads_what_ip_prints(tmp_path: Path, addresses: list[str], first: str) -> None:
    guest = test_join.Guest(tmp_path, "dash")
    ip = shutil.which("ip")
    made = "".join(f"{ip} addr add {address} dev enp2s0\n" for address in addresses)
    (tmp_path / "interface").write_text(
        f'{ip} link add enp2s0 type veth peer name veth0\n{made}exec {ip} "$@"\n'
    )
    guest.tool("ip", 'exec unshare --net sh -e ROOT/interface "$@"')
    guest.settings(node_ip_interface="enp2s0")
    guest.join()
    assert guest.read("etc/default/kubelet") == f'KUBELET_EXTRA_ARGS="--node-ip={first}"\n'


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / "krmfn-join.service"
    shutil.copy(GUEST / "krmfn-join.service", unit)
    assert judged("systemd-analyze", "verify", unit) == ""
    lines = unit.read_text().splitlines()
    # What the join script leaves running lives on, and its output can be read without a network.
    assert {"KillMode=process", "StandardOutput=journal+console"} <= set(lines)
