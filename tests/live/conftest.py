"""A real control plane on loopback, started once for all tests of this folder and ended with them."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.live.clients import CLIENTS, Client, Connect
from tests.live.cluster import Cluster
from tests.support import ROOT, TOOLS

HERE = Path(__file__).parent
PROGRAMS = ROOT / ".tools" / "live"
# Etcd and its peers, the API server, virt-api, virt-controller, CDI's webhook.
_CLUSTER_PORTS = 6
# Redis, the repo server and its metrics, the controller's metrics.
_ARGO_PORTS = 4
# The artifacts; the controller's metrics and health.
_FLUX_PORTS = 3


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("live")


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    folder = Path(tempfile.mkdtemp(prefix="krmfn-live-"))
    with _started("up.sh", folder, _CLUSTER_PORTS):
        yield Cluster(PROGRAMS, folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def argo(cluster: Cluster) -> Iterator[None]:
    with _started("argocd.sh", cluster.folder, _ARGO_PORTS):
        yield


@pytest.fixture(scope="session")
def flux(cluster: Cluster) -> Iterator[None]:
    with _started("flux.sh", cluster.folder, _FLUX_PORTS) as port:
        cluster.artifacts = f"http://127.0.0.1:{port}"
        yield


@pytest.fixture(scope="session")
def connect(request: pytest.FixtureRequest, cluster: Cluster) -> Connect:
    """Starts what a client needs, and makes a repository of it."""
    work = Path(tempfile.mkdtemp(prefix="repositories-", dir=cluster.folder))

    def connected(client: str, name: str) -> Client:
        if client in ("argo", "argo-rendered"):
            request.getfixturevalue("argo")
        elif client == "flux":
            request.getfixturevalue("flux")
        return CLIENTS[client](cluster, f"{name}-{client}", work / f"{name}-{client}")

    return connected


@contextmanager
def _started(script: str, folder: Path, ports: int) -> Iterator[int]:
    """What a script starts, in a process group of its own: all of it ends at the end, also when a test is interrupted."""
    port = _free_ports(ports)
    path = f"{Path(sys.executable).parent}:{TOOLS}:{os.environ['PATH']}"
    up = subprocess.Popen(
        [HERE / "cluster" / script, PROGRAMS, folder, str(port)],
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PATH": path},
    )
    # Nothing else ends the group when pytest itself is killed: then this pipe breaks.
    ends = f"cat; kill -KILL -- -{up.pid}"
    watch = subprocess.Popen(["sh", "-c", ends], start_new_session=True, stdin=subprocess.PIPE)
    try:
        assert up.wait(timeout=300) == 0, f"see {folder}/logs"
        yield port
    finally:
        _end(up.pid)
        watch.kill()
        watch.wait()


def _end(group: int) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(group, number)
        except ProcessLookupError:
            return
        time.sleep(2)


def _free_ports(count: int) -> int:
    """The first of some ports in a row that nobody listens on."""
    for base in range(21000, 31000, 50):
        try:
            for port in range(base, base + count):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return base
    raise AssertionError("no free ports")
