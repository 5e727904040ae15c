"""Requests: one node each that a NodeClaim or a static pool asks for."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import field

from krmfn.guest.guest import GuestNode
from krmfn.guest.kubelet import PlacedTaint
from krmfn.kubernetes.quantity import Quantity
from krmfn.kubernetes.requirements import Allowed
from krmfn.machine.machine_metadata import NO_METADATA, MachineMetadata
from krmfn.problems import Place
from krmfn.records import record


@record(frozen=True)
class Requirement:
    """What is asked of one property of a node type; `at` is its place."""

    key: str
    allowed: Allowed
    at: Place


@record(frozen=True)
class Written:
    """Properties as they were written in one place."""

    properties: dict[str, str]
    at: Place


@record(frozen=True, eq=False)
class Asked:
    """What a NodeClaim, or a pool for all of its nodes, asks for.

    `at` is the place of the claim's spec or of the pool. `pool` is None for a NodeClaim.
    Of the properties `written` in several places, the last win. `off` is the place of
    `power.state` if the machine is switched off. `is_default_profile`: the profile is that of
    all pools without one. `metadata` goes to the machine alone.
    """

    at: Place
    provider: str
    virtual_cluster: str | None
    type_ref: str | None = None
    requirements: tuple[Requirement, ...] = ()
    capacity: dict[str, Quantity] = field(default_factory=dict)
    written: tuple[Written, ...] = ()
    node_labels: dict[str, str] = field(default_factory=dict)
    taints: tuple[PlacedTaint, ...] = ()
    kubelet_arguments: dict[str, str] = field(default_factory=dict)
    off: Place | None = None
    pool: str | None = None
    environment: str | None = None
    profile: tuple[str, Place] | None = None
    is_default_profile: bool = False
    metadata: MachineMetadata = NO_METADATA

    @property
    def properties(self) -> dict[str, str]:
        """The properties that are asked for."""
        return {key: value for part in self.written for key, value in part.properties.items()}

    @property
    def provider_place(self) -> Place:
        """Where the provider is named."""
        return self.at.field("providerRef" if self.pool is None else "provider")

    @property
    def wanted(self) -> Hashable:
        """What decides which node types meet it, if it names none."""
        requirements = tuple((required.key, required.allowed) for required in self.requirements)
        return self.provider, requirements, tuple(self.capacity.items()), self.pool is None

    @property
    def shape(self) -> Hashable:
        """What decides the machine and its guest: all but the kubelet's settings."""
        return (
            self.provider,
            self.virtual_cluster,
            self.type_ref,
            tuple((required.key, required.allowed) for required in self.requirements),
            tuple(self.capacity.items()),
            tuple(tuple(part.properties.items()) for part in self.written),
            self.off is None,
            self.pool,
            self.environment,
        )

    @property
    def kubelet(self) -> Hashable:
        """What decides the kubelet's settings, beside the shape."""
        return (
            tuple(self.node_labels.items()),
            tuple((taint.key, taint.value, taint.effect) for taint, _ in self.taints),
            tuple(self.kubelet_arguments.items()),
            self.profile and self.profile[0],
        )


@record(frozen=True)
class Request:
    """One node that is asked for: its name, and all that it shares with its pool.

    `namespace` is the claim's: its project's. `ordinal` is the node's number in the pool, 0
    for a claim of its own. `at` is the place of the claim or of the pool. `live` is the field that
    shows that the Platform runs the claim's machine.
    """

    name: str
    namespace: str | None
    asked: Asked
    at: Place
    ordinal: int = 0
    live: Place | None = None

    @property
    def order(self) -> tuple[str, str]:
        """The key by which requests, and their problems, are sorted."""
        return self.namespace or "", self.name

    @property
    def guest(self) -> GuestNode:
        """What the guest's data depends on."""
        asked = self.asked
        return GuestNode(
            name=self.name,
            namespace=self.namespace,
            ordinal=self.ordinal,
            provider=asked.provider,
            virtual_cluster=asked.virtual_cluster,
            type_ref=asked.type_ref,
        )

    def __str__(self) -> str:
        """Name the request as messages do."""
        pool = self.asked.pool
        return str(self.at.origin.resource) if pool is None else f"pool {pool}"
