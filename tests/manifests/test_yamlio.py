"""YAML is read as kustomize reads it, written so that every reader reads the same, and refused with a line if it is ambiguous or hostile."""

import json
import math
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from krmfn.manifests import yamlio
from krmfn.manifests.yamlio import (
    Hole,
    Template,
    Timestamp,
    dump,
    find_position,
    read,
    resolve,
)
from krmfn.problems import Inside
from tests.support import counted


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"), ("on", "on"), ("n", "n"), ("y", "y"), ("TRUE", True), ("True", True), ("false", False), ("tRue", "tRue"),
        ("1e3", 1000.0), ("012", 10), ("0o14", 12), ("0b11", 3), ("0x1F", 31), ("1_000", 1000), ("08", 8.0), ("010.5", 10.5),
        ("1:30", "1:30"), ("1.0", 1.0), ("1e400", "1e400"), ("18446744073709551615", 2**64 - 1), ("18446744073709551616", 2.0**64),
        ("-9223372036854775808", -(2**63)), ("~", None), ("", None), ("null", None), ("Null", None), ("nul", "nul"), ("+12", 12),
        (".5", 0.5), (".", "."), ("-", "-"), ("_1", "_1"), ("0x", "0x"), ("9" * 100_000, "9" * 100_000), ("-.inf", -math.inf), (".inf", math.inf),
    ],
)  # fmt: skip
def test_plain_scalars_are_what_kustomize_takes_them_for(text: str, value: Any) -> None:
    assert resolve(text) == value
    assert type(resolve(text)) is type(value)


@pytest.mark.parametrize(
    "text",
    ["2001-01-01", "2001-1-1 1:02:03", "2001-12-14T21:59:43.10-05:00", "2001-12-14t21:59:43Z"],
)
def test_dates_are_told_apart(text: str) -> None:
    assert isinstance(resolve(text), Timestamp)


def values() -> st.SearchStrategy[Any]:
    text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
    leaves = (
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63 - 1)
        | st.floats(allow_nan=False, allow_infinity=False)
        | text
    )
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
        max_leaves=20,
    )


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=10),
        values(),
        min_size=1,
        max_size=5,
    )
)
def test_what_is_written_is_read_back(value: dict[str, Any]) -> None:
    documents, faults = read(dump(value))
    assert not faults
    assert json.loads(json.dumps(documents[0].data)) == value
    # A YAML 1.1 reader agrees on the type of every string.
    assert [type(v) for v in yaml.safe_load(dump(value)).values() if isinstance(v, str)] == [
        str for v in value.values() if isinstance(v, str)
    ]


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("a: 1\nb: 2\na: 3\n", 'has the key "a" twice', 3),
        ("a: !foo 1\n", "unknown tag !foo", 1),
        (
            "a: !!python/object:os.system {}\n",
            "unknown tag tag:yaml.org,2002:python/object:os.system",
            1,
        ),
        ("a: !!set {x}\n", "unknown tag", 1),
        ("a: !!int x\n", "is not a valid int", 1),
        ("1: a\n", "has a key that is not text", 1),
        ("true: a\n", "has a key that is not text", 1),
        ("2001-01-01: a\n", "has a key that is a date", 1),
        ("? [a]\n: b\n", "has a key that is a collection", 1),
        ("a: b: c\n", "is not YAML: mapping values are not allowed in this context", 1),
        ("a: [\n", "is not YAML", 2),
        ("a: *b\n", "alias *b has no anchor before it", 1),
        ("a: &a\n  b: *a\n", "alias *a contains itself", 2),
        ("a: b\n\x00", "is not YAML", 1),
        ("a: \x01", "is not YAML", 1),
        ('a: "\\ud800"', "is not YAML", 1),
        ("%TAG ! tag:x,2000:\n---\na: b\n", "has a %TAG directive", 1),
        ("a:\n\tb: c\n", "is not YAML", 2),
        ("<<: a\n", "merges (<<) something that is not a mapping", 1),
    ],
)
def test_faults_say_what_and_where(text: str, message: str, line: int) -> None:
    _, faults = read(text)
    assert faults
    assert message in faults[0].message
    assert faults[0].line == line


def test_bytes_that_are_no_utf8() -> None:
    assert read(b"a: b\nc: \xff\n")[1] == [yamlio.Fault("is not valid UTF-8", 2, 4)]


def test_all_faults_of_a_document_come_together() -> None:
    assert len(read("a: 1\na: 2\nb: !x 1\n1: c\n")[1]) == 3


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12)
)


