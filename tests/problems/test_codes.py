"""Each code of a problem is emitted somewhere, explained in docs/warnings.md, and accepted only by its exact name."""

import re

from krmfn.problems import Code
from krmfn.problems.codes import ERRORS, WARNINGS
from tests.support import (
    CONFIG,
    ROOT,
    changed,
    function,
    refusal,
    resource_list,
)


def test_every_code_is_explained_and_emitted() -> None:
    page = (ROOT / "docs" / "warnings.md").read_text()
    assert re.findall(r"^## `([a-z-]+)`$", page, re.MULTILINE) == sorted(WARNINGS)
    assert {*ERRORS, *WARNINGS} == set(Code)
    sources = [path.read_text() for path in (ROOT / "krmfn").rglob("*.py")]
    for code in Code:
        assert (WARNINGS.get(code) or ERRORS[code]) in page
        assert f"`{code}`" in page
        assert any(re.search(rf"\bCode\.{code.name}\b(?!: )", source) for source in sources), code


def test_an_unknown_code_can_not_be_accepted() -> None:
    said = refusal(
        function(resource_list(config=changed(CONFIG, "spec.acceptWarnings", ["plaintext-tokn"])))
    )
    assert 'spec.acceptWarnings[0]: is "plaintext-tokn", no code of a warning' in said
    assert '(did you mean "plaintext-token"?)' in said
