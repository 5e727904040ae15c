"""Times krmfn as whole processes on growing inputs, beside a bare interpreter: `make bench` prints the table of bench/README.md."""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.support import CLAIM, CONFIG, PROVIDER, SECRET, changed  # noqa: E402

RUNS = 5
SIZES = (1, 1_000, 10_000)
KRMFN = [str(ROOT / ".venv" / "bin" / "krmfn")]
BARE = [sys.executable, "-c", "pass"]


def claims(count: int) -> str:
    """A ResourceList of one provider and `count` claims, as kustomize writes it."""
    import yaml

    head = yaml.safe_dump({"apiVersion": "config.kubernetes.io/v1", "kind": "ResourceList", "functionConfig": CONFIG}, sort_keys=False)
    items = [PROVIDER, SECRET, *(changed(CLAIM, "metadata.name", f"node-{number}") for number in range(count))]
    return head + "items:\n" + yaml.dump(items, Dumper=yaml.CSafeDumper)


def timed(command: list[str], source: bytes) -> tuple[float, float, int]:
    """Wall and CPU seconds of one run, and the bytes that it prints."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run(command, input=source, capture_output=True, check=True)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, len(done.stdout)


def peak(command: list[str], source: bytes) -> float:
    """Peak memory of one run in MiB, told by a parent of its own."""
    code = "import resource, subprocess, sys; run, none = subprocess.run, subprocess.DEVNULL;"
    code += "run(sys.argv[1:], stdin=sys.stdin, stdout=none, stderr=none);"
    code += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    done = subprocess.run([sys.executable, "-c", code, *command], input=source, capture_output=True, check=True)
    return int(done.stdout) / 1024


def main() -> None:
    """Run all cases in turn, round by round, and print medians."""
    cases = [("bare interpreter", BARE, b"")] + [(f"{size:,} claims", KRMFN, claims(size).encode()) for size in SIZES]
    found: dict[str, list[tuple[float, float, int]]] = {name: [] for name, _, _ in cases}
    for turn in range(RUNS + 1):
        for name, command, source in cases:
            result = timed(command, source)
            if turn:
                found[name].append(result)
    bare = statistics.median(wall for wall, _, _ in found["bare interpreter"])
    print("| case | input | wall s | CPU s | × bare | output | peak memory |\n|---|---|---|---|---|---|---|")
    for name, command, source in cases:
        wall, cpu, size = (statistics.median(values) for values in zip(*found[name], strict=True))
        memory = peak(command, source)
        row = [
            f"{len(source) / 1e6:.1f} MB",
            f"{wall:.3f}",
            f"{cpu:.3f}",
            f"{wall / bare:.0f}",
            f"{size / 1e6:.1f} MB",
            f"{memory:.0f} MiB",
        ]
        print(f"| {' | '.join([name, *row])} |")
    print(json.dumps({name: [round(wall, 4) for wall, _, _ in values] for name, values in found.items()}), file=sys.stderr)


if __name__ == "__main__":
    main()
