"""Pages link to what exists, run what they can, and their example command lines work."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support import ROOT

DOCS = ROOT / "docs"
EXAMPLES = ROOT / "examples"
# Every page that shows commands, by its path.
PAGES = [
    str(page.relative_to(ROOT))
    for page in [ROOT / "README.md", *sorted(DOCS.rglob("*.md")), *sorted(EXAMPLES.rglob("*.md"))]
    if "```console" in page.read_text()
]
# What can't be run without a cluster, a registry or a forge.
ELSEWHERE = (
    "kubectl ",
    "kustomize build --enable-alpha-plugins --enable-exec overlays",
    "git archive ",
    "git fetch ",
    "krmfn plan nodes --against /tmp/rendered",
    "helm ",
    "argocd ",
    "flux ",
    "kpt live ",
    "cosign ",
    "docker ",
    "kpt pkg get ",
    "make image ",
    "krmfn render -o rendered nodes",
    "krmfn plan -k overlay",
    "krmfn render -k overlay",
    "krmfn explain tenant-1-workers-0 -k overlay",
    "pipx ",
    "eval ",
    "virtctl ",
    "kpt live",
    "kpt fn render --allow-exec nodes",
)


def steps(page: str) -> list[tuple[str, str]]:
    """The commands of a page's console blocks, each with the output that it shows.

    A block of YAML that has a file's name is a command too, which writes that file.
    """
    found: list[tuple[str, str]] = []
    blocks = r'```(?:console|yaml title="(add to )?([^"]+)")\n(.*?)```'
    for add, file, block in re.findall(blocks, page, re.DOTALL):
        if file:
            operator = ">>" if add else ">"
            found.append(
                (f"mkdir -p $(dirname {file}); cat {operator} {file} <<'END'\n{block}END\n", "")
            )
            continue
        for part in re.split(r"(?m)^\$ ", block)[1:]:
            lines = part.splitlines(keepends=True)
            more = 1
            while more < len(lines) and lines[more].startswith("> "):
                more += 1
            command = lines[0] + "".join(line[2:] for line in lines[1:more])
            found.append((command, "".join(lines[more:])))
    return found


@pytest.mark.parametrize("name", PAGES)
def test_what_is_not_run_could_not_be(name: str) -> None:
    page = (ROOT / name).read_text()
    for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL):
        for line in block.strip().splitlines():
            assert line.startswith(ELSEWHERE), line


def test_pages_link_to_what_is_there() -> None:
    for page in [*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *EXAMPLES.rglob("*.md")]:
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_every_page_leads_back() -> None:
    for page in DOCS.rglob("*.md"):
        assert page.name == "index.md" or "index.md)" in page.read_text(), page


def test_the_site_builds_without_a_dead_link(tmp_path: Path) -> None:
    """Strictly: a page that is in no menu, or an anchor that leads nowhere, fails it."""
    # With --quiet, nothing is a warning, and so nothing fails.
    build = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site" / "tutorials" / "first-node" / "index.html").exists()
    hosts = set()
    for file in (tmp_path / "site").rglob("*.html"):
        page = file.read_text()
        # Before anything that the page could load.
        assert page.index('http-equiv="Content-Security-Policy"') < page.index("<link"), file
        hosts |= set(
            re.findall(
                r"""<(?:script|link|img|iframe)[^>]+(?:src|href)=["']?(https?://[^/"' ]+)""", page
            )
        )
    # Their own address, in <link rel="canonical">.
    assert hosts == {"https://krmfn.github.io"}


@pytest.mark.parametrize("target", ["nodes rendered", "nodes"])
@pytest.mark.parametrize(
    "file", [".pre-commit-hooks.yaml", "examples/ci/github.yaml", "examples/ci/gitlab.yaml"]
)
def test_the_command_lines_of_examples_work(file: str, target: str, tmp_path: Path) -> None:
    """Also in the first pull request, where the target branch has no rendered files."""
    (tmp_path / "temp").mkdir()
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        "GITHUB_BASE_REF": "main",
        "RUNNER_TEMP": str(tmp_path / "temp"),
        "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
    }
    subprocess.run(
        ["krmfn", "init", "nodes"], cwd=tmp_path, env=environment, check=True, capture_output=True
    )
    subprocess.run(
        ["krmfn", "render", "-o", "rendered", "nodes"],
        cwd=tmp_path,
        env=environment,
        check=True,
        capture_output=True,
    )
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    for arguments in (
        ["init", "-q"],
        ["add", *target.split()],
        ["commit", "-qm", "x"],
        ["update-ref", "refs/remotes/origin/main", "HEAD"],
    ):
        subprocess.run(
            ["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True
        )
    value = yaml.safe_load((ROOT / file).read_text())
    if isinstance(value, list):
        commands = [f"{hook['entry']} {' '.join(hook['args'])}" for hook in value]
    else:
        steps = (
            value["jobs"]["rendered"]["steps"]
            if "jobs" in value
            else [{"run": line} for line in value["nodes"]["script"]]
        )
        commands = [
            step["run"] for step in steps if "run" in step and not step["run"].startswith("pip ")
        ]
    assert commands
    for command in commands:
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


def test_no_application_hides_a_change() -> None:
    """What `ignoreDifferences` names is never applied alone, and KubeVirt's additions need none."""
    files = [file for name in ("argocd", "examples") for file in (ROOT / name).rglob("*.yaml")]
    assert ROOT / "argocd" / "application.yaml" in files
    assert [file for file in files if "ignoreDifferences" in file.read_text()] == []


def test_argocds_page_shows_the_files_that_are_shipped() -> None:
    page = (DOCS / "argocd.md").read_text()
    for name in ("application.yaml", "kustomize/applicationset.yaml"):
        assert f"```yaml\n{(ROOT / 'argocd' / name).read_text()}```" in page, name
