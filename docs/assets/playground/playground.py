"""What the playground runs in the browser: krmfn's own commands, on the files of its editor.

Its worker calls `example` once and `answer` after each edit, with texts of JSON.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from krmfn.commands import compare, plan
from krmfn.commands.init import write
from krmfn.commands.render import render
from krmfn.commands.reply import Reply
from krmfn.problems import Problem, ranked

_FOLDER = Path("nodes")
# What the plan compares with: the example, as it would have been merged.
_EARLIER = "../earlier.yaml"
_MACHINE = "VirtualMachine "
_KEY = re.compile(r"^(?:kind|  namespace|  name): (.*)$", re.MULTILINE)


def example() -> str:
    """Return the files of `krmfn init`, by name, and keep what they render to."""
    shutil.rmtree(_FOLDER, ignore_errors=True)
    write(str(_FOLDER))
    files = {path.name: path.read_text() for path in sorted(_FOLDER.iterdir())}
    _run(files)
    (_FOLDER / _EARLIER).write_text(_in_folder(lambda: render(["."])).stdout)
    return json.dumps(files)


def answer(text: str) -> str:
    """Return what krmfn says to files, given by name.

    With an error there are only `problems`; else also `objects`, `plan`, `page`, and `changes` if
    the files do not declare what the example does.
    """
    _run(json.loads(text))
    return json.dumps(_in_folder(_answer))


def _run(files: dict[str, str]) -> None:
    """Write the files into a folder that has no others."""
    shutil.rmtree(_FOLDER, ignore_errors=True)
    _FOLDER.mkdir()
    for name, text in files.items():
        # A browser's text may hold half a character.
        (_FOLDER / name).write_text(text, errors="replace")


def _in_folder(call: Any) -> Any:
    """Call a function in the folder of the files, so that messages have their bare names."""
    before = os.getcwd()
    os.chdir(_FOLDER)
    try:
        return call()
    finally:
        os.chdir(before)


def _answer() -> dict[str, Any]:
    """Run the commands in the folder of the files."""
    rendered = render(["."])
    if rendered.code:
        return {"problems": _problems(rendered.problems)}
    earlier = Path(_EARLIER).read_text()
    planned = plan.plan(["."], None, "text")
    replies = [rendered, planned]
    answer = {"objects": _objects(rendered.stdout, earlier), "plan": planned.stdout}
    if rendered.stdout == earlier:
        answer["page"] = plan.plan(["."], None, "html").stdout
    else:
        compared = _compared("text")
        answer |= {"changes": compared.stdout, "page": _compared("html").stdout}
        replies.append(compared)
    problems = {str(problem): problem for reply in replies for problem in reply.problems}
    return answer | {"problems": _problems(problems.values())}


def _compared(form: str) -> Reply:
    """Compare with the example."""
    return compare.plan(["."], None, _EARLIER, compare.Options(form=form))


def _problems(problems: Iterable[Problem]) -> list[dict[str, Any]]:
    """Return problems for the page, errors first."""
    rows = []
    for problem in ranked(problems):
        line, column = problem.position or (None, None)
        row = {"file": problem.place.file, "line": line, "column": column}
        rows.append(row | {"severity": problem.severity, "text": problem.sentence})
    return rows


def _objects(text: str, earlier: str) -> list[dict[str, str]]:
    """Return objects, each with what became of it: what changes first, and machines first."""
    now, before = _by_name(text), _by_name(earlier)
    rows = []
    for name in now | before:
        change = "new" if name not in before else "gone" if name not in now else "changed"
        if now.get(name) == before.get(name):
            change = ""
        rows.append({"name": name, "change": change, "text": now.get(name) or before[name]})
    return sorted(rows, key=lambda row: (not row["change"], not row["name"].startswith(_MACHINE)))


def _by_name(text: str) -> dict[str, str]:
    """Split rendered objects; krmfn writes their names in one form."""
    objects = {}
    for one in re.split(r"^---\n", text, flags=re.MULTILINE) if text else ():
        kind, *names = _KEY.findall(one.partition("\nspec:")[0])
        objects[f"{kind} {'/'.join(reversed(names[:2]))}"] = one
    return objects
