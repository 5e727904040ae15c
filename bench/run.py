"""Times krmfn and its peers as whole processes, in turn, on the same jobs: `make bench` prints the table of bench/README.md.

`bench/run.py [--only TEXT]` runs the cases whose name holds a text.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field

from cases import PYTHON, WORK, Case, build_peers, cases

from krmfn.manifests import yamlio


@dataclass(slots=True)
class Measured:
    """The runs of one program on one case: wall and processor seconds, and the peak of its memory in MiB."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    memory: float = 0.0
    output: int = 0


def timed(case: Case, command: list[str], into: Measured | None) -> bytes:
    """Run a command once, and note what it took."""
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as output:
        source.write(case.source)
        source.seek(0)
        start = time.perf_counter()
        process = subprocess.Popen(
            command,
            stdin=source,
            stdout=output,
            stderr=subprocess.DEVNULL,
            cwd=case.folder,
            env={**os.environ, **case.environment},
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read()
    if process.returncode:
        raise SystemExit(f"{case.name}: {command[0]} failed with {process.returncode}")
    if into:
        into.wall.append(wall)
        into.cpu.append(usage.ru_utime + usage.ru_stime)
        into.output = len(text)
    return text


# A process inherits its parent's peak: it has to be told by a small one.
_SPAWN = (
    "import os, resource, subprocess, sys;"
    "code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode;"
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
)


def peak(case: Case, command: list[str]) -> float:
    """The peak memory of a command in MiB, of the largest of its processes."""
    return int(timed(case, [PYTHON, "-c", _SPAWN, *command], None)) / 1024


def check_same(case: Case) -> None:
    """Every peer has to make the objects that krmfn makes."""
    if not case.same:
        return
    ours = made(timed(case, case.commands["krmfn"], None))
    for peer in case.same:
        theirs = made(timed(case, case.commands[peer], None))
        if theirs != ours:
            odd = sorted(key for key in {*ours, *theirs} if ours.get(key) != theirs.get(key))
            raise SystemExit(
                f"{case.name}: {peer} makes other objects than krmfn: {len(odd)}, such as {odd[:2]}"
            )


def made(text: bytes) -> dict[tuple[str, str], object]:
    """The machines and their Secrets in a stream or a ResourceList, by kind and name."""
    read, faults = yamlio.read(text)
    if faults:
        raise SystemExit(f"not YAML: {faults[0]}")
    documents = [document.data for document in read if document.data]
    objects = [item for document in documents for item in document.get("items", [document])]
    found = {}
    for value in objects:
        if value["metadata"].get("labels", {}).get("app.kubernetes.io/managed-by") == "krmfn":
            value["metadata"].get("annotations", {}).pop("config.kubernetes.io/index", None)
            found[value["kind"], value["metadata"]["name"]] = value
    return found


def measure(case: Case) -> dict[str, Measured]:
    """Run all programs of a case in turn, round by round; the first round warms up."""
    found = {name: Measured() for name in case.commands}
    for turn in range(case.runs + (case.runs > 1)):
        for name, command in case.commands.items():
            timed(case, command, found[name] if turn or case.runs == 1 else None)
    for name, command in case.commands.items():
        found[name].memory = peak(case, command)
    return found


def rows(case: Case, found: dict[str, Measured]) -> list[str]:
    """One row for each program, with the ratio of krmfn's wall time to its own."""
    ours = statistics.median(found["krmfn"].wall)
    lines = []
    for name, one in found.items():
        wall, cpu = statistics.median(one.wall), statistics.median(one.cpu)
        ratio = "" if name == "krmfn" else f"{ours / wall:.2f}"
        cells = [
            case.name,
            name,
            f"{wall:.3f}",
            f"{cpu:.3f}",
            ratio,
            f"{one.memory:.0f} MiB",
            f"{one.output / 1e6:.1f} MB",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def main() -> None:
    """Measure all cases and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="", help="the cases whose name holds this text")
    parser.add_argument("--unchecked", action="store_true", help="don't compare the objects")
    arguments = parser.parse_args()
    build_peers()
    WORK.mkdir(exist_ok=True)
    print(
        "| case | program | wall s | CPU s | krmfn / it | peak memory | output |\n|---|---|---|---|---|---|---|"
    )
    for case in cases():
        if arguments.only in case.name:
            if not arguments.unchecked:
                check_same(case)
            print("\n".join(rows(case, measure(case))), flush=True)


if __name__ == "__main__":
    sys.exit(main())
