"""Quantities are read, compared and written exactly as apimachinery does."""

import pytest

from krmfn.kubernetes.quantity import Quantity


@pytest.mark.parametrize(
    ("quantity", "canonical"),
    [
        ("5120Mi", "5Gi"), ("0.5", "500m"), (4, "4"), (0.5, "500m"), ("1e3", "1e3"), ("1000", "1k"), ("1024", "1024"), ("1.5Gi", "1536Mi"),
        ("9223372036854775807", "9223372036854775807"), ("0", "0"), ("0Gi", "0"), ("-1Ki", "-1Ki"), ("+5", "5"), (".5", "500m"), ("5.", "5"), ("1n", "1n"), ("0.1n", "1n"), ("1E", "1E"), ("1Ei", "1Ei"),
    ],
)  # fmt: skip
def test_canonical_form(quantity: object, canonical: str) -> None:
    assert str(Quantity.parse(quantity)) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "1 Gi",
        "1gi",
        "0x10",
        "NaN",
        "inf",
        "1e",
        "1Gi ",
        "1\n",
        "١",
        "--1",
        "1e99",
        "9223372036854775808",
        "1" * 65,
        "1Ki5",
        True,
        None,
        [],
        {},
    ],
)
def test_refused(text: object) -> None:
    with pytest.raises(ValueError, match="quantity"):
        Quantity.parse(text)


def test_compared_by_amount() -> None:
    assert Quantity.parse("4Gi") == Quantity.parse("4096Mi")
    assert hash(Quantity.parse("1")) == hash(Quantity.parse("1000m"))
    assert Quantity.parse("1G") < Quantity.parse("1Gi")