@pytest.mark.parametrize(
    ("text", "message", "line", "column"),
    [
        ("[" * 60_000 + "]" * 60_000, "is nested over 100 levels deep", 1, 101),
        ("- " * 101, "is nested over 100 levels deep", 1, 201),
        ("{a: " * 101, "is nested over 100 levels deep", 1, 401),
        (BOMB, "has aliases that stand for over 100000 values", 5, 50),
        ('{"a":' * 100_000, "is nested over 100 levels deep", 1, 501),
    ],
    ids=["nested brackets", "nested dashes", "nested mappings", "alias bomb", "unclosed"],
)
def test_hostile_documents_are_refused_where_they_pass_a_limit(
    text: str, message: str, line: int, column: int
) -> None:
    (_, faults), steps = counted(lambda: read(text))
    assert faults == [yamlio.Fault(message, line, column)]
    # Nothing is read behind the limit.
    assert steps < 10_000


def test_what_real_files_hold_is_accepted() -> None:
    text = "\ufeffbase: &base {a: 1, b: 2}\nderived:\n  <<: *base\n  b: 3\nquoted: !!str 012\nempty:\nbinary: !!binary aGk=\nfloat: !!float 1\n"
    [document], faults = read(text)
    assert not faults
    assert document.data["derived"] == {"a": 1, "b": 3}
    assert document.data["quoted"] == "012"
    assert document.data["binary"] == "hi"
    assert document.data["float"] == 1.0


def test_of_merged_mappings_the_first_wins_and_the_own_key_over_all() -> None:
    text = "a: &a {x: 1, y: 1, z: 1}\nb: &b {x: 2, y: 2, w: 2}\nc:\n  x: 3\n  <<: [*a, *b]\n"
    [document], faults = read(text)
    assert not faults
    assert document.data["c"] == {"x": 3, "y": 1, "z": 1, "w": 2}


def test_literal_blocks_are_used_where_they_can_be_read_back() -> None:
    assert dump({"a": "x\ny\n"}) == "a: |\n  x\n  y\n"
    assert dump({"a": ["x\ny"]}) == "a:\n- |-\n  x\n  y\n"
    assert dump({"a": " x\ny\n"}) == 'a: " x\\ny\\n"\n'


def test_holes_are_quoted_for_what_fills_them() -> None:
    template = Template(
        {"name": Hole(Hole.NAME), "list": [Hole(f"{Hole.NAME}-root")], "plain": "x"}
    )
    assert template.fill("node-1") == "name: node-1\nlist:\n- node-1-root\nplain: x\n"
    assert template.fill("1e3") == 'name: "1e3"\nlist:\n- "1e3-root"\nplain: x\n'


@pytest.mark.parametrize(
    ("path", "position"),
    [
        ((), (2, 1)),
        (("b",), (3, 1)),
        (("b", 1, "c"), (5, 3)),
        (("b", 7), (3, 1)),
        (("nothing",), (2, 1)),
    ],
)
def test_places_of_fields(path: tuple[str | int, ...], position: tuple[int, int]) -> None:
    assert find_position("---\na: 1\nb:\n- x\n- c: d\n", 0, path) == position


def test_a_place_is_found_below_an_anchor_that_is_set_twice() -> None:
    text = "a: &x 1\nb: &x\n  c: *x\n  d: 2\n"
    assert find_position(text, 0, ("b", "d")) == (4, 3)


VALUES = yaml.safe_dump({"a": [{"b": 1}, {"c": {"d": "e"}}], "f": {"g": 2}}).splitlines()


@pytest.mark.parametrize("head", ["|", "|-", "|+", "|2", "| # a comment"])
@pytest.mark.parametrize("lines", [VALUES, ["", "", *VALUES], ["# x", "", *VALUES, "", ""]])
def test_a_field_of_yaml_in_a_literal_block_has_the_files_place(
    head: str, lines: list[str]
) -> None:
    inner = "\n".join(f"    {line}" if line else "" for line in lines)
    text = f"data:\n  x: y\n  values: {head}\n{inner}\n  z: 1\n"
    for path in (("a",), ("a", 1, "c", "d"), ("f", "g")):
        found = find_position(text, 0, ("data", "values", *path))
        assert found
        line, column = found
        assert text.split("\n")[line - 1][column - 1 :].startswith(f"{path[-1]}:")
    assert find_position(text, 0, ("data", "values", "nothing")) == (3, 3)


def test_a_position_in_a_text_is_only_found_where_the_text_stands_in_the_file() -> None:
    text = "a: |\n   b\n   cd\ne: b\n"
    assert find_position(text, 0, ("a",), Inside.of("b\ncd\n", 3)) == (3, 5)
    assert find_position(text, 0, ("a",), Inside.of("other", 0)) is None
    assert find_position(text, 0, ("e",), Inside.of("b", 0)) is None
    assert find_position(text, 0, ("e", "deeper"), None) == (4, 1)


@pytest.mark.parametrize(
    "text",
    [
        "[" + "[]," * 1_000_000 + "[]]",
        "---\n" * 400_000,
        "{" + "a:," * 10 + "}",
        "- " + ",".join(["a"] * 9),
    ],
)
def test_text_denser_than_manifests_are_is_not_read(text: str) -> None:
    _, faults = read(text)
    dense = any("more than manifests of its size have" in fault.message for fault in faults)
    assert dense == (len(text) > 1000)
