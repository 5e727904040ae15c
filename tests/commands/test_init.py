"""`krmfn init` writes an example that works, with the names of the user's own clusters."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from krmfn.commands.init import Names, write
from krmfn.commands.plan import plan
from tests.support import ROOT, krmfn

LABELS = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?", fullmatch=True)


def test_the_commands_that_it_names_work(tmp_path: Path) -> None:
    done = krmfn("init", "nodes", cwd=tmp_path)
    commands = [
        line.partition("#")[0].split() for line in done.stdout.partition("Next:\n")[2].splitlines()
    ]
    assert len(commands) == 3
    for program, *arguments in commands:
        assert program == "krmfn"
        again = krmfn(*arguments, cwd=tmp_path)
        assert (again.returncode, again.stderr) == (0, "")
        assert again.stdout
    assert (tmp_path / "rendered" / "kubevirt-1").is_dir()


@given(LABELS, LABELS, LABELS)
def test_any_name_stays_what_it_is(
    tmp_path_factory: pytest.TempPathFactory, tenant: str, cluster: str, namespace: str
) -> None:
    """Also `1e3`, `true` and `null`, which YAML would read as something else."""
    folder = str(tmp_path_factory.mktemp("named") / "nodes")
    names = Names(tenant, f"{tenant}.test:6443", cluster, namespace)
    done = write(folder, names)
    if done.code == 2:
        assert tenant in ("nodes", "provider", "kustomization")
        return
    shown = plan([folder], None, "json")
    assert shown.code == 0, shown.stderr
    [first, _] = json.loads(shown.stdout)["claims"]
    assert first["virtualCluster"] == tenant
    assert first["machine"] == {
        "cluster": cluster,
        "namespace": namespace,
        "name": f"{tenant}-workers-0",
    }
    files = [file for file in Path(folder).iterdir() if file.stem != "kustomization"]
    for text in (file.read_text() for file in files):
        assert not {"tenant-1", "kubevirt-1"} & set(text.split()) - {tenant, cluster}
    config = yaml.safe_load((Path(folder) / "nodes.yaml").read_text())
    assert config["spec"]["virtualClusters"][0]["endpoint"] == f"{tenant}.test:6443"


def test_the_endpoint_follows_the_virtual_cluster(tmp_path: Path) -> None:
    assert krmfn("init", ".", "--virtual-cluster", "blue", cwd=tmp_path).returncode == 0
    assert "endpoint: blue.example.com:443\n" in (tmp_path / "nodes.yaml").read_text()
    assert (tmp_path / "blue.yaml").exists()


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--virtual-cluster", "Blue", 'is "Blue"; must be a DNS label'),
        ("--virtual-cluster", "nodes", "names a file that the example has already"),
        (
            "--virtual-cluster",
            "a" * 54,
            "is too long for the names of its nodes; must be at most 53",
        ),
        ("--endpoint", "http://a.example.com", "is http"),
        ("--endpoint", "a b", "must be host[:port]"),
        ("--cluster", "a/b", 'is "a/b"; must be a DNS name'),
        ("--namespace", "a.b", 'is "a.b"; must be a DNS label'),
    ],
)
def test_a_name_that_can_not_be_one_is_refused(
    option: str, value: str, said: str, tmp_path: Path
) -> None:
    done = krmfn("init", "nodes", option, value, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {option} {said}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("folder", ["my nodes", "it's", "a$HOME", "#a", "*", "-x", "a;echo PWNED"])
def test_the_commands_can_be_pasted_into_a_shell(folder: str, tmp_path: Path) -> None:
    done = krmfn("init", "--", folder, cwd=tmp_path)
    assert done.returncode == 0
    line = done.stdout.partition("Next:\n")[2].splitlines()[0]
    shell = f'krmfn() {{ "{sys.executable}" -m krmfn "$@"; }}; {line}'
    pasted = subprocess.run(
        ["bash", "-c", shell],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": "/"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (pasted.returncode, pasted.stderr) == (0, "")
    assert "tenant-1-workers-0" in pasted.stdout
    assert "PWNED" not in pasted.stdout
