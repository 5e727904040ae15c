"""JSON Schema of a virtual machine's template, for editors.

It is made of KubeVirt's schema (`schema.json`), the names of its Go types (`types.json`) and what
their documentation says (`descriptions.json`, which is read for this alone). A template is a
partial object that may be merged: no field of it is required, any may be null, and a mapping may
hold directives of a strategic merge, such as `$patch`.
"""

from __future__ import annotations

import json
import pkgutil
from typing import Any

from krmfn.kubevirt import types
from krmfn.kubevirt.admission.choices import ACCESS_MODES, VOLUME_MODES
from krmfn.kubevirt.admission.disks import BUSES, CACHES
from krmfn.kubevirt.admission.interfaces import MODELS
from krmfn.kubevirt.admission.machine import STRATEGIES
from krmfn.kubevirt.admission.pod import EVICTION_STRATEGIES
from krmfn.kubevirt.schema import Node, node_of, root, version

TEMPLATE = "VirtualMachineTemplate"
# The definition of what a template says of the machine's instance.
INSTANCE = "kubevirt.VirtualMachineInstanceSpec"
_TEXTS = {"type": ["object", "null"], "additionalProperties": {"type": ["string", "null"]}}
_METADATA: dict[str, Schema] = {
    "name": {
        "type": ["string", "null"],
        "description": "The name; krmfn puts the claim's before it.",
    },
    "labels": {**_TEXTS, "description": "Labels of the object."},
    "annotations": {**_TEXTS, "description": "Annotations of the object."},
    "finalizers": {
        "type": ["array", "null"],
        "items": {"type": "string"},
        "description": "What has to be done before the object is deleted.",
    },
}
# By the Go type that holds it: what krmfn takes of the metadata that KubeVirt's schema leaves open.
_METADATA_FIELDS = {
    "VirtualMachine": ("labels", "annotations", "finalizers"),
    "VirtualMachineInstanceTemplateSpec": ("labels", "annotations"),
    "DataVolumeTemplateSpec": ("name", "labels", "annotations"),
}
_DIRECTIVES = {r"^\$": True}
# By Go type and field: values that editors propose. Which of them a cluster takes is not for a
# schema to say.
_PROPOSED = {
    "VirtualMachineSpec.runStrategy": STRATEGIES,
    "VirtualMachineInstanceSpec.evictionStrategy": EVICTION_STRATEGIES,
    "DiskTarget.bus": BUSES,
    "LunTarget.bus": BUSES,
    "CDRomTarget.bus": BUSES,
    "Disk.cache": CACHES,
    "Interface.model": MODELS,
    "PersistentVolumeClaimSpec.accessModes": ACCESS_MODES,
    "PersistentVolumeClaimSpec.volumeMode": VOLUME_MODES,
    "StorageSpec.accessModes": ACCESS_MODES,
    "StorageSpec.volumeMode": VOLUME_MODES,
}
_RULES: dict[str, Schema] = {
    "self == true": {"enum": [True, None]},
    "self.startsWith('/')": {"pattern": "^/"},
    "!self.contains('..')": {"not": {"pattern": r"\.\."}},
}

Schema = dict[str, Any]


def definitions() -> dict[str, Schema]:
    """Return the definitions of a template, by name; the template itself is `TEMPLATE`."""
    writer = _Writer()
    metadata = {
        "description": "The machine's labels, annotations and finalizers.",
        **writer.metadata("VirtualMachine"),
    }
    spec = {
        "description": "What KubeVirt reads in a VirtualMachine.",
        **writer.schema(root(), types.Type("struct", "VirtualMachineSpec")),
    }
    identity: dict[str, Schema] = {
        name: {"const": value, "description": f"{value}, or left out."}
        for name, value in (("apiVersion", "kubevirt.io/v1"), ("kind", "VirtualMachine"))
    }
    template = _mapping({**identity, "metadata": metadata, "spec": spec})
    text = f"A VirtualMachine of KubeVirt {version()}, or a part of one."
    return {TEMPLATE: {"description": text, **template}, **writer.definitions}


class _Writer:
    """Writes the nodes of KubeVirt's schema as definitions, each pair of node and type once."""

    def __init__(self) -> None:
        text = pkgutil.get_data(__name__, "descriptions.json") or b""
        self._texts: dict[str, dict[str, str]] = json.loads(text)
        self._names: dict[tuple[int, str], str] = {}
        self.definitions: dict[str, Schema] = {}

    def schema(self, number: int, of: types.Type) -> Schema:
        """Write a node, which KubeVirt reads into a Go type."""
        part = node_of(number)
        if "items" in part:
            return {"type": ["array", "null"], "items": self.schema(part["items"], of)}
        if "fields" in part:
            return {"$ref": f"#/$defs/{self._definition(number, part, of)}"}
        if "values" in part:
            values = self.schema(part["values"], of)
            return {
                "type": ["object", "null"],
                "patternProperties": _DIRECTIVES,
                "additionalProperties": values,
            }
        return _scalar(part)

    def metadata(self, holder: str) -> Schema:
        """Write the metadata in an object of a Go type."""
        return _mapping({name: _METADATA[name] for name in _METADATA_FIELDS[holder]})

    def _definition(self, number: int, part: Node, of: types.Type) -> str:
        """Return the name of a mapping's definition, which is written if it is new."""
        key = (number, of.name)
        if key not in self._names:
            name = f"kubevirt.{of.name or 'Mapping'}".replace("/", ".")
            self._names[key] = name if name not in self.definitions else f"{name}-{number}"
            self.definitions[self._names[key]] = {}
            fields = {name: self._field(name, child, of) for name, child in part["fields"].items()}
            self.definitions[self._names[key]] = _mapping(fields)
        return self._names[key]

    def _field(self, name: str, number: int, of: types.Type) -> Schema:
        """Write a field of a Go type, with what its documentation says."""
        text = self._texts.get(of.name, {}).get(name)
        described = {"description": text} if text else {}
        if name == "metadata" and of.name in _METADATA_FIELDS:
            return {**described, **self.metadata(of.name)}
        try:
            below = of.field(name).type
        except LookupError:
            below = types.Type("raw")
        written = self.schema(number, below)
        if values := _PROPOSED.get(f"{of.name}.{name}"):
            written.get("items", written)["examples"] = list(values)
        return {**described, **written}


def _mapping(fields: dict[str, Schema]) -> Schema:
    """Write a mapping with these fields alone."""
    return {
        "type": ["object", "null"],
        "properties": fields,
        "patternProperties": _DIRECTIVES,
        "additionalProperties": False,
    }


def _scalar(part: Node) -> Schema:
    """Write a text, number, or what KubeVirt's schema leaves open."""
    kinds = [part["type"]] if "type" in part else ["integer", "string"]
    if "pattern" in part:
        # A quantity: krmfn writes 0.5 as the text that KubeVirt takes.
        kinds = ["number", "string"]
    written: Schema = {"type": [*kinds, "null"]}
    if "enum" in part:
        written["enum"] = [*part["enum"], None]
    for key in ("pattern", "maxLength"):
        if key in part:
            written[key] = part[key]
    if part.get("integer", "").startswith("uint"):
        written["minimum"] = 0
    for rule in part.get("rules", ()):
        written |= _RULES[rule]
    return written
