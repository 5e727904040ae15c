"""A document that is read by its shape has the data that reading it alone gives."""

from functools import partial

import pytest

from krmfn.manifests import yamlio
from krmfn.manifests.shapes import ShapeReader
from tests.support import counted


@pytest.mark.parametrize("suffix", ["-cloud-init", "-network"])
@pytest.mark.parametrize(
    "value", ["null", "true", "yes", "Null", "aGk=", "dGVzdGRhdGE=", "MTIzNDU2Nzg=", "0123456789"]
)
def test_what_a_secret_holds(value: str, suffix: str) -> None:
    reader = ShapeReader()
    for node in ("node-1", "node-2"):
        text = f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: {node}{suffix}\ndata:\n  userdata: {value}\n"
        [document], faults = yamlio.read(text)
        assert not faults
        assert reader.read(text) == document.data


@pytest.mark.parametrize("suffix", ["-cloud-init", "-network"])
def test_a_second_secret_is_read_by_the_shape_of_the_first(suffix: str) -> None:
    reader = ShapeReader()
    steps = []
    for node in ("node-1", "node-2"):
        labels = "".join(f"    label-{number}: {node}\n" for number in range(20))
        head = f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: {node}{suffix}\n  labels:\n"
        text = f"{head}{labels}data:\n  userdata: aGVsbG8gdGhlcmU=\n"
        steps.append(counted(partial(reader.read, text))[1])
    assert steps[1] * 4 < steps[0]
