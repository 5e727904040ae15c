"""`krmfn plan -o html`: one page that holds the plan, and draws it without loading anything.

The page holds what `-o json` prints, the problems, and the words for verdicts, as JSON. Its style
and its script are the files in `page/`. A browser runs no other script: the policy in the page's
head names theirs by their hashes.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from krmfn.commands.compare_report import IN_WORDS
from krmfn.kubevirt.verdicts import VERDICTS
from krmfn.manifests.results import numbered_results
from krmfn.patterns import pattern
from krmfn.problems import Problem

_FILES = Path(__file__).parent / "page"
_SCRIPTS = ("model.js", "view.js", "page.js")
_SLOT = pattern(r"\{\{(\w+)\}\}")
# Nothing in a text of the plan may look like markup, or end a line of a script.
_ESCAPES = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}


def as_page(
    plan: dict[str, Any], changes: dict[str, Any] | None, problems: Iterable[Problem]
) -> str:
    """Write the page of a NodePlan and, if there is an earlier state, its MachineChanges."""
    words = {verdict: IN_WORDS[verdict] for verdict in VERDICTS}
    results = numbered_results(problems)
    data = {"plan": plan, "changes": changes, "results": results, "words": words}
    script = "\n".join(_read(name) for name in _SCRIPTS)
    style = _read("plan.css")
    parts = {
        "data": _embedded(data),
        "script": script,
        "script_hash": _hash(script),
        "style": style,
        "style_hash": _hash(style),
    }
    return _SLOT.sub(lambda slot: parts[slot[1]], _read("plan.html"))


def _read(name: str) -> str:
    """Read a file of the page."""
    return (_FILES / name).read_text(encoding="utf-8")


def _embedded(data: Any) -> str:
    """Write data as JSON that can stand in a `script` element."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text.translate(_ESCAPES)


def _hash(text: str) -> str:
    """Return the hash by which a Content Security Policy names an inline script or style."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
