"""Every command that the README and the pages show works, and prints what the page shows."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support import ROOT, TOOLS, kustomize
from tests.test_pages import PAGES, steps


@pytest.mark.parametrize("name", PAGES)
def test_a_page_line_by_line(name: str, tmp_path: Path) -> None:
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{TOOLS}:{os.environ['PATH']}",
        "HOME": str(tmp_path / "home"),
        "LC_ALL": "C.UTF-8",
        # A page commits, as its reader does.
        **{
            f"GIT_{who}_{what}": "a@example.com"
            for who in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        },
    }
    work = tmp_path / "work"
    page_file = ROOT / name
    if name.startswith("examples/"):
        shutil.copytree(page_file.parent, work)
    else:
        work.mkdir()
        for folder in ("krmfn", "fixtures"):
            (work / folder).symlink_to(ROOT if folder == "krmfn" else ROOT / folder)
    for command, shown in steps(page_file.read_text()):
        if command.startswith("make "):  # It is what runs this test.
            continue
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=work,
            env=environment,
            stdout=subprocess.PIPE,
            # A page that shows tables alone leaves warnings out.
            stderr=subprocess.PIPE if shown.startswith("NAME ") else subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        pattern = "(?:.*\n)*".join(map(re.escape, shown.split("…\n")))
        assert re.fullmatch(pattern, done.stdout), f"{command}:\n{done.stdout}"


OVERLAYS = pytest.mark.parametrize("file", ["github-overlays.yaml", "gitlab-overlays.yaml"])


def commands_of(file: str) -> list[str]:
    """The commands of a pipeline in examples/ci, without those that install krmfn."""
    value = yaml.safe_load((ROOT / "examples" / "ci" / file).read_text())
    if "nodes" in value:
        script: list[str] = value["nodes"]["script"]
        return script
    commands = [step["run"] for step in value["jobs"]["plan"]["steps"] if "run" in step]
    return [command for command in commands if not command.startswith("pip ")]


class PullRequest:
    """A repository of overlays, with nothing rendered, and a pull request in it."""

    def __init__(self, path: Path) -> None:
        self.path = path / "repository"
        self.summary = path / "summary"
        self.summary.touch()
        shutil.copytree(ROOT / "examples" / "overlays", self.path)
        self._git("init", "-q")

    def _git(self, *arguments: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
        subprocess.run(["git", "-C", str(self.path), *identity, *arguments], check=True)

    def _commit(self, *files: str) -> None:
        self._git("add", *files)
        self._git("commit", "-qm", "x")

    def target(self, *files: str) -> None:
        """Commit the files as they are now to the target branch."""
        self._commit(*files)
        self._git("update-ref", "refs/remotes/origin/main", "HEAD")

    def resize(self, overlay: str, quantity: int) -> None:
        values = self.path / overlay / "vcluster.yaml"
        values.write_text(re.sub(r"quantity: \d+", f"quantity: {quantity}", values.read_text()))

    def run(self, file: str) -> tuple[int, str]:
        """Return how the pipeline ends, and what it says."""
        self._commit(".")  # The pull request's own commit.
        environment = {
            "PATH": f"{Path(sys.executable).parent}:{TOOLS}:{os.environ['PATH']}",
            "GITHUB_BASE_REF": "main",
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
        }
        printed = ""
        for command in commands_of(file):
            done = subprocess.run(
                ["bash", "-e", "-c", command],
                cwd=self.path,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            printed += done.stdout
            if done.returncode:
                break
        return done.returncode, printed + self.summary.read_text()


@OVERLAYS
def test_a_pipeline_plans_each_overlay(file: str, tmp_path: Path) -> None:
    """The target branch has no overlay dev yet."""
    request = PullRequest(tmp_path)
    request.target("base", "prod")
    request.resize("prod", 2)
    status, said = request.run(file)
    assert status == 0, said
    assert "3 machines: 1 to delete, 2 unchanged" in said
    assert "1 machine: 1 to create" in said
    pages = {str(page.relative_to(request.path)) for page in request.path.glob("plans/**/*.html")}
    assert pages == {"plans/dev/plan.html", "plans/prod/plan.html"}


@OVERLAYS
@pytest.mark.parametrize(
    ("before", "now", "said"),
    [(1, -1, "quantity"), (7, 1, "6 machines would be deleted; --max-deletions allows 5")],
)
def test_a_pipeline_fails_for_one_overlay_and_plans_the_others(
    before: int, now: int, said: str, file: str, tmp_path: Path
) -> None:
    request = PullRequest(tmp_path)
    request.resize("dev", before)
    request.target(".")
    request.resize("dev", now)
    request.resize("prod", 2)
    status, everything = request.run(file)
    assert status == 1
    assert said in everything
    assert "3 machines: 1 to delete, 2 unchanged" in everything


@OVERLAYS
def test_a_pipeline_lists_the_machines_of_an_overlay_that_goes(file: str, tmp_path: Path) -> None:
    request = PullRequest(tmp_path)
    request.target(".")
    shutil.rmtree(request.path / "dev")
    status, said = request.run(file)
    assert status == 1
    assert "dev goes, and has machines. First shrink its pools to 0" in said
    assert "machines-dev/shop-dev-workers-0" in said
    assert "3 machines: 3 unchanged" in said


@OVERLAYS
def test_a_pipeline_lets_an_overlay_without_machines_go(file: str, tmp_path: Path) -> None:
    request = PullRequest(tmp_path)
    request.resize("dev", 0)
    config = request.path / "dev" / "nodes.yaml"
    config.write_text(f"{config.read_text().rstrip()}\n    allowNoNodes: true\n")
    request.target(".")
    shutil.rmtree(request.path / "dev")
    status, said = request.run(file)
    assert status == 0, said
    assert "3 machines: 3 unchanged" in said


def test_the_kustomization_of_argocds_page_installs_both_plugins(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "argocd.md").read_text()
    [block] = re.findall(r"```yaml\n(# kustomization.yaml\n.*?)```", page, re.DOTALL)
    (tmp_path / "kustomization.yaml").write_text(block)
    container = "{name: argocd-repo-server, image: argocd}"
    (tmp_path / "install.yaml").write_text(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: argocd-repo-server}\n"
        f"spec: {{template: {{spec: {{containers: [{container}]}}}}}}\n"
    )
    shutil.copytree(ROOT / "argocd", tmp_path / "krmfn")
    built = list(yaml.safe_load_all(kustomize(tmp_path).stdout))
    [deployment] = [one for one in built if one["kind"] == "Deployment"]
    containers = deployment["spec"]["template"]["spec"]["containers"]
    assert {one["name"]: one["image"].partition(":")[0] for one in containers} == {
        "argocd-repo-server": "argocd",
        "krmfn": "registry.example.com/krmfn",
        "krmfn-kustomize": "registry.example.com/krmfn-kustomize",
    }
    names = {one["metadata"]["name"] for one in built if one["kind"] == "ConfigMap"}
    mounted = {
        one["configMap"]["name"]
        for one in deployment["spec"]["template"]["spec"]["volumes"]
        if "configMap" in one
    }
    assert names == mounted
    assert len(names) == 2
