"""How files that krmfn wrote would change: a diff that people can read and that shows no token."""

from __future__ import annotations

import base64
import binascii
import difflib
from collections.abc import Iterator

from krmfn.patterns import pattern
from krmfn.problems import masked_lines

_DATA = pattern(r"^  (userdata|networkdata): ([A-Za-z0-9+/=]+)$")


def difference(path: str, old: str, new: str) -> Iterator[str]:
    """Yield a unified diff of one file; "" stands for a file that does not exist."""
    before, after = _shown(old), _shown(new)
    from_file = f"a/{path}" if before else "/dev/null"
    to_file = f"b/{path}" if after else "/dev/null"
    return difflib.unified_diff(before, after, from_file, to_file)


def _shown(text: str) -> list[str]:
    """Return the lines of a file with user data in clear and tokens masked."""
    lines: list[str] = []
    for line in text.splitlines():
        lines += _in_clear(line)
    return [f"{line}\n" for line in masked_lines("\n".join(lines))]


def _in_clear(line: str) -> list[str]:
    """Decode a line that holds data in base64."""
    match = _DATA.match(line)
    content = _decoded(match[2]) if match else None
    if match is None or content is None:
        return [line]
    indented = [f"    {inner}" for inner in content]
    return [f"  {match[1]}: (base64 of)", *indented]


def _decoded(text: str) -> list[str] | None:
    """Decode base64 into lines, None if it is not text."""
    try:
        return base64.b64decode(text, validate=True).decode().splitlines()
    except (binascii.Error, UnicodeDecodeError):
        return None
