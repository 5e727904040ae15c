"""What changes in the settings of a guest's join, and what that does to a node that has joined."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from krmfn.guest.endpoint import endpoint_url
from krmfn.guest.join_settings import AUTHORITIES, IDENTITY, join_settings
from krmfn.kubevirt.differences import Change
from krmfn.patterns import pattern
from krmfn.problems import Collector, Path, Place

JOINS_AGAIN = "the node joins again"
_READ_AGAIN = "read as the node joins again; taints and labels count if its Node object is gone"
_AT_THE_JOIN = ("no-effect", "a node that has joined keeps what it has; new nodes read it")
# Nobody changes the token for the sake of nodes that have joined.
_CREDENTIALS = ("token", "token_file")
_FOR_OTHERS = ("next-start", "only a node that has not joined reads it")
# Flags that are lists of labels or taints, as they are written.
_LISTS = ("node-labels", "register-with-taints")
_MARKS = pattern(r"[A-Za-z0-9./_:=-]*")


def boot_changes(path: Path, old: Any, new: Any) -> Iterator[Change]:
    """Yield what differs in the commands of each boot, which stand at a path.

    Settings of the join count for a node that joins, or joins again as another endpoint makes it.
    Without settings on one side, all that is known is that the commands differ.
    """
    before, rest_before = join_settings(old)
    after, rest_after = join_settings(new)
    is_known = bool(before and after)
    names = differing_keys(before, after) if is_known else []
    joins_again = not {*names}.isdisjoint(IDENTITY)
    for name in names:
        verdict, why = _FOR_OTHERS if name in _CREDENTIALS else _AT_THE_JOIN
        if joins_again:
            verdict = "next-start"
            why = JOINS_AGAIN if name in IDENTITY else _READ_AGAIN
        values = _shown(name, before.get(name, ""), after.get(name, ""))
        yield Change((*path, name), *values, verdict, why)
    if rest_before != rest_after or not is_known:
        yield Change(path, None, None, "next-start", "")


def differing_keys(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Return the keys whose values differ, in order."""
    keys = sorted({*old, *new})
    return [key for key in keys if old.get(key) != new.get(key)]


def _shown(name: str, old: str, new: str) -> tuple[str | None, str | None]:
    """Return what of two values of a setting is shown: of lists, what differs.

    Somebody may have edited the earlier Secret, so only what is surely no secret is shown.
    """
    if name in _LISTS:
        parts, others = old.split(","), new.split(",")
        old = ",".join(part for part in parts if part not in others)
        new = ",".join(part for part in others if part not in parts)
    return _public(name, old), _public(name, new)


def _public(name: str, value: str) -> str | None:
    """Return a setting's value if it is of a kind that is public, else None."""
    if name == "endpoint":
        is_public = bool(endpoint_url(value, Place(), Collector()))
    elif name == "authority":
        is_public = value in AUTHORITIES
    else:
        is_public = name in _LISTS and _MARKS.fullmatch(value) is not None
    return value if is_public and value else None
