"""A document that is read by its shape has the data that reading it alone gives."""

import pytest

from krmfn.manifests import yamlio
from krmfn.manifests.shapes import ShapeReader


@pytest.mark.parametrize(
    "value", ["null", "true", "yes", "Null", "aGk=", "dGVzdGRhdGE=", "MTIzNDU2Nzg=", "0123456789"]
)
def test_what_a_secret_holds(value: str) -> None:
    reader = ShapeReader()
    for node in ("node-1", "node-2"):
        text = f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: {node}-cloud-init\ndata:\n  userdata: {value}\n"
        [document], faults = yamlio.read(text)
        assert not faults
        assert reader.read(text) == document.data
