"""Writes the JSON Schema of a model: pydantic's, with all that krmfn's own validators add to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from krmfn.kubernetes import names
from krmfn.kubernetes.name_schemas import GRAMMARS, whole
from krmfn.kubernetes.quantity import LONGEST, SYNTAX, Quantity
from krmfn.kubernetes.requirements import OPERATORS
from krmfn.kubevirt import cluster
from krmfn.platform import config, node_provider, values
from krmfn.platform.field_texts import field_texts
from krmfn.platform.properties import TABLE
from krmfn.platform.pydantic_models import Written
from krmfn.problems.codes import WARNINGS

Schema = dict[str, Any]
_VERSIONS: list[Schema] = [
    {"enum": list(cluster.known_versions())},
    {"pattern": whole(cluster.VERSION)},
]
_CHECKS: dict[Callable[[str], str], Schema] = {
    **GRAMMARS,
    values.filled: {"minLength": 1},
    node_provider.type_name: GRAMMARS[names.subdomain] | {"maxLength": names.LONGEST_LABEL},
    config.gate_problem: {"enum": list(cluster.known_gates())},
    cluster.version_problem: {"anyOf": _VERSIONS},
}
_QUANTITY = {"type": ["string", "number"], "pattern": whole(SYNTAX), "maxLength": LONGEST}
# By a field's name, or by its model and name: what else its schema says.
_FIELDS: dict[str, Schema] = {
    "Requirement.operator": {"enum": list(OPERATORS)},
    "Selector.operator": {"enum": [*OPERATORS, ""]},
    "acceptWarnings": {"items": {"type": "string", "enum": sorted(WARNINGS)}},
}


class Writer(GenerateJsonSchema):
    """Writes models as users write them: all fields described, null where a field may be absent."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Leave out titles, which are the fields' names again."""
        return False

    def model_schema(self, schema: core_schema.ModelSchema) -> Schema:
        """Write a model."""
        kind: type[Written] = schema["cls"]
        written = super().model_schema(schema)
        texts = field_texts(kind.model)
        written.pop("title", None)
        written["type"] = ["object", "null"]
        written["description"] = " ".join((kind.__doc__ or "").split())
        for name, field in kind.model_fields.items():
            key = field.alias or name
            part = written["properties"][key]
            default = part.pop("default", None)
            more = _FIELDS.get(f"{kind.__name__}.{key}", _FIELDS.get(key, {}))
            part = {**part, **more}
            if key == "properties":
                part["properties"] = _known_properties(part["additionalProperties"])
            part = _present(part) if field.is_required() else _nullable(part)
            if default not in (None, "", [], {}):
                part["default"] = default
            written["properties"][key] = {"description": texts.get(name, ""), **part}
        return written

    def function_after_schema(self, schema: core_schema.AfterValidatorFunctionSchema) -> Schema:
        """Write a text that has a grammar, or an amount that is not negative."""
        inner = super().function_after_schema(schema)
        function = schema["function"]["function"]
        if function is values.not_negative:
            return {**inner, "minimum": 0}
        check = getattr(function, "check", None)
        return inner if check is None else {**inner, **_CHECKS[check]}

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> Schema:
        """Write a text for which a number may stand, or what needs no more than its type."""
        inner = super().function_before_schema(schema)
        if schema["function"]["function"] is values.as_text:
            return {**inner, "type": ["string", "number", "boolean"]}
        return inner

    def function_plain_schema(self, schema: core_schema.PlainValidatorFunctionSchema) -> Schema:
        """Write a quantity."""
        if schema["function"]["function"] is not Quantity.parse:
            raise NotImplementedError(schema["function"])
        return dict(_QUANTITY)

    def list_schema(self, schema: core_schema.ListSchema) -> Schema:
        """Write a list, whose elements are there."""
        written = super().list_schema(schema)
        return {**written, "items": _present(written["items"])}

    def dict_schema(self, schema: core_schema.DictSchema) -> Schema:
        """Write a mapping whose keys have a grammar, all of them."""
        written: Schema = {"type": "object"}
        keys = self.generate_inner(schema["keys_schema"]) if "keys_schema" in schema else {}
        values = self.generate_inner(schema["values_schema"]) if "values_schema" in schema else {}
        if keys.pop("type", None) and keys:
            written["propertyNames"] = keys
        written["additionalProperties"] = values or True
        return written


def _known_properties(value: Schema) -> Schema:
    """Write the properties of the Platform, so that editors propose them."""
    known = {key: entry.text for key, entry in TABLE.items() if not entry.refused}
    return {key: {"description": text, **value} for key, text in known.items()}


def _present(part: Schema) -> Schema:
    """Return the schema of what must not be null, as models may be."""
    return {**part, "type": "object"} if "$ref" in part else part


def _nullable(part: Schema) -> Schema:
    """Return the schema of a field that may be absent: null means the same.

    A list of types gives better messages than a choice of schemas.
    """
    if "anyOf" in part:
        part = next(choice for choice in part["anyOf"] if choice != {"type": "null"})
    if "type" not in part:
        return part
    kinds = part["type"] if isinstance(part["type"], list) else [part["type"]]
    part = {**part, "type": [*kinds, "null"]}
    if "enum" in part:
        part["enum"] = [*part["enum"], None]
    return part
