"""The syntax of Go's text/template, as far as MachineConfigTemplates need it.

A template becomes nodes: text, actions that write a value, and blocks (if, with, range). The rules
are those of Go's `text/template/parse`; what krmfn leaves out is a `TemplateSyntaxError`.
"""

from __future__ import annotations

from dataclasses import field

from krmfn.guest.go_tokens import (
    SPACES,
    TemplateSyntaxError,
    Token,
    read_action,
    unescaped,
    unread,
)
from krmfn.records import record

# Deeper than anybody writes, and not too deep for the recursion that executes it.
_DEEPEST = 40
_BLOCKS = ("if", "with", "range")
_UNREAD = ("break", "continue", "define", "template", "block")


@record(frozen=True)
class Literal:
    """A value that stands in the template itself."""

    value: str | int | bool | None


@record(frozen=True)
class Chain:
    """Fields of a value: of the dot (""), of a variable (`$x`), or of an expression."""

    base: str | Expression
    fields: tuple[str, ...]


@record(frozen=True)
class Call:
    """A function with its arguments; a pipe puts what comes before it at their end."""

    name: str
    arguments: tuple[Expression, ...]


Expression = Literal | Chain | Call


@record()
class Node:
    """A part of a template.

    Without `kind` it is text. An `action` writes its value, or sets the variables `names`. A
    block (`if`, `with`, `range`) has a `body`, and `other` for its else. `is_new` variables are
    declared there. `source` is the action as it is written, `line` its line, from 1.
    """

    kind: str = ""
    text: str = ""
    names: tuple[str, ...] = ()
    is_new: bool = False
    value: Expression = Literal(None)
    body: list[Node] = field(default_factory=list)
    other: list[Node] = field(default_factory=list)
    source: str = ""


def parse_nodes(text: str, functions: frozenset[str]) -> list[Node]:
    """Parse a template that may call these functions.

    Raises:
        TemplateSyntaxError: It is not a template that krmfn reads.
    """
    parser = _Parser(functions)
    end, trims = 0, False
    while (start := text.find("{{", end)) >= 0:
        between = text[end:start]
        line = text.count("\n", 0, start) + 1
        tokens, end_of_action, before, after = read_action(text, start, line)
        between = between.lstrip(SPACES) if trims else between
        parser.add_text(between.rstrip(SPACES) if before else between)
        end, trims = end_of_action, after
        if tokens is not None:
            source = text[start + 2 + before : end - 2 - after].strip(SPACES)
            try:
                parser.add(tokens, source)
            except TemplateSyntaxError as fault:
                raise TemplateSyntaxError(f"line {line}: {fault}") from None
    rest = text[end:]
    parser.add_text(rest.lstrip(SPACES) if trims else rest)
    return parser.finish()


class _Parser:
    """Builds the tree of nodes."""

    def __init__(self, functions: frozenset[str]) -> None:
        self._functions = functions
        self._nodes: list[Node] = []
        # The blocks that are open, where each of their nodes goes, and the variables before them.
        self._open: list[Node] = []
        self._targets = [self._nodes]
        self._scopes: list[int] = []
        self._names = ["$"]

    def add_text(self, text: str) -> None:
        """Add text between actions."""
        if text:
            self._targets[-1].append(Node(text=text))

    def finish(self) -> list[Node]:
        """Return the nodes once all of the text is read."""
        if self._open:
            raise TemplateSyntaxError(f"has {_with_article(self._open[-1].kind)} without end")
        return self._nodes

    def add(self, tokens: list[Token], source: str) -> None:
        """Add an action."""
        keyword = tokens[0].text if tokens and tokens[0].kind == "word" else ""
        if keyword in _UNREAD:
            raise TemplateSyntaxError(unread(source, f": {keyword} is not one of its actions"))
        if keyword == "end" and len(tokens) == 1:
            self._end()
        elif keyword == "else":
            self._else(tokens[1:], source)
        elif keyword in _BLOCKS:
            self._block(keyword, tokens[1:], source)
        else:
            reader = _Reader(tokens, source, self._functions, self._names)
            names, is_new, value = reader.pipeline(1)
            self._targets[-1].append(Node("action", "", names, is_new, value, source=source))
            self._names += names if is_new else ()

    def _block(self, kind: str, tokens: list[Token], source: str) -> None:
        """Open a block."""
        if len(self._open) >= _DEEPEST:
            raise TemplateSyntaxError(f"nests more than {_DEEPEST} blocks")
        reader = _Reader(tokens, source, self._functions, self._names)
        names, is_new, value = reader.pipeline(2 if kind == "range" else 1)
        node = Node(kind, "", names, is_new, value, source=source)
        self._targets[-1].append(node)
        self._open.append(node)
        self._targets.append(node.body)
        # Its own variables hold in its else too.
        self._scopes.append(len(self._names))
        self._names += names if is_new else ()

    def _else(self, tokens: list[Token], source: str) -> None:
        """Begin the else of a block; `else if` and `else with` are blocks in it."""
        if not self._open or self._targets[-1] is self._open[-1].other:
            raise TemplateSyntaxError("has an else without if, with or range")
        node = self._open[-1]
        own = self._scopes[-1] + (len(node.names) if node.is_new else 0)
        del self._names[own:]
        self._targets[-1] = node.other
        if not tokens:
            return
        kind = tokens[0].text
        if kind not in ("if", "with") or kind != node.kind:
            raise TemplateSyntaxError(unread(source))
        self._block(kind, tokens[1:], source)
        # One end closes both.
        self._open[-1].text = "else"

    def _end(self) -> None:
        """Close a block, and those whose else it is."""
        if not self._open:
            raise TemplateSyntaxError("has an end without range, if or with")
        while True:
            node = self._open.pop()
            self._targets.pop()
            del self._names[self._scopes.pop() :]
            if node.text != "else":
                return


