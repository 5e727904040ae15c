"""Names that no longer fit: what a machine refers to, after kustomize renamed it.

kustomize changes a reference with the object's name only in fields that it knows. Those of a
VirtualMachine it learns from the component `kustomize/` of this repository.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from krmfn.commands.final_object import Final
from krmfn.commands.names_component import COMPONENT
from krmfn.commands.object_key import Key
from krmfn.commands.secret_users import named_secrets
from krmfn.kubevirt.vm_paths import DATA_VOLUMES, VOLUMES, get, mappings
from krmfn.manifests.item import Item
from krmfn.problems import Code, Path, Problem, show

# No configuration of kustomize tells a clone of a machine's own disk from one of another claim.
_CLONE = "kustomize can't follow such a name: rename the pool or claim instead"


def name_warnings(finals: Iterable[Final], secrets: set[Key]) -> Iterator[Problem]:
    """Warn of machines that name a Secret or DataVolume of another name than it has now.

    `secrets` are all that the kustomization gives.
    """
    for final in finals:
        if final.item.kind == "VirtualMachine":
            yield from _lost_secrets(final, secrets)
            yield from _lost_disks(final)


def _lost_secrets(final: Final, secrets: set[Key]) -> Iterator[Problem]:
    """Warn of Secrets that were there when krmfn ran, and have another name now."""
    item = final.item
    for name in named_secrets(item.data):
        if Key("Secret", item.namespace, name) not in secrets:
            yield _lost(item, "Secret", name)
    given = _given_secrets(final)
    for volume in mappings(get(item.data, VOLUMES)):
        token = get(volume, ("secret", "secretName"))
        if token in given and Key("Secret", item.namespace, token) not in secrets:
            yield _lost(item, "Secret", token)


def _given_secrets(final: Final) -> set[str]:
    """Return the names of the Secrets that krmfn was handed."""
    items: list[Item] = final.source.run.items if final.source else []
    return {item.name for item in items if item.kind == "Secret"}


def _lost_disks(final: Final) -> Iterator[Problem]:
    """Warn of DataVolumes that the machine made by another name when krmfn rendered it."""
    if final.source is None:
        return
    item = final.item
    lost = set(_disks(final.source.data)) - set(_disks(item.data))
    for name in _texts(get(item.data, VOLUMES), lost):
        yield _lost(item, "DataVolume", name)
    clones = [get(template, ("spec",)) for template in mappings(get(item.data, DATA_VOLUMES))]
    for name in _texts(clones, lost):
        yield _lost(item, "DataVolume", name, DATA_VOLUMES, _CLONE)


def _disks(machine: dict[str, Any]) -> Iterator[Any]:
    """Yield the names of the DataVolumes that a machine makes."""
    for template in mappings(get(machine, DATA_VOLUMES)):
        yield get(template, ("metadata", "name"))


def _texts(value: Any, wanted: set[Any]) -> Iterator[str]:
    """Yield the texts in a value that are wanted."""
    if isinstance(value, dict | list):
        for child in value.values() if isinstance(value, dict) else value:
            yield from _texts(child, wanted)
    elif isinstance(value, str) and value in wanted:
        yield value


def _lost(
    item: Item, kind: str, name: str, path: Path = VOLUMES, advice: str = COMPONENT
) -> Problem:
    """Warn of a name that nothing has any more."""
    message = f"names {kind} {show(name)}, which kustomize renamed; {advice}"
    return item.place.field(*path).warning(message, Code.RENAMED_OBJECT)
