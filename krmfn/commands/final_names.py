"""Names that no longer fit: what a machine refers to, after kustomize renamed it.

kustomize changes a reference with the object's name only in fields that it knows. Those of a
VirtualMachine it learns from the component `kustomize/` of this repository.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from krmfn.commands.kustomizations import NAMES_KNOWN
from krmfn.commands.object_key import Key
from krmfn.commands.secret_users import named_secrets
from krmfn.kubevirt.vm_paths import DATA_VOLUMES, VOLUMES, get, mappings
from krmfn.manifests.item import Item
from krmfn.nodes.build import Build
from krmfn.problems import Code, Path, Problem, show

if TYPE_CHECKING:
    from krmfn.commands.final_objects import Final

_HASHED = "internal.config.kubernetes.io/needsHashSuffix"
# No configuration of kustomize tells a clone of a machine's own disk from one of another claim.
_CLONE = "kustomize can't follow such a name: rename the pool or claim instead"
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


def hashed_secrets(items: Iterable[Item], built: Build) -> Iterator[Problem]:
    """Warn of a token's Secret whose name gets a hash after krmfn, in the fields of no machine.

    kustomize marks such Secrets for functions. What configurations it has, it does not tell them:
    krmfn's component leaves a mark of its own.
    """
    if Code.RENAMED_OBJECT in built.accepted:
        return
    joins = [(claim.namespace, claim.tenant.join) for claim in built.claims]
    disks = {(namespace, join.disk) for namespace, join in joins if join and join.disk}
    secrets = [item for item in items if item.kind == "Secret" and _HASHED in item.annotations]
    known = any(NAMES_KNOWN in item.annotations for item in built.consumed)
    for secret in [] if known else secrets:
        if any(secret.name == name and secret.namespace in ("", ns) for ns, name in disks):
            message = "gets a hash at its end from kustomize, but machines name it without"
            advice = f"{COMPONENT}, or set disableNameSuffixHash: true"
            at = secret.place.field("metadata", "name")
            yield at.warning(f"{message}; {advice}", Code.RENAMED_OBJECT)
