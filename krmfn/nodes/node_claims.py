"""NodeClaims as requests."""

from __future__ import annotations

from collections.abc import Iterator

from krmfn.guest.kubelet import placed
from krmfn.kubernetes.quantity import memory_fault
from krmfn.kubernetes.requirements import required
from krmfn.machine.machine_metadata import MachineMetadata, MetadataReader
from krmfn.manifests.item import Item
from krmfn.nodes.node_types import property_problems
from krmfn.nodes.request import Asked, Request, Requirement, Written
from krmfn.platform.node_claim import VM_REF, NodeClaim, NodeClaimSpec
from krmfn.platform.properties import Leave
from krmfn.platform.validation import validate
from krmfn.problems import Code, Collector, Place, Problem


def read_node_claims(items: list[Item], leave: Leave, problems: Collector) -> list[Request]:
    """Read NodeClaims, without those that are being deleted.

    `leave` is what the config leaves to their properties.
    """
    requests = []
    metadata = MetadataReader()
    for item in items:
        if item.metadata.get("deletionTimestamp"):
            at = item.place.field("metadata", "deletionTimestamp")
            message = "is set: this claim is being deleted, and its node is not rendered"
            problems.append(at.notice(message, Code.DELETED_CLAIM))
            continue
        claim = validate(NodeClaim, item.data, item.place, problems)
        if claim:
            requests.append(_request(claim, item, metadata, problems))
            at = item.place.field("spec")
            problems += _claim_problems(claim.spec, at, leave)
    problems += metadata.warnings()
    return requests


def _request(
    claim: NodeClaim, item: Item, metadata: MetadataReader, problems: Collector
) -> Request:
    """Turn a claim, read from an item, into a request."""
    at, own = item.place, claim.metadata
    labels, annotations = metadata.read(own.labels, own.annotations, at.field("metadata"), problems)
    spec, place = claim.spec, at.field("spec")
    requirements = _requirements(spec, place.field("requirements"), problems)
    profile = None
    if spec.profile_ref:
        profile = (spec.profile_ref, place.field("profileRef"))
    off = None
    if spec.power.state == "Off":
        off = place.field("power", "state")
    asked = Asked(
        at=place,
        provider=spec.provider_ref,
        virtual_cluster=spec.v_cluster_ref,
        type_ref=spec.type_ref,
        requirements=requirements,
        capacity=spec.desired_capacity,
        written=(Written(spec.properties, place.field("properties")),),
        taints=(
            *placed(spec.taints, place.field("taints")),
            *placed(spec.startup_taints, place.field("startupTaints")),
        ),
        kubelet_arguments=spec.kubelet_args,
        off=off,
        environment=spec.environment_ref,
        profile=profile,
        metadata=MachineMetadata(labels, annotations),
    )
    live = _live(claim, item)
    return Request(claim.metadata.name, claim.metadata.namespace, asked, at, live=live)


def _live(claim: NodeClaim, item: Item) -> Place | None:
    """Return the field that shows that the Platform runs the claim's machine, None if none does."""
    if item.annotations.get(VM_REF):
        return item.place.field("metadata", "annotations", VM_REF)
    return item.place.field("status") if claim.status else None


def _requirements(spec: NodeClaimSpec, at: Place, problems: Collector) -> tuple[Requirement, ...]:
    """Read the requirements as sets of allowed values."""
    requirements = []
    for index, requirement in enumerate(spec.requirements):
        where = at.field(index)
        try:
            allowed = required(requirement.operator, requirement.values)
        except ValueError as error:
            problems.append(where.field("operator").error(str(error)))
            continue
        requirements.append(Requirement(requirement.key, allowed, where))
    return tuple(requirements)


def _claim_problems(spec: NodeClaimSpec, at: Place, leave: Leave) -> Iterator[Problem]:
    """Yield what krmfn can't render, and properties that are wrong."""
    if spec.control_plane:
        yield at.field("controlPlane").error("is true; krmfn renders worker nodes")
    memory = spec.desired_capacity.get("memory")
    if memory is not None and (fault := memory_fault(memory)):
        yield at.field("desiredCapacity", "memory").error(fault)
    yield from property_problems(spec.properties, at.field("properties"), leave, by_claim=True)
