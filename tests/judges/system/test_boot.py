"""Machines that really boot join their virtual cluster, whatever happens to their power (`make test-boot`; a minute or two each)."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from krmfn.guest.cloud_config import CloudConfig
from krmfn.guest.join import Join
from tests.judges.system.guest_root import TOKEN, Answer, Authority, Endpoint, serving, user_data
from tests.judges.system.machine import FINISHED, HOST, Machine, disks

pytestmark = pytest.mark.boot
# Calls back from inside: the host's name, and the arguments of the join script.
SCRIPT = """curl -sS --cacert /run/krmfn/ca.crt "$(. /run/krmfn/settings; echo "$endpoint")/joined/$(hostname)/$1=$2" || :
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


def joined(endpoint: Endpoint) -> list[str]:
    return [
        path.removeprefix("/joined/") for path in endpoint.requests if path.startswith("/joined/")
    ]


def wait_for_join(machine: Machine, endpoint: Endpoint, *claims: str) -> None:
    machine.wait(machine.printed(f"{claims[-1]} has joined"))
    assert joined(endpoint) == [f"{claim}/--node-name={claim}" for claim in claims]


@pytest.mark.system
def test_joins_after_two_refusals_and_not_again_after_a_reboot(
    machine: Machine, endpoint: Endpoint, join: Join
) -> None:
    endpoint.answers = [DOWN, DOWN, UP]
    machine.start(user_data("node-1", join))
    wait_for_join(machine, endpoint, "node-1")
    assert len(endpoint.requests) == 4
    machine.cut()
    machine.start(user_data("node-1", join))
    machine.wait(machine.printed(FINISHED))
    time.sleep(20)
    assert len(endpoint.requests) == 4


@pytest.mark.system
def test_power_cut_after_cloud_init_while_the_endpoint_is_down(
    machine: Machine, endpoint: Endpoint, join: Join
) -> None:
    endpoint.answers = [DOWN]
    machine.start(user_data("node-1", join))
    machine.wait(machine.printed(FINISHED))
    time.sleep(8)
    machine.cut()
    assert joined(endpoint) == []
    endpoint.answers = [UP]
    machine.start(user_data("node-1", join))
    wait_for_join(machine, endpoint, "node-1")


def test_power_cut_while_cloud_init_runs(machine: Machine, endpoint: Endpoint, join: Join) -> None:
    machine.start(user_data("node-1", join))
    machine.wait(machine.printed("running 'modules:config'"))
    machine.cut()
    assert endpoint.requests == []
    machine.start(user_data("node-1", join))
    wait_for_join(machine, endpoint, "node-1")


def test_token_on_a_second_disk(machine: Machine, endpoint: Endpoint, join: Join) -> None:
    text = user_data("node-1", replace(join, token="", disk="join", file="token"))
    machine.start(text, token=TOKEN)
    wait_for_join(machine, endpoint, "node-1")
    machine.cut()
    machine.start(text)
    machine.wait(machine.printed(FINISHED))
    time.sleep(20)
    assert len(endpoint.requests) == 2


def test_commands_of_the_user_that_fail(machine: Machine, endpoint: Endpoint, join: Join) -> None:
    machine.start(
        user_data(
            "node-1", join, config=CloudConfig(boot='- "exit 4"\n', rest="runcmd:\n- exit 3\n")
        )
    )
    wait_for_join(machine, endpoint, "node-1")


def test_a_new_token_after_a_refused_one(machine: Machine, endpoint: Endpoint, join: Join) -> None:
    machine.start(user_data("node-1", replace(join, token="guest0.ffffffffffffffff")))
    machine.wait(machine.printed("status 401"))
    machine.cut()
    machine.start(user_data("node-1", join))
    wait_for_join(machine, endpoint, "node-1")


def test_a_clone_of_a_disk_joins_as_another_claim(
    machine: Machine, endpoint: Endpoint, join: Join
) -> None:
    machine.start(user_data("node-1", join))
    wait_for_join(machine, endpoint, "node-1")
    machine.cut()
    machine.start(user_data("node-2", join), instance="second")
    wait_for_join(machine, endpoint, "node-1", "node-2")
