"""The values of plain scalars, as go-yaml v3 resolves them."""

from __future__ import annotations

from typing import Any

from krmfn.patterns import pattern

_CONSTANTS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_FLOAT = pattern(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_TIMESTAMP = pattern(
    r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
    r"([Tt ]\s*[0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(\.[0-9]*)?"
    r"(\s*(Z|[-+][0-9]{1,2}(:[0-9]{2})?))?)?"
)
# By base: an integer's digits, after its sign.
_DIGITS = {
    16: pattern(r"0[xX]([0-9a-fA-F]+)"),
    2: pattern(r"0[bB]([01]+)"),
    8: pattern(r"0[oO]?([0-7]+)"),
    10: pattern(r"(0|[1-9][0-9]*)"),
}
_NUMERIC_STARTS = frozenset("+-.0123456789")
_LONGEST_INTEGER = 70


class Timestamp(str):
    """An unquoted date.

    Some readers take it for text, others for a date, and kustomize rewrites it: krmfn refuses it
    in what it reads.
    """

    __slots__ = ()


def resolve(text: str) -> Any:
    """Return the value of a plain scalar, as go-yaml v3 resolves it.

    `yes` is text, `012` is 10, `1e3` a number, `1:30` text.
    """
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] not in _NUMERIC_STARTS:
        return text
    if text[0] == ".":
        return _float(text)
    if _TIMESTAMP.fullmatch(text):
        return Timestamp(text)
    digits = text.replace("_", "")
    integer = _integer(digits)
    if integer is not None:
        return integer
    return _float(digits, text)


def _integer(text: str) -> int | None:
    """Read an integer of 64 bits, or return None."""
    if len(text) > _LONGEST_INTEGER:
        return None
    sign = text[:1] if text[:1] in ("+", "-") else ""
    for base, grammar in _DIGITS.items():
        match = grammar.fullmatch(text, len(sign))
        if match:
            value = int(sign + match[1], base)
            # Without a sign, Go tries an unsigned integer as well.
            largest = 2 ** (63 if sign else 64) - 1
            return value if -(2**63) <= value <= largest else None
    return None


def _float(digits: str, text: str | None = None) -> float | str:
    """Read a float, or return the text, which is the digits unless it is given.

    Out of a float's range, go-yaml leaves the digits alone: `1e400` is a string.
    """
    if not _FLOAT.fullmatch(digits):
        return digits if text is None else text
    value = float(digits)
    return digits if value in (float("inf"), float("-inf")) else value
