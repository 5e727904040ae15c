"""NodeClaim (management.loft.sh/v1).

The fields are those of loft-sh/api `pkg/apis/storage/v1/nodeclaim_types.go`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from krmfn.kubernetes import names
from krmfn.platform.model import (
    Annotations,
    DnsLabel,
    Filled,
    Labels,
    Model,
    NotNegative,
    Subdomain,
    Taint,
    Text,
    grammar,
)

KubeletArguments = dict[
    Annotated[Text, grammar(names.kubelet_argument)], Annotated[Text, grammar(names.kubelet_value)]
]
# The annotation by which the Platform links a claim with its machine: `<namespace>/<name>`.
VM_REF = "kubevirt.vcluster.com/vm-ref"


class ClaimMetadata(Model):
    """The name of a claim is also the name of its machine, its guest's host and its node.

    Its labels and annotations go to the machine.
    """

    model_config = {**Model.model_config, "extra": "ignore"}

    name: DnsLabel
    namespace: DnsLabel | None = None
    labels: Labels = Field(default_factory=dict)
    annotations: Annotations = Field(default_factory=dict)


class Requirement(Model):
    """A condition on a node type's properties (core/v1 NodeSelectorRequirement)."""

    key: Filled
    operator: Text
    values: list[Text] = Field(default_factory=list)


class Power(Model):
    """Whether the node's machine runs."""

    state: Literal["On", "Off", ""] = ""


class NodeClaimSpec(Model):
    """The node that is asked for.

    `displayName`, `owner` and `access` are the Platform's business and do not affect the machine.
    """

    display_name: Text = ""
    owner: Any = None
    access: Any = None
    provider_ref: Filled
    type_ref: Filled | None = None
    environment_ref: Filled | None = None
    properties: dict[Filled, Text] = Field(default_factory=dict)
    v_cluster_ref: Subdomain | None = None
    control_plane: bool = False
    taints: list[Taint] = Field(default_factory=list)
    startup_taints: list[Taint] = Field(default_factory=list)
    kubelet_args: KubeletArguments = Field(default_factory=dict)
    profile_ref: Filled | None = None
    desired_capacity: dict[Filled, NotNegative] = Field(default_factory=dict)
    requirements: list[Requirement] = Field(default_factory=list)
    power: Power = Field(default_factory=lambda: Power())


class NodeClaim(Model):
    """A claim to one node. `status` is the Platform's business."""

    api_version: Annotated[Text, Field()]
    kind: Text
    metadata: ClaimMetadata
    spec: NodeClaimSpec
    status: Any = None
