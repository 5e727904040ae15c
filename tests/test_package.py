"""What people install: the distributions, the formula, the action and the hooks, all of one version."""

import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_string
from pathlib import Path
from typing import Any

import pytest
import yaml
from readme_renderer import markdown

from krmfn import __version__
from tests.support import ROOT, krmfn

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The source distribution and the wheel."""
    folder = tmp_path_factory.mktemp("dist")
    uv = Path(sys.executable).parent / "uv"
    command = [str(uv), "build", "--quiet", "--no-build-isolation", "--offline"]
    command += ["--out-dir", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [source], [wheel] = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return source, wheel


def test_the_wheel_has_all_that_the_program_reads(distributions: tuple[Path, Path]) -> None:
    names = set(zipfile.ZipFile(distributions[1]).namelist())
    tracked = subprocess.run(
        ["git", "ls-files", "krmfn"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert set(tracked.stdout.split()) <= names


def test_the_first_page_on_pypi_renders_and_its_links_lead_somewhere(
    distributions: tuple[Path, Path],
) -> None:
    wheel = zipfile.ZipFile(distributions[1])
    metadata = message_from_string(wheel.read(f"krmfn-{__version__}.dist-info/METADATA").decode())
    page = metadata.get_payload()
    assert isinstance(page, str)
    html = markdown.render(page)
    assert html
    assert re.search("<h2[^>]*>Quick start<", html)
    links = re.findall(r'href="([^#"][^"]*)"', html)
    own = f"https://github.com/krmfn/krmfn/blob/v{__version__}/"
    assert len(links) > 30
    for link in links:
        assert link.startswith("https://"), link
        if link.startswith(own):
            assert (ROOT / link.removeprefix(own).partition("#")[0]).exists(), link


def test_the_formula_takes_the_locked_libraries(distributions: tuple[Path, Path]) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "homebrew.py", distributions[0]],
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"/v{__version__}/{distributions[0].name}" in done.stdout
    locked = {
        package["name"]: package["sdist"]
        for package in tomllib.loads((ROOT / "uv.lock").read_text())["package"]
        if "sdist" in package
    }
    found = re.findall(r'resource "(.+)" do\n    url "(.+)"\n    sha256 "(.+)"', done.stdout)
    assert {name for name, _, _ in found} >= {"click", "pydantic", "pydantic-core", "pyyaml"}
    for name, url, digest in found:
        assert (url, f"sha256:{digest}") == (locked[name]["url"], locked[name]["hash"])
    with tarfile.open(distributions[0]) as archive:
        assert f"krmfn-{__version__}/krmfn/cli.py" not in archive.getnames()
        assert f"krmfn-{__version__}/krmfn/commands/cli.py" in archive.getnames()


def test_every_version_is_the_same_one() -> None:
    assert PROJECT["version"] == __version__
    major, minor, _ = __version__.split(".")
    wanted = {__version__, f"{major}.{minor}", major}
    for pattern in ("*.md", "*.y*ml", "docs/**/*.md", "examples/**/*", "argocd/**/*", ".*.yaml"):
        for file in (path for path in ROOT.glob(pattern) if path.is_file()):
            if file.name == "CHANGELOG.md":
                continue
            text = file.read_text()
            for found in re.findall(
                r"krmfn(?:-\w+)?(?::v|@v|==)([0-9.]*[0-9])|\?ref=v([0-9.]+)", text
            ):
                assert (found[0] or found[1]) in wanted, f"{file}: {found}"


def test_the_hooks_of_pre_commit_are_commands() -> None:
    for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text()):
        command = hook["entry"].split()[1:]
        assert krmfn(*command, "--help").returncode == 0


class Job:
    """A job on GitHub that runs the action on a pull request, with a stand-in for the forge.

    `gh` is a program that notes how it is called; the steps are the action's own.
    """

    def __init__(self, tmp_path: Path, **inputs: str) -> None:
        self.temp, self.work = tmp_path / "temp", tmp_path / "work"
        self.inputs = {name: one["default"] for name, one in ACTION["inputs"].items()} | inputs
        self.outputs: dict[str, dict[str, str]] = {}
        self.calls = tmp_path / "calls"
        self.summary = tmp_path / "summary"
        self.event = {"pull_request": {"number": 7}}
        programs = self.temp / "krmfn" / "bin"
        programs.mkdir(parents=True)
        for name, line in {
            "krmfn": f'exec "{sys.executable}" -m krmfn "$@"',
            "python": f'exec "{sys.executable}" "$@"',
            "gh": f'echo "$@" >> {self.calls}; case "$*" in *--jq*) cat {tmp_path}/earlier 2>/dev/null || true;; esac',
        }.items():
            (programs / name).write_text(f"#!/bin/sh\n{line}\n")
            (programs / name).chmod(0o755)
        origin = tmp_path / "origin"
        for folder in (origin, self.work):
            folder.mkdir()
        assert krmfn("init", "nodes", cwd=origin).returncode == 0
        assert krmfn("render", "-o", "rendered", "nodes", cwd=origin).returncode == 0
        git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com"]
        for arguments in (["init", "-qb", "main"], ["add", "."], ["commit", "-qm", "x"]):
            subprocess.run([*git, *arguments], cwd=origin, check=True)
        subprocess.run(["git", "clone", "-q", origin, self.work], check=True)

    def edit(self, old: str, new: str, render: bool = True) -> None:
        file = self.work / "nodes" / "tenant-1.yaml"
        file.write_text(file.read_text().replace(old, new))
        if render:
            krmfn("render", "-o", "rendered", "nodes", cwd=self.work)

    def run(self) -> "subprocess.CompletedProcess[str]":
        """Run the steps in their order, and return the first that fails, or the last."""
        for step in ACTION["runs"]["steps"]:
            if "run" not in step or step["name"] == "Install krmfn":
                continue
            assert "${{" not in step["run"]
            done = self._step(step)
            if done.returncode:
                break
        return done

    def _step(self, step: dict[str, Any]) -> "subprocess.CompletedProcess[str]":
        output = self.temp / "output"
        output.write_text("")
        values = {name: self._value(text) for name, text in step.get("env", {}).items()}
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PATH": f"{self.temp}/krmfn/bin:{os.environ['PATH']}",
            "RUNNER_TEMP": str(self.temp),
            "GITHUB_OUTPUT": str(output),
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "GITHUB_BASE_REF": "main",
            "GITHUB_REPOSITORY": "example/nodes",
            **values,
        }
        shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        done = subprocess.run(
            shell, cwd=self.work, env=environment, capture_output=True, text=True, check=False
        )
        pairs = (line.partition("=") for line in output.read_text().splitlines())
        self.outputs[step.get("id", "")] = {name: value for name, _, value in pairs}
        return done

    def _value(self, text: str) -> str:
        """Fill in the expressions of a value."""

        def put(match: re.Match[str]) -> str:
            scope, _, rest = match[1].partition(".")
            if scope == "inputs":
                return str(self.inputs[rest])
            if scope == "steps":
                name, _, key = rest.partition(".outputs.")
                return self.outputs[name].get(key, "")
            value: Any = {"event": self.event}
            for key in rest.split("."):
                value = value[key]
            return str(value)

        return re.sub(r"\$\{\{ (\S+) \}\}", put, text)

    @property
    def plan(self) -> Path:
        return self.temp / "krmfn-plan"


def test_the_action_plans_comments_and_passes(tmp_path: Path) -> None:
    job = Job(tmp_path, **{"max-deletions": "0"})
    job.edit("quantity: 2", "quantity: 3")
    done = job.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert job.outputs["plan"]["changed"] == "1"
    comment = (job.plan / "comment.md").read_text()
    assert comment.startswith("<!-- krmfn nodes  -->\n**krmfn plan**: 3 machines: 1 to create, ")
    assert job.summary.read_text() in comment
    assert json.loads((job.plan / "plan.json").read_text())["summary"]["create"] == 1
    assert "<!doctype html>" in (job.plan / "plan.html").read_text().lower()
    assert job.calls.read_text().splitlines()[1:] == [
        f"api --silent repos/example/nodes/issues/7/comments --field body=@{job.plan}/comment.md"
    ]


def test_the_action_updates_its_comment(tmp_path: Path) -> None:
    job = Job(tmp_path)
    (tmp_path / "earlier").write_text("42\n")
    assert job.run().returncode == 0
    assert job.calls.read_text().splitlines()[1:] == [
        f"api --silent --method PATCH repos/example/nodes/issues/comments/42 --field body=@{job.plan}/comment.md"
    ]


def test_the_action_fails_where_the_files_are_stale(tmp_path: Path) -> None:
    job = Job(tmp_path)
    job.edit("quantity: 2", "quantity: 3", render=False)
    done = job.run()
    assert done.returncode == 4
    assert "::error title=krmfn::the rendered files are stale" in done.stdout
    assert (job.plan / "comment.md").exists()


def test_the_action_fails_where_a_gate_does_and_comments_all_the_same(tmp_path: Path) -> None:
    job = Job(tmp_path, **{"max-deletions": "0"})
    job.edit("quantity: 2", "quantity: 1")
    done = job.run()
    assert done.returncode == 4
    assert "::error title=krmfn::the plan has what" in done.stdout
    assert "1 to delete" in (job.plan / "comment.md").read_text()


def test_the_action_says_that_there_are_problems(tmp_path: Path) -> None:
    job = Job(tmp_path)
    job.edit("value: small", "value: smal")
    assert job.run().returncode == 1
    assert "found problems" in (job.plan / "comment.md").read_text()


def test_the_gate_does_not_fail_open(tmp_path: Path) -> None:
    """Whatever the base branch says of its files, and whatever tag has its name."""
    job = Job(tmp_path, **{"max-deletions": "0"})
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com"]
    origin = tmp_path / "origin"
    subprocess.run([*git, "tag", "main"], cwd=origin, check=True)
    (origin / ".gitattributes").write_text("rendered/** export-ignore\nrendered export-ignore\n")
    for arguments in (["add", "."], ["commit", "-qm", "y"]):
        subprocess.run([*git, *arguments], cwd=origin, check=True)
    job.edit("quantity: 2", "quantity: 1")
    assert job.run().returncode == 4


@pytest.mark.parametrize("folder", ["../rendered", "/rendered", "nodes/../rendered"])
def test_the_rendered_folder_is_in_the_repository(folder: str, tmp_path: Path) -> None:
    job = Job(tmp_path, rendered=folder)
    done = job.run()
    assert done.returncode == 2
    assert "must be a folder of the repository" in done.stdout
