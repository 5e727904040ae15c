"""What fuzzing found before breaks nothing today."""

from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS

CORPUS = Path(__file__).parent / "fuzz" / "corpus"


@pytest.mark.parametrize("name", TARGETS)
def test_what_fuzzing_found_before(name: str) -> None:
    found = sorted((CORPUS / name).iterdir())
    assert len(found) > 20
    for file in found:
        TARGETS[name](file.read_bytes())
