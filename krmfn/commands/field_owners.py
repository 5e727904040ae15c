"""Which fields of a live object go with the next apply, unless the declarations have them.

Server-side apply removes what the applying manager owned and no longer declares, as
`metadata.managedFields` has it
(https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management). Client-side
apply removes what `kubectl` noted in an annotation and is no longer declared.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from krmfn.kubevirt.vm_paths import Map, get, mappings
from krmfn.machine.marks import OWNER
from krmfn.manifests.item import Item
from krmfn.manifests.tools_marks import LAST_APPLIED
from krmfn.manifests.yamlio import read
from krmfn.records import record

# Fields in the form of `FieldsV1`: `f:` and a key, `k:` and the keys of a list's element. A field
# without fields of its own is owned whole.
Fields = dict[str, Any]

_ANNOTATIONS = ("f:metadata", "f:annotations")
# Fields that an API server sets.
_SERVER_SET = ("uid", "resourceVersion", "managedFields")
_CLIENT_SIDE = "kubectl-client-side-apply"
_FLUX = "kustomize-controller"


@record(frozen=True)
class _Entry:
    """One entry of `managedFields`: the fields of a manager."""

    manager: str
    operation: str
    time: str
    fields: Fields

    def owns_annotation(self, name: str) -> bool:
        """Tell whether the manager has set an annotation."""
        return get(self.fields, (*_ANNOTATIONS, f"f:{name}")) is not None

    @property
    def applies_ours(self) -> bool:
        """Whether the manager applies what krmfn renders: it applied krmfn's own annotation."""
        return self.operation == "Apply" and self.owns_annotation(OWNER)

    @property
    def has_noted(self) -> bool:
        """Whether the manager applies client-side: it wrote what it applied in an annotation."""
        return self.operation == "Update" and self.owns_annotation(LAST_APPLIED)


def is_live(item: Item) -> bool:
    """Tell whether an object comes from a cluster, where servers and controllers add to it."""
    return last_applied(item) is not None or any(key in item.metadata for key in _SERVER_SET)


def last_applied(item: Item) -> Map | None:
    """Read what `kubectl apply` noted in an annotation, if it is an object."""
    text = item.annotations.get(LAST_APPLIED)
    if not isinstance(text, str):
        return None
    documents, faults = read(text)
    if faults or len(documents) != 1:
        return None
    data = documents[0].data
    return data if isinstance(data, dict) else None


def applied_fields(item: Item) -> Fields | None:
    """Return the fields of a live object that go unless they are declared, None if nothing tells.

    Where both are there, `managedFields` wins: a manager that applies server-side never looks at
    the annotation, which may be years old. It is the other way round if the annotation was written
    after the manager's last apply.
    """
    entries = list(_entries(item))
    appliers = [entry for entry in entries if entry.applies_ours]
    noted = last_applied(item)
    if appliers:
        applier = max(appliers, key=lambda entry: entry.time)
        is_older = any(entry.has_noted and entry.time > applier.time for entry in entries)
        if noted is None or not is_older:
            return _owned_alone(applier, entries)
    if noted is not None:
        return _as_fields(noted)
    # Nobody applied the object, such as after `kubectl create`: then no apply takes anything away.
    return {} if entries else None


def _entries(item: Item) -> Iterator[_Entry]:
    """Yield the entries of `managedFields` that are in shape."""
    for entry in mappings(item.metadata.get("managedFields")):
        fields = entry.get("fieldsV1")
        if isinstance(fields, dict):
            manager, operation, time = (
                str(entry.get(key, "")) for key in ("manager", "operation", "time")
            )
            yield _Entry(manager, operation, time, fields)


def _owned_alone(applier: _Entry, entries: list[_Entry]) -> Fields:
    """Return what a manager owns and no other does: another owner keeps a field where it is."""
    own = applier.fields
    for entry in entries:
        if entry is not applier and _is_taken_over(entry, applier):
            own = _merged(own, entry.fields)
    for entry in entries:
        if entry is not applier and not _is_taken_over(entry, applier):
            own = _without(own, entry.fields)
    return own


def _is_taken_over(entry: _Entry, applier: _Entry) -> bool:
    """Tell whether a manager's next apply makes the fields of an entry its own first.

    Every client does so with those of `kubectl apply` (client-go's `csaupgrade`), and Flux with
    those of every `kubectl` command (kustomize-controller's `ApplyCleanupOptions`).
    """
    if applier.manager == _FLUX:
        is_own = entry.manager in (_FLUX, "before-first-apply") and entry.operation == "Update"
        return is_own or entry.manager.startswith("kubectl")
    return entry.manager == _CLIENT_SIDE and entry.operation == "Update"


def _merged(first: Fields, second: Fields) -> Fields:
    """Return the fields that either has."""
    result = {**first}
    for step, inner in second.items():
        both = isinstance(inner, dict) and isinstance(result.get(step), dict)
        result[step] = _merged(result[step], inner) if both else inner
    return result


def _without(own: Fields, others: Fields) -> Fields:
    """Return the fields that only the first has."""
    result = {}
    for step, inner in own.items():
        if step in others:
            both = isinstance(inner, dict) and isinstance(others[step], dict)
            inner = _without(inner, others[step]) if both else {}
            if not inner:
                continue
        result[step] = inner
    return result


def _as_fields(value: Any) -> Fields:
    """Write the fields of a declaration as `FieldsV1` does. A list is owned as a whole."""
    if not isinstance(value, dict):
        return {}
    return {f"f:{key}": _as_fields(child) for key, child in value.items()}
