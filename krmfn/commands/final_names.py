"""Names that no longer fit: what a machine refers to, after kustomize renamed it.

kustomize changes a reference with the object's name only in fields that it knows. Those of a
VirtualMachine it learns from the component `kustomize/` of this repository.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from krmfn.commands.object_key import Key
from krmfn.commands.secret_users import named_secrets
from krmfn.kubevirt.vm_paths import DATA_VOLUMES, VOLUMES, get, mappings
from krmfn.manifests.item import Item
from krmfn.problems import Code, Problem, show

if TYPE_CHECKING:
    from krmfn.commands.final_objects import Final

COMPONENT = "add krmfn's kustomize/ to the kustomization's components"


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
    own = set(_disks(final.source.data))
    after = set(_disks(final.item.data))
    for volume in mappings(get(final.item.data, VOLUMES)):
        name = get(volume, ("dataVolume", "name"))
        if name in own and name not in after:
            yield _lost(final.item, "DataVolume", name)


def _disks(machine: dict[str, Any]) -> Iterator[Any]:
    """Yield the names of the DataVolumes that a machine makes."""
    for template in mappings(get(machine, DATA_VOLUMES)):
        yield get(template, ("metadata", "name"))


def _lost(item: Item, kind: str, name: Any) -> Problem:
    """Warn of a name that nothing has any more."""
    message = f"names {kind} {show(name)}, which kustomize renamed; {COMPONENT}"
    at = item.place.field(*VOLUMES)
    return at.warning(message, Code.RENAMED_OBJECT)
