"""Claims: the nodes that are rendered, and the groups that were decided about together."""

from __future__ import annotations

from typing import Literal

from krmfn.guest.guest import Guest
from krmfn.guest.static_address import Range
from krmfn.machine.prototype import Prototype
from krmfn.nodes.machine_set import CompiledMachine
from krmfn.nodes.node_types import Offer
from krmfn.nodes.request import Asked, Request
from krmfn.nodes.virtual_clusters import Tenant
from krmfn.records import record


@record(frozen=True, eq=False)
class Node:
    """What the nodes of a group have in common."""

    prototype: Prototype
    guest: Guest
    addresses: Range | None
    kubelet_arguments: list[str]


@record(eq=False)
class Group:
    """Requests that ask for the same, and what was decided about them.

    `offer` is None if no node type fits or another run renders them; `node` is None if
    something is wrong with what it would be made of. `namespace` is the machines'.
    """

    requests: list[Request]
    tenant: Tenant | None
    offer: Offer | None = None
    namespace: str = ""
    node: Node | None = None
    machine: CompiledMachine | None = None

    @property
    def leader(self) -> Request:
        """The request that stands for all of them."""
        return self.requests[0]

    @property
    def asked(self) -> Asked:
        """What all of them ask for."""
        return self.requests[0].asked


@record(frozen=True)
class Claim:
    """A node that is rendered."""

    request: Request
    group: Group
    tenant: Tenant
    offer: Offer

    @property
    def name(self) -> str:
        """The name of the claim, its machine, its guest's host and its node."""
        return self.request.name

    @property
    def namespace(self) -> str:
        """The namespace of its machine."""
        return self.group.namespace

    @property
    def node(self) -> Node | None:
        """What the node is made of."""
        return self.group.node

    @property
    def cluster(self) -> str:
        """The KubeVirt cluster of its machine."""
        return self.offer.cluster

    @property
    def status(self) -> Literal["Rendered", "Off", "Manual"]:
        """Whether KubeVirt starts its machine: not if the claim or the template switches it off.

        With `runStrategy: Manual`, somebody starts it by hand.
        """
        spec = self.node.prototype.vm["spec"] if self.node else {}
        strategy = spec.get("runStrategy")
        if self.request.asked.off or strategy == "Halted" or spec.get("running") is False:
            return "Off"
        return "Manual" if strategy == "Manual" else "Rendered"

    @property
    def pool(self) -> str | None:
        """The name of its pool, if it has one."""
        return self.request.asked.pool
