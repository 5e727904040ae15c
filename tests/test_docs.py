"""The tables of docs/ that the program writes are up to date."""

import pytest

from tests.documents import DOCS, PAGES


@pytest.mark.parametrize("name", PAGES)
def test_what_the_documentation_lists_is_what_the_program_has(name: str) -> None:
    page = (DOCS / name).read_text()
    assert PAGES[name](page) == page
