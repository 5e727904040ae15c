"""JSON Schema of the documents that users write, made of the models that read them.

A schema sees one document at a time. It refuses nothing that krmfn takes, but for one thing:
fields of a template that KubeVirt's schema does not know, which `unknownFields: Warn` lets pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from pydantic.json_schema import models_json_schema

from krmfn import __version__
from krmfn.kubevirt import template_schema
from krmfn.platform import config, kubevirt_object
from krmfn.platform.config import ConfigMapForm
from krmfn.platform.kubevirt_object import KubeVirtObject
from krmfn.platform.machine_config_template import MachineConfigTemplate
from krmfn.platform.model import PLATFORM, Model, Taint
from krmfn.platform.node_claim import NodeClaim
from krmfn.platform.node_environment import NodeEnvironment
from krmfn.platform.node_profile import NodeProfile
from krmfn.platform.node_provider import NodeProvider
from krmfn.platform.os_image import OSImage
from krmfn.platform.pydantic_models import pydantic_model
from krmfn.platform.schema_writer import Schema, Writer
from krmfn.platform.ssh_key import SSHKey
from krmfn.platform.vcluster_yaml import ListForm, Pools

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_PUBLISHED = f"https://raw.githubusercontent.com/krmfn/krmfn/v{__version__}/schemas/v1alpha1"
VCLUSTER = "vcluster.yaml"
# The schema of any document is published under this name.
ANY = "any"
_MODELS: dict[str, type[Model]] = {
    config.KIND: config.KubeVirtNodes,
    "NodeProvider": NodeProvider,
    "NodeClaim": NodeClaim,
    "NodeProfile": NodeProfile,
    "NodeEnvironment": NodeEnvironment,
    "OSImage": OSImage,
    "SSHKey": SSHKey,
    "MachineConfigTemplate": MachineConfigTemplate,
    "ConfigMap": ConfigMapForm,
    "KubeVirt": KubeVirtObject,
}
NAMES = (*_MODELS, VCLUSTER)
_API_VERSIONS = {
    config.KIND: [config.API_VERSION],
    "ConfigMap": ["v1"],
    "KubeVirt": [kubevirt_object.API_VERSION],
}
_OF_PLATFORM = {"pattern": r"^([^/]+\.)?loft\.sh/"}
# The fields, by model, that hold what others define.
_FOREIGN = (
    ("KubeVirt", "virtualMachineTemplate", template_schema.TEMPLATE),
    ("NodeType", "virtualMachineTemplate", template_schema.TEMPLATE),
    ("NodeType", "mergeVirtualMachineTemplate", template_schema.TEMPLATE),
    ("VirtualCluster", "values", VCLUSTER),
)
_FLAT_KEYS = list(config.ConfigMapData.aliases().values())


def schema_of(name: str | None = None) -> Schema:
    """Return the schema of a kind or of `vcluster.yaml`; without a name, that of any document."""
    definitions = _definitions()
    schema = definitions[_definition(name)] if name else _any_document()
    file = f"{name or ANY}.json"
    head = {"$schema": _DIALECT, "$id": f"{_PUBLISHED}/{file}", "title": name or "krmfn"}
    return {**head, **schema, "$defs": _used(schema, definitions)}


def _definition(name: str) -> str:
    """Return the name of the definition that is a kind's schema."""
    return _MODELS[name].__name__ if name in _MODELS else name


@cache
def _definitions() -> dict[str, Schema]:
    """Return the schemas of all kinds, and of what they are made of, by name."""
    models: list[type[Model]] = [*_MODELS.values(), ListForm, Pools, Taint]
    _, written = models_json_schema(
        [(pydantic_model(model), "validation") for model in models], schema_generator=Writer
    )
    definitions: dict[str, Schema] = written["$defs"] | template_schema.definitions()
    for name in _MODELS:
        _identify(name, definitions[_definition(name)]["properties"])
    for model, key, name in _FOREIGN:
        text = definitions[model]["properties"][key]["description"]
        reference = {"$ref": f"#/$defs/{name}"}
        definitions[model]["properties"][key] = {"description": text, **reference}
    # `krmfn check` reads a config without virtual clusters too.
    spec = definitions["KubeVirtNodesSpec"]
    del spec["required"]
    spec["properties"]["virtualClusters"] |= {"minItems": 0, "type": ["array", "null"]}
    definitions[VCLUSTER] = _vcluster(definitions.pop("ListForm")["properties"]["autoNodes"])
    instance = definitions[template_schema.INSTANCE]["properties"]
    instance["taints"] = {
        "description": "Taints of the node. krmfn hands them to the kubelet: KubeVirt has none.",
        "type": ["array", "null"],
        "items": {"$ref": "#/$defs/Taint"},
    }
    return definitions


