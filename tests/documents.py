"""Write the tables of the documentation that are the program's own anew: `make docs`."""

import re
from collections.abc import Callable

from krmfn.codes import CODES
from krmfn.kubevirt.checks import RULES
from krmfn.properties import TABLE
from tests.support import ROOT

DOCS = ROOT / "docs"


def warnings(page: str) -> str:
    """All warnings, each under its code."""
    head = page[: page.index("## `")]
    return head + "\n".join(f"## `{code}`\n\n{text}\n" for code, text in sorted(CODES.items()))


def rules(page: str) -> str:
    """The admission rules by code."""
    rows = [f"| `{rule.code}` | {rule.text}{' A warning.' if rule.gated else ''} |\n" for rule in RULES]
    return _with_table(page, "| code | rule |\n|---|---|\n", rows)


def properties(page: str) -> str:
    """The properties of the Platform."""
    rows = [f"| `{key}` | {one.since} | {one.text or f'Refused: {one.refused}.'} |\n" for key, one in TABLE.items()]
    return _with_table(page, "| property | since | what it does |\n|---|---|---|\n", rows)


def _with_table(page: str, head: str, rows: list[str]) -> str:
    """The page with other rows under a table's head."""
    start = page.index(head) + len(head)
    return page[:start] + "".join(rows) + re.sub(r"\A(?:\|.*\n)*", "", page[start:])


PAGES: dict[str, Callable[[str], str]] = {"warnings.md": warnings, "rules.md": rules, "properties.md": properties}


if __name__ == "__main__":
    for name, written in PAGES.items():
        (DOCS / name).write_text(written((DOCS / name).read_text()))
