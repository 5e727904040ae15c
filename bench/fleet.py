"""Renders 100,000 nodes as 20 applications, two at a time, as an Argo CD ApplicationSet would: `make bench-fleet`.

A run of krmfn is one process, and makes at most 50,000 nodes and 256 MiB. A fleet is an application per KubeVirt cluster and tenant. What the applications make has to be what two runs make of
half the fleet each: no more, no less, no other byte.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import yaml
from cases import CONFIG, KRMFN, PROVIDER, WORK, Case, changed, vcluster_yaml, virtual_cluster
from run import peak

TENANTS, NODES, HALVES, AT_ONCE = 20, 5_000, 2, 2
_MARK = "\n---\n"


@dataclass(frozen=True, slots=True)
class Ran:
    """One run: its output, and its wall seconds."""

    output: Path
    wall: float


def write(folder: Path, tenants: Iterable[int]) -> Path:
    """Declarations of some tenants, each with one pool, as one application has them."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    clusters = []
    for tenant in tenants:
        name = f"tenant-{tenant:02}"
        pools = [{"name": "workers", "quantity": NODES}]
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(vcluster_yaml(name, pools)))
        clusters.append(virtual_cluster(name))
    config = changed(CONFIG, "spec.virtualClusters", clusters)
    (folder / "all.yaml").write_text(yaml.safe_dump_all([PROVIDER, config]))
    return folder


def run(folder: Path) -> Ran:
    """Render a folder as its application does."""
    output = folder.with_suffix(".yaml")
    start = time.perf_counter()
    with output.open("wb") as file:
        command = [*KRMFN, "render", str(folder)]
        subprocess.run(command, stdout=file, stderr=subprocess.DEVNULL, check=True)
    return Ran(output, time.perf_counter() - start)


def objects(runs: Iterable[Ran]) -> Counter[str]:
    """The documents of some outputs."""
    return Counter(
        document for ran in runs for document in ran.output.read_text().rstrip("\n").split(_MARK)
    )


def main() -> None:
    """Measure the fleet, and print its row of bench/README.md."""
    fleet = WORK / "fleet"
    folders = [write(fleet / f"application-{number:02}", [number]) for number in range(TENANTS)]
    start = time.perf_counter()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        applications = list(pool.map(run, folders))
    wall = time.perf_counter() - start
    memory = peak(Case("one application", {}), [*KRMFN, "render", str(folders[0])])
    size = sum(one.output.stat().st_size for one in applications)
    each = TENANTS // HALVES
    halves = [
        run(write(fleet / f"half-{half}", range(half * each, half * each + each)))
        for half in range(HALVES)
    ]
    if objects(applications) != objects(halves):
        raise SystemExit("the applications do not make what the halves of the fleet make")
    machines = sum(
        "kind: VirtualMachine\n" in document for document in objects(applications).elements()
    )
    print(
        "| nodes | applications | at once | wall s | slowest s | peak memory of one | output |\n|---|---|---|---|---|---|---|"
    )
    slowest = max(one.wall for one in applications)
    print(
        f"| {machines:,} | {TENANTS} | {AT_ONCE} | {wall:.2f} | {slowest:.2f} | {memory:.0f} MiB | {size / 1e6:.0f} MB |"
    )


if __name__ == "__main__":
    main()
