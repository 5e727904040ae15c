"""NodeEnvironment (management.loft.sh/v1)."""

from __future__ import annotations

from pydantic import Field

from krmfn.platform.described import DescribedObject, DescribedSpec
from krmfn.platform.model import Filled, Text


class NodeEnvironmentSpec(DescribedSpec):
    """Properties that the claims of a virtual cluster share."""

    properties: dict[Filled, Text] = Field(default_factory=dict)
    provider_ref: Text = ""
    v_cluster_ref: Text = ""
    control_plane: bool = False


class NodeEnvironment(DescribedObject):
    """An environment.

    The property `vcluster.com/network-environment` or a claim's `environmentRef` names it.
    """

    spec: NodeEnvironmentSpec
