"""The part of Go's text/template that MachineConfigTemplates need; anything more is an error.

krmfn reads `{{ .Values.A.B }}`, `{{ index .Values.A "key" }}`,
`{{ range .Values.A }}…{{ . }}…{{ end }}`, comments, and the trim marks `{{-` and `-}}`.

A value is inserted as text, and then checked to be nothing but text: see `filled`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from krmfn.problems import Collector, Place, show

_SPACES = " \t\r\n"
_PATH = r"\.Values((?:\.[A-Za-z_][A-Za-z0-9_]*)+)"
_FIELD = re.compile(_PATH)
_INDEX = re.compile(rf'index\s+{_PATH}\s+(?:"([^"\\]*)"|`([^`]*)`)')
_RANGE = re.compile(rf"range\s+{_PATH}")
_COMMENT = re.compile(r"/\*.*\*/", re.DOTALL)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]")
_MARK = re.compile(r"krmfnvalue(\d{5})x")
_KNOWN = '.Values.A.B, index .Values.A "key", range .Values.A and end'

Values = dict[str, Any]
# The path of a loop's element itself.
_ELEMENT = ()


@dataclass(slots=True)
class _Node:
    """Text, a value (`path`) or, with `body`, a loop over a list."""

    text: str = ""
    path: tuple[str, ...] | None = None
    body: list[_Node] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class GoTemplate:
    """A parsed template, with the place of its text."""

    nodes: tuple[_Node, ...]
    at: Place

    def faults(self, values: Values) -> Iterator[str]:
        """Yield what the template asks for and these values do not have."""
        yield from _faults(self.nodes, values)

    def render(self, values: Values, write: Callable[[str], str] = str) -> str:
        """Write the text for these values, which must be without `faults`.

        Values are mappings, text, or lists of text. `write` turns each inserted text into what
        stands for it.
        """
        return "".join(_rendered(self.nodes, values, "", write))


def parse(text: str, at: Place, problems: Collector) -> GoTemplate | None:
    """Parse a template. The first problem ends it, and names the line."""
    stack: list[list[_Node]] = [[]]
    end, trims = 0, False
    while (start := text.find("{{", end)) >= 0:
        between = text[end:start]
        if trims:
            between = between.lstrip(_SPACES)
        close = text.find("}}", start + 2)
        fault = "has {{ without }}"
        if close >= 0:
            action, trims_before, trims = _trim_marks(text[start + 2 : close])
            if trims_before:
                between = between.rstrip(_SPACES)
            stack[-1].append(_Node(between))
            fault = _apply(action, stack)
        if fault:
            line = text.count("\n", 0, start) + 1
            problems.append(at.error(f"line {line}: {fault}"))
            return None
        end = close + 2
    if len(stack) > 1:
        problems.append(at.error("has a range without end"))
        return None
    rest = text[end:]
    if trims:
        rest = rest.lstrip(_SPACES)
    [nodes] = stack
    nodes.append(_Node(rest))
    return GoTemplate(tuple(nodes), at)


def _trim_marks(action: str) -> tuple[str, bool, bool]:
    """Take the trim marks off an action, and tell which sides had one.

    As in Go, a mark counts only if a blank stands between it and the rest of the action.
    """
    before = action[:1] == "-" and action[1:2] in _SPACES
    after = action[-1:] == "-" and action[-2:-1] in _SPACES
    inner = action[before : len(action) - after]
    return inner.strip(_SPACES), before, after


def _apply(action: str, stack: list[list[_Node]]) -> str:
    """Add an action to the innermost list of nodes. Return why it can't be read, or ""."""
    in_range = len(stack) > 1
    if _COMMENT.fullmatch(action):
        return ""
    if action == "end" and not in_range:
        return "has an end without range"
    if action == "end":
        stack.pop()
    elif action == "." and in_range:
        stack[-1].append(_Node(path=_ELEMENT))
    elif match := _FIELD.fullmatch(action):
        stack[-1].append(_Node(path=_path(match[1])))
    elif match := _INDEX.fullmatch(action):
        quoted, raw = match[2], match[3]
        key = raw if quoted is None else quoted
        stack[-1].append(_Node(path=(*_path(match[1]), key)))
    elif match := _RANGE.fullmatch(action):
        if in_range:
            return "has a range within a range, which krmfn does not read"
        loop = _Node(path=_path(match[1]))
        stack[-1].append(loop)
        stack.append(loop.body)
    else:
        return f"{show(action)} is not read by krmfn; it knows {_KNOWN}"
    return ""


