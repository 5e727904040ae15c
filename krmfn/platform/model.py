"""What the models of all kinds share: strictness, the types of their fields, errors as problems."""

from __future__ import annotations

import base64
import copy
from collections.abc import Callable, Iterable, Iterator
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
from pydantic_core import ErrorDetails

from krmfn.kubernetes import names
from krmfn.kubernetes.quantity import Quantity
from krmfn.manifests import yamlio
from krmfn.manifests.yamlio import Timestamp
from krmfn.problems import (
    Code,
    Collector,
    Inside,
    Path,
    Place,
    closest,
    nearest,
    show,
    without_follow_ons,
)

# The Platform's API groups. Others have kinds of the same names: Karpenter has NodeClaims too.
PLATFORM = ("management.loft.sh/v1", "storage.loft.sh/v1")
_MOST = 100
# Users may have put a token or a key here in the wrong way, so messages do not repeat the value.
_SENSITIVE = ("joinToken", "certificateAuthority", "tokenSecret", "endpoint")


class Model(BaseModel):
    """A mapping that users write.

    Unknown fields are errors, nothing is coerced, and null means absent.
    """

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
        """Leave out the keys without a value, as Kubernetes does."""
        if isinstance(data, dict) and None in data.values():
            return {key: value for key, value in data.items() if value is not None}
        return data


class Metadata(Model):
    """The part of an object's metadata that krmfn reads; the API server checks the rest."""

    model_config = ConfigDict(extra="ignore")

    name: Text
    """The object's name."""


def grammar(check: Callable[[str], str]) -> AfterValidator:
    """Make a validator of a grammar, such as those of `krmfn.kubernetes.names`.

    `check` returns why a text does not fit, or "".
    """

    def validate_text(value: str) -> str:
        if fault := check(value):
            raise ValueError(fault)
        return value

    # The JSON Schema of the field is that of its grammar.
    validate_text.check = check  # type: ignore[attr-defined]
    return AfterValidator(validate_text)


def _no_date(value: Any) -> Any:
    """Refuse a date, which only some YAML readers take for text."""
    if isinstance(value, Timestamp):
        raise ValueError("is a date to YAML; quote it")
    return value


def not_negative(value: Quantity) -> Quantity:
    """Refuse a quantity below 0."""
    if value.value < 0:
        raise ValueError(f"is {value}; must not be negative")
    return value


def filled(value: str) -> str:
    """Describe what is wrong with a text that has to be there, "" if nothing is."""
    return "" if value else "is empty"


def as_text(value: Any) -> Any:
    """Turn a number or a bool into the text that vCluster reads it as.

    A float that Go would write differently stays a float, and is refused.
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and abs(value) < 1e6 and "e" not in repr(value):
        return repr(value).removesuffix(".0")
    return str(value) if isinstance(value, int) else value


Text = Annotated[str, BeforeValidator(_no_date)]
AnyText = Annotated[Text, BeforeValidator(as_text)]
Filled = Annotated[Text, grammar(filled)]
DnsLabel = Annotated[Text, grammar(names.dns_label)]
Subdomain = Annotated[Text, grammar(names.subdomain)]
LabelKey = Annotated[Text, grammar(names.label_key)]
LabelValue = Annotated[Text, grammar(names.label_value)]
LabelText = Annotated[LabelValue, BeforeValidator(as_text)]
Amount = Annotated[Quantity, PlainValidator(Quantity.parse)]
NotNegative = Annotated[Amount, AfterValidator(not_negative)]
Labels = dict[LabelKey, LabelValue]
Annotations = dict[Annotated[Text, grammar(names.annotation_key)], Text]
# A part of a Kubernetes object whose type belongs to others: it is checked where it is rendered.
Raw = dict[str, Any]


class Taint(Model):
    """A taint of a node (core/v1 Taint, the part that can be declared)."""

    key: LabelKey
    """The taint's key, such as `example.com/dedicated`."""
    value: LabelValue = ""
    """The taint's value."""
    effect: Annotated[Text, grammar(names.effect)]
    """What happens to pods that do not tolerate the taint."""

    @property
    def register(self) -> str:
        """The taint as kubelet's `--register-with-taints` takes it."""
        return f"{self.key}={self.value}:{self.effect}"


def from_base64(value: str) -> str:
    """Decode base64 of UTF-8 text; white space in it does not count.

    Raises ValueError if it is anything else.
    """
    return base64.b64decode("".join(value.split()), validate=True).decode()


