"""Machines that really boot join their virtual cluster, whatever happens to their power (`make test-boot`; a minute or two each)."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from krmfn.guest.cloud_config import CloudConfig, written
from krmfn.guest.join import Join
from tests.judges.system.guest_root import (
    NO_CONFIG,
    TOKEN,
    Answer,
    Authority,
    Endpoint,
    proxy_recipe,
    serving,
    user_data,
)
from tests.judges.system.machine import FINISHED, HOST, Machine, disks

FORMS = pytest.mark.parametrize("own", [True, False], ids=["own", "shared"])
pytestmark = pytest.mark.boot
# Calls back from inside: the host's name, and the arguments of the join script.
SCRIPT = """#!/bin/sh
mkdir -p /etc/kubernetes
touch /etc/kubernetes/kubelet.conf
curl -sS --cacert /run/krmfn/ca.crt "$(. /run/krmfn/settings; echo "$endpoint")/joined/$(hostname)/$1=$2/$3" || :
"""
# Calls back once the unit that started it has ended.
CHILD = """(
    while systemctl --quiet is-active krmfn-join; do sleep 1; done
    curl -sS --cacert /run/krmfn/ca.crt "$(. /run/krmfn/settings; echo "$endpoint")/outlived/${https_proxy##*/}"
) </dev/null >/dev/null 2>&1 &
"""
DOWN = Answer(503, "not yet\n")
UP = Answer(body=SCRIPT)


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    with disks() as path:
        yield path


@pytest.fixture
def machine(folder: Path) -> Iterator[Machine]:
    machine = Machine(folder)
    yield machine
    machine.cut()


@pytest.fixture
def endpoint(authority: Authority) -> Iterator[Endpoint]:
    endpoint = Endpoint([UP])
    with serving(endpoint, authority.tls):
        yield endpoint


@pytest.fixture
def join(endpoint: Endpoint, authority: Authority) -> Join:
    return Join(endpoint.url.replace("127.0.0.1", HOST), TOKEN, "file", authority.pem)


def start(
    machine: Machine,
    join: Join,
    claim: str = "node-1",
    own: bool = False,
    token: str = "",
    config: CloudConfig = NO_CONFIG,
) -> None:
    """Power on as a node of a pool, whose user data leaves its name to the metadata, or with user data of its own."""
    name = "from-metadata" if own else claim
    text = user_data(claim if own else None, join, config=config)
    machine.start(text, token, instance=f"{claim}.machines", name=name)


def joined(endpoint: Endpoint) -> list[str]:
    return [
        path.removeprefix("/joined/") for path in endpoint.requests if path.startswith("/joined/")
    ]


def wait_for_join(machine: Machine, endpoint: Endpoint, *claims: str) -> None:
    machine.wait(machine.printed(f"{claims[-1]} has joined"))
    assert joined(endpoint) == [f"{claim}/--node-name={claim}/--force-join" for claim in claims]


@pytest.mark.system
@FORMS
def test_joins_after_two_refusals_and_not_again_after_a_reboot(
    machine: Machine, endpoint: Endpoint, join: Join, own: bool
) -> None:
    endpoint.answers = [DOWN, DOWN, UP]
    start(machine, join, own=own)
    wait_for_join(machine, endpoint, "node-1")
    assert len(endpoint.requests) == 4
    machine.cut()
    start(machine, join, own=own)
    machine.wait(machine.printed(FINISHED))
    time.sleep(20)
    assert len(endpoint.requests) == 4


@pytest.mark.system
@FORMS
def test_power_cut_after_cloud_init_while_the_endpoint_is_down(
    machine: Machine, endpoint: Endpoint, join: Join, own: bool
) -> None:
    endpoint.answers = [DOWN]
    start(machine, join, own=own)
    machine.wait(machine.printed(FINISHED))
    time.sleep(8)
    machine.cut()
    assert joined(endpoint) == []
    endpoint.answers = [UP]
    start(machine, join, own=own)
    wait_for_join(machine, endpoint, "node-1")


def test_power_cut_while_cloud_init_runs(machine: Machine, endpoint: Endpoint, join: Join) -> None:
    start(machine, join)
    machine.wait(machine.printed("running 'modules:config'"))
    machine.cut()
    assert endpoint.requests == []
    start(machine, join)
    wait_for_join(machine, endpoint, "node-1")


def test_token_on_a_second_disk(machine: Machine, endpoint: Endpoint, join: Join) -> None:
    by_disk = replace(join, token="", disk="join", file="token")
    start(machine, by_disk, token=TOKEN)
    wait_for_join(machine, endpoint, "node-1")
    machine.cut()
    start(machine, by_disk)
    machine.wait(machine.printed(FINISHED))
    time.sleep(20)
    assert len(endpoint.requests) == 2


def test_commands_of_the_user_that_fail(machine: Machine, endpoint: Endpoint, join: Join) -> None:
    start(machine, join, config=written({"bootcmd": ["exit 4"], "runcmd": ["exit 3"]}, []))
    wait_for_join(machine, endpoint, "node-1")


def test_a_proxy_by_drop_in_and_a_child_that_outlives_the_unit(
    machine: Machine, endpoint: Endpoint, join: Join
) -> None:
    endpoint.answers = [Answer(body=SCRIPT + CHILD)]
    # The endpoint here is one of the recipe's exceptions.
    start(machine, join, config=proxy_recipe())
    machine.wait(lambda: "/outlived/proxy.example.com:3128" in endpoint.requests)
    wait_for_join(machine, endpoint, "node-1")


def test_a_new_token_after_a_refused_one(machine: Machine, endpoint: Endpoint, join: Join) -> None:
    start(machine, replace(join, token="guest0.ffffffffffffffff"))
    machine.wait(machine.printed("status 401"))
    machine.cut()
    start(machine, join)
    wait_for_join(machine, endpoint, "node-1")


def test_a_clone_of_a_disk_joins_as_another_claim(
    machine: Machine, endpoint: Endpoint, join: Join
) -> None:
    start(machine, join)
    wait_for_join(machine, endpoint, "node-1")
    machine.cut()
    start(machine, join, claim="node-2")
    wait_for_join(machine, endpoint, "node-1", "node-2")
