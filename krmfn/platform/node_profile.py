"""NodeProfile (management.loft.sh/v1)."""

from __future__ import annotations

from pydantic import Field

from krmfn.platform.described import DescribedObject, DescribedSpec
from krmfn.platform.model import Annotations, Labels, Taint


class NodeProfileSpec(DescribedSpec):
    """How a node is registered."""

    taints: list[Taint] = Field(default_factory=list)
    """Taints of the nodes."""
    startup_taints: list[Taint] = Field(default_factory=list)
    """Taints with which the nodes start, until something takes them away."""
    node_labels: Labels = Field(default_factory=dict)
    """Labels of the nodes."""
    node_annotations: Annotations = Field(default_factory=dict)
    """Annotations of the nodes."""


class NodeProfile(DescribedObject):
    """Settings of nodes.

    A claim names it in `profileRef`, a pool in `profile`, a vcluster.yaml in
    `privateNodes.defaultProfile`.
    """

    spec: NodeProfileSpec
    """How the nodes are registered."""
