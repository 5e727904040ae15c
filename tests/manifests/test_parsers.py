"""krmfn also works where PyYAML has no libyaml, and reads the same there."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import FIXTURES, ROOT
from tests.test_hostile import FILES

# Hides PyYAML's binding of libyaml, as if it had been built without it.
WITHOUT = "import sys; sys.modules['yaml._yaml'] = None; "
READ = """
import json, re
from krmfn.manifests import yamlio

def paths(value, path=()):
    yield path
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in pairs:
        yield from paths(below, (*path, key))

def everything(text):
    documents, faults = yamlio.read(text, 3)
    if faults:
        return ["", [], [[fault.message, fault.line, fault.column] for fault in faults]]
    positions = []
    if len(repr(documents)) < 100_000:
        positions = [
            yamlio.find_position(text, index, path)
            for index, document in enumerate(documents) for path in paths(document.data)
        ]
    # The key of a merge has no name of its own.
    return [re.sub("at 0x[0-9a-f]+", "", repr(documents)), positions, []]

assert yamlio.parser.Parser.__name__ == sys.argv[1]
print(json.dumps([everything(text) for text in json.load(sys.stdin)]))
"""
# What is empty stands where the next token is, to libyaml, and where the last one ended, to PyYAML.
# And PyYAML does not count a byte order mark as a column.
OTHER_PLACES = {
    "reader/1345453fc103e51f",
    "reader/2fe62d115c01e22c",
    "reader/543db8425b363fbd",
    "reader/5d8fd3676ae7511a",
    "yaml: a byte order mark in the middle",
}


def texts() -> dict[str, str]:
    """What there is of YAML in fixtures, examples and the fuzzer's finds, and what is hostile about YAML."""
    folders = [ROOT / "examples", *(one for one in FIXTURES.iterdir() if one.name != "released")]
    files = {
        str(file.relative_to(ROOT)): file for one in folders for file in sorted(one.rglob("*.yaml"))
    }
    corpus = ROOT / "tests" / "fuzz" / "corpus"
    files |= {str(file.relative_to(corpus)): file for file in sorted(corpus.glob("*/*"))}
    found = {name: file.read_bytes() for name, file in files.items()}
    found |= {f"yaml: {row.name}": row.source() for row in FILES["yaml"]}
    return {name: data.decode(errors="replace") for name, data in found.items()}


def read_with(parser: str, values: list[str]) -> Any:
    prefix = WITHOUT if parser == "PythonParser" else "import sys; "
    command = [sys.executable, "-c", prefix + READ, parser]
    done = subprocess.run(
        command, input=json.dumps(values), capture_output=True, text=True, check=True, cwd=ROOT
    )
    return json.loads(done.stdout)


def test_both_parsers_give_the_same() -> None:
    """Also the same lines and columns, except for what is not YAML: each has its own words for that."""
    inputs = texts()
    assert len(inputs) > 200
    fast, slow = (read_with(one, list(inputs.values())) for one in ("CParser", "PythonParser"))
    broken = 0
    for name, one, other in zip(inputs, fast, slow, strict=True):
        if name in OTHER_PLACES:
            assert [fault[0] for fault in other[2]][:-1] == [fault[0] for fault in one[2]][:-1]
            assert other != one, name
        elif "is not YAML" in str(one[2]):
            # What was read before is the same, and so are the faults in it.
            assert "is not YAML" in other[2][-1][0], name
            assert other[2][:-1] == one[2][:-1], name
            broken += 1
        else:
            assert other == one, name
    assert broken > 20


@pytest.mark.parametrize(
    "text", [r'a: "\ud800"', r'a: "\U00110000"', r'a: "\UFFFFFFFF"', "a: \x01", "a: b\n\x00"]
)
def test_what_is_no_character_is_refused_by_both(text: str) -> None:
    for parser in ("CParser", "PythonParser"):
        [[_, _, [[message, line, _]]]] = read_with(parser, [text])
        assert message.startswith("is not YAML"), parser
        assert line == 1


def test_a_mistake_is_found_without_libyaml(tmp_path: Path) -> None:
    run = WITHOUT + "from krmfn.__main__ import main; main()"

    def krmfn(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-c", run, *arguments]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    assert krmfn("init", "nodes").returncode == 0
    assert "machines/tenant-1-workers-1" in krmfn("plan", "nodes").stdout
    file = tmp_path / "nodes" / "tenant-1.yaml"
    file.write_text(file.read_text().replace("value: small", "value: smal"))
    done = krmfn("plan", "nodes")
    assert done.returncode == 1
    assert re.match(r"error: nodes/tenant-1\.yaml:\d+:\d+: ConfigMap .*smal", done.stderr), (
        done.stderr
    )
