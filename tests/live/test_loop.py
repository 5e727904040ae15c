"""What krmfn renders of every fixture comes to rest in the cluster, whichever client brings it there."""

import time
from dataclasses import dataclass

import pytest

from tests.live.clients import CLIENTS, Client, Connect, declared, provide
from tests.live.cluster import Cluster
from tests.test_fixtures import FOLDERS

# Claims of one name, of two tenants, would make one file of a package.
REFUSED = {("kpt", "tenants"): "makes file kubevirt-1/node-1.yaml, as NodeClaim"}
# How long nothing may change once all is applied: two looks of Argo CD's.
RESTS = 60


@dataclass(frozen=True)
class Rested:
    client: str
    complaints: dict[str, str]
    differences: dict[str, list[str]]
    before: dict[str, dict[str, int]]
    after: dict[str, dict[str, int]]


def generations(cluster: Cluster, namespaces: set[str]) -> dict[str, int]:
    return {
        name: machine["metadata"]["generation"]
        for namespace in namespaces
        for name, machine in cluster.machines(namespace).items()
    }


@pytest.fixture(scope="module", params=CLIENTS)
def rested(
    cluster: Cluster, connect: Connect, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Rested:  # fmt: skip
    """All fixtures, synced by one client and left alone for a minute."""
    client, tmp = request.param, tmp_path_factory.mktemp(request.param)
    repositories: dict[str, Client] = {}
    namespaces: dict[str, set[str]] = {}
    complaints = {}
    for case in FOLDERS:
        folder = declared(case, f"{client}-{case}", tmp / case)
        namespaces[case] = provide(cluster, folder)
        repositories[case] = connect(client, case)
        complaints[case] = repositories[case].sync(folder)
    # A machine that waits for an image or a disk of the user's waits for ever.
    cluster.wait(lambda: all(map(cluster.all_run, set.union(*namespaces.values()))), 30)
    before = {case: generations(cluster, namespaces[case]) for case in FOLDERS}
    time.sleep(RESTS)
    synced = [case for case in FOLDERS if not complaints[case]]
    differences = {case: repositories[case].differences() for case in synced}
    after = {case: generations(cluster, namespaces[case]) for case in FOLDERS}
    return Rested(client, complaints, differences, before, after)


@pytest.mark.parametrize("case", FOLDERS)
def test_a_fixture_rests(rested: Rested, case: str) -> None:
    if refusal := REFUSED.get((rested.client, case)):
        assert refusal in rested.complaints[case]
        return
    assert rested.complaints[case] == ""
    assert rested.before[case] != {}
    assert rested.differences[case] == []
    assert rested.after[case] == rested.before[case]
