"""Each command's help is whole, and has examples that work and the address of a page that exists."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from krmfn.commands.cli import cli
from krmfn.commands.help_texts import HELP, SITE
from tests.support import ROOT, krmfn

# What is not there in a test, and what stands for it.
STAND_INS = {
    "kubectl get virtualmachines,secrets -A -o yaml --show-managed-fields": "krmfn render nodes",
    "kustomize build overlay": "krmfn render nodes",
    "krmfn render -k overlays/production": "krmfn render nodes",
    "krmfn < resource-list.yaml": "krmfn --help",
    "krmfn init nodes &&": "krmfn init other &&",
    "krmfn init nodes": "krmfn init another",
}


def test_no_summary_is_cut_or_missing() -> None:
    listed = krmfn("--help").stdout.partition("Commands:\n")[2].partition("\n\n")[0]
    for name, command in cli.commands.items():
        assert command.short_help
        assert f"{command.short_help}\n" in listed + "\n", name
    assert "..." not in listed


@pytest.mark.parametrize("name", ["krmfn", *cli.commands])
def test_help_ends_with_examples_and_a_page(name: str) -> None:
    arguments = [] if name == "krmfn" else [name]
    shown = krmfn(*arguments, "--help").stdout
    page, examples = HELP[name]
    assert shown.endswith(f"\n\nMore: {SITE}{page}\n")
    for purpose, line in examples:
        assert f"  # {purpose}\n  {line}\n" in shown
    page, _, anchor = page.partition("#")
    text = (ROOT / "docs" / f"{page.strip('/') or 'index'}.md").read_text()
    titles = [line.lstrip("# ").lower().replace(" ", "-") for line in text.splitlines()]
    assert not anchor or anchor in titles


@pytest.mark.parametrize(
    "line", [line for _, examples in HELP.values() for _, line in examples], ids=str
)
def test_the_examples_work(line: str, tmp_path: Path) -> None:
    for arguments in (["init", "nodes"], ["render", "nodes", "-o", "rendered"]):
        assert krmfn(*arguments, cwd=tmp_path).returncode == 0
    shutil.copytree(tmp_path / "nodes", tmp_path / "overlay")
    for text, stand_in in STAND_INS.items():
        line = line.replace(text, stand_in)
    program = f'krmfn() {{ "{sys.executable}" -m krmfn "$@"; }}; '
    done = subprocess.run(
        ["bash", "-c", program + line],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
