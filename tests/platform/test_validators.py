"""The validators that are read from files are those that pydantic itself makes of the models."""

import json
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from pydantic_core import ValidationError

from krmfn.platform import validators
from krmfn.platform.model import Model
from krmfn.platform.pydantic_models import DOCUMENTS, pydantic_model
from krmfn.platform.validators import validated
from tests.documents import core_schema_files
from tests.support import CLAIM, CONFIG, FLAT, PROVIDER

_DESCRIBED = {"apiVersion": "management.loft.sh/v1", "kind": "…", "metadata": {"name": "a"}}
_TAINT = {"key": "a/b", "value": "c", "effect": "NoSchedule"}
_POOL = {"name": "workers", "quantity": 2, "provider": "edge", "taints": [_TAINT]}
_POOL |= {
    "nodeLabels": {"a": 1},
    "properties": {"a": 1.5},
    "nodeTypeSelector": [{"property": "a", "value": 1, "values": [True]}],
}
VALID: dict[str, dict[str, Any]] = {
    "KubeVirtNodes": CONFIG,
    "FactsConfig": CONFIG,
    "ConfigMapForm": FLAT,
    "NodeClaim": CLAIM,
    "NodeProvider": PROVIDER,
    "KubeVirtObject": {
        "metadata": {"name": "kubevirt"},
        "spec": {"configuration": {"developerConfiguration": {"featureGates": ["Snapshot"]}}},
        "status": {"observedKubeVirtVersion": "v1.6.0"},
    },
    "ListForm": {"autoNodes": [{"provider": "edge", "static": [_POOL], "dynamic": [{"x": 1}]}]},
    "ObjectForm": {"autoNodes": {"static": [_POOL]}},
    "Taints": {"taints": [_TAINT]},
    "MachineConfigTemplate": {**_DESCRIBED, "spec": {"cloudInitTemplate": "a"}},
    "NodeEnvironment": {**_DESCRIBED, "spec": {"properties": {"a": "b"}, "controlPlane": True}},
    "NodeProfile": {**_DESCRIBED, "spec": {"taints": [_TAINT], "nodeLabels": {"a": "b"}}},
    "OSImage": {**_DESCRIBED, "spec": {"properties": {"a": "b"}}},
    "SSHKey": {**_DESCRIBED, "spec": {"publicKey": "ssh-ed25519 AAAA"}},
}
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.sampled_from(["", "a", "A b", "1Gi", "-1", "a" * 300, "NoSchedule", "Disk", "System"])
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """All mappings and lists in a value, with each of their keys."""
    for key, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield value, key
        if isinstance(inner, dict | list):
            yield from places(inner)


@st.composite
def documents(draw: st.DrawFn, name: str) -> Any:
    """A document with some fields replaced, removed or misspelt."""
    data = json.loads(json.dumps(VALID[name]))
    for _ in range(draw(st.integers(0, 3))):
        found = list(places(data))
        if not found:
            break
        holder, key = draw(st.sampled_from(found))
        match draw(st.sampled_from(["value", "value", "removed", "misspelt"])):
            case "removed":
                del holder[key]
            case "misspelt" if isinstance(holder, dict):
                holder[key + "x"] = holder.pop(key)
            case _:
                holder[key] = draw(VALUES)
    return data


def values(made: Any) -> Any:
    """What a model of either sort holds, field by field, whether or not it was given."""
    if isinstance(made, Model):
        return {name: values(getattr(made, name)) for name in made.aliases()}
    if isinstance(made, BaseModel):
        return {name: values(getattr(made, name)) for name in type(made).model_fields}
    if isinstance(made, list):
        return [values(one) for one in made]
    return {key: values(one) for key, one in made.items()} if isinstance(made, dict) else made


def outcome(read: Any, data: Any) -> Any:
    """The values that a validator reads, or its errors."""
    try:
        return values(read(data))
    except ValidationError as error:
        return [
            (one["type"], one["loc"], one["msg"])
            for one in error.errors(include_url=False, include_input=False)
        ]


@pytest.mark.parametrize("path", core_schema_files(), ids=lambda path: path.name)
def test_the_schemas_are_those_that_pydantic_writes(path: Any) -> None:
    assert path.read_text() == core_schema_files()[path]


@pytest.mark.parametrize("model", DOCUMENTS, ids=lambda model: model.__name__)
def test_a_valid_document_is_read(model: type[Model]) -> None:
    assert validated(model, VALID[model.__name__])


@pytest.mark.parametrize("model", DOCUMENTS, ids=lambda model: model.__name__)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_documents_are_read_and_refused_as_by_pydantic(
    model: type[Model], data: st.DataObject
) -> None:
    document = data.draw(documents(model.__name__))
    ours = outcome(lambda data: validated(model, data), document)
    assert ours == outcome(pydantic_model(model).model_validate, document)


def test_another_pydantic_core_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that can't read the files has pydantic write them again."""
    monkeypatch.setattr(pkgutil, "get_data", lambda *_: b'{"type": "unheard-of"}')
    monkeypatch.setattr(validators, "_MADE", {})
    for model in DOCUMENTS:
        assert values(validated(model, VALID[model.__name__]))
    with pytest.raises(ValidationError, match="is empty"):
        validated(DOCUMENTS[-2], VALID["SSHKey"] | {"spec": {"publicKey": ""}})


def test_a_model_is_frozen_and_replaced() -> None:
    config = validated(DOCUMENTS[2], CONFIG)
    with pytest.raises(AttributeError, match="is frozen"):
        config.kind = "Other"
    other = config.replaced(kind="Other")
    assert (values(config)["kind"], values(other)["kind"]) == ("KubeVirtNodes", "Other")
    assert values(other)["spec"] == values(config)["spec"]
