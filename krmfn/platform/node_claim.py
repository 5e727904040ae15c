"""NodeClaim (management.loft.sh/v1).

The fields are those of loft-sh/api `pkg/apis/storage/v1/nodeclaim_types.go`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from krmfn.platform.model import Model, Taint

if TYPE_CHECKING:
    from krmfn.platform.field_types import (
        Annotations,
        DnsLabel,
        Filled,
        KubeletArguments,
        Labels,
        NotNegative,
        Subdomain,
        Text,
    )

# The annotation by which the Platform links a claim with its machine: `<namespace>/<name>`.
VM_REF = "kubevirt.vcluster.com/vm-ref"


class ClaimMetadata(Model, extra="ignore"):
    """The name of a claim is also the name of its machine, its guest's host and its node.

    Its labels and annotations go to the machine.
    """

    name: DnsLabel
    """The name of the claim, of its machine, of the guest's host and of the node."""
    namespace: DnsLabel | None = None
    """The project namespace, such as `p-default`."""
    labels: Labels = {}
    """Labels, which the machine gets too."""
    annotations: Annotations = {}
    """Annotations, which the machine gets too."""


class Requirement(Model):
    """A condition on a node type's properties (core/v1 NodeSelectorRequirement)."""

    key: Filled
    """A property, such as `vcluster.com/node-type`."""
    operator: Text
    """How the property is compared with the values."""
    values: list[Text] = []
    """The values, for all operators but `Exists` and `DoesNotExist`."""


class Power(Model):
    """Whether the node's machine runs."""

    state: Literal["On", "Off", ""] = ""
    """Whether the machine runs; unset: it does."""


class NodeClaimSpec(Model):
    """The node that is asked for.

    `displayName`, `owner` and `access` are the Platform's business and do not affect the machine.
    """

    display_name: Text = ""
    """The name that the Platform shows."""
    owner: Any = None
    """The user or team that owns the claim on the Platform."""
    access: Any = None
    """Who may use the claim on the Platform."""
    provider_ref: Filled
    """The NodeProvider that makes the node."""
    type_ref: Filled | None = None
    """The node type: `<type>` or `<provider>.<type>`. Unset: krmfn chooses one that fits."""
    environment_ref: Filled | None = None
    """The NodeEnvironment whose properties are added."""
    properties: dict[Filled, Text] = {}
    """Properties of this node; they win over those of the provider and of the node type."""
    v_cluster_ref: Subdomain | None = None
    """The virtual cluster that the node joins."""
    control_plane: bool = False
    """Whether the node is for the control plane; krmfn makes worker nodes alone, so `true` is an
    error.
    """
    taints: list[Taint] = []
    """Taints of the node."""
    startup_taints: list[Taint] = []
    """Taints with which the node starts, until something takes them away."""
    kubelet_args: KubeletArguments = {}
    """Flags of the kubelet, without dashes, and their values."""
    profile_ref: Filled | None = None
    """The NodeProfile whose labels and taints the node gets."""
    desired_capacity: dict[Filled, NotNegative] = {}
    """What the node has to have at least, such as `cpu` and `memory`."""
    requirements: list[Requirement] = []
    """What the node type's properties have to be."""
    power: Power = Power()
    """Whether the node's machine runs."""


class NodeClaim(Model):
    """A claim to one node. `status` is the Platform's business."""

    api_version: Text
    """The Platform's API group, in one of two versions."""
    kind: Text
    """What the document is."""
    metadata: ClaimMetadata
    """The claim's metadata."""
    spec: NodeClaimSpec
    """The node that is asked for."""
    status: Any = None
    """What the Platform says of the claim; a claim with a status is refused unless `liveClaims` is
    `Render`.
    """
