"""Every bad input in `tests/hostile` is refused by a message that names it (its README.md says how to write a row)."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from krmfn.commands.function import run
from krmfn.commands.reply import Reply
from tests.support import (
    CERTIFICATE,
    CLAIM,
    CONFIG,
    FLAT,
    PROVIDER,
    REMOVED,
    SECRET,
    changed,
    counted,
    made,
    refusal,
    resource_list,
    user_data,
)

TABLE = Path(__file__).parent / "hostile"
LEAST = 1000
# An unknown property is answered with all known ones.
LONGEST_LINE = 1200
# Most rows take some 20,000 steps: functions that are entered or left. Time itself is measured in bench/limits.py.
MOST_STEPS = 300_000
MOST_STEPS_A_BYTE = 4
# A good vcluster.yaml, in the ConfigMap of a tenant that has no other claim.
VCLUSTER: dict[str, Any] = {
    "privateNodes": {
        "enabled": True,
        "autoNodes": [{"provider": "edge", "static": [{"name": "workers", "quantity": 1}]}],
    }
}
BASE = {
    "provider": PROVIDER,
    "claim": CLAIM,
    "secret": SECRET,
    "config": CONFIG,
    "flat": FLAT,
    "vcluster": VCLUSTER,
}
ITEMS = ("provider", "claim", "secret", "vcluster")
# `error: [file[:line]: ]Kind [namespace/]name: …`, or standard input where no object was read.
NAMED = re.compile(
    r"error: (\S+: )?(standard input|(object|[A-Z][A-Za-z]*)( .+?)?): .|error: the ResourceList has no functionConfig"
)
CONTROLS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


@dataclass(frozen=True)
class Row:
    """One input, and what has to come of it."""

    name: str
    set: dict[str, Any] = field(default_factory=dict)
    raw: dict[str, str] = field(default_factory=dict)
    add: list[dict[str, Any]] = field(default_factory=list)
    without: list[str] = field(default_factory=list)
    text: str | bytes | None = None
    error: str = ""
    also: list[str] = field(default_factory=list)
    never: list[str] = field(default_factory=list)
    arrives: dict[str, Any] = field(default_factory=dict)
    longest: int = LONGEST_LINE
    xfail: str = ""

    def source(self) -> bytes:
        """The ResourceList."""
        if self.text is not None:
            return self.text if isinstance(self.text, bytes) else self.text.encode()
        marks = {path: f"krmfn-raw-{number}" for number, path in enumerate(self.raw)}
        documents = dict(BASE)
        named = {"provider", "claim", "secret"} - set(self.without)
        for path, value in (self.set | marks).items():
            name, _, below = path.partition(":")
            documents[name] = changed(documents[name], below, value)
            named.add(name)
        documents["vcluster"] = in_config_map(documents["vcluster"])
        items = [documents[name] for name in ITEMS if name in named]
        config = documents["flat" if "flat" in named else "config"]
        # An escaped text is the same to every reader, and lets a row have lone surrogates.
        text = json.dumps(resource_list(*items, *self.add, config=config))
        for path, mark in marks.items():
            text = text.replace(f'"{mark}"', self.raw[path])
        return text.encode()


def in_config_map(values: Any) -> dict[str, Any]:
    """A vcluster.yaml as krmfn finds it."""
    metadata = {
        "name": "values",
        "namespace": "p-default",
        "labels": {"krmfn.dev/vcluster": "tenant-1"},
    }
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata,
        "data": {"vcluster.yaml": yaml.safe_dump(values)},
    }


class Loader(yaml.CSafeLoader):
    """YAML with a few tags, for values that are tedious to write."""


def _repeated(loader: yaml.CSafeLoader, node: yaml.SequenceNode) -> str:
    text, times, before, after = [*loader.construct_sequence(node), "", ""][:4]
    return f"{before}{str(text) * int(times)}{after}"


def _with_certificate(loader: yaml.CSafeLoader, node: yaml.ScalarNode) -> str:
    return str(loader.construct_scalar(node)).replace("CERTIFICATE", CERTIFICATE.strip())


Loader.add_constructor("!removed", lambda loader, node: REMOVED)
Loader.add_constructor("!repeat", _repeated)
Loader.add_constructor("!certificate", _with_certificate)


def read(path: Path) -> list[Row]:
    """The rows of one file."""
    return [Row(**row) for row in yaml.load(path.read_text(), Loader=Loader)]


FILES = {path.stem: read(path) for path in sorted(TABLE.glob("*.yaml"))}


def parameters(refused: bool) -> list[Any]:
    """The rows of the whole table that are refused, or that arrive."""
    return [
        pytest.param(
            row,
            id=f"{theme}: {row.name}",
            marks=[pytest.mark.xfail(reason=row.xfail, strict=True)] if row.xfail else [],
        )
        for theme, rows in FILES.items()
        for row in rows
        if bool(row.error) == refused
    ]


def answered(row: Row) -> Reply:
    """The function's reply, which may take no more work than the size of the row explains."""
    source = row.source()
    reply, steps = counted(lambda: run(source))
    assert steps < MOST_STEPS + MOST_STEPS_A_BYTE * len(source)
    return reply


@pytest.mark.parametrize("row", parameters(refused=True))
def test_refused(row: Row) -> None:
    said = refusal(answered(row))
    for fragment in (row.error, *row.also):
        assert fragment in said
    for fragment in row.never:
        assert fragment not in said
    assert not CONTROLS.search(said)
    for line in said.splitlines():
        assert len(line) <= row.longest
        assert NAMED.match(line) or not line.startswith("error: "), line


@pytest.mark.parametrize("row", parameters(refused=False))
def test_arrives(row: Row) -> None:
    reply = answered(row)
    assert reply.code == 0, reply.stderr
    for where, expected in row.arrives.items():
        check(reply, where, expected)


def check(reply: Reply, where: str, expected: Any) -> None:
    """Hold one part of what came out to a row's expectation: a text, or values by dotted path."""
    if where == "user-data":
        assert expected in user_data(reply)[0]
        return
    found = made(reply)[0] if where == "machine" else yaml.safe_load(user_data(reply)[0])
    for path, value in expected.items():
        assert contained(value, at(found, path)), at(found, path)


def at(value: Any, path: str) -> Any:
    """What stands at a dotted path, as `changed` reads one."""
    for key in path.split("."):
        value = value[int(key) if key.isdigit() else key]
    return value


def contained(expected: Any, found: Any) -> bool:
    """Whether two values are equal, but that a mapping may have more keys than expected."""
    if isinstance(expected, dict):
        return isinstance(found, dict) and all(
            key in found and contained(value, found[key]) for key, value in expected.items()
        )
    return type(expected) is type(found) and bool(expected == found)


def test_the_base_is_good() -> None:
    for row in (
        Row("typed"),
        Row("flat", set={"flat:metadata.name": "nodes"}),
        Row("vcluster", set={"vcluster:a": 1}),
    ):
        assert answered(row).code == 0


def test_the_table_is_whole() -> None:
    rows = [row for found in FILES.values() for row in found]
    assert len(rows) >= LEAST
    for theme, found in FILES.items():
        names = [row.name for row in found]
        assert sorted(names) == sorted(set(names)), theme
        assert found, theme
    for row in rows:
        assert bool(row.error) != bool(row.arrives), row.name
        # A short fragment would be met by some other error.
        assert not row.error or len(row.error) >= 10, row.name
    used = {path.name for path in TABLE.iterdir()}
    assert used == {f"{theme}.yaml" for theme in FILES} | {"README.md"}
