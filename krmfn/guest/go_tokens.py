"""The tokens of Go's text/template: actions between `{{` and `}}`, with their trim marks."""

from __future__ import annotations

import re

from krmfn.patterns import pattern
from krmfn.problems import show
from krmfn.records import record

SPACES = " \t\r\n"
_COMMENT = pattern(r"/\*.*?\*/(?=[ \t\r\n]-\}\}|\}\})", re.DOTALL)
_END = pattern(r"[ \t\r\n]*(?:(?<=[ \t\r\n])-)?\}\}")
_TOKEN = pattern(
    r"""[ \t\r\n]*(?:
    (?P<string>"(?:[^"\\\n]|\\.)*") | (?P<raw>`[^`]*`)
    | (?P<number>[+-]?(?:0|[1-9][0-9]{0,15})(?![\w.]))
    | (?P<field>\.[^\W\d]\w*) | (?P<dot>\.) | (?P<variable>\$\w*) | (?P<assign>:=|=)
    | (?P<word>[^\W\d]\w*) | (?P<sign>[|(),])
    )""",
    re.VERBOSE,
)
_ESCAPE = pattern(
    r"\\(?:([abfnrtv\\\"])|x([0-9a-fA-F]{2})|([0-7]{3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.?))"
)
_ESCAPED = dict(zip('abfnrtv\\"', '\a\b\f\n\r\t\v\\"', strict=True))


class TemplateSyntaxError(ValueError):
    """A template can't be read; the message goes on after the line."""


@record(frozen=True)
class Token:
    """A token of an action; `follows`: nothing stands between it and the one before."""

    kind: str
    text: str
    follows: bool


def read_action(text: str, start: int, line: int) -> tuple[list[Token] | None, int, bool, bool]:
    """Read the action at `start`.

    Return its tokens (None for a comment), its end, and which sides have a trim mark. As in Go, a
    mark counts only if white space stands between it and the rest.
    """
    position = start + 2
    before = text[position : position + 1] == "-" and text[position + 1 : position + 2] in SPACES
    position += before
    is_spaced = before and text[position + 1 : position + 3] == "/*"
    comment = _COMMENT.match(text, position + is_spaced)
    position = comment.end() if comment else position
    tokens: list[Token] = []
    while (end := _END.match(text, position)) is None:
        token = None if comment else _TOKEN.match(text, position)
        if token is None:
            close = text.find("}}", start)
            if close < 0:
                raise TemplateSyntaxError(f"line {line}: has {{{{ without }}}}")
            raise TemplateSyntaxError(f"line {line}: {unread(text[start + 2 : close])}")
        kind = token.lastgroup or ""
        follows = bool(tokens) and token.start(kind) == position
        tokens.append(Token(kind, token[kind], follows))
        position = token.end()
    return None if comment else tokens, end.end(), before, end[0].endswith("-}}")


def unread(source: str, reason: str = "") -> str:
    """Say that an action is not read."""
    return f"{show(source.strip(SPACES))} is not read by krmfn{reason}"


def unescaped(text: str) -> str:
    """Return a text without its escapes, as Go's strconv.Unquote does."""
    return _ESCAPE.sub(_character, text)


def _character(match: re.Match[str]) -> str:
    """Return the character of an escape."""
    plain, byte, octal, short, long, other = match.groups()
    if plain:
        return _ESCAPED[plain]
    code = int(byte or short or long or "0", 16) if octal is None else int(octal, 8)
    # Escapes of bytes are not characters above ASCII.
    is_character = code <= 0x7F or bool(short or long)
    if other is not None or not is_character or code > 0x10FFFF or 0xD800 <= code < 0xE000:
        raise TemplateSyntaxError(f"has the escape {show(match[0])}, which krmfn does not read")
    return chr(code)
