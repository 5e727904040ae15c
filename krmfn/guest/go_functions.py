"""The functions that templates may call: Go's builtins, and those of Masterminds/sprig.

Functions that only lay text out (`quote`, `indent`, `printf`) do so with a text and its shadow
alike; what any other makes of a text from outside comes from outside too.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any

from krmfn.guest.go_comparison import comparison, equal
from krmfn.guest.go_values import (
    Marks,
    TemplateError,
    Text,
    go_quoted,
    is_true,
    literal,
    printed,
    wrapped,
)
from krmfn.patterns import pattern

_VERB = pattern(r"%(.?)", re.DOTALL)


def _texts(arguments: tuple[Any, ...]) -> list[Text]:
    """Return arguments as texts."""
    return [printed(argument) for argument in arguments]


def _text(value: Any) -> Text:
    """Return an argument that has to be a text: Go makes none of a number."""
    if isinstance(value, bool | int):
        raise TemplateError("has a number or a bool where a function needs a text")
    return printed(value)


def _number(value: Any) -> int:
    """Return an argument that has to be a whole number."""
    if type(value) is not int:
        raise TemplateError("has a text where a function needs a whole number")
    return value


def _list(value: Any) -> list[Any]:
    """Return an argument that has to be a list."""
    if not isinstance(value, list):
        raise TemplateError("has no list where a function needs one")
    return [wrapped(element) for element in value]


def _made(real: str, *sources: Text) -> Text:
    """Return a text that was made of others: it comes from outside if one of them does."""
    is_own = all(source.shadow == source.real for source in sources)
    return literal(real) if is_own else Text(real)


def _quote(marks: Marks, *arguments: Any) -> Text:
    """Write texts in double quotes, with a blank between."""
    parts = [_quoted(marks, text) for text in _texts(arguments)]
    return _joined(marks, " ", parts)


def _quoted(marks: Marks, text: Text) -> Text:
    """Write one text in double quotes, in which it can hold line breaks and tabs."""
    shadow = text.shadow
    shadow = marks.mark(text.real, "\n\t") if shadow is None else go_quoted(shadow)[1:-1]
    return Text(go_quoted(text.real), f'"{shadow}"')


def _squote(marks: Marks, *arguments: Any) -> Text:
    """Write texts in single quotes, with a blank between; nothing is escaped."""
    parts = [Text(f"'{text.real}'", f"'{marks.shadow(text)}'") for text in _texts(arguments)]
    return _joined(marks, " ", parts)


def _joined(marks: Marks, separator: str, parts: list[Text]) -> Text:
    """Join texts by a separator of the template."""
    real = separator.join(part.real for part in parts)
    return Text(real, separator.join(marks.shadow(part) for part in parts))


def _indent(marks: Marks, spaces: Any, value: Any) -> Text:
    """Put blanks before each line of a text, which may have several."""
    text, pad = _text(value), " " * min(max(_number(spaces), 0), 100)
    shadow = text.shadow
    if shadow is None:
        lines = text.real.split("\n")
        # A line without text has none to stand for.
        shadow = "\n".join(marks.mark(line) if line.strip(" ") else line for line in lines)
    return Text(*(pad + each.replace("\n", f"\n{pad}") for each in (text.real, shadow)))


def _nindent(marks: Marks, spaces: Any, value: Any) -> Text:
    """Do as `indent` does, on a new line."""
    text = _indent(marks, spaces, value)
    return Text(f"\n{text.real}", f"\n{text.shadow}")


def _default(marks: Marks, fallback: Any, *given: Any) -> Any:
    """Return the value that is given, or the fallback if that is empty."""
    return given[0] if given and is_true(given[0]) else fallback


def _coalesce(marks: Marks, *values: Any) -> Any:
    """Return the first value that is not empty."""
    return next((value for value in values if is_true(value)), None)


def _ternary(marks: Marks, yes: Any, no: Any, test: Any) -> Any:
    """Return the first value if the test is true, else the second."""
    if not isinstance(test, bool):
        raise TemplateError("calls ternary with a test that is neither true nor false")
    return yes if test else no


def _join(marks: Marks, separator: Any, values: Any) -> Text:
    """Join a list of texts."""
    parts = _texts(tuple(_list(values)))
    comma = _text(separator)
    return (
        _joined(marks, comma.real, parts)
        if comma.shadow == comma.real
        else Text(comma.real.join(part.real for part in parts))
    )


def _printf(marks: Marks, layout: Any, *arguments: Any) -> Text:
    """Fill texts in: %s, %v, %d, %q and %%."""
    form = _text(layout)
    if form.shadow != form.real:
        raise TemplateError("calls printf with a layout that the template does not hold itself")
    rest = list(arguments)
    real, shadow, end = "", "", 0
    for verb in _VERB.finditer(form.real):
        between = form.real[end : verb.start()]
        part = literal("%") if verb[1] == "%" else _verb(marks, verb[1], rest)
        real, shadow = real + between + part.real, shadow + between + marks.shadow(part)
        end = verb.end()
    if rest:
        raise TemplateError("calls printf with more values than its layout has places")
    return Text(real + form.real[end:], shadow + form.real[end:])


def _verb(marks: Marks, verb: str, rest: list[Any]) -> Text:
    """Return what stands in one place of a layout."""
    if not rest:
        raise TemplateError("calls printf with fewer values than its layout has places")
    value = rest.pop(0)
    is_text, is_number = isinstance(value, Text), type(value) is int
    if verb == "v" or (verb == "s" and is_text) or (verb == "d" and is_number):
        return printed(value)
    if verb == "q" and is_text:
        return _quoted(marks, value)
    raise TemplateError(f"calls printf with %{verb} for a value that it does not fit")


def _print(marks: Marks, *arguments: Any) -> Text:
    """Write values one after another, with a blank between two that are no texts."""
    parts: list[Text] = []
    for index, argument in enumerate(arguments):
        if index and not isinstance(argument, Text) and not isinstance(arguments[index - 1], Text):
            parts.append(literal(" "))
        parts.append(printed(argument))
    return _joined(marks, "", parts)


def _text_function(function: Callable[..., str]) -> Callable[..., Text]:
    """Make a function of texts: the result comes from outside if an argument does."""

    def call(marks: Marks, *arguments: Any) -> Text:
        texts = [_text(argument) for argument in arguments]
        return _made(function(*(text.real for text in texts)), *texts)

    return call


def _test(function: Callable[..., bool]) -> Callable[..., bool]:
    """Make a function that tells something of texts."""

    def call(marks: Marks, *arguments: Any) -> bool:
        return function(*(_text(argument).real for argument in arguments))

    return call


def _length(marks: Marks, value: Any) -> int:
    """Return how many bytes, elements or keys a value has."""
    if isinstance(value, Text):
        return len(value.real.encode())
    if not isinstance(value, dict | list):
        raise TemplateError("calls len with a value that has no length")
    return len(value)


def _replace(old: str, new: str, text: str) -> str:
    """Replace every occurrence."""
    return text.replace(old, new)


# Their first argument holds the marks. `and`, `or` and `index` are the executor's own.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "b64enc": _text_function(lambda text: base64.b64encode(text.encode()).decode()),
    "coalesce": _coalesce,
    "contains": _test(lambda part, text: part in text),
    "default": _default,
    "empty": lambda marks, value: not is_true(value),
    "eq": equal,
    "ge": comparison(lambda one, other: one >= other),
    "gt": comparison(lambda one, other: one > other),
    "hasPrefix": _test(lambda part, text: text.startswith(part)),
    "hasSuffix": _test(lambda part, text: text.endswith(part)),
    "indent": _indent,
    "join": _join,
    "le": comparison(lambda one, other: one <= other),
    "len": _length,
    "list": lambda marks, *values: list(values),
    "lower": _text_function(str.lower),
    "lt": comparison(lambda one, other: one < other),
    "ne": lambda marks, one, other: not equal(marks, one, other),
    "nindent": _nindent,
    "not": lambda marks, value: not is_true(value),
    "print": _print,
    "printf": _printf,
    "quote": _quote,
    "replace": _text_function(_replace),
    "squote": _squote,
    "ternary": _ternary,
    "toString": lambda marks, value: printed(value),
    "trim": _text_function(lambda text: text.strip()),
    "trimPrefix": _text_function(lambda part, text: text.removeprefix(part)),
    "trimSuffix": _text_function(lambda part, text: text.removesuffix(part)),
    "upper": _text_function(str.upper),
}
