"""The nodes that are rendered, and what no claim alone can tell: capacity, names that two would make, advice on what they share."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from krmfn.kubernetes import names
from krmfn.kubevirt.vm_paths import DATA_VOLUMES, MANAGED_BY, OURS, Named, get, has, mappings
from krmfn.machine.advice import advice
from krmfn.machine.checks import written
from krmfn.machine.prototype import Prototype
from krmfn.nodes import node_types as nodetypes
from krmfn.nodes.node_types import Offer
from krmfn.nodes.nodes import Node
from krmfn.nodes.pools import Request
from krmfn.nodes.tenants import Tenant
from krmfn.problems import Code, Path, Place, Problem


@dataclass(frozen=True, slots=True)
class Claim:
    """A node that is rendered, with everything that was decided about it; `namespace` is its machine's.

    `node` is None where something is wrong with what it would be made of.
    """

    request: Request
    tenant: Tenant
    offer: Offer
    namespace: str
    node: Node | None

    @property
    def name(self) -> str:
        """The claim's name: its machine's, its guest's host name's and its node's."""
        return self.request.name

    @property
    def cluster(self) -> str:
        """The KubeVirt cluster of its machine."""
        kubevirt = self.offer.provider.spec.kube_virt
        return kubevirt.cluster_ref.cluster if kubevirt else ""


def origin(claim: Claim, path: Path) -> tuple[str, Place | None]:
    """What a field of a claim's machine comes from: the layer, and the place that has to change, None where krmfn sets it.

    Layers are `base`, `replacement`, `merge`, `property`, `resources`, `claim` and `krmfn`. Elements of lists are `Named` in the path.
    """
    if path[:2] in (("spec", "runStrategy"), ("spec", "running")) and claim.request.asked.off:
        return "claim", claim.request.asked.at.field("power", "state")
    if claim.node is None or any(
        isinstance(step, str) and step.startswith((OURS, MANAGED_BY)) for step in path
    ):
        return "krmfn", None
    prototype = claim.node.prototype
    found: Path = ()
    for step in path:
        if isinstance(step, Named):
            name = ("metadata", "name") if found == DATA_VOLUMES else ("name",)
            plain = step.removeprefix(f"{claim.name}-") if found == DATA_VOLUMES else str(step)
            there = [get(value, name) for value in mappings(get(prototype.vm, found))]
            if plain not in there:
                return "krmfn", None
            step = there.index(plain)
        found = (*found, step)
    place, _ = written(prototype, found)
    layer = _layer(prototype, place)
    if (
        layer == "base"
        and has(prototype.vm, found)
        and not any(has(text.value, found) for text in prototype.layers.layers)
    ):
        return "krmfn", None
    return layer, place


def _layer(prototype: Prototype, place: Place) -> str:
    if place in prototype.sizes.values():
        return "resources"
    if "properties" in place.path:
        return "property"
    for layer in reversed(prototype.layers.layers):
        if place.origin == layer.at.origin and place.path[: len(layer.at.path)] == layer.at.path:
            return (
                "merge"
                if layer.patch
                else "replacement"
                if "nodeTypes" in layer.at.path
                else "base"
            )
    return "base"


def by_type(claims: list[Claim]) -> Iterator[Problem]:
    """What is wrong or doubtful with all claims of a node type, or of a prototype, together."""
    used: dict[str, list[Claim]] = defaultdict(list)
    made: dict[int, list[Claim]] = defaultdict(list)
    for claim in claims:
        used[claim.offer.full_name].append(claim)
        made[id(claim.node and claim.node.prototype)].append(claim)
    for name, group in sorted(used.items()):
        if 0 < group[0].offer.node_type.max_capacity < len(group):
            yield _over_capacity(name, group)
        yield from _unfit(group[0].offer)
    for group in sorted(made.values(), key=lambda group: (group[0].offer.full_name, group[0].name)):
        if node := group[0].node:
            yield from node.prototype.advice
            yield from advice(
                node.prototype.vm,
                group[0].offer.at,
                len(group),
                max(claim.tenant.claims for claim in group),
            )


def _unfit(offer: Offer) -> Iterator[Problem]:
    """A node type whose kubelet would not start."""
    for name, amount in (
        offer.node_type.overhead.kube_reserved if offer.node_type.overhead else {}
    ).items():
        if (
            name in offer.resources
            and name in ("cpu", "memory")
            and amount >= offer.resources[name]
        ):
            text = f"is {amount} of {offer.resources[name]}: nothing is left, and kubelet refuses to start"
            yield offer.at.field("overhead", "kubeReserved", name).warning(
                text, Code.UNFIT_NODE_TYPE
            )


def _over_capacity(name: str, claims: list[Claim]) -> Problem:
    """More claims than the node type may have; which other types would do, so that the user can move some."""
    offer, asked = claims[0].offer, claims[0].request.asked
    listed = ", ".join(claim.name for claim in claims[:10]) + (", …" if len(claims) > 10 else "")
    others = sorted(
        other.name
        for other in offer.siblings
        if other is not offer and not nodetypes.missed(other, asked)
    )
    also = f"; {', '.join(others)} would also fit" if others and not asked.type_ref else ""
    text = f"is {offer.node_type.max_capacity}, but {len(claims)} claims ask for {name}: {listed}{also}"
    return offer.at.field("maxCapacity").error(text, Code.CAPACITY)


def object_problems(key: tuple[str, str, str], claim: Claim, other: Claim) -> Iterator[Problem]:
    """What is wrong with an object (kind, namespace, name) that `claim` makes, and `other` was the first to make."""
    kind, namespace, name = key
    at = (
        claim.request.at if claim.request.asked.pool else claim.request.at.field("metadata", "name")
    )
    if other is not claim:
        text = f"makes {kind} {namespace}/{name}, as {other.request} does"
        yield at.error(
            text + (f" (in {other.request.at.origin.file})" if other.request.at.origin.file else "")
        )
    if len(name) > 253:
        yield at.error(f"makes a {kind} whose name {names.subdomain(name)}")
