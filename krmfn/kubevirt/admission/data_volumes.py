"""Admission rules about DataVolume templates."""

from __future__ import annotations

from typing import Any

from krmfn.kubevirt.admission.rule import Findings, elements, exactly_one, rule
from krmfn.kubevirt.vm_paths import DATA_VOLUMES, VOLUMES, Map, get
from krmfn.problems import Path, show

_REFERENCES = ("dataSource", "dataSourceRef")
_NO_STORAGE = "neither storage nor pvc"


@rule(
    "data-volumes",
    "ValidateDataVolumeTemplate",
    "validateDataVolume",
    "validateNumberOfSources",
    "validateVirtualMachineDataVolumeTemplateNamespace",
)
def _data_volumes(vm: Map) -> Findings:
    """A DataVolume template has a name, storage or pvc, exactly one source, and a volume that uses
    it.
    """
    used = _used_names(vm)
    for path, template in elements(vm, DATA_VOLUMES):
        body = template.get("spec") or {}
        storages = [key for key in ("pvc", "storage") if key in body]
        name = get(template, ("metadata", "name"))
        if not name:
            yield (*path, "metadata", "name"), "is required"
        namespace = get(template, ("metadata", "namespace"))
        if namespace and namespace != get(vm, ("metadata", "namespace")):
            message = f"is {show(namespace)}; a disk is in the namespace of its machine"
            yield (*path, "metadata", "namespace"), message
        yield from exactly_one((*path, "spec"), storages, _NO_STORAGE)
        if len(storages) != 1:
            continue
        storage = body[storages[0]]
        for key in _REFERENCES:
            if isinstance(storage.get(key), dict) and "apiGroup" not in storage[key]:
                message = 'is required, "" for the core group: KubeVirt writes null'
                yield (*path, "spec", storages[0], key, "apiGroup"), f"{message}, which is refused"
        source_path = (*path, "spec", "source")
        findings = list(_source(body, storage, source_path))
        yield from findings
        if name and not findings and name not in used:
            yield (*path, "metadata", "name"), "is used by no volume"


def _used_names(vm: Map) -> set[Any]:
    """Return the names of DataVolumes and claims that volumes refer to."""
    used = set()
    for _, volume in elements(vm, VOLUMES):
        used.add(get(volume, ("dataVolume", "name")))
        used.add(get(volume, ("persistentVolumeClaim", "claimName")))
    return used


def _source(body: Map, storage: Any, path: Path) -> Findings:
    """Yield a source that is missing, or that stands beside another one."""
    values = [get(storage, (key,)) for key in ("dataSource", "dataSourceRef")]
    populated = any(value is not None for value in values)
    has_source = "source" in body or "sourceRef" in body
    if populated and has_source:
        yield path, "stands beside a data source of its storage"
    elif not populated and not has_source:
        yield path, "or sourceRef is required"
    elif "source" in body:
        yield from exactly_one(path, list(body["source"]), "no source")


RULES = (_data_volumes,)
