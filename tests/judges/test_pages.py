"""Every command that the README and the pages show works, and prints what the page shows."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT, TOOLS
from tests.test_pages import PAGES, steps


@pytest.mark.parametrize("name", PAGES)
def test_a_page_line_by_line(name: str, tmp_path: Path) -> None:
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{TOOLS}:{os.environ['PATH']}",
        "HOME": str(tmp_path / "home"),
        "LC_ALL": "C.UTF-8",
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
