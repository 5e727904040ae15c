"""The models as pydantic's own: it writes their validators and their JSON Schema.

A run needs them to name the fields of a model that an error is about, and if pydantic-core can't
read the files in `core_schemas/` (`krmfn.platform.validators`).
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, get_args

from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator

from krmfn.platform import field_types, values
from krmfn.platform.config import ConfigMapForm, FactsConfig, KubeVirtNodes
from krmfn.platform.kubevirt_object import KubeVirtObject
from krmfn.platform.machine_config_template import MachineConfigTemplate
from krmfn.platform.model import Model, Taints, alias
from krmfn.platform.node_claim import NodeClaim
from krmfn.platform.node_environment import NodeEnvironment
from krmfn.platform.node_profile import NodeProfile
from krmfn.platform.node_provider import NodeProvider
from krmfn.platform.os_image import OSImage
from krmfn.platform.ssh_key import SSHKey
from krmfn.platform.vcluster_yaml import ListForm, ObjectForm
from krmfn.problems import Path

# What `krmfn.platform.validation.validate` is asked for.
DOCUMENTS: tuple[type[Model], ...] = (
    ConfigMapForm,
    FactsConfig,
    KubeVirtNodes,
    KubeVirtObject,
    ListForm,
    MachineConfigTemplate,
    NodeClaim,
    NodeEnvironment,
    NodeProfile,
    NodeProvider,
    OSImage,
    ObjectForm,
    SSHKey,
    Taints,
)
# Parts of pydantic's schemas that say nothing about which values are valid.
_NOT_VALIDATION = ("computed_fields", "metadata", "serialization")
_MADE: dict[type[Model], type[Written]] = {}


class Written(BaseModel):
    """A mapping that users write, as pydantic sees it; `model` is krmfn's own class."""

    model_config = ConfigDict(
        strict=True, frozen=True, alias_generator=alias, hide_input_in_errors=True
    )
    model: ClassVar[type[Model]] = Model

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, data: Any) -> Any:
        return values.without_nulls(data)


def pydantic_model(model: type[Model]) -> type[Written]:
    """Return the model that pydantic makes of the fields that a class declares."""
    if model in _MADE:
        return _MADE[model]
    [base] = model.__bases__
    names = _Names(model)
    fields: dict[str, Any] = {
        name: (eval(annotation, {}, names), _default(model, name))
        for name, annotation in model.__annotations__.items()
    }
    extra: dict[str, Any] = {"extra": model.extra}
    # Its types do not say that there is a base of ours.
    make: Callable[..., type[Written]] = create_model
    made = make(
        model.__name__,
        __base__=Written if base is Model else pydantic_model(base),
        __module__=model.__module__,
        __doc__=model.__doc__,
        __cls_kwargs__=extra,
        **fields,
    )
    made.model = model
    _MADE[model] = made
    return made


class _Names(dict[str, Any]):
    """What the names in a class's annotations mean: models are pydantic's."""

    def __init__(self, model: type[Model]) -> None:
        super().__init__(vars(field_types) | vars(sys.modules[model.__module__]))

    def __getitem__(self, name: str) -> Any:
        value = super().__getitem__(name)
        is_model = isinstance(value, type) and issubclass(value, Model)
        return pydantic_model(value) if is_model else value


def _default(model: type[Model], name: str) -> Any:
    """Return what a class has for a field that is absent, ... if it is required."""
    value = vars(model).get(name, ...)
    # To copy a default takes longer than to make an empty one.
    return Field(default_factory=type(value)) if isinstance(value, Model | dict | list) else value


def model_at(model: type[Model], path: Path) -> type[Model] | None:
    """Find the model of the mapping at a path inside of a model's."""
    current: type[Model] | None = model
    for key in path:
        # Numbers and keys of mappings do not change the model.
        if current and isinstance(key, str):
            current = _model_of_field(current, key)
    return current


def _model_of_field(model: type[Model], key: str) -> type[Model] | None:
    """Find the model inside of a field, by the name that users write."""
    for field in pydantic_model(model).model_fields.values():
        if field.alias == key:
            return next(_models_in(field.annotation), None)
    return None


def _models_in(annotation: Any) -> Iterator[type[Model]]:
    """Yield the models inside of `list[X]`, `X | None` or `dict[str, X]`."""
    if isinstance(annotation, type) and issubclass(annotation, Written):
        yield annotation.model
    else:
        for argument in get_args(annotation):
            yield from _models_in(argument)


def core_schema(model: type[Model]) -> str:
    """Write the schema of a document's validator as JSON, with classes and functions by name."""
    schema = _plain(pydantic_model(model).__pydantic_core_schema__)
    return json.dumps(_without_unused(schema), indent=1) + "\n"


def _without_unused(schema: dict[str, Any]) -> dict[str, Any]:
    """Leave out definitions that nothing refers to: those of types that a function validates."""
    if schema["type"] != "definitions":
        return schema
    text = json.dumps(schema)
    used = [one for one in schema["definitions"] if f'"schema_ref": "{one["ref"]}"' in text]
    return {**schema, "definitions": used} if used else schema["schema"]


def _plain(part: Any) -> Any:
    """Write a part of a schema without what does not matter to a validator."""
    if isinstance(part, dict):
        # Fields are keys too, of a part that has no type.
        left_out = _NOT_VALIDATION if isinstance(part.get("type"), str) else ()
        return {key: _plain(value) for key, value in part.items() if key not in left_out}
    if isinstance(part, list | tuple):
        return [_plain(value) for value in part]
    if isinstance(part, str):
        # References end with the address of the class.
        return re.sub(r":\d+$", "", part)
    return _name(part) if callable(part) else part


def _name(value: Any) -> dict[str, str]:
    """Name a class or a function as `krmfn.platform.validators` finds it."""
    if isinstance(value, type) and issubclass(value, Written):
        value = value.model
    if check := getattr(value, "check", None):
        return {"$check": _path(check)}
    if value.__name__ == "_null_is_absent":
        value = values.without_nulls
    return {"$python": _path(value)}


def _path(value: Any) -> str:
    """Return the module and the name of a class or function."""
    return f"{value.__module__}:{value.__qualname__}"
