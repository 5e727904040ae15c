import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from krmfn import __version__
from krmfn.commands.render import render
from tests.support import FIXTURES, ROOT, krmfn, objects

MINIMAL = FIXTURES / "minimal"


def copy(folder: Path, **replaced: str) -> Path:
    for file in MINIMAL.glob("*.yaml"):
        if file.name != "expected.yaml":
            (folder / file.name).write_text(replaced.get(file.stem, file.read_text()))
    return folder


def test_a_folder_files_and_standard_input_give_the_same() -> None:
    expected = (MINIMAL / "expected.yaml").read_text()
    files = [str(MINIMAL / name) for name in ("token.yaml", "provider.yaml", "claims.yaml")]
    text = "---\n".join(Path(file).read_text() for file in files)
    for arguments, stdin in (
        ([str(MINIMAL)], ""),
        ([*files, str(MINIMAL / "config.yaml")], ""),
        ([*files, *files, "--config", str(MINIMAL / "config.yaml")], ""),
        (["-", "--config", str(MINIMAL / "config.yaml")], text),
    ):
        done = krmfn("render", *arguments, stdin=stdin)
        assert (done.returncode, done.stdout) == (0, expected), done.stderr


def test_the_folder_is_this_one_where_none_is_named(tmp_path: Path) -> None:
    assert krmfn("render", cwd=copy(tmp_path)).stdout == (MINIMAL / "expected.yaml").read_text()


