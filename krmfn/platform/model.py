"""What the models of all kinds share."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Self, dataclass_transform

from krmfn.manifests import yamlio
from krmfn.problems import Code, Collector, Inside, Place, show

if TYPE_CHECKING:
    from krmfn.platform.field_types import Effect, LabelKey, LabelValue, Raw, Text

# The Platform's API groups. Others have kinds of the same names: Karpenter has NodeClaims too.
PLATFORM = ("management.loft.sh/v1", "storage.loft.sh/v1")
_IRREGULAR = {"cluster_api": "clusterAPI"}


def alias(field: str) -> str:
    """Return the name that users write for a field of a model."""
    first, *others = field.split("_")
    return _IRREGULAR.get(field, first + "".join(map(str.capitalize, others)))


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Model:
    """A mapping that users write.

    Unknown fields are errors, nothing is coerced, and null means absent. Classes declare fields as
    pydantic's models do; `krmfn.platform.validation` reads them by pydantic's own validators, whose
    making takes longer than a run (`krmfn.platform.validators`). `extra="ignore"` leaves fields to
    others.

    The initializer takes fields by their Python names and checks nothing.
    """

    __slots__ = (
        "__dict__",
        "__pydantic_extra__",
        "__pydantic_fields_set__",
        "__pydantic_private__",
    )
    __pydantic_fields_set__: set[str]
    extra: ClassVar[str] = "forbid"

    def __init_subclass__(cls, extra: str = "") -> None:
        if extra:
            cls.extra = extra

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def replaced(self, **values: Any) -> Self:
        """Return a copy with other values of some fields."""
        return type(self)(**{**self.__dict__, **values})

    @property
    def given(self) -> set[str]:
        """The fields that a document has."""
        return self.__pydantic_fields_set__

    @classmethod
    def aliases(cls) -> dict[str, str]:
        """Return the names that users write for the fields, by those of Python."""
        kinds = [kind for kind in reversed(cls.__mro__) if issubclass(kind, Model)][1:]
        return {name: alias(name) for kind in kinds for name in kind.__annotations__}


class Metadata(Model, extra="ignore"):
    """The part of an object's metadata that krmfn reads; the API server checks the rest."""

    name: Text
    """The object's name."""


class Taint(Model):
    """A taint of a node (core/v1 Taint, the part that can be declared)."""

    key: LabelKey
    """The taint's key, such as `example.com/dedicated`."""
    value: LabelValue = ""
    """The taint's value."""
    effect: Effect
    """What happens to pods that do not tolerate the taint."""

    @property
    def register(self) -> str:
        """The taint as kubelet's `--register-with-taints` takes it."""
        return f"{self.key}={self.value}:{self.effect}"


class Taints(Model):
    """The taints of a template, of which KubeVirt knows nothing."""

    taints: list[Taint]
    """Taints of the node."""


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
