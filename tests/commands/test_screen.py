"""A plan fits the terminal that it is shown on; in a file or pipe nothing is cut or coloured."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from tests.support import FIXTURES, ROOT, krmfn

STYLE = re.compile(r"\x1b\[[0-9;]*m")
POOL = str(FIXTURES / "pool")


def on_terminal(*arguments: str, columns: int, cwd: Path = ROOT, **environment: str) -> str:
    """What krmfn shows on a terminal of so many columns."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    kept = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "NO_COLOR")}
    process = subprocess.Popen(
        [sys.executable, "-m", "krmfn", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=slave,
        stderr=subprocess.DEVNULL,
        cwd=cwd,
        env={**kept, "PYTHONPATH": str(ROOT), "TERM": "xterm", **environment},
    )
    os.close(slave)
    shown = b""
    with open(master, "rb", buffering=0) as terminal:
        try:
            while part := terminal.read(65536):
                shown += part
        except OSError:  # Linux says so when the program has ended.
            pass
    assert process.wait() == 0
    return shown.decode().replace("\r\n", "\n")


@pytest.fixture(scope="module")
def changed_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("changed")
    done = krmfn("render", POOL, "-o", "out", "--allow-plaintext-token", cwd=where)
    assert done.returncode == 0, done.stderr
    for file in Path(POOL).glob("*.yaml"):
        text = file.read_text().replace("quantity: 2", "quantity: 1")
        (where / file.name).write_text(text)
    return where


def test_in_a_pipe_nothing_is_cut_or_coloured() -> None:
    text = krmfn("plan", POOL).stdout
    assert "…" not in text
    assert not STYLE.search(text)


@pytest.mark.parametrize("columns", [30, 80, 100, 200])
def test_tables_fit_the_terminal(columns: int) -> None:
    shown = on_terminal("plan", POOL, columns=columns)
    lines = STYLE.sub("", shown).splitlines()
    assert max(map(len, lines)) <= max(columns, 40)
    whole = krmfn("plan", POOL).stdout
    assert (STYLE.sub("", shown) == whole) == (columns >= max(map(len, whole.splitlines())))


@pytest.mark.parametrize("columns", [40, 100, 160])
def test_changes_fit_the_terminal(columns: int, changed_package: Path) -> None:
    shown = on_terminal("plan", ".", "--against", "out", columns=columns, cwd=changed_package)
    assert "\x1b[31m\x1b[1mdelete\x1b[0m" in shown
    plain = STYLE.sub("", shown)
    names = plain.replace("\n", "").replace(" ", "")
    assert "vcluster-platform/tenant-1-standard-1" in names
    in_pipe = krmfn("plan", ".", "--against", "out", cwd=changed_package).stdout
    assert plain.split() == in_pipe.split()
    if columns >= 100:
        assert max(map(len, plain.splitlines())) <= columns


@pytest.mark.parametrize(
    ("flags", "environment"),
    [(["--no-color"], {}), ([], {"NO_COLOR": "1"}), ([], {"TERM": "dumb"})],
)
def test_colours_can_be_turned_off(
    flags: list[str], environment: dict[str, str], changed_package: Path
) -> None:
    for command in (["plan", POOL], ["plan", ".", "--against", "out"]):
        shown = on_terminal(*command, *flags, columns=120, cwd=changed_package, **environment)
        assert shown
        assert not STYLE.search(shown)
