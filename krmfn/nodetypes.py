"""The node types that providers offer, and the one that a claim gets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from krmfn.api.nodeclaim import NodeClaim
from krmfn.api.nodeprovider import NodeProvider, NodeType
from krmfn.problems import Place, Problem, nearest, show


@dataclass(frozen=True, slots=True)
class Offer:
    """A node type of a provider among the items; `at` is its place, `index` its number in the provider."""

    provider: NodeProvider
    node_type: NodeType
    index: int
    at: Place

    @property
    def full_name(self) -> str:
        """`<provider>.<name>`, the name of the Platform's NodeType object."""
        return f"{self.provider.metadata.name}.{self.node_type.name}"


def offers(provider: NodeProvider, at: Place) -> list[Offer]:
    """The node types of a provider."""
    kubevirt = provider.spec.kube_virt
    types = kubevirt.node_types if kubevirt else []
    return [Offer(provider, node_type, index, at.field("spec", "kubeVirt", "nodeTypes", index)) for index, node_type in enumerate(types)]


def choose(claim: NodeClaim, offered: list[Offer], at: Place) -> tuple[Offer | None, list[Problem]]:
    """The node type of a claim among those of its provider."""
    if claim.spec.type_ref is None:
        return None, [at.field("spec", "typeRef").error("is required: choosing by requirements is not rendered yet")]
    wanted = claim.spec.type_ref
    found = [offer for offer in offered if wanted in (offer.node_type.name, offer.full_name)]
    if found:
        return found[0], []
    known = [offer.node_type.name for offer in offered]
    return None, [at.field("spec", "typeRef").error(f"is {show(wanted)}; the provider has {', '.join(known)}{nearest(wanted, known)}")]


def clashes(offered: Iterable[Offer]) -> Iterable[Problem]:
    """Node types whose full names are equal: `a` of provider `b.c` and `c.a` of provider `b`."""
    seen: dict[str, Offer] = {}
    for offer in offered:
        other = seen.setdefault(offer.full_name, offer)
        if other is not offer and other.provider is not offer.provider:
            yield offer.at.field("name").error(
                f"has the full name {offer.full_name}, as a type of provider {other.provider.metadata.name} has"
            )