def _path(text: str) -> tuple[str, ...]:
    """Split a field such as `.Values.a` into its keys."""
    return tuple(text.split(".")[1:])


def _faults(nodes: Sequence[_Node], values: Values) -> Iterator[str]:
    """Yield the values that nodes ask for in vain, in order."""
    for node in nodes:
        if not node.path:
            continue
        kind = list if node.body else str
        value = _value(values, node.path)
        if not isinstance(value, kind):
            wanted = "list" if node.body else "text"
            asked = show(f".Values.{'.'.join(node.path)}")
            known = ", ".join(sorted(_paths(values)))
            yield f"asks for {asked}, which is no {wanted} here; there are {known}"
        elif node.body and value:
            yield from _faults(node.body, values)


def _rendered(
    nodes: Sequence[_Node], values: Values, element: str, write: Callable[[str], str]
) -> Iterator[str]:
    """Yield the text of nodes; `element` is the value of the loop around them."""
    for node in nodes:
        if node.path is None:
            yield node.text
        elif node.path == _ELEMENT:
            yield write(element)
        elif node.body:
            for value in _value(values, node.path):
                yield from _rendered(node.body, values, value, write)
        else:
            yield write(_value(values, node.path))


def _value(values: Values, path: tuple[str, ...]) -> Any:
    """Look a path up, None if it leads nowhere."""
    value: Any = values
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _paths(values: Values, prefix: str = ".Values") -> Iterator[str]:
    """Yield the paths that templates can ask for; properties are not listed one by one."""
    for key, value in values.items():
        if isinstance(value, dict) and value and key != "Properties":
            yield from _paths(value, f"{prefix}.{key}")
        else:
            yield f"{prefix}.{key}"


class _Marks:
    """Marks that stand for values: words that mean nothing in YAML."""

    def __init__(self) -> None:
        self.values: list[str] = []

    def add(self, value: str) -> str:
        """Make the mark of a value."""
        self.values.append(value)
        return f"krmfnvalue{len(self.values) - 1:05d}x"

    def replaced(self, text: str) -> str:
        """Put the values back in place of their marks."""
        return _MARK.sub(lambda match: self.values[int(match[1])], text)


def filled(
    template: GoTemplate,
    values: Values,
    read: Callable[[str, Place, Collector], Any],
    problems: Collector,
) -> str | None:
    """Render a template so that no value changes the document's structure.

    `read` parses the text twice, once with the values and once with marks in their place: both
    must have the same shape. Return None if there is a problem, such as a value with control
    characters.
    """
    at = template.at
    for fault in template.faults(values):
        problems.append(at.error(fault))
        return None
    marks = _Marks()
    marked = template.render(values, marks.add)
    for value in marks.values:
        if _CONTROLS.search(value):
            message = f"puts in {show(value)}, which has control characters"
            problems.append(at.error(message))
            return None
    collected = Collector()
    shape = read(marked, at, collected)
    if collected:
        problems += collected
        return None
    text = template.render(values)
    document = read(text, at, collected)
    if collected or not _same(shape, document, marks):
        advice = "write the place of it in quotes"
        message = f"puts in a value that changes the document's structure; {advice}"
        problems.append(at.error(message))
        return None
    return text


def _same(marked: Any, real: Any, marks: _Marks) -> bool:
    """Tell whether a document with marks becomes the real one, once they are replaced."""
    if isinstance(marked, dict):
        return isinstance(real, dict) and _same_mapping(marked, real, marks)
    if isinstance(marked, list):
        return isinstance(real, list) and _all_same(marked, real, marks)
    if isinstance(marked, str):
        return _same_text(marked, real, marks)
    return bool(marked == real) and type(marked) is type(real)


def _same_mapping(marked: Values, real: Values, marks: _Marks) -> bool:
    """Compare the keys of two mappings, in their order, and the values."""
    keys = [marks.replaced(key) for key in marked]
    if keys != list(real):
        return False
    return _all_same(list(marked.values()), list(real.values()), marks)


def _same_text(marked: str, real: Any, marks: _Marks) -> bool:
    """Compare a text that may have marks with the real value.

    A whole number stays one, though its mark is text.
    """
    text = marks.replaced(marked)
    is_number = type(real) is int and marked.startswith("krmfnvalue")
    return bool(real == text) or (is_number and str(real) == text)


def _all_same(marked: list[Any], real: list[Any], marks: _Marks) -> bool:
    """Compare the elements of two lists in pairs."""
    if len(marked) != len(real):
        return False
    pairs = zip(marked, real, strict=True)
    return all(_same(one, other, marks) for one, other in pairs)
