"""The values of Go's templates, and the functions that MachineConfigTemplates may call.

Text that comes from properties and claims is kept apart from the template's own: each `Text` has a
shadow, in which marks stand for what was put in. Functions that only lay text out (`quote`,
`indent`, `printf`) do so with both; the result of any other is put in anew.

The functions behave as Go's builtins and those of Masterminds/sprig.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from krmfn.problems import show

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]")
_MARK = re.compile(r"krmfnvalue(\d{5})x")
_VERB = re.compile(r"%(.?)", re.DOTALL)
_QUOTED = {"\a": r"\a", "\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t",
           "\v": r"\v", "\\": r"\\", '"': r"\""}  # fmt: skip


class TemplateError(ValueError):
    """A template can't be executed; the message goes on after the field that holds it."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text; without a `shadow` it comes from outside, and was not laid out yet."""

    real: str
    shadow: str | None = None


@dataclass(frozen=True, slots=True)
class Missing:
    """A value that is not there, such as a property that nobody set; `path` asks for it."""

    path: str


@dataclass(slots=True)
class Marks:
    """Marks that stand for values: words that mean nothing in YAML."""

    values: list[str] = field(default_factory=list)

    def shadow(self, text: Text) -> str:
        """Return what stands for a text that is written on one line."""
        return self.mark(text.real) if text.shadow is None else text.shadow

    def mark(self, value: str, allowed: str = "") -> str:
        """Make the mark of a value, which may have no control characters but the `allowed`."""
        if set(_CONTROLS.findall(value)) - set(allowed):
            raise TemplateError(f"puts in {show(value)}, which has control characters")
        self.values.append(value)
        return f"krmfnvalue{len(self.values) - 1:05d}x"

    def replaced(self, text: str) -> str:
        """Put the values back in place of their marks."""
        return _MARK.sub(lambda match: self.values[int(match[1])], text)


def literal(value: str) -> Text:
    """Return a text of the template itself, which stands for itself."""
    return Text(value, value)


def is_true(value: Any) -> bool:
    """Tell whether a value is true to `if`: it is neither empty nor 0 nor missing."""
    return bool(value.real) if isinstance(value, Text) else bool(_absent(value))


def _absent(value: Any) -> Any:
    """Return a value, None if it is missing."""
    return None if isinstance(value, Missing) else value


def printed(value: Any) -> Text:
    """Return a value as an action writes it."""
    if isinstance(value, Text):
        return value
    if isinstance(value, bool):
        return literal(str(value).lower())
    if isinstance(value, int):
        return literal(str(value))
    if isinstance(value, Missing):
        raise TemplateError(f"asks for {show(value.path)}, which is no text here")
    raise TemplateError("asks for a list, a mapping or nil where a text stands")


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


def wrapped(value: Any) -> Any:
    """Return a value from outside; a text as one that was not laid out yet."""
    return Text(value) if isinstance(value, str) else value


def _made(real: str, *sources: Text) -> Text:
    """Return a text that was made of others: it comes from outside if one of them does."""
    is_own = all(source.shadow == source.real for source in sources)
    return literal(real) if is_own else Text(real)


def _go_quoted(text: str) -> str:
    """Quote a text as Go's %q does."""
    return f'"{"".join(_QUOTED.get(c) or _printable(c) for c in text)}"'


def _printable(character: str) -> str:
    """Return a character as it stands between Go's quotes."""
    code = ord(character)
    if character.isprintable():
        return character
    return (
        f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 2**16 else f"\\U{code:08x}"
    )


def _quote(marks: Marks, *arguments: Any) -> Text:
    """Write texts in double quotes, with a blank between."""
    parts = [_quoted(marks, text) for text in _texts(arguments)]
    return _joined(marks, " ", parts)


def _quoted(marks: Marks, text: Text) -> Text:
    """Write one text in double quotes, in which it can hold line breaks and tabs."""
    shadow = text.shadow
    shadow = marks.mark(text.real, "\n\t") if shadow is None else _go_quoted(shadow)[1:-1]
    return Text(_go_quoted(text.real), f'"{shadow}"')


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


def _comparison(holds: Callable[[Any, Any], bool]) -> Callable[..., bool]:
    """Make an order of two numbers or two texts."""

    def call(marks: Marks, one: Any, other: Any) -> bool:
        left, right = _comparable(one), _comparable(other)
        if type(left) is not type(right) or type(left) not in (int, bytes):
            raise TemplateError("compares values of different kinds, or that have no order")
        return holds(left, right)

    return call


def _comparable(value: Any) -> Any:
    """Return a value as Go compares it: texts by their bytes, None if it is missing."""
    return value.real.encode() if isinstance(value, Text) else _absent(value)


def _equal(marks: Marks, one: Any, *others: Any) -> bool:
    """Tell whether the first value equals one of the others."""
    if not others:
        raise TemplateError("calls eq with one value")
    left = _comparable(one)
    return any(_same(left, _comparable(other)) for other in others)


def _same(left: Any, right: Any) -> bool:
    """Tell whether two values are equal; nothing equals only itself."""
    if isinstance(left, dict | list) or isinstance(right, dict | list):
        raise TemplateError("compares a list or a mapping, which Go refuses")
    if left is not None and right is not None and type(left) is not type(right):
        raise TemplateError("compares values of different kinds, which Go refuses")
    return bool(left == right)


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
    "eq": _equal,
    "ge": _comparison(lambda one, other: one >= other),
    "gt": _comparison(lambda one, other: one > other),
    "hasPrefix": _test(lambda part, text: text.startswith(part)),
    "hasSuffix": _test(lambda part, text: text.endswith(part)),
    "indent": _indent,
    "join": _join,
    "le": _comparison(lambda one, other: one <= other),
    "len": _length,
    "list": lambda marks, *values: list(values),
    "lower": _text_function(str.lower),
    "lt": _comparison(lambda one, other: one < other),
    "ne": lambda marks, one, other: not _equal(marks, one, other),
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
