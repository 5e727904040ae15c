"""Keeps tokens, private keys and control characters out of everything that krmfn prints."""

from __future__ import annotations

from krmfn.patterns import pattern

MASK = "******"
# Bootstrap tokens and PEM blocks, wherever a user may have pasted them: no message may repeat one.
_TOKEN = r"[a-z0-9]{6}(?:\.|%2[eE])[a-z0-9]{16}"
_SECRET = pattern(rf"-----BEGIN[\s\S]*|{_TOKEN}")
_KEY = r"[A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"
_PRIVATE = pattern(rf"-----BEGIN {_KEY}[\s\S]*?(?:-----END {_KEY}|\Z)|{_TOKEN}")
# File names and lists of things may be long. Anything longer is not a name.
_LONG_WORD = pattern(r"(\S{300})\S+")


def redacted(text: str) -> str:
    """Return the text without tokens, keys and control characters, and with long words cut."""
    return _LONG_WORD.sub(r"\1…", masked(printable(text)))


def masked(text: str) -> str:
    """Replace every token, and everything from a PEM header on, by asterisks."""
    return _SECRET.sub(MASK, text)


def masked_lines(text: str) -> list[str]:
    """Split a file into lines for people to read.

    Only tokens and private keys are masked; certificates stay.
    """
    return [printable(line) for line in _PRIVATE.sub(MASK, text).splitlines()]


def printable(text: str) -> str:
    """Escape everything that moves a cursor, reorders a line or is invisible.

    Without this, a value could forge a second message.
    """
    if text.isprintable():
        return text
    return "".join(_escaped(char) for char in text)


def _escaped(char: str) -> str:
    """Write a character that is not printable as its escape sequence."""
    if char.isprintable():
        return char
    return char.encode("unicode_escape").decode()
