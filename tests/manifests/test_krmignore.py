"""A folder is read without what its `.krmignore` files leave out, as Git reads `.gitignore`."""

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from krmfn.manifests.files import read_paths
from tests.support import CLAIM, krmfn

NAMES = ("x", "y", "a/x", "a/b/x", "a/b/y", "b/x", "c/x", "c/a/x", "#x", "a/d/x ")


def write_tree(package: Path, ignored: dict[str, str]) -> None:
    """Write a package of objects, and the lines of its `.krmignore` files, by folder."""
    for name in NAMES:
        file = package / f"{name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        metadata = {"name": "of-kpt"}
        file.write_text(yaml.dump({"apiVersion": "v1", "kind": "Kept", "metadata": metadata}))
    for folder, lines in ignored.items():
        (package / folder / ".krmignore").write_text(f"{lines}\n")


def files_read(package: Path) -> list[str]:
    """The files of a package that krmfn reads."""
    items, problems = read_paths([str(package)])
    assert not problems
    return sorted(Path(item.origin.file or "").relative_to(package).as_posix() for item in items)


IGNORED: list[dict[str, str]] = [
    {},
    *(
        {"": lines}
        for lines in (
            "a/",
            "/a/",
            "a",
            "x.yaml",
            "/x.yaml",
            "a/x.yaml",
            "*.yaml",
            "*.yaml\n!x.yaml",
            "*.yaml\n!/x.yaml",
            "*\n!*/\n!x.yaml",
            "a/*\n!a/b/",
            "a/\n!a/b/x.yaml",
            "**/b/",
            "a/**",
            "**/x.yaml",
            "a/**/x.yaml",
            "# a comment\n\nc/",
            "[ab]/",
            "[!ab]/",
            "?.yaml",
            "\\#x.yaml",
            "x .yaml",
            "x.yaml  ",
            "x\\ .yaml",
            "a/b/\n",
            "/",
            "!",
            "\\",
            "a/d\r",
        )
    ),
    {"c": "x.yaml"},
    {"c": "/a/"},
    {"c": "a/x.yaml"},
    {"": "a/", "c": "x.yaml"},
    {"": "c/", "c": "!x.yaml"},
    {"": "x.yaml", "c": "!x.yaml"},
    {"": "x.yaml", "c": "!/x.yaml"},
    {"": "!x.yaml", "c": "*"},
    {"a": "b/\n!b/", "a/b": "x.yaml"},
    {"a/b": "*"},
]


PARTS = st.sampled_from(
    [
        "a",
        "b",
        "x",
        "*",
        "**",
        "***",
        "?",
        "/",
        "\\",
        "[ab]",
        "[!a]",
        "[a-c",
        "]",
        "[^x]",
        "[[:alpha:]]",
        "!",
        "#",
        " ",
        ".yaml",
        "-",
        "[]a]",
        "[a-]",
        "[--b]",
        "[\\]x]",
        "\r",
    ]
)
LINES = st.lists(st.lists(PARTS, max_size=6).map("".join), max_size=4).map("\n".join)


@settings(max_examples=60, deadline=None)
@given(outer=LINES, inner=LINES)
def test_any_lines_mean_what_they_mean_to_git(outer: str, inner: str) -> None:
    with TemporaryDirectory() as folder:
        check_with_git(Path(folder), {"": outer, "a": inner})


@pytest.mark.parametrize("ignored", IGNORED, ids=str)
def test_what_git_leaves_out_is_left_out(ignored: dict[str, str], tmp_path: Path) -> None:
    check_with_git(tmp_path, ignored)