def embedded(
    text: Any,
    at: Place,
    problems: Collector,
    resolver: Callable[[str], Any] = yamlio.resolve,
) -> Raw:
    """Read the mapping that a field holds as YAML text.

    An empty text, and one with a problem, give an empty mapping. `resolver` gives plain scalars
    their values.
    """
    if not isinstance(text, str):
        problems.append(at.error(f"is {show(text)}; must be text"))
        return {}
    documents, faults = yamlio.read(text, resolver=resolver)
    if faults:
        for fault in faults:
            problems.append(
                at.within(Inside(fault.line, fault.column, text)).error(fault.message, Code.YAML)
            )
        return {}
    values = [document.data for document in documents if document.data is not None]
    if not values:
        return {}
    value = values[0]
    if len(values) > 1:
        problems.append(at.error("must be one YAML document"))
        return {}
    if not isinstance(value, dict):
        problems.append(at.error(f"is {show(value)}; must be a mapping"))
        return {}
    return value


M = TypeVar("M", bound=Model)


def validate(model: type[M], data: Any, place: Place, problems: Collector) -> M | None:
    """Read `data` as a model. If there are problems, each names its field.

    If they are all misspelt fields, return what was meant, so that they hide no other problem;
    else None.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
    found = []
    if len(faults) > _MOST:
        problems.append(place.error(f"has {len(faults) - _MOST} problems more"))
    for details in faults[:_MOST]:
        path = _without_key_mark(tuple(details["loc"]))
        context = details.get("ctx", {})
        text = str(context.get("error", details["msg"]))
        message = _message(model, details["type"], path, data, text)
        found.append(place.field(*path).error(message))
    problems += without_follow_ons(found)
    return _as_meant(model, data, [details for details in faults if details["type"] != "missing"])


def _as_meant(model: type[M], data: Any, faults: list[ErrorDetails]) -> M | None:
    """Read data with the names that its misspelt fields were meant to have, None if unclear.

    Names are compared for as many faults as are reported.
    """
    if len(faults) > _MOST:
        return None
    meant = copy.deepcopy(data)
    for details in faults:
        *above, name = details["loc"]
        known = _field_names(_model_at(model, tuple(above)))
        name_meant = closest(str(name), known) if details["type"] == "extra_forbidden" else ""
        holder = _value(meant, tuple(above))
        if not name_meant or name_meant in holder or name not in holder:
            return None
        holder[name_meant] = holder.pop(name)
    try:
        return model.model_validate(meant)
    except ValidationError:
        return None


def without_fields(data: dict[str, Any], paths: Iterable[Path]) -> dict[str, Any]:
    """Return a copy of what users wrote, without the fields at some paths."""
    result = copy.deepcopy(data)
    for path in paths:
        holder = _value(result, path[:-1])
        if isinstance(holder, dict) and path:
            holder.pop(path[-1], None)
    return result


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
_PYDANTIC_CHOICE = "Input should be "


def _without_key_mark(path: Path) -> Path:
    """Drop the last step that pydantic adds if the error is in a mapping's key itself."""
    return path[:-1] if path and path[-1] == "[key]" else path


def _message(model: type[Model], kind: str, path: Path, data: Any, text: str) -> str:
    """Say what is wrong with a field; `kind` and `text` are pydantic's."""
    if kind == "missing":
        return "is required"
    if kind == "extra_forbidden":
        known = _field_names(_model_at(model, path[:-1]))
        return f"is an unknown field{nearest(str(path[-1]), known)}"
    if kind == "too_short":
        return "is empty; must have at least one element"
    expected = _TYPES.get(kind)
    if expected and any(key in _SENSITIVE for key in path):
        return f"must be {expected}"
    if kind == "literal_error" or text.startswith(_PYDANTIC_CHOICE):
        expected = expected or text.removeprefix(_PYDANTIC_CHOICE)
    return f"is {show(_value(data, path))}; must be {expected}" if expected else text


def _field_names(model: type[Model] | None) -> list[str]:
    """List the names that users write."""
    fields = model.model_fields.values() if model else ()
    return [field.alias for field in fields if field.alias]


def _value(data: Any, path: Path) -> Any:
    """Look a path up in what users wrote, None if it leads nowhere."""
    for key in path:
        try:
            data = data[key]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def _model_at(model: type[Model], path: Path) -> type[Model] | None:
    """Find the model of the mapping at `path`."""
    current: type[Model] | None = model
    for key in path:
        # Numbers and keys of mappings do not change the model.
        if current and isinstance(key, str):
            current = _model_of_field(current, key)
    return current


def _model_of_field(model: type[Model], name: str) -> type[Model] | None:
    """Find the model inside of a field, by the name that users write."""
    for field in model.model_fields.values():
        if field.alias == name:
            return next(_models_in(field.annotation), None)
    return None


def _models_in(annotation: Any) -> Iterator[type[Model]]:
    """Yield the models inside of `list[X]`, `X | None` or `dict[str, X]`."""
    if isinstance(annotation, type) and issubclass(annotation, Model):
        yield annotation
    else:
        for argument in get_args(annotation):
            yield from _models_in(argument)
