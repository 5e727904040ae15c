"""What krmfn refuses although KubeVirt admits it never runs on a cluster, and what it takes runs."""

import time

import pytest

from tests.kubevirt.never_starts import BROKEN, NAMESPACE, TAKEN, named
from tests.live.cluster import Cluster, status


@pytest.fixture(scope="module")
def statuses(cluster: Cluster) -> dict[str, str]:
    """What all come to, each applied beside the others."""
    vms = TAKEN | {name: vm for name, (vm, _) in BROKEN.items()}
    complaints = cluster.apply([named(vm, name) for name, vm in vms.items()])
    assert "rror" not in complaints, complaints

    def taken_run() -> bool:
        machines = cluster.machines(NAMESPACE)
        return all(status(machines[name]) == "Running" for name in TAKEN)

    cluster.wait(taken_run)
    # Those that came last get as long as the others had.
    time.sleep(10)
    return {name: status(machine) for name, machine in cluster.machines(NAMESPACE).items()}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_refused_never_runs(name: str, statuses: dict[str, str]) -> None:
    assert statuses[name] in ("Stopped", "Starting")


@pytest.mark.parametrize("name", TAKEN)
def test_what_is_taken_runs(name: str, statuses: dict[str, str]) -> None:
    assert statuses[name] == "Running"
