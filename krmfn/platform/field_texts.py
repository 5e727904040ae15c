"""What a model says of its fields: the docstring that stands below each."""

from __future__ import annotations

import ast
import inspect
import sys
from functools import cache

from krmfn.platform.model import Model


def field_texts(model: type[Model]) -> dict[str, str]:
    """Return what a model says of its fields and of those that it inherits, by their names.

    The source is parsed for that, which takes too long for anything but a schema; pydantic's
    `use_attribute_docstrings` would do it at every start.
    """
    texts: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, Model):
            texts |= _classes(base.__module__).get(base.__qualname__, {})
    return texts


@cache
def _classes(module: str) -> dict[str, dict[str, str]]:
    """Return the texts of all fields in a module, by class."""
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    return {node.name: _texts(node) for node in classes}


def _texts(model: ast.ClassDef) -> dict[str, str]:
    """Return the texts of the fields that a class declares."""
    texts = {}
    for field, below in zip(model.body, model.body[1:], strict=False):
        match field, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                texts[name] = " ".join(text.split())
    return texts
