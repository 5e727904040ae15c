"""Annotations for Argo CD and Flux that stand on declarations, where nobody reads them.

Declarations are not applied. kustomize's `commonAnnotations` beside krmfn's `transformers` puts
annotations on them, and a machine of a pool that should be kept is pruned: only the machines of
NodeClaims get those of their claims.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from krmfn.manifests import yamlio
from krmfn.manifests.item import Item
from krmfn.manifests.tools_marks import TOOLS_MARKS
from krmfn.nodes.build import Build
from krmfn.platform.config import KIND
from krmfn.problems import Code, Place, Problem

# https://argo-cd.readthedocs.io/en/stable/user-guide/annotations-and-labels/,
# https://fluxcd.io/flux/components/kustomize/kustomizations/#controlling-the-apply-behavior-of-resources
_CLIENTS = ("argocd.argoproj.io/", "kustomize.toolkit.fluxcd.io/")


def lost_annotations(items: Iterable[Item], built: Build) -> Iterator[Problem]:
    """Warn of each annotation or label of a client that is on a declaration and on no machine."""
    if Code.LOST_ANNOTATION in built.accepted:
        return
    of_pools = [one.text for one in built.objects if one.machines.pool]
    texts = of_pools or [one.text for one in built.objects]
    whose = " of a pool" if of_pools else ""
    inputs = [*built.consumed, *(item for item in items if item.kind == KIND)]
    found: dict[tuple[str, str, str], list[Place]] = defaultdict(list)
    for item in dict.fromkeys(inputs):
        for mark in _marks(item):
            part, key, _ = mark
            found[mark].append(item.place.field("metadata", part, key))
    for (_, key, value), places in found.items():
        line = f"{yamlio.scalar(key)}: {yamlio.scalar(value)}\n"
        if any(line in text for text in texts):
            continue
        others = f", here and on {len(places) - 1} more" if len(places) > 1 else ""
        message = f"is on a declaration, which is not applied{others}, and on no machine{whose}"
        advice = "set it under spec.annotations.virtualMachine of the config"
        yield places[0].warning(f"{message}; {advice}", Code.LOST_ANNOTATION)


def _marks(item: Item) -> Iterator[tuple[str, str, str]]:
    """Yield the annotations and labels of clients on an object: part of the metadata, key, value.

    Those of a NodeClaim reach its machine.
    """
    if item.kind == "NodeClaim":
        return
    for part, values in (("annotations", item.annotations), ("labels", item.labels)):
        for key, value in values.items():
            if key.startswith(_CLIENTS) and key not in TOOLS_MARKS and isinstance(value, str):
                yield part, key, value
