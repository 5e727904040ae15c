"""The part of Go's text/template that MachineConfigTemplates need; anything more is an error that names it.

Read: `{{ .Values.A.B }}`, `{{ index .Values.A "key" }}`, `{{ range .Values.A }}…{{ . }}…{{ end }}`, comments, and `{{-` and `-}}`.

A value is put in as text and then seen to be nothing but text: see `filled`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from krmfn.problems import show

_SPACES = " \t\r\n"
_FIELD = re.compile(r"\.Values((?:\.[A-Za-z_][A-Za-z0-9_]*)+)")
_INDEX = re.compile(r'index\s+\.Values((?:\.[A-Za-z_][A-Za-z0-9_]*)+)\s+(?:"([^"\\]*)"|`([^`]*)`)')
_RANGE = re.compile(r"range\s+\.Values((?:\.[A-Za-z_][A-Za-z0-9_]*)+)")
_COMMENT = re.compile(r"/\*.*\*/", re.DOTALL)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]")

Values = dict[str, Any]


@dataclass(slots=True)
class _Node:
    """Text, a value (`path`) or, with `body`, a loop over a list. The path `()` is the loop's own element."""

    text: str = ""
    path: tuple[str, ...] | None = None
    body: list[_Node] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class GoTemplate:
    """A parsed template."""

    nodes: tuple[_Node, ...]

    def render(self, values: Values, write: Callable[[str], str] = str) -> str:
        """The text for these values (mappings of text, or lists of text); `write` has the last word on each of them.

        Raises ValueError where the template asks for a value that is not there.
        """
        return "".join(_rendered(self.nodes, values, None, write))


def parse(text: str) -> GoTemplate:
    """Parse a template. Raises ValueError with its line and what in it is not read."""
    stack: list[list[_Node]] = [[]]
    end, trim = 0, False
    while (start := text.find("{{", end)) >= 0:
        between = text[end:start]
        between = between.lstrip(_SPACES) if trim else between
        close = text.find("}}", start + 2)
        try:
            if close < 0:
                raise ValueError("has {{ without }}")
            action = text[start + 2 : close]
            left, trim = (
                action[:1] == "-" and action[1:2] in _SPACES,
                action[-1:] == "-" and action[-2:-1] in _SPACES,
            )
            stack[-1].append(_Node(between.rstrip(_SPACES) if left else between))
            _action(action[left : len(action) - trim].strip(_SPACES), stack)
        except ValueError as error:
            raise ValueError(f"line {text.count(chr(10), 0, start) + 1}: {error}") from None
        end = close + 2
    if len(stack) > 1:
        raise ValueError("has a range without end")
    stack[0].append(_Node(text[end:].lstrip(_SPACES) if trim else text[end:]))
    return GoTemplate(tuple(stack[0]))


def _action(action: str, stack: list[list[_Node]]) -> None:
    if _COMMENT.fullmatch(action):
        return
    if action == "end":
        if len(stack) == 1:
            raise ValueError("has an end without range")
        stack.pop()
    elif action == "." and len(stack) > 1:
        stack[-1].append(_Node(path=()))
    elif match := _FIELD.fullmatch(action):
        stack[-1].append(_Node(path=_path(match[1])))
    elif match := _INDEX.fullmatch(action):
        stack[-1].append(
            _Node(path=(*_path(match[1]), match[2] if match[2] is not None else match[3]))
        )
    elif match := _RANGE.fullmatch(action):
        if len(stack) > 1:
            raise ValueError("has a range within a range, which krmfn does not read")
        node = _Node(path=_path(match[1]))
        stack[-1].append(node)
        stack.append(node.body)
    else:
        known = '.Values.A.B, index .Values.A "key", range .Values.A and end'
        raise ValueError(f"{show(action)} is not read by krmfn; it knows {known}")


def _path(text: str) -> tuple[str, ...]:
    return tuple(text.split(".")[1:])


def _rendered(
    nodes: tuple[_Node, ...] | list[_Node],
    values: Values,
    element: str | None,
    write: Callable[[str], str],
) -> Iterator[str]:
    for node in nodes:
        if node.path is None:
            yield node.text
        elif node.body:
            for value in _lookup(values, node.path, list):
                yield from _rendered(node.body, values, value, write)
        elif node.path == ():
            yield write(element or "")
        else:
            yield write(_lookup(values, node.path, str))


def _lookup(values: Values, path: tuple[str, ...], kind: type) -> Any:
    value: Any = values
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    if not isinstance(value, kind):
        known = sorted(_known(values))
        asked = f".Values.{'.'.join(path)}"
        raise ValueError(
            f"asks for {show(asked)}, which is no {'list' if kind is list else 'text'} here; there are {', '.join(known)}"
        )
    return value


def _known(values: Values, before: str = ".Values") -> Iterator[str]:
    for key, value in values.items():
        if isinstance(value, dict) and value and key != "Properties":
            yield from _known(value, f"{before}.{key}")
        else:
            yield f"{before}.{key}"


def filled(template: GoTemplate, values: Values, read: Callable[[str], Any]) -> str:
    """The rendered text, of which every value is a piece of text in the document and none of its structure.

    The text is read twice, once with the values and once with marks in their stead: both have to have one shape. Raises ValueError
    where a value has control characters or makes another document of it, and whatever `read` raises.
    """
    given: list[str] = []

    def mark(value: str) -> str:
        given.append(value)
        return f"krmfnvalue{len(given) - 1:05d}x"

    marked = template.render(values, mark)
    if wrong := next((value for value in given if _CONTROLS.search(value)), None):
        raise ValueError(f"puts in {show(wrong)}, which has control characters")
    text = template.render(values)
    shape = read(marked)
    try:
        real = read(text)
    except ValueError:
        real = None
    if not _same(
        shape,
        real,
        lambda part: re.sub(r"krmfnvalue(\d{5})x", lambda match: given[int(match[1])], part),
    ):
        raise ValueError(
            "puts in a value that changes the document's structure; write the place of it in quotes"
        )
    return text


def _same(marked: Any, real: Any, fill: Callable[[str], str]) -> bool:
    if isinstance(marked, dict):
        return (
            isinstance(real, dict)
            and [fill(key) for key in marked] == list(real)
            and all(
                _same(child, other, fill)
                for child, other in zip(marked.values(), real.values(), strict=True)
            )
        )
    if isinstance(marked, list):
        return (
            isinstance(real, list)
            and len(marked) == len(real)
            and all(map(lambda a, b: _same(a, b, fill), marked, real))
        )
    if isinstance(marked, str):
        # A whole number stays one: the mark of it was text.
        return bool(real == fill(marked)) or (
            type(real) is int and marked.startswith("krmfnvalue") and str(real) == fill(marked)
        )
    return bool(marked == real) and type(marked) is type(real)
