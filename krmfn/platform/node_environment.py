"""NodeEnvironment (management.loft.sh/v1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from krmfn.platform.described import DescribedObject, DescribedSpec

if TYPE_CHECKING:
    from krmfn.platform.field_types import Filled, Text


class NodeEnvironmentSpec(DescribedSpec):
    """Properties that the claims of a virtual cluster share."""

    properties: dict[Filled, Text] = {}
    """The properties that are added to those of a claim."""
    provider_ref: Text = ""
    """The NodeProvider that the environment is for."""
    v_cluster_ref: Text = ""
    """The virtual cluster that the environment is for."""
    control_plane: bool = False
    """Whether the environment is for the control plane."""


class NodeEnvironment(DescribedObject):
    """An environment.

    The property `vcluster.com/network-environment` or a claim's `environmentRef` names it.
    """

    spec: NodeEnvironmentSpec
    """The environment."""