def _with_article(kind: str) -> str:
    """Return a block's name with its article."""
    return f"an {kind}" if kind == "if" else f"a {kind}"


class _Reader:
    """Reads the tokens of one action as an expression."""

    def __init__(
        self, tokens: list[Token], source: str, functions: frozenset[str], names: list[str]
    ) -> None:
        self._tokens = tokens
        self._source = source
        self._functions = functions
        self._names = names
        self._position = 0
        self._depth = 0

    def pipeline(self, most_names: int) -> tuple[tuple[str, ...], bool, Expression]:
        """Read the whole action: the variables that it sets, if any, and its value."""
        names, is_new = self._assigned(most_names)
        value = self._pipe()
        if self._position < len(self._tokens):
            raise self._fault()
        return names, is_new, value

    def _assigned(self, most: int) -> tuple[tuple[str, ...], bool]:
        """Read `$x :=`, `$x =` or, for a range, `$i, $x :=`."""
        end = next((i for i, token in enumerate(self._tokens[:4]) if token.kind == "assign"), None)
        if end is None:
            return (), False
        names = [token.text for token in self._tokens[:end:2]]
        commas = [token.text for token in self._tokens[1:end:2]]
        is_new = self._tokens[end].text == ":="
        is_legal = all(name[:1] == "$" and len(name) > 1 for name in names)
        if end % 2 == 0 or len(names) > most or set(commas) - {","} or not is_legal:
            raise self._fault()
        if not is_new:
            for name in names:
                self._known(name)
        self._position = end + 1
        return tuple(names), is_new

    def _known(self, name: str) -> None:
        """Refuse a variable that is not declared before."""
        if name not in self._names:
            raise TemplateSyntaxError(unread(self._source, f": variable {name} is not defined"))

    def _fault(self, reason: str = "") -> TemplateSyntaxError:
        """Refuse the action."""
        return TemplateSyntaxError(unread(self._source, reason))

    def _peek(self, text: str = "") -> Token | None:
        """Return the next token, if there is one; with `text`, only if it is that sign."""
        token = self._tokens[self._position] if self._position < len(self._tokens) else None
        if token and text and (token.kind, token.text) != ("sign", text):
            return None
        return token

    def _pipe(self) -> Expression:
        """Read commands with | between."""
        value = self._command(None)
        while self._peek("|"):
            self._position += 1
            value = self._command(value)
        return value

    def _command(self, before: Expression | None) -> Expression:
        """Read a function with its arguments, or one operand; `before` comes through the pipe."""
        first = self._peek()
        if first is None:
            raise self._fault(": it has no value")
        is_call = first.kind == "word" and first.text not in ("true", "false", "nil")
        if not is_call:
            operand = self._operand()
            if before is not None or self._is_operand():
                raise self._fault(": only a function takes arguments")
            return operand
        name = self._function(first)
        arguments = []
        while self._is_operand():
            arguments.append(self._operand())
        arguments += [] if before is None else [before]
        return Call(name, tuple(arguments))

    def _function(self, token: Token) -> str:
        """Take the name of a function."""
        if token.text not in self._functions:
            known = ", ".join(sorted(self._functions))
            reason = f": it knows no function {token.text}, only {known}"
            raise self._fault(reason)
        self._position += 1
        return token.text

    def _is_operand(self) -> bool:
        """Tell whether another operand follows."""
        token = self._peek()
        return token is not None and (token.kind != "sign" or token.text == "(")

    def _operand(self) -> Expression:
        """Read one operand with the fields behind it."""
        token = self._tokens[self._position]
        self._position += 1
        if token.kind in ("string", "raw", "number"):
            return _literal(token)
        if token.kind == "word" and token.text in ("true", "false", "nil"):
            return Literal({"true": True, "false": False}.get(token.text))
        if token.kind == "word":
            self._position -= 1
            return Call(self._function(token), ())
        base: str | Expression = ""
        fields: tuple[str, ...] = ()
        if token.kind == "field":
            fields = (token.text[1:],)
        elif token.kind == "variable":
            self._known(token.text)
            base = token.text
        elif token.text == "(":
            base = self._parenthesis()
        elif token.kind != "dot":
            raise self._fault()
        following = self._peek()
        while following and following.kind == "field" and following.follows:
            if token.kind == "dot":
                raise self._fault()
            fields += (following.text[1:],)
            self._position += 1
            following = self._peek()
        return base if fields == () and not isinstance(base, str) else Chain(base, fields)

    def _parenthesis(self) -> Expression:
        """Read an expression in parentheses."""
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._fault(f": it nests more than {_DEEPEST} parentheses")
        value = self._pipe()
        if not self._peek(")"):
            raise self._fault()
        self._position += 1
        self._depth -= 1
        return value


def _literal(token: Token) -> Literal:
    """Return the value of a constant."""
    if token.kind == "number":
        return Literal(int(token.text))
    if token.kind == "raw":
        return Literal(token.text[1:-1].replace("\r", ""))
    return Literal(unescaped(token.text[1:-1]))
