"""The part of Go's text/template, with sprig, that MachineConfigTemplates need.

krmfn reads fields, variables, pipes and parentheses, `if`, `with`, `range` and `else`, comments,
the trim marks `{{-` and `-}}`, and the functions of `go_functions`. Anything more is an error.

A value is inserted as text, and then checked to be nothing but text: see `filled`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from krmfn.guest.go_execution import NAMES, Execution, Values
from krmfn.guest.go_syntax import Node, parse_nodes
from krmfn.guest.go_tokens import TemplateSyntaxError
from krmfn.guest.go_values import Marks, TemplateError
from krmfn.problems import Collector, Place
from krmfn.records import record


@record(frozen=True)
class GoTemplate:
    """A parsed template, with the place of its text."""

    nodes: tuple[Node, ...]
    at: Place


def parse(text: str, at: Place, problems: Collector) -> GoTemplate | None:
    """Parse a template. The first problem ends it, and names the line."""
    try:
        return GoTemplate(tuple(parse_nodes(text, NAMES)), at)
    except TemplateSyntaxError as fault:
        problems.append(at.error(str(fault)))
        return None


def filled(
    template: GoTemplate,
    values: Values,
    read: Callable[[str, Place, Collector], Any],
    problems: Collector,
) -> str | None:
    """Render a template so that no value changes the document's structure.

    `values` are mappings, text, lists of text, and None for what is not there. `read` parses the
    text twice, once with the values and once with marks in their place: both must have the same
    shape. Return None if there is a problem, such as a value with control characters.
    """
    at = template.at
    execution = Execution(values)
    try:
        execution.run(template.nodes)
    except TemplateError as fault:
        problems.append(at.error(str(fault)))
        return None
    text, marks = "".join(execution.real), execution.marks
    collected = Collector()
    shape = read("".join(execution.marked), at, collected)
    if collected:
        problems += collected
        return None
    document = read(text, at, collected)
    if collected or not _same(shape, document, marks):
        advice = "write the place of it in quotes"
        message = f"puts in a value that changes the document's structure; {advice}"
        problems.append(at.error(message))
        return None
    return text


def _same(marked: Any, real: Any, marks: Marks) -> bool:
    """Tell whether a document with marks becomes the real one, once they are replaced."""
    if isinstance(marked, dict):
        return isinstance(real, dict) and _same_mapping(marked, real, marks)
    if isinstance(marked, list):
        return isinstance(real, list) and _all_same(marked, real, marks)
    if isinstance(marked, str):
        return _same_text(marked, real, marks)
    return bool(marked == real) and type(marked) is type(real)


def _same_mapping(marked: Values, real: Values, marks: Marks) -> bool:
    """Compare the keys of two mappings, in their order, and the values."""
    keys = [marks.replaced(key) for key in marked]
    if keys != list(real):
        return False
    return _all_same(list(marked.values()), list(real.values()), marks)


def _same_text(marked: str, real: Any, marks: Marks) -> bool:
    """Compare a text that may have marks with the real value.

    A whole number stays one, though its mark is text.
    """
    text = marks.replaced(marked)
    is_number = type(real) is int and marked.startswith("krmfnvalue")
    return bool(real == text) or (is_number and str(real) == text)


def _all_same(marked: list[Any], real: list[Any], marks: Marks) -> bool:
    """Compare the elements of two lists in pairs."""
    if len(marked) != len(real):
        return False
    pairs = zip(marked, real, strict=True)
    return all(_same(one, other, marks) for one, other in pairs)
