"""Every command that the README and the pages show works, and prints what the page shows."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import (
    ROOT,
    TOOLS,
    machines,
)
from tests.test_pages import PAGES, steps
from tests.test_readme import COMMANDS


@pytest.mark.parametrize("name", PAGES)
def test_a_page_line_by_line(name: str, tmp_path: Path) -> None:
    page = (ROOT / "docs" / f"{name}.md").read_text()
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{TOOLS}:{os.environ['PATH']}",
        "HOME": str(tmp_path / "home"),
        "LC_ALL": "C.UTF-8",
    }
    work = tmp_path / "work"
    work.mkdir()
    (work / "krmfn").symlink_to(ROOT)
    for command, shown in steps(page):
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=work,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}"
        pattern = "(?:.*\n)*".join(map(re.escape, shown.split("…\n")))
        assert re.fullmatch(pattern, done.stdout), f"{command}:\n{done.stdout}"


# `make` is what runs this test.
RUN = [command for command in COMMANDS if not command.startswith("make ")]


def test_commands_work(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{TOOLS}:{os.environ['PATH']}",
    }
    assert len(RUN) > 4
    for shown in RUN:
        command = shown.replace("/tmp/nodes", f"{tmp_path}/nodes")
        done = subprocess.run(
            command,
            shell=True,
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        assert machines(done.stdout) if "render" in command or "build" in command else done.stdout
