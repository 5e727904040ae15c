"""Runs the real kustomize, for `-k`: the only place where krmfn starts a program.

A kustomization may call functions, krmfn among them. Those are programs that it names, so they
are allowed only if kustomize says that it needs them, and never without `-k`. Wherever it calls
`krmfn`, this krmfn is run, and what it is handed is kept: the inputs of the machines.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from krmfn.manifests.item import LOCAL_CONFIG
from krmfn.problems import Code, Collector, Origin, Place, Problem
from krmfn.records import record

PROGRAM = "kustomize"
# What local config is called while kustomize builds, which would leave it out of the output.
KEPT = "krmfn.dev/local-config"
_FUNCTIONS = ("--enable-alpha-plugins", "--enable-exec")
_NEEDS_FUNCTIONS = "external plugins disabled"
_FAILED, _ERROR = "couldn't execute function", "Error: "
# What to do about errors of kustomize that krmfn's users meet.
_HINTS = {
    "validator shouldn't modify": "list krmfn's config under transformers, not validators",
    "already registered id": "two bases have the same object: move it into one that both list",
}
_STAND_IN = """#!{python}
import sys
sys.path[:] = {path!r}
from krmfn.__main__ import main
from krmfn.commands.recorder import record
record({folder!r})
main()
"""
_LONGEST_INTERPRETER = 120


@record(frozen=True)
class Built:
    """What kustomize answered: its output, and the ResourceLists that it handed to krmfn.

    `faults` say why it failed; they are for the case that krmfn's runs don't tell.
    """

    text: bytes
    runs: list[bytes]
    faults: list[Problem]


def build(folder: str, problems: Collector) -> Built | None:
    """Build a kustomization, as `kustomize build` does. Return None if there is no kustomize."""
    at = Place(Origin(file=folder))
    program = shutil.which(PROGRAM)
    if program is None:
        advice = "install it (https://kubectl.docs.kubernetes.io/installation/kustomize/)"
        problems.append(at.error(f"-k builds with {PROGRAM}, which is not on the PATH; {advice}"))
        return None
    with TemporaryDirectory(prefix="krmfn-") as scratch:
        records = Path(scratch, "records")
        records.mkdir()
        environment = _environment(Path(scratch, "bin"), records)
        done = _run([program, "build", "--", folder], environment)
        if done.returncode and _NEEDS_FUNCTIONS in _text(done.stderr):
            done = _run([program, "build", *_FUNCTIONS, "--", folder], environment)
        runs = [file.read_bytes() for file in sorted(records.glob("*.yaml"))]
        said = [file.read_text(errors="replace") for file in sorted(records.glob("*.txt"))]
    if done.returncode:
        return Built(b"", runs, list(_faults(_text(done.stderr), said, at)))
    problems += (at.notice(f"kustomize: {line}", Code.KUSTOMIZE) for line in _lines(done.stderr))
    return Built(done.stdout, runs, [])


def local_config(folder: str) -> bytes:
    """Build a kustomization again, in which local config has the annotation `KEPT` instead.

    Declarations are often marked so that nothing applies them. Return b"" if kustomize can't.
    """
    program = shutil.which(PROGRAM)
    if program is None or not os.path.isdir(folder):
        return b""
    with TemporaryDirectory(prefix="krmfn-") as scratch:
        # kustomize takes no absolute paths, and counts from the real folder.
        base = os.path.relpath(os.path.realpath(folder), os.path.realpath(scratch))
        move = {"op": "move", "from": _pointer(LOCAL_CONFIG), "path": _pointer(KEPT)}
        patch = {"target": {"annotationSelector": LOCAL_CONFIG}, "patch": json.dumps([move])}
        wrapper: dict[str, Any] = {"resources": [base], "patches": [patch]}
        Path(scratch, "kustomization.yaml").write_text(json.dumps(wrapper))
        done = _run([program, "build", "--", scratch], dict(os.environ))
    return b"" if done.returncode else done.stdout


def _pointer(annotation: str) -> str:
    """Return the JSON pointer to an annotation (RFC 6901)."""
    return f"/metadata/annotations/{annotation.replace('/', '~1')}"


def _environment(folder: Path, records: Path) -> dict[str, str]:
    """Return the environment in which `krmfn` is a stand-in that records what it is handed."""
    folder.mkdir()
    python = sys.executable
    if len(python) > _LONGEST_INTERPRETER or any(char.isspace() for char in python):
        # The kernel would cut such a line.
        link = folder / "python"
        link.symlink_to(python)
        python = str(link)
    path = [os.path.abspath(entry) for entry in sys.path]
    text = _STAND_IN.format(python=python, path=path, folder=str(records))
    stand_in = folder / "krmfn"
    stand_in.write_text(text)
    stand_in.chmod(0o755)
    paths = [str(folder), os.environ.get("PATH", os.defpath)]
    return {**os.environ, "PATH": os.pathsep.join(paths)}


def _run(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
    """Run a program without input, and wait for it."""
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, env=environment, check=False
    )


def _faults(stderr: str, said: list[str], at: Place) -> Iterator[Problem]:
    """Yield why kustomize failed: what functions and kustomize itself printed.

    A function that failed has said why; of what kustomize adds, the first line says it all. The
    others may repeat whole objects.
    """
    before, _, error = stderr.rpartition(_ERROR)
    own = [line for text in said for line in text.splitlines()]
    lines = [*own, *_lines(before.encode())]
    first = error.partition("\n")[0].strip()
    if not lines or _FAILED not in first:
        hints = [hint for text, hint in _HINTS.items() if text in first]
        lines.append("; ".join([first or "failed without a word", *hints]))
    for line in lines:
        yield at.error(f"kustomize: {line}")


def _lines(text: bytes) -> list[str]:
    """Return the lines of a text that say something."""
    return [line.strip() for line in _text(text).splitlines() if line.strip()]


def _text(output: bytes) -> str:
    """Return what a program printed as text, whatever it is."""
    return output.decode(errors="replace")
