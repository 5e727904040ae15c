"""The validators of the models: pydantic-core's, from schemas that pydantic wrote before.

Importing pydantic and making the validators takes longer than all else in a run for a few nodes.
So `make docs` has pydantic write their schemas to `core_schemas/`, one file for each document. A
version of pydantic-core that can't read them has pydantic write them again in each run: the
validators are the same, and take their time (`make test-pydantic`).
"""

from __future__ import annotations

import json
import pkgutil
from typing import Any, TypeVar

from krmfn.platform.model import Model
from krmfn.platform.pydantic_extension import SchemaError, SchemaValidator
from krmfn.platform.values import checked

M = TypeVar("M", bound=Model)
_MADE: dict[type[Model], SchemaValidator] = {}


def validated(model: type[M], data: Any) -> M:
    """Read what users wrote as a model.

    Raises:
        pydantic_core.ValidationError: It is not one.
    """
    made: M = _validator(model).validate_python(data)
    return made


def _validator(model: type[Model]) -> SchemaValidator:
    """Return the validator of a document's model."""
    if model not in _MADE:
        text = pkgutil.get_data(__name__, f"core_schemas/{model.__name__}.json") or b""
        try:
            _MADE[model] = SchemaValidator(json.loads(text, object_hook=_named))
        except SchemaError:
            from krmfn.platform.pydantic_models import core_schema

            _MADE[model] = SchemaValidator(json.loads(core_schema(model), object_hook=_named))
    return _MADE[model]


def _named(part: dict[str, Any]) -> Any:
    """Return the class or function that a part of a file names, or the part itself."""
    if "$python" in part:
        return pkgutil.resolve_name(part["$python"])
    return checked(pkgutil.resolve_name(part["$check"])) if "$check" in part else part
