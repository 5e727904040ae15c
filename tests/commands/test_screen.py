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
from typing import Any

import pytest

from tests.support import FIXTURES, ROOT, krmfn

STYLE = re.compile(r"\x1b\[[0-9;]*m")
POOL = str(FIXTURES / "pool")


def on_terminal(
    *arguments: str, columns: int = 100, cwd: Path = ROOT, code: int = 0, **environment: str
) -> str:
    """What krmfn shows on a terminal of so many columns: its output, or the problems if it fails."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    kept = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "NO_COLOR")}
    process = subprocess.Popen(
        [sys.executable, "-m", "krmfn", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL if code else slave,
        stderr=slave if code else subprocess.DEVNULL,
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
    assert process.wait() == code
    # On a busy machine the line of progress is shown too.
    return re.sub(r"\r\x1b\[K(krmfn [^\r]*)?", "", shown.decode().replace("\r\n", "\n"))


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
    flags: list[str], environment: dict[str, Any], changed_package: Path
) -> None:
    for command in (["plan", POOL], ["plan", ".", "--against", "out"]):
        shown = on_terminal(*command, *flags, columns=120, cwd=changed_package, **environment)
        assert shown
        assert not STYLE.search(shown)


@pytest.fixture
def broken_package(tmp_path: Path) -> Path:
    assert krmfn("init", "nodes", cwd=tmp_path).returncode == 0
    return tmp_path


def break_file(package: Path, file: str, old: str, new: str) -> None:
    path = package / "nodes" / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))


def test_a_problem_has_the_line_of_its_file_and_a_caret(broken_package: Path) -> None:
    break_file(broken_package, "provider.yaml", "cores: 2", "cores: two")
    break_file(broken_package, "tenant-1.yaml", "quantity: 2", "quantity: -2")
    shown = on_terminal("plan", "nodes", cwd=broken_package, code=1, NO_COLOR="1")
    lines = shown.splitlines()
    assert lines[0].startswith("error: nodes/provider.yaml:32:17: NodeProvider kubevirt: ")
    assert lines[1:3] == [
        "    32 |                 cores: two",
        "       |                 ^",
    ]
    # Its position is that inside of the text of vcluster.yaml.
    assert lines[3].startswith("error: nodes/tenant-1.yaml:19:")
    number, bar, text = lines[4].partition(" | ")
    assert (number.strip(), text.strip()) == ("19", "quantity: -2")
    assert text[lines[5].index("^") - len(number + bar) :].startswith("quantity")
    in_pipe = krmfn("plan", "nodes", cwd=broken_package).stderr
    assert [
        line for line in lines if not re.match(" +([0-9]+ )?[|] ", line)
    ] == in_pipe.splitlines()
    coloured = on_terminal("plan", "nodes", cwd=broken_package, code=1)
    assert STYLE.sub("", coloured) == shown
    assert coloured.startswith("\x1b[31m\x1b[1merror\x1b[0m: nodes/")
    assert not STYLE.search(on_terminal("plan", "nodes", "--no-color", cwd=broken_package, code=1))


CLOUD = "#cloud-config\n      password: HUNTER2: x\n"
HIDDEN = {
    "a password in user data": (
        "provider.yaml",
        "spec:\n",
        "spec:\n  properties:\n    vcluster.com/user-data: |\n      " + CLOUD,
    ),
    "a key in user data, misindented": (
        "provider.yaml",
        "spec:\n",
        "spec:\n  properties:\n    vcluster.com/user-data: |\n      key: |\n       -----BEGIN\n     HUNTER2\n",
    ),
    "a token in the place of its reference": (
        "nodes.yaml",
        "joinToken:\n",
        "joinToken: HUNTER2\n    x:\n",
    ),
    "a token in the endpoint": ("nodes.yaml", "tenant-1.example.com:443", "https://a:HUNTER2@h/?x"),
    "a value in flow style": (
        "nodes.yaml",
        "spec:\n",
        "spec: {a: HUNTER2, virtualClusters: 1}\nspeck:\n",
    ),
    "a comment": ("provider.yaml", "cores: 2", "cores: x # HUNTER2"),
    "text that is not YAML": ("provider.yaml", "cores: 2", "cores: HUNTER2: x"),
}


@pytest.mark.parametrize("case", HIDDEN)
def test_no_line_that_may_hold_a_secret_is_shown(case: str, broken_package: Path) -> None:
    break_file(broken_package, *HIDDEN[case])
    shown = on_terminal("plan", "nodes", cwd=broken_package, code=1, NO_COLOR="1")
    quoted = [line for line in shown.splitlines() if re.match(" +[0-9]+ [|] ", line)]
    assert "HUNTER2" not in " ".join(quoted)


@pytest.mark.parametrize(
    "kind", ["Secret", '"\\x53ecret"', "!!str Secret", "&k Secret", ">-\n  Secret"]
)
def test_no_line_of_a_secret_is_shown(kind: str, broken_package: Path) -> None:
    secret = f"apiVersion: v1\nkind: {kind}\nmetadata: {{name: a}}\nstringData:\n  a: [HUNTER2]\n"
    (broken_package / "nodes" / "secret.yaml").write_text(secret)
    config = broken_package / "nodes" / "nodes.yaml"
    text = config.read_text().replace("delivery: Disk", "delivery: UserData")
    config.write_text(text.replace("name: tenant-1-join", "name: a"))
    shown = on_terminal("plan", "nodes", cwd=broken_package, code=1, NO_COLOR="1")
    assert "HUNTER2" not in shown


def test_a_pipe_is_not_read_again(broken_package: Path) -> None:
    os.mkfifo(broken_package / "pipe.yaml")
    text = (broken_package / "nodes" / "nodes.yaml").read_text().replace("endpoint:", "endpont:")
    writer = subprocess.Popen(["tee", "pipe.yaml"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd=broken_package)  # fmt: skip
    assert writer.stdin
    writer.stdin.write(text.encode())
    writer.stdin.close()
    shown = on_terminal("plan", "pipe.yaml", cwd=broken_package, code=1, NO_COLOR="1")
    writer.wait()
    assert "pipe.yaml:14:5" in shown


def test_a_line_beyond_the_edge_has_no_caret(broken_package: Path) -> None:
    break_file(broken_package, "provider.yaml", "cores: 2", f"cores: {'long ' * 10}")
    shown = on_terminal("plan", "nodes", cwd=broken_package, code=1, columns=50, NO_COLOR="1")
    assert [len(line) for line in shown.splitlines() if "cores: long" in line and "|" in line] == [
        50
    ]


def test_a_long_run_says_that_it_is_at_work(tmp_path: Path) -> None:
    """It reads a pipe for longer than two seconds, and takes its line away before it answers."""
    reader = "import sys, time; time.sleep(2.5); print('a: [')"
    command = f"'{sys.executable}' -c \"{reader}\" | '{sys.executable}' -m krmfn plan -"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    master, slave = pty.openpty()
    process = subprocess.Popen(
        ["bash", "-c", command], stderr=slave, stdin=subprocess.DEVNULL, env=environment
    )
    os.close(slave)
    assert process.wait() == 1
    shown = os.read(master, 65536).decode()
    os.close(master)
    assert re.match(r"\r\x1b\[Kkrmfn plan: at work for 2 s …\r\x1b\[K.*error", shown)
