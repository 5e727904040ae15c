"""Times two revisions of krmfn in turn: `make bench-compare REV=main` prints the ratio of this tree to the other, case by case."""

from __future__ import annotations

import statistics
import subprocess
import sys

from cases import PYTHON, ROOT, WORK, Case, cases
from run import measure

_RUN = "import sys; sys.path.insert(0, {!r}); from krmfn.__main__ import main; main()"


def main(revision: str) -> None:
    """Check a revision out beside this one and run both on every case."""
    tree = WORK / "revision"
    subprocess.run(
        ["git", "worktree", "remove", "--force", str(tree)],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    subprocess.run(
        ["git", "worktree", "add", "--quiet", "--detach", str(tree), revision], cwd=ROOT, check=True
    )
    try:
        print(f"| case | this tree, s | {revision}, s | ratio |\n|---|---|---|---|")
        for case in cases():
            command = case.commands["krmfn"]
            if command[0] == PYTHON or "kustomize" in command[0]:
                continue
            programs = {
                name: [PYTHON, "-c", _RUN.format(str(folder)), *command[1:]]
                for name, folder in (("krmfn", ROOT), ("other", tree))
            }
            found = measure(Case(case.name, programs, case.source, runs=case.runs))
            ours, theirs = (statistics.median(found[name].wall) for name in ("krmfn", "other"))
            print(f"| {case.name} | {ours:.3f} | {theirs:.3f} | {ours / theirs:.2f} |", flush=True)
    finally:
        subprocess.run(
            ["git", "worktree", "remove", "--force", str(tree)],
            cwd=ROOT,
            capture_output=True,
            check=False,
        )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: make bench-compare REV=<revision>")
    main(sys.argv[1])
