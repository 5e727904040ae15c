"""What has to hold of any bytes: of the reader, and of the whole function. A target that fails raises."""

from collections.abc import Callable
from typing import Any

import yaml

from krmfn.commands.function import run
from krmfn.manifests import yamlio
from tests.support import TOKEN


def reader(data: bytes) -> None:
    """Any text is read, or has faults with a place; what was read is written so that it is read back."""
    documents, faults = yamlio.read(data, 3)
    assert all(fault.line >= 1 and fault.column >= 1 and fault.message for fault in faults)
    if faults:
        return
    text = data.decode()
    for index, document in enumerate(documents):
        assert document.line >= 1
        yamlio.find_position(text, index, ("a", 0))
        if isinstance(document.data, dict) and document.data and _is_plain(document.data):
            again, wrong = yamlio.read(yamlio.dump(document.data))
            assert not wrong, wrong
            assert again[0].data == document.data


def _is_plain(value: Any) -> bool:
    """Whether a value can be written: dates, infinite numbers and long keys are refused before that."""
    if isinstance(value, dict):
        return all(len(key) < 1000 and _is_plain(child) for key, child in value.items())
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return (
        not isinstance(value, yamlio.Timestamp)
        and value not in (float("inf"), float("-inf"))
        and value == value
    )


def function(data: bytes) -> None:
    """Any input gives valid output, or clear errors; what came out goes through a second time unchanged."""
    reply = run(data)
    assert reply.code in (0, 1, 3), reply.code
    # All scalars as text: what YAML 1.1 makes of a foreign item is not looked at.
    output = yaml.load(reply.stdout, Loader=yaml.CBaseLoader)
    results = output.get("results") or []
    failed = [result for result in results if result["severity"] == "error"]
    assert bool(failed) == bool(reply.code)
    assert len(results) == reply.stderr.count("\n")
    assert TOKEN not in reply.stderr
    assert TOKEN not in reply.stdout.partition("\nresults:\n")[2]
    assert all(
        line.startswith(("error: ", "warning: ", "info: ")) and line.isprintable()
        for line in reply.stderr.splitlines()
    )
    if reply.code == 0:
        again = run(reply.stdout.encode())
        assert (again.code, again.stdout) == (0, reply.stdout), again.stderr


TARGETS: dict[str, Callable[[bytes], None]] = {"reader": reader, "function": function}
