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


def pipeline(file: str) -> tuple[list[str], list[str]]:
    """The overlays of a pipeline in examples/ci, and its commands."""
    value = yaml.safe_load((ROOT / "examples" / "ci" / file).read_text())
    if "nodes" in value:
        [matrix] = value["nodes"]["parallel"]["matrix"]
        return matrix["OVERLAY"], value["nodes"]["script"]
    job = value["jobs"]["plan"]
    commands = [step["run"] for step in job["steps"] if "run" in step]
    overlays = [one["overlay"] for one in job["strategy"]["matrix"]["include"]]
    return overlays, [command for command in commands if not command.startswith("pip ")]


@pytest.mark.parametrize(
    ("overlay", "said"),
    [("prod", "3 machines: 1 to delete, 2 unchanged"), ("dev", "1 machine: 1 to create")],
)
@pytest.mark.parametrize("file", ["github-overlays.yaml", "gitlab-overlays.yaml"])
def test_a_pipeline_plans_each_overlay(file: str, overlay: str, said: str, tmp_path: Path) -> None:
    """Nothing rendered is committed; the target branch has no overlay dev yet."""
    repository = tmp_path / "repository"
    shutil.copytree(ROOT / "examples" / "overlays", repository)
    git = ["git", "-C", str(repository), "-c", "user.name=a", "-c", "user.email=a@example.com"]
    for arguments in (
        ["init", "-q"],
        ["add", "base", "prod"],
        ["commit", "-qm", "x"],
        ["update-ref", "refs/remotes/origin/main", "HEAD"],
    ):
        subprocess.run([*git, *arguments], check=True)
    values = repository / "prod" / "vcluster.yaml"
    values.write_text(values.read_text().replace("quantity: 3", "quantity: 2"))
    overlays, commands = pipeline(file)
    assert overlays == ["dev", "prod"]
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{TOOLS}:{os.environ['PATH']}",
        "OVERLAY": overlay,
        "RUNNER_TEMP": str(tmp_path),
        "GITHUB_BASE_REF": "main",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
    }
    (tmp_path / "summary").touch()
    for command in commands:
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", command],
            cwd=repository,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert said in done.stdout + (tmp_path / "summary").read_text()


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
