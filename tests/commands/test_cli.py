"""The command line says what it can do, and fails cleanly if its output or input is closed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from krmfn import __version__
from tests.manifests.test_files import copy
from tests.support import ROOT, krmfn


def test_help_and_version() -> None:
    assert krmfn("--version").stdout == f"krmfn, version {__version__}\n"
    assert "render" in krmfn("--help").stdout
    assert krmfn("render", "--nothing").returncode == 2
    assert krmfn("rendr").returncode == 2


def shell(command: str) -> "subprocess.CompletedProcess[str]":
    program = f"{sys.executable} -m krmfn"
    return subprocess.run(
        ["bash", "-c", command.replace("krmfn", program)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    "command", ["krmfn render fixtures/sizes", "krmfn <fixtures/package/input.yaml"]
)
def test_output_that_can_not_be_written(command: str) -> None:
    full = shell(f"{command} >/dev/full")
    assert full.returncode == 1
    assert full.stderr.splitlines()[-1] == "error: can't write or read: No space left on device"
    gone = shell(f"{command} | true; exit ${{PIPESTATUS[0]}}")
    assert gone.returncode == 1
    assert "Traceback" not in gone.stderr


def test_a_closed_standard_input() -> None:
    done = shell("krmfn render - <&-")
    assert done.returncode == 1
    assert "error: standard input: is closed" in done.stderr


def test_text_is_utf_8_whatever_the_environment_says(tmp_path: Path) -> None:
    copy(tmp_path)
    (tmp_path / "more.yaml").write_text(
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: x}, data: {a: é}}\n"
    )
    done = shell(f"PYTHONIOENCODING=ascii LC_ALL=C krmfn render --all {tmp_path}")
    assert done.returncode == 0, done.stderr
    assert 'a: "é"' in done.stdout


def test_completion_needs_no_terminal(tmp_path: Path) -> None:
    """As in a Dockerfile or a package's build."""

    def krmfn_completes(**variables: str) -> str:
        return subprocess.run(
            [Path(sys.executable).with_name("krmfn")],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
        ).stdout

    assert "_krmfn_completion" in krmfn_completes(_KRMFN_COMPLETE="bash_source")
    words = {"COMP_WORDS": "krmfn plan no", "COMP_CWORD": "2"}
    # The shell completes files itself.
    assert "file,no" in krmfn_completes(_KRMFN_COMPLETE="bash_complete", **words)
