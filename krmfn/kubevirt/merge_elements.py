"""Elements of lists that are merged: what makes two the same, their kinds and their order."""

from __future__ import annotations

from typing import Any

from krmfn.problems import Path, path_text

PATCH = "$patch"
# What two elements of a list have in common if they are the same element.
Identity = tuple[str, Any]


class MergeError(ValueError):
    """A patch that can't be merged; `path` is the field in the patch."""

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(f"{path_text(path)}: {message}" if path else message)
        self.path = path
        self.message = message


def has_directive(value: Any) -> bool:
    """Tell whether a value is a mapping with a `$patch`."""
    return isinstance(value, dict) and PATCH in value


def check_order(new: list[Any], order: list[Any], merge_key: str, path: Path) -> None:
    """Refuse a patch whose elements do not stand in `order`, in the same sequence."""
    if not new or not order:
        return
    wanted = [value for value in new if not (merge_key and _is_deletion(value))]
    rest = list(order)
    while wanted and rest:
        if has_directive(wanted[0]):
            wanted.pop(0)
            continue
        identity = identity_of(wanted[0], merge_key, path)
        if identity == identity_of(rest.pop(0), merge_key, path):
            wanted.pop(0)
    if wanted:
        raise MergeError(path, "does not list the patch's elements in their order")


def _is_deletion(value: Any) -> bool:
    """Tell whether an element deletes the one with its key."""
    return isinstance(value, dict) and value.get(PATCH) == "delete"


def in_order(
    merged: list[Any], order: list[Any], base: list[Any], merge_key: str, path: Path
) -> list[Any]:
    """Put a list in order.

    The elements of `order` come in that order. The others, which only `base` has, stand between
    them where `base` has them.
    """
    ranks = _ranks(order, merge_key, path)
    base_ranks = _ranks(base, merge_key, path)
    listed: list[tuple[Identity, Any]] = []
    others: list[tuple[Identity, Any]] = []
    for value in merged:
        identity = identity_of(value, merge_key, path)
        if identity in ranks:
            listed.append((identity, value))
        else:
            others.append((identity, value))
    listed.sort(key=lambda pair: ranks[pair[0]])
    others.sort(key=lambda pair: base_ranks.get(pair[0], len(base)))
    result = []
    for identity, value in listed:
        # What is new in the patch has no rank in `base`, and nothing goes before it.
        rank = base_ranks.get(identity, -1)
        while others and base_ranks.get(others[0][0], len(base)) < rank:
            result.append(others.pop(0)[1])
        result.append(value)
    return result + [value for _, value in others]


def _ranks(values: list[Any], merge_key: str, path: Path) -> dict[Identity, int]:
    """Return the index at which each element stands first."""
    ranks: dict[Identity, int] = {}
    for index, value in enumerate(values):
        ranks.setdefault(identity_of(value, merge_key, path), index)
    return ranks


def identity_of(value: Any, merge_key: str, path: Path) -> Identity:
    """Return what makes an element of a list the same as another."""
    if not merge_key:
        if isinstance(value, dict | list):
            raise MergeError(path, "can't be put in order: its elements have no merge key")
        return typed(value)
    if not isinstance(value, dict) or merge_key not in value:
        raise MergeError(path, f'has no "{merge_key}", by which its list is merged')
    return typed(value[merge_key])


def typed(value: Any) -> Identity:
    """Return what is equal if Go's values are equal: 1, 1.0 and true differ."""
    return kind_of(value), repr(value) if isinstance(value, dict | list) else value


def kind_of(value: Any) -> str:
    """Name the kind of a value as Go's decoder sees it."""
    if isinstance(value, dict):
        return "map"
    if isinstance(value, list):
        return "list"
    return "text" if isinstance(value, str) else type(value).__name__


def element_kind(base: list[Any], patch: list[Any], path: Path) -> str:
    """Return the one kind that all elements have. They may not be lists or nulls."""
    kinds = {kind_of(value) for value in (*base, *patch)}
    if len(kinds) == 1 and not kinds & {"list", "NoneType"}:
        return kinds.pop()
    what = "elements of several types" if kinds else "no elements"
    if "list" in kinds:
        what = "lists"
    raise MergeError(path, f"can't be merged: it has {what}")


def quoted(value: Any) -> str:
    """Quote a directive for a message."""
    return f'"{value}"' if isinstance(value, str) else "not text"
