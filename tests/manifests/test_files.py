"""Files, folders and standard input give the same output, and a file that can't be read is named."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from krmfn.commands.render import render
from tests.support import FIXTURES, counted, krmfn, objects

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


def test_a_folder_has_manifests_with_any_ending_of_yaml_and_json(tmp_path: Path) -> None:
    copy(tmp_path)
    (tmp_path / "claims.yaml").rename(tmp_path / "claims.YML")
    provider = tmp_path / "provider.yaml"
    provider.with_suffix(".json").write_text(json.dumps(yaml.safe_load(provider.read_text())))
    provider.unlink()
    done = krmfn("render", str(tmp_path))
    assert done.stdout == (MINIMAL / "expected.yaml").read_text(), done.stderr


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
        'error: claims.yaml:20:3: NodeClaim p-default/tenant-1-b: spec.typeRef: is "smal"; the provider has small'
        in done.stderr
    )


@pytest.mark.parametrize(
    ("files", "arguments", "message"),
    [
        ({}, ["nowhere"], "error: nowhere: can't be read: No such file or directory"),
        (
            {"config": ""},
            ["."],
            "error: the files hold no KubeVirtNodes; write one, or name one with --config",
        ),
        ({"provider": "a: [\n"}, ["."], "error: provider.yaml:2:1: is not YAML"),
        (
            {"provider": "kind: A\nkind: B\n"},
            ["."],
            'error: provider.yaml:2:1: has the key "kind" twice',
        ),
        (
            {},
            [".", "--config", "token.yaml"],
            "error: token.yaml:1:1: Secret vcluster-platform/tenant-1-join: is a Secret; the function's config is",
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
        (pipe, "pipe.yaml: is not a regular file"),
        (binary, "binary.yaml:1:4: is not valid UTF-8"),
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
    assert (
        'typo.yaml:1:1: has an apiVersion, but no kind; write kind instead of "Kind"' in done.stderr
    )


def test_the_work_for_many_problems_grows_as_they_do(tmp_path: Path) -> None:
    claim = (MINIMAL / "claims.yaml").read_text().replace("small", "smal")
    work = []
    # The first run fills what the process keeps.
    for count in (1, 100, 200, 400):
        claims = [claim.replace("tenant-1-a", f"n{number}") for number in range(count)]
        copy(tmp_path, claims="---\n".join(claims))
        reply, steps = counted(lambda: render([str(tmp_path)], None))
        assert reply.stderr.count("error: ") == count
        work.append(steps)
    assert work[3] - work[2] < 2.2 * (work[2] - work[1])
