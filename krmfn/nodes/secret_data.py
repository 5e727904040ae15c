"""Writes the data of cloud-init Secrets, of which many have most in common."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from functools import lru_cache

from krmfn.guest.user_data import LARGEST
from krmfn.platform.config import Encoding
from krmfn.problems import Collector, Place

# What a Secret holds under a key: text of its own, and what follows and others have too.
Text = tuple[str, str]
# The nodes of a run share the text of few virtual clusters at a time.
_KEPT = 64


def fits(data: Mapping[str, Text], at: Place, problems: Collector) -> bool:
    """Tell whether a Secret can hold the data, and report if it can't."""
    size = sum(len(own.encode()) + _size(shared) for own, shared in data.values())
    if size > LARGEST:
        message = f"has user data of {size} bytes; a Secret holds at most {LARGEST}"
        problems.append(at.error(message))
    return size <= LARGEST


def secret_data(data: Mapping[str, Text], encoding: Encoding, column: int | None) -> Iterator[str]:
    """Yield the lines of a Secret's data; `column` is that of a list's dashes."""
    pad = "" if column is None else " " * (column + 2)
    yield f"{pad}{encoding}:\n"
    for key, (own, shared) in data.items():
        if encoding == "data":
            yield f"{pad}  {key}: {_base64(own, shared)}\n"
        else:
            yield f"{pad}  {key}: |\n{_block(own + shared, pad)}"


@lru_cache(_KEPT)
def _size(text: str) -> int:
    """Return how many bytes a text has that many Secrets share."""
    return len(text.encode())


def _base64(own: str, shared: str) -> str:
    """Encode two texts as one. The second is encoded once for each third that it may begin in."""
    data = own.encode()
    borrowed = -len(data) % 3
    # Its first letters may be several bytes each.
    if not shared[:borrowed].isascii():
        return base64.b64encode(data + shared.encode()).decode()
    head = base64.b64encode(data + shared[:borrowed].encode()).decode()
    return head + _encoded(shared, borrowed)


@lru_cache(3 * _KEPT)
def _encoded(text: str, start: int) -> str:
    """Encode a text from one of its first bytes on."""
    return base64.b64encode(text[start:].encode()).decode()


def _block(text: str, pad: str) -> str:
    """Return a text as the lines of a literal block."""
    lines = text.removesuffix("\n").split("\n")
    return "".join(f"{pad}    {line}\n" if line else f"{pad}\n" for line in lines)