def _identify(name: str, properties: dict[str, Schema]) -> None:
    """Say which apiVersion and kind an object has."""
    for key, values in (("apiVersion", _versions(name)), ("kind", [name])):
        text = properties.get(key, {}).get("description", f"The object's {key}.")
        properties[key] = {"description": text, "enum": values}


def _vcluster(listed: Schema) -> Schema:
    """Write the part of a vcluster.yaml that krmfn reads.

    `listed` is the list form of autoNodes.
    """
    nodes = {
        "enabled": {
            "description": "Whether nodes are the virtual cluster's own; true for autoNodes.",
            "type": ["boolean", "null"],
        },
        "defaultProfile": {
            "description": "The NodeProfile of pools that name none.",
            "type": ["string", "null"],
        },
        "autoNodes": {
            "description": listed.pop("description"),
            "anyOf": [listed, {"$ref": "#/$defs/Pools"}],
        },
    }
    private = {
        "description": "Nodes that belong to the virtual cluster alone.",
        "type": ["object", "null"],
        "properties": nodes,
    }
    text = "What krmfn reads in a vcluster.yaml."
    return {
        "description": text,
        "type": ["object", "null"],
        "properties": {"privateNodes": private},
    }


def _any_document() -> Schema:
    """Write the schema of any document: of a kind that krmfn reads, or of another."""
    kinds = [name for name in _MODELS if name != "ConfigMap"]
    versions = sorted({version for name in kinds for version in _versions(name)})
    text = "A document in a folder that krmfn reads. Documents of other kinds may be anything."
    return {
        "description": text,
        "properties": {
            "apiVersion": {"description": "The version of its kind.", **_open(versions)},
            "kind": {"description": "What the document is.", **_open(kinds)},
        },
        "allOf": [
            *(_when(_is_of(name), f"#/$defs/{_definition(name)}") for name in kinds),
            _when(_is_flat_config(), "#/$defs/ConfigMapForm"),
            _when(_is_vcluster(), f"#/$defs/{VCLUSTER}"),
            {"if": _is_list(), "then": {"properties": {"items": {"items": {"$ref": "#"}}}}},
        ],
    }


def _versions(name: str) -> list[str]:
    """Return the apiVersions in which krmfn reads a kind."""
    return _API_VERSIONS.get(name, list(PLATFORM))


def _open(values: list[str]) -> Schema:
    """Write a text of which editors propose some values."""
    return {"anyOf": [{"enum": values}, {"type": "string"}]}


def _when(condition: Schema, reference: str) -> Schema:
    """Write that documents of one sort have a schema."""
    return {"if": condition, "then": {"$ref": reference}}


def _is_of(name: str) -> Schema:
    """Write when a document is of a kind: Karpenter, for one, has NodeClaims too."""
    by_version = {
        config.KIND: {},
        "KubeVirt": {"apiVersion": {"const": kubevirt_object.API_VERSION}},
    }
    properties = by_version.get(name, {"apiVersion": _OF_PLATFORM})
    return _has({"kind": {"const": name}, **properties})


def _is_flat_config() -> Schema:
    """Write when a ConfigMap is a config: it has the keys of one and no others."""
    data = {
        "required": ["endpoint", "tokenSecret"],
        "propertyNames": {"enum": _FLAT_KEYS},
    }
    return _has({"kind": {"const": "ConfigMap"}, "data": data})


def _is_vcluster() -> Schema:
    """Write when a document is a vcluster.yaml."""
    named = [{"required": ["kind"]}, {"required": ["apiVersion"]}]
    return {**_has({"privateNodes": {"type": "object"}}), "not": {"anyOf": named}}


def _is_list() -> Schema:
    """Write when a document is a list of others."""
    return _has({"kind": {"const": "List"}, "apiVersion": {"const": "v1"}})


def _has(properties: dict[str, Schema]) -> Schema:
    """Write the condition that a mapping has fields, of these schemas."""
    return {"type": "object", "required": list(properties), "properties": properties}


def _used(schema: Schema, definitions: dict[str, Schema]) -> dict[str, Schema]:
    """Return the definitions that a schema refers to, directly or through others."""
    used: dict[str, Schema] = {}
    waiting = [schema]
    while waiting:
        for name in _references(waiting.pop()):
            if name not in used:
                used[name] = definitions[name]
                waiting.append(definitions[name])
    return dict(sorted(used.items()))


def _references(value: Any) -> Iterator[str]:
    """Yield the names of the definitions that a part of a schema refers to."""
    if isinstance(value, dict):
        reference = value.get("$ref")
        if isinstance(reference, str) and reference.startswith("#/$defs/"):
            yield reference.removeprefix("#/$defs/")
        for child in value.values():
            yield from _references(child)
    elif isinstance(value, list):
        for child in value:
            yield from _references(child)
