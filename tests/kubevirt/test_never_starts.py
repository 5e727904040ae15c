"""What KubeVirt admits and never starts is refused, at the field whose fault it is."""

import json

import pytest

from tests.kubevirt.never_starts import BROKEN, TAKEN, named
from tests.support import krmfn


@pytest.mark.parametrize("name", BROKEN)
def test_what_never_starts_is_refused(name: str) -> None:
    vm, field = BROKEN[name]
    done = krmfn("check", "-", stdin=json.dumps(named(vm, name)))
    assert done.returncode == 1
    assert f"{field}: " in done.stderr, done.stderr


@pytest.mark.parametrize("name", TAKEN)
def test_what_starts_is_taken(name: str) -> None:
    done = krmfn("check", "-", stdin=json.dumps(named(TAKEN[name], name)))
    assert done.returncode == 0, done.stdout


def test_a_probe_needs_a_port_that_an_interface_has() -> None:
    """A pod with another name starts, and is never ready."""
    vm = named(TAKEN["named-port"], "named-port")
    del vm["spec"]["template"]["spec"]["domain"]["devices"]["interfaces"][0]["ports"]
    done = krmfn("check", "-", stdin=json.dumps(vm))
    assert done.returncode == 1
    assert "must be a number, 1 to 65535, or the name of an interface's port" in done.stderr