def test_all_prints_the_foreign_manifests_too(tmp_path: Path) -> None:
    copy(tmp_path)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "more.yml").write_text(
        "kind: List\napiVersion: v1\nitems:\n- {apiVersion: v1, kind: Namespace, metadata: {name: 'yes'}}\n"
    )
    (tmp_path / "values.yaml").write_text("some: values\n")
    (tmp_path / ".hidden.yaml").write_text("][")
    done = krmfn("render", "--all", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert [(item["kind"], item["metadata"]["name"]) for item in objects(done.stdout)] == [
        ("Namespace", "yes"),
        ("Secret", "tenant-1-a-cloud-init"),
        ("VirtualMachine", "tenant-1-a"),
    ]


def test_a_problem_names_file_and_line(tmp_path: Path) -> None:
    claims = (MINIMAL / "claims.yaml").read_text()
    copy(
        tmp_path,
        claims=f"# two claims\n---\n{claims}---\n{claims.replace('small', 'smal').replace('tenant-1-a', 'tenant-1-b')}",
    )
    done = krmfn("render", ".", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        'error: claims.yaml:20: NodeClaim p-default/tenant-1-b: spec.typeRef: is "smal"; the provider has small'
        in done.stderr
    )


@pytest.mark.parametrize(
    ("files", "arguments", "message"),
    [
        ({}, ["nowhere"], "error: nowhere: can't be read: No such file or directory"),
        (
            {"config": ""},
            ["."],
            "error: there is no KubeVirtNodes among the files; write one, or name one with --config",
        ),
        ({"provider": "a: [\n"}, ["."], "error: provider.yaml: line 2, column 1: is not YAML"),
        (
            {"provider": "kind: A\nkind: B\n"},
            ["."],
            'error: provider.yaml: line 2, column 1: has the key "kind" twice',
        ),
        (
            {},
            [".", "--config", "token.yaml"],
            "error: token.yaml:1: Secret vcluster-platform/tenant-1-join: is a Secret; the function's config is",
        ),
        ({}, [".", "--config", "missing.yaml"], "error: missing.yaml: can't be read"),
        (
            {
                "config": (MINIMAL / "config.yaml").read_text()
                + "---\n"
                + (MINIMAL / "config.yaml").read_text()
            },
            ["."],
            "must be one config, but there are 2",
        ),
    ],
)
def test_what_is_wrong_with_files(
    tmp_path: Path, files: dict[str, str], arguments: list[str], message: str
) -> None:
    done = krmfn("render", *arguments, cwd=copy(tmp_path, **files))
    assert (done.returncode, done.stdout) == (1, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_help_and_version() -> None:
    assert krmfn("--version").stdout == f"krmfn, version {__version__}\n"
    assert "render" in krmfn("--help").stdout
    assert krmfn("render", "--nothing").returncode == 2
    assert krmfn("rendr").returncode == 2


def shell(command: str) -> "subprocess.CompletedProcess[str]":
    program = f"{sys.executable} -m krmfn"
    return subprocess.run(
        ["bash", "-c", command.replace("krmfn", program)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    "command", ["krmfn render fixtures/sizes", "krmfn <fixtures/package/input.yaml"]
)
def test_output_that_can_not_be_written(command: str) -> None:
    full = shell(f"{command} >/dev/full")
    assert full.returncode == 1
    assert full.stderr.splitlines()[-1] == "error: can't write or read: No space left on device"
    gone = shell(f"{command} | true; exit ${{PIPESTATUS[0]}}")
    assert gone.returncode == 1
    assert "Traceback" not in gone.stderr


def test_a_closed_standard_input() -> None:
    done = shell("krmfn render - <&-")
    assert done.returncode == 1
    assert "error: standard input: is closed" in done.stderr


def test_text_is_utf_8_whatever_the_environment_says(tmp_path: Path) -> None:
    copy(tmp_path)
    (tmp_path / "more.yaml").write_text(
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: x}, data: {a: é}}\n"
    )
    done = shell(f"PYTHONIOENCODING=ascii LC_ALL=C krmfn render --all {tmp_path}")
    assert done.returncode == 0, done.stderr
    assert 'a: "é"' in done.stdout


def test_links_to_folders_are_followed_once(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    copy(tmp_path / "a")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert krmfn("render", str(tmp_path)).stdout == (MINIMAL / "expected.yaml").read_text()


def unreadable(folder: Path) -> None:
    (folder / "private").mkdir(mode=0)


def looping(folder: Path) -> None:
    (folder / "loop.yaml").symlink_to("loop.yaml")


def vanished(folder: Path) -> None:
    (folder / "gone.yaml").symlink_to("nothing.yaml")


def pipe(folder: Path) -> None:
    os.mkfifo(folder / "pipe.yaml")


def binary(folder: Path) -> None:
    (folder / "binary.yaml").write_bytes(b"a: \xff\n")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (unreadable, "private: can't be read: Permission denied"),
        (looping, "loop.yaml: can't be read: Too many levels of symbolic links"),
        (vanished, "gone.yaml: can't be read: No such file or directory"),
        (pipe, "pipe.yaml: is no regular file"),
        (binary, "binary.yaml: line 1, column 4: is not valid UTF-8"),
    ],
)
def test_what_is_wrong_with_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None], message: str
) -> None:
    copy(tmp_path)
    make(tmp_path)
    monkeypatch.chdir(tmp_path)
    # Root may read everything: the user of this test is another one.
    root = os.geteuid() == 0
    if root:
        tmp_path.chmod(0o755)
        os.seteuid(65534)
    try:
        done = render(["."])
    finally:
        if root:
            os.seteuid(0)
    assert (done.code, done.stdout) == (1, "")
    assert f"error: {message}" in done.stderr


def test_a_manifest_without_kind_is_no_manifest(tmp_path: Path) -> None:
    copy(tmp_path)
    (tmp_path / "typo.yaml").write_text("apiVersion: v1\nKind: Secret\n")
    done = krmfn("render", str(tmp_path))
    assert done.returncode == 1
    assert 'typo.yaml: line 1: has an apiVersion, but no kind (did you mean "Kind"?)' in done.stderr


@pytest.mark.parametrize("count", [300])
def test_many_problems_in_one_file_are_told_in_time(tmp_path: Path, count: int) -> None:
    claim = (MINIMAL / "claims.yaml").read_text().replace("small", "smal")
    copy(
        tmp_path,
        claims="---\n".join(claim.replace("tenant-1-a", f"n{number}") for number in range(count)),
    )
    start = time.monotonic()
    done = krmfn("render", str(tmp_path))
    assert done.stderr.count("error: ") == count
    assert time.monotonic() - start < 20
