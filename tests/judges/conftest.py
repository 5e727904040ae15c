"""Everything in this folder needs programs that `make test` or `make test-system` installs; plain `pytest` leaves it out."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test here as `judge`, unless it is `system` or `boot` already: those need more than Go tools."""
    for item in items:
        marks = {mark.name for mark in item.iter_markers()}
        if HERE in item.path.parents and not marks & {"system", "boot", "versions"}:
            item.add_marker("judge")
