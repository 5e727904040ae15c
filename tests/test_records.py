"""Records are dataclasses, and patterns compiled regular expressions, but for when they are made."""

import re
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from krmfn.patterns import pattern
from krmfn.records import record


@record(frozen=True)
class Value:
    name: str
    more: tuple[int, ...] = ()
    hidden: str = field(default="h", repr=False)


@record()
class Open:
    name: str
    more: list[int] = field(default_factory=list)


@record(eq=False)
class Single:
    name: str


@dataclass(frozen=True)
class Other:
    name: str
    more: tuple[int, ...] = ()


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (Value("a"), Value("a"), True),
        (Value("a"), Value("b"), False),
        (Value("a", (1,)), replace(Value("a"), more=(1,)), True),
        (Value("a"), Other("a"), False),
        (Open("a"), Open("a"), True),
        (Open("a", [1]), Open("a", [2]), False),
        (Single("a"), Single("a"), False),
    ],
)
def test_records_are_equal_as_dataclasses_are(one: Any, other: Any, same: bool) -> None:
    assert (one == other) is same
    assert (one != other) is not same
    if isinstance(one, Value) and same:
        assert hash(one) == hash(other)


def test_records_that_change_have_no_hash_and_slots_take_no_other_field() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(Open("a"))
    assert len({Single("a"), Single("a")}) == 2
    with pytest.raises(AttributeError):
        Open("a").other = 1  # type: ignore[attr-defined]


def test_records_are_shown_as_their_call() -> None:
    assert repr(Value("a", (1,))) == "Value(name='a', more=(1,))"


def test_patterns_match_as_compiled_ones() -> None:
    lazy, compiled = pattern("(a+)b", re.IGNORECASE), re.compile("(a+)b", re.IGNORECASE)
    assert lazy.pattern == compiled.pattern
    assert lazy.flags == re.IGNORECASE
    for method in ("match", "fullmatch", "search"):
        for text in ("AAb", "xab", "b"):
            ours, theirs = getattr(lazy, method)(text), getattr(compiled, method)(text)
            assert (ours and ours.groups()) == (theirs and theirs.groups())
    assert lazy.sub("-", "abAB") == compiled.sub("-", "abAB")
