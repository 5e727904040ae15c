"""What the models of all kinds share: strictness, the types of their fields, and their errors as problems."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Annotated, Any, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainValidator,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel

from krmfn.kubernetes import names
from krmfn.kubernetes.quantity import Quantity
from krmfn.manifests import yamlio
from krmfn.manifests.yamlio import Timestamp
from krmfn.problems import Code, Path, Place, Problem, nearest, show


class Model(BaseModel):
    """A mapping that users write: unknown fields are errors, nothing is coerced, null means absent."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        alias_generator=to_camel,
        hide_input_in_errors=True,
        defer_build=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, data: Any) -> Any:
        if isinstance(data, dict) and None in data.values():
            return {key: value for key, value in data.items() if value is not None}
        return data


class Metadata(Model):
    """The part of an object's metadata that krmfn reads; all else in it is the API server's business."""

    model_config = ConfigDict(extra="ignore")

    name: Text


def _no_date(value: Any) -> Any:
    if isinstance(value, Timestamp):
        raise ValueError("is a date to YAML; quote it")
    return value


def grammar(check: Callable[[str], str]) -> AfterValidator:
    """A validator that holds text to one of the grammars of `krmfn.names`."""

    def validate(value: str) -> str:
        if wrong := check(value):
            raise ValueError(wrong)
        return value

    return AfterValidator(validate)


def _not_negative(value: Quantity) -> Quantity:
    if value.value < 0:
        raise ValueError(f"is {value}; must not be negative")
    return value


def _filled(value: str) -> str:
    return "" if value else "is empty"


Text = Annotated[str, BeforeValidator(_no_date)]
Filled = Annotated[Text, grammar(_filled)]
DnsLabel = Annotated[Text, grammar(names.dns_label)]
Subdomain = Annotated[Text, grammar(names.subdomain)]
LabelKey = Annotated[Text, grammar(names.label_key)]
LabelValue = Annotated[Text, grammar(names.label_value)]
Amount = Annotated[Quantity, PlainValidator(Quantity.parse)]
NotNegative = Annotated[Amount, AfterValidator(_not_negative)]
Labels = dict[LabelKey, LabelValue]
Annotations = dict[LabelKey, Text]
# A part of a Kubernetes object that is somebody else's type: looked into where it is rendered.
Raw = dict[str, Any]


class Taint(Model):
    """A taint of a node (core/v1 Taint, the part that can be declared)."""

    key: LabelKey
    value: LabelValue = ""
    effect: Annotated[Text, grammar(names.effect)]

    @property
    def register(self) -> str:
        """The taint as kubelet's `--register-with-taints` takes it."""
        return f"{self.key}={self.value}:{self.effect}"


def from_base64(value: str) -> str:
    """The text that base64 stands for, white space in it ignored. Raises ValueError where it is none."""
    return base64.b64decode("".join(value.split()), validate=True).decode()


def embedded(
    text: Any, at: Place, resolver: Callable[[str], Any] = yamlio.resolve
) -> tuple[Raw, list[Problem]]:
    """The mapping that stands as YAML in a field's text; nothing at all is an empty one."""
    if not isinstance(text, str):
        return {}, [at.error(f"is {show(text)}; must be text")]
    documents, faults = yamlio.read(text, resolver=resolver)
    if faults:
        return {}, [
            at.error(f"line {fault.line}, column {fault.column}: {fault.message}", Code.YAML)
            for fault in faults
        ]
    filled = [document.data for document in documents if document.data is not None]
    if len(filled) > 1:
        return {}, [at.error("must be one YAML document")]
    if filled and not isinstance(filled[0], dict):
        return {}, [at.error(f"is {show(filled[0])}; must be a mapping")]
    return (filled[0] if filled else {}), []


M = TypeVar("M", bound=Model)
# The Platform's own API groups; Karpenter, for one, has NodeClaims too.
PLATFORM = ("management.loft.sh/v1", "storage.loft.sh/v1")
_MOST = 100
# Where a user may have put a token or a key in the wrong way: what is there is not repeated.
_SENSITIVE = ("joinToken", "certificateAuthority", "tokenSecret", "endpoint")


def validate(model: type[M], data: Any, place: Place) -> tuple[M | None, list[Problem]]:
    """Read `data` as a model; all that is wrong with it comes as problems at their fields."""
    try:
        return model.model_validate(data), []
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        more = (
            [place.error(f"has {len(found) - _MOST} problems more")] if len(found) > _MOST else []
        )
        return None, more + [
            _problem(
                model,
                details["type"],
                tuple(details["loc"]),
                data,
                str(details.get("ctx", {}).get("error", details["msg"])),
                place,
            )
            for details in found[:_MOST]
        ]


_TYPES = {
    "string_type": "text in quotes",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}


def _problem(
    model: type[Model], kind: str, loc: Path, data: Any, message: str, place: Place
) -> Problem:
    # pydantic marks an error in a mapping's key itself with a last step of its own.
    path = loc[:-1] if loc and loc[-1] == "[key]" else loc
    value = _value(data, path)
    at = place.field(*path)
    if kind == "missing":
        return at.error("is required")
    if kind == "extra_forbidden":
        owner = _model_at(model, path[:-1])
        known = (
            [name for name in (field.alias for field in owner.model_fields.values()) if name]
            if owner
            else []
        )
        return at.error(f"is no field that krmfn knows here{nearest(str(path[-1]), known)}")
    if kind in _TYPES and any(key in _SENSITIVE for key in path):
        return at.error(f"must be {_TYPES[kind]}")
    if kind in _TYPES:
        return at.error(f"is {show(value)}; must be {_TYPES[kind]}")
    if kind == "literal_error":
        return at.error(f"is {show(value)}; must be {message.removeprefix('Input should be ')}")
    if kind == "too_short":
        return at.error("is empty; must have at least one element")
    if message.startswith("Input should be "):
        return at.error(f"is {show(value)}; must be {message.removeprefix('Input should be ')}")
    return at.error(message)


def _value(data: Any, path: Path) -> Any:
    for key in path:
        try:
            data = data[key]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def _model_at(model: type[Model], path: Path) -> type[Model] | None:
    """The model of the mapping at `path`."""
    current: Any = model
    for key in path:
        if isinstance(key, str) and isinstance(current, type) and issubclass(current, Model):
            field = next(
                (field for field in current.model_fields.values() if field.alias == key), None
            )
            current = _inner(field.annotation) if field else None
    return current if isinstance(current, type) and issubclass(current, Model) else None


def _inner(annotation: Any) -> Any:
    """The model inside of `list[X]`, `X | None` or `dict[str, X]`."""
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return annotation
    for argument in get_args(annotation):
        if found := _inner(argument):
            return found
    return None