def check_with_git(package: Path, ignored: dict[str, str]) -> None:
    """Compare the files that krmfn reads with those that Git would add."""
    write_tree(package, ignored)
    kept = subprocess.run(
        "git init -q . && git ls-files -z --others --exclude-per-directory=.krmignore",
        shell=True,
        cwd=package,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    assert files_read(package) == sorted(name for name in kept if name.endswith(".yaml"))


def test_every_way_to_name_the_folder_is_the_same(tmp_path: Path) -> None:
    write_tree(tmp_path / "p", {"a": "b/"})
    (tmp_path / "p" / "a" / "b" / "z.yaml").write_text("][")
    for name in ("p", "p/", "./p", str(tmp_path / "p")):
        done = krmfn("render", "--all", name, cwd=tmp_path)
        assert "z.yaml" not in done.stderr
    done = krmfn("render", "--all", cwd=tmp_path / "p")
    assert "z.yaml" not in done.stderr
    # One that is named is read.
    done = krmfn("render", "p/a/b/z.yaml", cwd=tmp_path)
    assert "p/a/b/z.yaml:1:1: is not YAML" in done.stderr


def test_a_chart_is_named_once_with_the_line_that_leaves_it_out(tmp_path: Path) -> None:
    for name in ("nodes/charts/redis/Chart.yaml", "nodes/charts/redis/templates/a.yaml"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("{{ broken\n")
    done = krmfn("render", "nodes", cwd=tmp_path)
    [line] = done.stderr.splitlines()
    assert line == (
        "error: nodes/charts/redis/Chart.yaml: belongs to a Helm chart, whose templates are not "
        "manifests; leave it out with a line charts/redis/ in nodes/.krmignore"
    )
    (tmp_path / "nodes" / ".krmignore").write_text("charts/redis/\n")
    done = krmfn("render", "nodes", cwd=tmp_path)
    assert "Chart" not in done.stderr
    done = krmfn("render", "nodes/charts/redis", cwd=tmp_path)
    assert "name the files to read, instead of the folder" in done.stderr


def test_what_is_no_manifest_at_all_can_be_left_out(tmp_path: Path) -> None:
    (tmp_path / "tabs.json").write_text('{"name": "x"}\t{"name": "y"}')
    done = krmfn("render", cwd=tmp_path)
    assert "if the file is not a manifest, leave it out by a line in .krmignore" in done.stderr
    done = krmfn("render", "tabs.json", cwd=tmp_path)
    assert ".krmignore" not in done.stderr


def test_a_krmignore_that_cant_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / ".krmignore").symlink_to("nowhere")
    done = krmfn("render", cwd=tmp_path)
    assert "error: .krmignore: can't be read: No such file or directory" in done.stderr


def test_what_kustomize_reads_all_the_same_is_told(tmp_path: Path) -> None:
    done = krmfn("init", "nodes", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    claim = {**CLAIM, "spec": {**CLAIM["spec"], "providerRef": "kubevirt"}}
    (tmp_path / "nodes" / "claim.yaml").write_text(yaml.dump(claim))
    kustomization = tmp_path / "nodes" / "kustomization.yaml"
    text = kustomization.read_text()
    kustomization.write_text(text.replace("resources:", "resources:\n- claim.yaml"))
    assert "kustomization-ignored" not in krmfn("plan", "nodes", cwd=tmp_path).stderr
    (tmp_path / "nodes" / ".krmignore").write_text("claim.yaml\n")
    assert "more than list files (resources)" in krmfn("plan", "nodes", cwd=tmp_path).stderr
    (tmp_path / "nodes" / ".krmignore").write_text("other.yaml\n")
    assert "kustomization-ignored" not in krmfn("plan", "nodes", cwd=tmp_path).stderr


@pytest.mark.parametrize("name", ["#a", "!a", "a[1]", "a*", "a\\b", "a b"])
def test_the_line_that_leaves_out_a_chart_does(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "Chart.yaml").write_text("a: b\n")
    said = krmfn("render", cwd=tmp_path).stderr
    line = said.partition("leave it out with a line ")[2].partition(" in .krmignore")[0]
    (tmp_path / ".krmignore").write_text(f"{line}\n")
    assert "Chart" not in krmfn("render", cwd=tmp_path).stderr
