"""Executes the nodes of a Go template with one node's values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import field
from typing import Any

from krmfn.guest.go_functions import FUNCTIONS
from krmfn.guest.go_syntax import Call, Chain, Expression, Literal, Node
from krmfn.guest.go_values import (
    Marks,
    Missing,
    TemplateError,
    Text,
    is_true,
    literal,
    printed,
    wrapped,
)
from krmfn.problems import show
from krmfn.records import record

Values = dict[str, Any]
# What Go's templates know by themselves, and the executor does: `and` and `or` stop early.
OWN = ("and", "index", "or")
NAMES = frozenset((*FUNCTIONS, *OWN))
# Loops within loops end here: no cloud-config is that long.
_MOST_STEPS = 100_000
# The values whose keys are the user's own: a key that nobody set is not a mistake.
_OPEN = ".Values.Properties"


@record()
class Execution:
    """One execution: what it writes, and the same with marks for what was put in."""

    values: Values
    marks: Marks = field(default_factory=Marks)
    real: list[str] = field(default_factory=list)
    marked: list[str] = field(default_factory=list)
    _variables: list[tuple[str, Any]] = field(default_factory=list)
    _steps: int = 0

    def run(self, nodes: Sequence[Node]) -> None:
        """Execute a template.

        Raises:
            TemplateError: It asks for what is not there, or calls a function in a wrong way.
        """
        root = {"Values": self.values}
        self._variables = [("$", root)]
        self._nodes(nodes, root)

    def _nodes(self, nodes: Sequence[Node], dot: Any) -> None:
        """Execute nodes; `dot` is the value of `.`. Their variables end with them."""
        depth = len(self._variables)
        for node in nodes:
            self._steps += 1
            if self._steps > _MOST_STEPS:
                raise TemplateError(f"takes more than {_MOST_STEPS} steps")
            if not node.kind:
                self._write(literal(node.text))
            elif node.kind == "action":
                self._action(node, dot)
            else:
                self._block(node, dot)
        del self._variables[depth:]

    def _write(self, text: Text) -> None:
        """Write a text, and its shadow."""
        self.real.append(text.real)
        self.marked.append(self.marks.shadow(text))

    def _action(self, node: Node, dot: Any) -> None:
        """Write the value of an action, or set its variable."""
        value = self._value(node.value, dot)
        if node.names:
            self._set(node, (value,))
            return
        if isinstance(value, Missing):
            raise self._absent(value.path)
        if not isinstance(value, Text | bool | int):
            raise TemplateError(f"asks for {show(node.source)}, which is not text here")
        self._write(printed(value))

    def _set(self, node: Node, values: tuple[Any, ...]) -> None:
        """Set the variables of a node; a range with one variable sets that to the element."""
        for name, value in zip(node.names, values[-len(node.names) :], strict=True):
            if node.is_new:
                self._variables.append((name, value))
            else:
                index = self._index_of(name)
                self._variables[index] = (name, value)

    def _index_of(self, name: str) -> int:
        """Find the innermost variable of a name; the parser has seen that there is one."""
        indexes = range(len(self._variables) - 1, -1, -1)
        return next(index for index in indexes if self._variables[index][0] == name)

    def _block(self, node: Node, dot: Any) -> None:
        """Execute an if, with or range."""
        depth = len(self._variables)
        value = self._value(node.value, dot)
        if node.kind == "range":
            self._range(node, value, dot)
        else:
            if node.names:
                self._set(node, (value,))
            inner = value if node.kind == "with" else dot
            if is_true(value):
                self._nodes(node.body, inner)
            else:
                self._nodes(node.other, dot)
        del self._variables[depth:]

    def _range(self, node: Node, value: Any, dot: Any) -> None:
        """Execute a body for each element of a list or a mapping, in the order of its keys."""
        depth = len(self._variables)
        if value is not None and not isinstance(value, list | dict | Missing):
            raise TemplateError(f"asks for {show(_source(node.value))}, which is not a list here")
        elements = list(_elements(value))
        for key, element in elements:
            if node.names:
                self._set(node, (key, element))
            self._nodes(node.body, element)
            del self._variables[depth:]
        if not elements:
            self._nodes(node.other, dot)

    def _value(self, expression: Expression, dot: Any) -> Any:
        """Return the value of an expression."""
        if isinstance(expression, Literal):
            value = expression.value
            return literal(value) if isinstance(value, str) else value
        if isinstance(expression, Chain):
            return self._chain(expression, dot)
        if expression.name in ("and", "or"):
            return self._first(expression, dot)
        arguments = [self._value(argument, dot) for argument in expression.arguments]
        if expression.name == "index":
            return self._indexed(expression, arguments)
        try:
            return FUNCTIONS[expression.name](self.marks, *arguments)
        except TypeError:
            message = (
                f"calls {expression.name} with {len(arguments)} values, which it does not take"
            )
            raise TemplateError(message) from None

    def _first(self, call: Call, dot: Any) -> Any:
        """Return the first argument that decides `and` or `or`, else the last one."""
        if not call.arguments:
            raise TemplateError(f"calls {call.name} without a value")
        value: Any = None
        for argument in call.arguments:
            value = self._value(argument, dot)
            if is_true(value) == (call.name == "or"):
                break
        return value

    def _chain(self, chain: Chain, dot: Any) -> Any:
        """Look fields up."""
        value: Any = dot
        if not isinstance(chain.base, str):
            value = self._value(chain.base, dot)
        elif chain.base:
            value = self._variables[self._index_of(chain.base)][1]
        path = _source(Chain(chain.base, ()))
        for name in chain.fields:
            if not isinstance(value, dict):
                raise self._absent(_source(chain), is_inside=path == "")
            value = self._field(value, name, path)
            path = f"{path}.{name}"
        return value

    def _field(self, value: Values, name: str, path: str) -> Any:
        """Return a field of a mapping. Only a property may be one that nobody knows."""
        if name not in value and path != _OPEN:
            raise self._absent(f"{path}.{name}")
        found = value.get(name)
        return Missing(f"{path}.{name}") if found is None else wrapped(found)

    def _absent(self, path: str, is_inside: bool = False) -> TemplateError:
        """Report what is asked for and can't be there; `is_inside`: of an element of a loop."""
        message = f"asks for {show(path)}, which is not text here"
        if is_inside and path.startswith(".Values."):
            return TemplateError(f"{message}: in range and with, write ${path}")
        return TemplateError(f"{message}; there are {', '.join(sorted(_paths(self.values)))}")

    def _indexed(self, call: Call, arguments: list[Any]) -> Any:
        """Return an element of a list or a mapping, as `index` does."""
        if not arguments:
            raise TemplateError("calls index without a value")
        value, path = arguments[0], _source(call.arguments[0])
        for key in arguments[1:]:
            if isinstance(value, dict) and isinstance(key, Text):
                value = self._field(value, key.real, path)
                path = f"{path}.{key.real}"
            elif isinstance(value, list) and type(key) is int:
                if not 0 <= key < len(value):
                    raise TemplateError(f"asks for element {key} of {path}, which has {len(value)}")
                value = wrapped(value[key])
            else:
                raise TemplateError(f"calls index with a key that {path} does not have")
        return value


def _elements(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the keys and elements that a range goes over."""
    if isinstance(value, dict):
        for key in sorted(value):
            if value[key] is not None:
                yield Text(key), wrapped(value[key])
    elif isinstance(value, list):
        for index, element in enumerate(value):
            yield index, wrapped(element)


def _source(expression: Expression) -> str:
    """Write an expression as messages name it: `$` is the same as nothing before `.Values`."""
    if isinstance(expression, Chain):
        base = expression.base if isinstance(expression.base, str) else _source(expression.base)
        fields = "".join(f".{name}" for name in expression.fields)
        return f"{'' if base == '$' else base}{fields}"
    return f"({expression.name} …)" if isinstance(expression, Call) else "a constant"


def _paths(values: Values, prefix: str = ".Values") -> Iterator[str]:
    """Yield the paths that templates can ask for; properties are not listed one by one."""
    for key, value in values.items():
        if isinstance(value, dict) and value and key != "Properties":
            yield from _paths(value, f"{prefix}.{key}")
        elif value is not None:
            yield f"{prefix}.{key}"
