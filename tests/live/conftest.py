"""A real control plane on loopback, started once for all tests of this folder and ended with them."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.cluster import Cluster
from tests.support import ROOT

HERE = Path(__file__).parent
PROGRAMS = ROOT / ".tools" / "live"
# Etcd and its peers, the API server, virt-api, virt-controller, CDI's webhook.
_PORTS = 6


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("live")


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    folder = Path(tempfile.mkdtemp(prefix="krmfn-live-"))
    # A group of its own: whatever it starts ends with it, also when a test is interrupted.
    up = subprocess.Popen(
        [HERE / "cluster" / "up.sh", PROGRAMS, folder, str(_free_ports())],
        start_new_session=True,
        stdout=subprocess.DEVNULL,
    )
    try:
        assert up.wait(timeout=300) == 0, f"see {folder}/logs"
        yield Cluster(PROGRAMS, folder)
    finally:
        _end(up.pid, folder)
    shutil.rmtree(folder)


def _end(group: int, folder: Path) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(group, number)
        except ProcessLookupError:
            return
        time.sleep(2)


def _free_ports() -> int:
    """The first of some ports in a row that nobody listens on."""
    for base in range(21000, 31000, 50):
        try:
            for port in range(base, base + _PORTS):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return base
    raise AssertionError("no free ports")
