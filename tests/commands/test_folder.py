"""The folder of `krmfn render -o` is what the declarations give, whatever it held and whenever a run ended."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from krmfn.commands import rendered_folder as folder
from tests.support import FIXTURES, ROOT, TOKEN, krmfn, objects

HEAD = "# Written by krmfn for nodes as {file}; the next run overwrites it.\n"


def run(package: Path, *more: str) -> "subprocess.CompletedProcess[str]":
    return krmfn("render", "-o", "out", "in", *more, cwd=package)


def content(package: Path) -> dict[str, str]:
    return {
        str(file.relative_to(package / "out")): file.read_text()
        for file in (package / "out").rglob("*")
        if file.is_file()
    }


def pool(package: Path, quantity: int) -> None:
    file = package / "in" / "tenant-1.yaml"
    text = file.read_text()
    file.write_text(
        text.replace(text[text.index("quantity: ") :].partition("\n")[0], f"quantity: {quantity}")
    )


def test_a_file_a_claim_by_cluster(package: Path) -> None:
    done = run(package)
    assert (done.returncode, done.stdout) == (0, "out: 6 written, 0 removed, 0 unchanged\n")
    files = content(package)
    assert sorted(files) == [
        "kubevirt-1/kubevirt-names.yaml",
        "kubevirt-1/kustomization.yaml",
        "kubevirt-1/tenant-1-workers-0.yaml",
        "kubevirt-1/tenant-1-workers-1.yaml",
        "kubevirt-1/tenant-1-workers-cloud-init.yaml",
        "kustomization.yaml",
    ]
    assert all(text.startswith(HEAD.format(file=name)) for name, text in files.items())
    [shared] = objects(files["kubevirt-1/tenant-1-workers-cloud-init.yaml"])
    [node] = objects(files["kubevirt-1/tenant-1-workers-0.yaml"])
    assert (shared["kind"], node["kind"]) == ("Secret", "VirtualMachine")
    printed = objects(krmfn("render", "in", cwd=package).stdout)
    assert sorted(map(str, printed)) == sorted(
        str(v) for name, text in files.items() if "workers" in name for v in objects(text)
    )


def test_a_second_run_writes_nothing(package: Path) -> None:
    run(package)
    before = {file: file.stat().st_mtime_ns for file in (package / "out").rglob("*")}
    assert run(package).stdout == "out: 0 written, 0 removed, 6 unchanged\n"
    assert {file: file.stat().st_mtime_ns for file in (package / "out").rglob("*")} == before
    # The folder may be among what is read.
    assert (
        krmfn("render", "-o", "out", ".", cwd=package).stdout
        == "out: 0 written, 0 removed, 6 unchanged\n"
    )


def test_growing_and_shrinking(package: Path) -> None:
    run(package)
    first = content(package)
    pool(package, 3)
    assert run(package).stdout == "out: 2 written, 0 removed, 5 unchanged\n"
    grown = content(package)
    assert {name for name in grown if grown[name] != first.get(name)} == {
        "kubevirt-1/kustomization.yaml",
        "kubevirt-1/tenant-1-workers-2.yaml",
    }
    pool(package, 2)
    assert (
        run(package).stdout
        == "removed out/kubevirt-1/tenant-1-workers-2.yaml\nout: 1 written, 1 removed, 5 unchanged\n"
    )
    assert content(package) == first


def test_what_is_stale_is_shown(package: Path) -> None:
    run(package)
    before = content(package)
    assert (run(package, "--check").returncode, run(package, "--check").stdout) == (0, "")
    pool(package, 1)
    provider = package / "in" / "provider.yaml"
    provider.write_text(provider.read_text().replace("guest: 4Gi", "guest: 6Gi"))
    stale = run(package, "--check")
    assert stale.returncode == 4
    assert (
        stale.stderr
        == "error: out: is stale: 3 of its files differ from what the declarations give; run krmfn render with -o out\n"
    )
    assert re.search(r"^- +guest: 4Gi\n\+ +guest: 6Gi$", stale.stdout, re.MULTILINE)
    assert "--- a/out/kubevirt-1/tenant-1-workers-1.yaml\n+++ /dev/null\n" in stale.stdout
    assert content(package) == before


def test_a_diff_shows_user_data_in_clear_and_no_token(tmp_path: Path) -> None:
    shutil.copytree(
        FIXTURES / "minimal", tmp_path / "in", ignore=shutil.ignore_patterns("expected.yaml")
    )
    shown = run(tmp_path, "--check", "--allow-plaintext-token")
    assert shown.returncode == 4
    assert "+    #cloud-config" in shown.stdout
    assert "******" in shown.stdout
    assert TOKEN not in shown.stdout + shown.stderr


def test_a_diff_shows_network_data_in_clear(tmp_path: Path) -> None:
    ignored = shutil.ignore_patterns("expected.yaml")
    shutil.copytree(FIXTURES / "addresses", tmp_path / "in", ignore=ignored)
    config = tmp_path / "in" / "config.yaml"
    config.write_text(config.read_text().replace("stringData", "data"))
    shown = run(tmp_path, "--check", "--allow-plaintext-token")
    assert shown.returncode == 4, shown.stderr
    assert "+  networkdata: (base64 of)\n+    version: 2\n+    ethernets:\n" in shown.stdout


def test_a_token_is_not_written_unless_it_is_allowed(tmp_path: Path) -> None:
    shutil.copytree(
        FIXTURES / "minimal", tmp_path / "in", ignore=shutil.ignore_patterns("expected.yaml")
    )
    refused = run(tmp_path)
    assert refused.returncode == 1
    assert "joinToken: would be in the files that are written" in refused.stderr
    assert not (tmp_path / "out").exists()
    assert run(tmp_path, "--allow-plaintext-token").returncode == 0


def test_another_output_folder_is_left_alone(package: Path) -> None:
    run(package)
    before = content(package)
    done = krmfn("render", "-o", ".", "in", cwd=package)
    assert done.stdout == ".: 6 written, 0 removed, 0 unchanged\n"
    assert content(package) == before


def own(package: Path) -> None:
    (package / "out" / "kubevirt-1" / "notes.yaml").write_text("a: b\n")
    (package / "out" / "README.md").write_text("mine\n")


def test_files_of_others_stay(package: Path) -> None:
    run(package)
    own(package)
    pool(package, 0)
    config = package / "in" / "nodes.yaml"
    config.write_text(config.read_text() + "    allowNoNodes: true\n")
    assert run(package).returncode == 0
    assert sorted(content(package)) == ["README.md", "kubevirt-1/notes.yaml"]


def foreign(package: Path) -> None:
    (package / "out" / "kubevirt-1").mkdir(parents=True)
    (package / "out" / "kubevirt-1" / "tenant-1-workers-1.yaml").write_text("kind: Mine\n")


def of_another_config(package: Path) -> None:
    (package / "out").mkdir()
    (package / "out" / "kustomization.yaml").write_text(
        HEAD.format(file="kustomization.yaml").replace("nodes", "others")
    )


def linked(package: Path) -> None:
    (package / "out").mkdir()
    (package / "elsewhere").mkdir()
    (package / "out" / "kubevirt-1").symlink_to(package / "elsewhere")


def file_instead(package: Path) -> None:
    (package / "out").write_text("")


def several(package: Path) -> None:
    run(package)
    text = (package / "in" / "provider.yaml").read_text()
    (package / "in" / "other.yaml").write_text(
        text.replace("name: kubevirt\n", "name: other\n").replace("kubevirt-1", "kubevirt-2")
    )
    values = (package / "in" / "tenant-1.yaml").read_text()
    more = (
        values[values.index("      - provider") :]
        .replace("provider: kubevirt", "provider: other")
        .replace("workers", "others")
    )
    (package / "in" / "tenant-1.yaml").write_text(values + more)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            foreign,
            "out/kubevirt-1/tenant-1-workers-1.yaml: is in the way: krmfn did not write it for nodes",
        ),
        (
            of_another_config,
            "out/kustomization.yaml: is in the way: krmfn did not write it for nodes",
        ),
        (linked, "out/kubevirt-1: is a link"),
        (file_instead, "can't be written: Not a directory"),
        (
            several,
            "out/kustomization.yaml: is of the time when there was one cluster, and now there are several",
        ),
    ],
)
def test_what_is_in_the_way_is_never_overwritten(
    package: Path, make: Callable[[Path], None], said: str
) -> None:
    make(package)
    before = content(package) if (package / "out").is_dir() else {}
    done = run(package)
    assert done.returncode == 1
    assert said in done.stderr
    assert (content(package) if (package / "out").is_dir() else {}) == before


def test_several_clusters_have_folders_of_their_own(package: Path) -> None:
    several(package)
    shutil.rmtree(package / "out")
    assert run(package).returncode == 0
    assert [name for name in content(package) if "/" not in name] == []
    assert {name.partition("/")[0] for name in content(package)} == {"kubevirt-1", "kubevirt-2"}


@pytest.mark.parametrize("arguments", [["--check"], ["--allow-plaintext-token"]])
def test_wrong_usage(package: Path, arguments: list[str]) -> None:
    assert krmfn("render", "in", *arguments, cwd=package).returncode == 2


EXTERNAL = {
    "apiVersion": "external-secrets.io/v1",
    "kind": "ExternalSecret",
    "metadata": {"name": "token", "namespace": "machines"},
}
OWN = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "own"},
    "stringData": {"a": TOKEN},
}


def test_other_manifests_are_told_or_written(package: Path) -> None:
    (package / "in" / "external.yaml").write_text(yaml.safe_dump(EXTERNAL))
    done = run(package)
    assert done.returncode == 0
    assert "info: other manifests are not written: ExternalSecret machines/token; --all writes them too (left-out)" in done.stderr  # fmt: skip
    assert "_others" not in str(content(package))
    done = run(package, "--all")
    assert (done.returncode, "left-out" in done.stderr) == (0, False)
    files = content(package)
    assert objects(files["kubevirt-1/_others.yaml"]) == [EXTERNAL]
    assert "- _others.yaml\n" in files["kubevirt-1/kustomization.yaml"]
    assert run(package, "--all", "--check").returncode == 0
    # Without the option they go again.
    assert "removed out/kubevirt-1/_others.yaml" in run(package).stdout


def test_a_secret_of_others_is_not_written_in_clear(package: Path) -> None:
    (package / "in" / "own.yaml").write_text(yaml.safe_dump(OWN))
    done = run(package, "--all")
    assert done.returncode == 1
    assert "Secret own: would be in the files that are written" in done.stderr
    assert TOKEN not in done.stderr
    assert run(package, "--all", "--allow-plaintext-token").returncode == 0
    sealed = {**OWN, "sops": {"mac": "x"}}
    (package / "in" / "own.yaml").write_text(yaml.safe_dump(sealed))
    assert run(package, "--all").returncode == 0


def test_other_manifests_of_several_clusters_are_nobodys(package: Path) -> None:
    several(package)
    (package / "in" / "external.yaml").write_text(yaml.safe_dump(EXTERNAL))
    done = run(package, "--all")
    assert done.returncode == 1
    assert "nothing says to which of kubevirt-1, kubevirt-2 these belong" in done.stderr


class Interrupted(BaseException):
    """The end of a run at some point."""


def interrupted(package: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """End a run at its first operation on a file, then at its second, and so on; yield after each end."""
    monkeypatch.chdir(package)
    run(package)
    old = content(package)
    pool(package, 3)
    provider = package / "in" / "provider.yaml"
    provider.write_text(provider.read_text().replace("guest: 4Gi", "guest: 6Gi"))
    shutil.copytree(package / "out", package / "old")
    assert folder.write(["in"], None, "out").code == 0
    new = content(package)
    count = operations = 0
    real: dict[str, Any] = {
        name: getattr(os, name) for name in ("replace", "unlink", "rmdir", "makedirs")
    }

    def interrupting(name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **more: Any) -> Any:
            nonlocal count
            count += 1
            if count == operations:
                raise Interrupted
            return real[name](*arguments, **more)

        return call

    for operations in range(1, 40):  # noqa: B007 - it is read in `call`
        shutil.rmtree(package / "out")
        shutil.copytree(package / "old", package / "out")
        count = 0
        with monkeypatch.context() as patched:
            for name in real:
                patched.setattr(os, name, interrupting(name))
            try:
                folder.write(["in"], None, "out")
                break
            except Interrupted:
                pass
        files = {
            name: text for name, text in content(package).items() if not name.endswith(".krmfn-tmp")
        }
        assert all(text in (old.get(name), new.get(name)) for name, text in files.items())
        yield
        assert folder.write(["in"], None, "out").code == 0
        assert {
            name: text for name, text in content(package).items() if not name.endswith(".krmfn-tmp")
        } == new
    assert operations > 5


def test_interrupted_at_any_operation_every_file_is_whole_and_the_next_run_finishes(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sum(1 for _ in interrupted(package, monkeypatch)) > 5


def test_a_full_disk_says_so(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(package)

    def full(*arguments: Any) -> None:
        raise OSError(28, "No space left on device", "out/kubevirt-1/a.yaml")

    monkeypatch.setattr(os, "replace", full)
    done = folder.write(["in"], None, "out")
    assert (done.code, done.stdout) == (1, "")
    assert (
        done.stderr
        == "error: out/kubevirt-1/a.yaml: can't be written: No space left on device; the next run finishes what is left\n"
    )
    assert content(package) == {}


def test_the_example_that_init_writes(tmp_path: Path) -> None:
    done = krmfn("init", "a/b", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.splitlines()[:4] == [
        f"a/b/{name}.yaml" for name in ("kustomization", "nodes", "provider", "tenant-1")
    ]
    plan = krmfn("plan", "a/b", cwd=tmp_path)
    assert (plan.returncode, plan.stderr) == (0, "")
    (tmp_path / "a" / "b" / "nodes.yaml").write_text("mine")
    again = krmfn("init", "a/b", cwd=tmp_path)
    assert again.returncode == 1
    assert "a/b/nodes.yaml: already exists; nothing was written" in again.stderr
    assert (tmp_path / "a" / "b" / "nodes.yaml").read_text() == "mine"
    assert (
        yaml.safe_load((tmp_path / "a" / "b" / "provider.yaml").read_text())["kind"]
        == "NodeProvider"
    )


def test_the_names_of_fields_are_those_of_the_component(package: Path) -> None:
    """kustomize reads no file outside of a kustomization's folder, so each has a copy."""
    shipped = (ROOT / "kustomize" / "kubevirt-names.yaml").read_text()
    assert run(package).returncode == 0
    written = content(package)["kubevirt-1/kubevirt-names.yaml"]
    assert written == HEAD.format(file="kubevirt-1/kubevirt-names.yaml") + shipped


@pytest.mark.parametrize("name", ["kustomization", "kubevirt-names"])
def test_a_node_with_the_name_of_a_file_of_krmfns_own(package: Path, name: str) -> None:
    claim = {
        "apiVersion": "management.loft.sh/v1",
        "kind": "NodeClaim",
        "metadata": {"name": name, "namespace": "p-default"},
        "spec": {"providerRef": "kubevirt", "typeRef": "small", "vClusterRef": "tenant-1"},
    }
    (package / "in" / "claim.yaml").write_text(yaml.safe_dump(claim))
    done = run(package)
    assert done.returncode == 1
    assert (
        f"NodeClaim p-default/{name}: is a node named {name}, and -o writes a file" in done.stderr
    )
