"""NodeProfile (management.loft.sh/v1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from krmfn.platform.described import DescribedObject, DescribedSpec
from krmfn.platform.model import Taint

if TYPE_CHECKING:
    from krmfn.platform.field_types import Annotations, Labels


class NodeProfileSpec(DescribedSpec):
    """How a node is registered."""

    taints: list[Taint] = []
    """Taints of the nodes."""
    startup_taints: list[Taint] = []
    """Taints with which the nodes start, until something takes them away."""
    node_labels: Labels = {}
    """Labels of the nodes."""
    node_annotations: Annotations = {}
    """Annotations of the nodes."""


class NodeProfile(DescribedObject):
    """Settings of nodes.

    A claim names it in `profileRef`, a pool in `profile`, a vcluster.yaml in
    `privateNodes.defaultProfile`.
    """

    spec: NodeProfileSpec
    """How the nodes are registered."""
