"""The Secret of a token that kustomize is about to rename, by a hash of what it holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from krmfn.commands.names_component import COMPONENT, NAMES_KNOWN
from krmfn.manifests.item import Item
from krmfn.nodes.build import Build
from krmfn.problems import Code, Problem

_HASHED = "internal.config.kubernetes.io/needsHashSuffix"


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
