"""The types of the models' fields, with pydantic's marks for what their values have to be.

Only type checkers and `krmfn.platform.pydantic_models` need them: no run imports pydantic for
them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator

from krmfn.kubernetes import names
from krmfn.kubernetes.quantity import Quantity
from krmfn.platform.values import as_text, as_whole, checked, filled, no_date, not_negative


def grammar(check: Callable[[str], str]) -> AfterValidator:
    """Make a validator of a grammar, such as those of `krmfn.kubernetes.names`.

    `check` returns why a text does not fit, or "".
    """
    return AfterValidator(checked(check))


Text = Annotated[str, BeforeValidator(no_date)]
AnyText = Annotated[Text, BeforeValidator(as_text)]
Filled = Annotated[Text, grammar(filled)]
DnsLabel = Annotated[Text, grammar(names.dns_label)]
Subdomain = Annotated[Text, grammar(names.subdomain)]
LabelKey = Annotated[Text, grammar(names.label_key)]
LabelValue = Annotated[Text, grammar(names.label_value)]
LabelText = Annotated[LabelValue, BeforeValidator(as_text)]
Effect = Annotated[Text, grammar(names.effect)]
Amount = Annotated[Quantity, PlainValidator(Quantity.parse)]
NotNegative = Annotated[Amount, AfterValidator(not_negative)]
Int32 = Annotated[int, Field(ge=0, le=2**31 - 1)]
Int64 = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Whole = Annotated[int, BeforeValidator(as_whole)]
E = TypeVar("E")
NotEmpty = Annotated[list[E], Field(min_length=1)]
Labels = dict[LabelKey, LabelValue]
Annotations = dict[Annotated[Text, grammar(names.annotation_key)], Text]
NodeLabels = dict[LabelKey, LabelText]
KubeletArguments = dict[
    Annotated[Text, grammar(names.kubelet_argument)], Annotated[Text, grammar(names.kubelet_value)]
]
# A part of a Kubernetes object whose type belongs to others: it is checked where it is rendered.
Raw = dict[str, Any]
