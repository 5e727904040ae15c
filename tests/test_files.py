from pathlib import Path

import pytest

from krmfn import __version__
from tests.support import FIXTURES, krmfn, objects

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
    copy(tmp_path, claims=f"# two claims\n---\n{claims}---\n{claims.replace('small', 'smal').replace('tenant-1-a', 'tenant-1-b')}")
    done = krmfn("render", ".", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert 'error: claims.yaml:20: NodeClaim p-default/tenant-1-b: spec.typeRef: is "smal"; the provider has small' in done.stderr


@pytest.mark.parametrize(
    ("files", "arguments", "message"),
    [
        ({}, ["nowhere"], "error: nowhere: can't be read: No such file or directory"),
        ({"config": ""}, ["."], "error: there is no KubeVirtNodes among the files; write one, or name one with --config"),
        ({"provider": "a: [\n"}, ["."], "error: provider.yaml: line 2, column 1: is not YAML"),
        ({"provider": "kind: A\nkind: B\n"}, ["."], 'error: provider.yaml: line 2, column 1: has the key "kind" twice'),
        (
            {},
            [".", "--config", "token.yaml"],
            "error: token.yaml:1: Secret vcluster-platform/tenant-1-join: is a Secret; the function's config is",
        ),
        ({}, [".", "--config", "missing.yaml"], "error: missing.yaml: can't be read"),
        (
            {"config": (MINIMAL / "config.yaml").read_text() + "---\n" + (MINIMAL / "config.yaml").read_text()},
            ["."],
            "must be one config, but there are 2",
        ),
    ],
)
def test_what_is_wrong_with_files(tmp_path: Path, files: dict[str, str], arguments: list[str], message: str) -> None:
    done = krmfn("render", *arguments, cwd=copy(tmp_path, **files))
    assert (done.returncode, done.stdout) == (1, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_help_and_version() -> None:
    assert krmfn("--version").stdout == f"krmfn, version {__version__}\n"
    assert "render" in krmfn("--help").stdout
    assert krmfn("render", "--nothing").returncode == 2
    assert krmfn("rendr").returncode == 2
