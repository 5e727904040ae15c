"""Compares the instructions that two revisions of krmfn take: `make bench-compare REV=main`.

Without a revision it is the last release, and before there is one, the commit before this. Valgrind counts instructions: on one machine they differ by less than one in a hundred from run
to run, whatever else runs there. So a ratio above the bound is krmfn's own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cases import (
    CONFIG,
    PROVIDER,
    PYTHON,
    ROOT,
    SECRET,
    WORK,
    changed,
    claims,
    pool,
    pool_config,
    resource_list,
    tenants,
    unlike,
)

_BOUND = 1.10
_RUN = "import sys; sys.path.insert(0, {!r}); from krmfn.__main__ import main; main()"


@dataclass(frozen=True, slots=True)
class Work:
    """What is counted: a command line of krmfn, and its standard input."""

    name: str
    arguments: tuple[str, ...] = ()
    source: bytes = b""
    code: int = 0


def works() -> list[Work]:
    """Few seconds' work each under valgrind: the start, what grows with claims, with tenants, and a plan."""
    folder, one, rendered = WORK / "compare", WORK / "compare-one", WORK / "compare-rendered"
    tenants(folder, 40, 20, 20)
    tenants(one, 1, 400, 4)
    text = (one / "all.yaml").read_text()
    command = [PYTHON, "-m", "krmfn", "render", "-o", str(rendered), str(one)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (one / "all.yaml").write_text(text.replace("cores: 1", "cores: 2"))
    broken = changed(CONFIG, "spec.virtualClusters.0.endpont", "x")
    return [
        Work("1 claim", source=resource_list(claims(1))),
        Work("1,000 claims", source=resource_list(claims(1_000))),
        Work("500 claims, no two alike", source=resource_list(unlike(500))),
        Work("a pool of 2,000", source=resource_list(pool(2_000), pool_config(2_000))),
        Work("40 tenants x 20 nodes", ("render", str(folder))),
        Work("a plan of a change to 400 machines", ("plan", str(one), "--against", str(rendered))),
        Work("an error", source=resource_list([PROVIDER, SECRET], broken), code=1),
    ]


def instructions(tree: Path, work: Work) -> int:
    """The instructions that a tree's krmfn takes for some work, its bytecode compiled."""
    program = [PYTHON, "-c", _RUN.format(str(tree)), *work.arguments]
    bytecode = str(WORK / "bytecode" / tree.name)
    environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONPYCACHEPREFIX": bytecode}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.NamedTemporaryFile("r") as log:
        count = ["valgrind", "--tool=cachegrind", "--cache-sim=no", f"--log-file={log.name}"]
        count += ["--cachegrind-out-file=/dev/null"]
        for command in (program, [*count, *program]):
            done = subprocess.run(command, input=work.source, capture_output=True, env=environment)
        if done.returncode != work.code:
            raise SystemExit(f"{work.name}: krmfn of {tree} ended with {done.returncode}")
        [line] = [line for line in log if "I " in line and "refs:" in line]
    return int(line.rpartition(":")[2].replace(",", ""))


def last_release() -> str:
    """The newest release's tag, or the commit before this; "" if the clone has neither."""
    for command in (
        ["describe", "--tags", "--abbrev=0", "--match", "v[0-9]*", "HEAD^"],
        ["rev-parse", "--quiet", "--verify", "--short", "HEAD^"],
    ):
        git = ["git", *command]
        found = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=False)
        if found.stdout:
            return found.stdout.strip()
    return ""


def compare(revision: str) -> list[str]:
    """Check a revision out beside this tree, print the ratios, and return those above the bound."""
    tree = WORK / "revision"
    remove = ["git", "worktree", "remove", "--force", str(tree)]
    add = ["git", "worktree", "add", "--quiet", "--detach", str(tree), revision]
    subprocess.run(remove, cwd=ROOT, capture_output=True, check=False)
    subprocess.run(add, cwd=ROOT, check=True)
    slower = []
    try:
        print(f"| work | this tree, M instructions | {revision} | ratio |\n|---|---|---|---|")
        for work in works():
            ours, theirs = (instructions(folder, work) for folder in (ROOT, tree))
            ratio = ours / theirs
            cells = (work.name, f"{ours / 1e6:,.0f}", f"{theirs / 1e6:,.0f}", f"{ratio:.3f}")
            print(f"| {' | '.join(cells)} |", flush=True)
            if ratio > _BOUND:
                slower.append(f"{work.name}: {ratio:.3f} of {revision}'s instructions")
    finally:
        subprocess.run(remove, cwd=ROOT, capture_output=True, check=False)
    return slower


def main() -> None:
    """Fail if any work takes more than the bound allows."""
    revision = sys.argv[1] if len(sys.argv) > 1 else last_release()
    if not revision:
        print("nothing to compare with: this clone has no release and one commit")
        return
    if shutil.which("valgrind") is None:
        raise SystemExit("instructions are counted by valgrind: install the package of that name")
    if slower := compare(revision):
        raise SystemExit(f"more than {_BOUND} times the instructions:\n" + "\n".join(slower))


if __name__ == "__main__":
    main()
