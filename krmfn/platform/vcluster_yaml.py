"""The part of a vcluster.yaml that asks for nodes: `privateNodes.autoNodes`.

vCluster has published two schemas (loft-sh/vcluster `config/config.go`,
`pkg/config/validation.go`): the object form in 0.28 and 0.29, the list form since 0.30. krmfn
reads nothing else in a vcluster.yaml.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from krmfn.kubernetes.requirements import Allowed, required
from krmfn.platform.model import Model, Taint

if TYPE_CHECKING:
    from krmfn.platform.field_types import AnyText, NodeLabels, Text, Whole


class Selector(Model):
    """A requirement on a property of a node type."""

    property: Text = ""
    """A property of node types, such as `vcluster.com/node-type`."""
    operator: Text = ""
    """How the property is compared with the values; unset: `In`."""
    value: AnyText = ""
    """The value, instead of `values`."""
    values: list[AnyText] = []
    """The values, for all operators but `Exists` and `DoesNotExist`."""

    def operation(self) -> str:
        """The operator, which is In unless it is given."""
        return self.operator or "In"

    def all_values(self) -> list[str]:
        """The values, however they are written."""
        return self.values or ([self.value] if self.value else [])

    def allowed(self) -> Allowed:
        """Return the set of values that meet the requirement.

        Raises:
            ValueError: The operator is unknown, or its values don't fit it.
        """
        return required(self.operation(), self.all_values())


class StaticPool(Model):
    """A fixed number of nodes.

    The selector is `requirements` in the object form, `nodeTypeSelector` in the list form.
    """

    name: Text = ""
    """The pool's name; its nodes are `<virtual cluster>-<pool>-<number>`."""
    quantity: Whole = 0
    """How many nodes the pool has."""
    provider: Text | None = None
    """The NodeProvider (vCluster 0.28 and 0.29)."""
    requirements: list[Selector] | None = None
    """What the node type's properties have to be (vCluster 0.28 and 0.29)."""
    node_type_selector: list[Selector] | None = None
    """What the node type's properties have to be (vCluster 0.30 and later)."""
    taints: list[Taint] = []
    """Taints of the nodes."""
    node_labels: NodeLabels = {}
    """Labels of the nodes."""
    termination_grace_period: Text = ""
    """How long a node may take to drain; it means nothing to krmfn."""
    profile: Text | None = None
    """The NodeProfile of the nodes; unset: `privateNodes.defaultProfile`."""
    properties: dict[Text, AnyText] = {}
    """Properties of these nodes; they win over those of the entry and of the provider."""


class DynamicPool(Model, extra="ignore"):
    """A pool that belongs to the autoscaler: krmfn reads only its name."""

    name: Text = ""
    """The pool's name."""


class Provider(Model):
    """The pools of one provider (list form)."""

    provider: Text = ""
    """The NodeProvider of these pools."""
    properties: dict[Text, AnyText] = {}
    """Properties of all nodes of these pools."""
    static: list[StaticPool] = []
    """Pools of a fixed number of nodes."""
    dynamic: list[DynamicPool] = []
    """Pools of the autoscaler; krmfn does not render them."""


class ListForm(Model):
    """`autoNodes` of vCluster 0.30 and later."""

    auto_nodes: list[Provider] = []
    """The pools of nodes: a list by provider, or in vCluster 0.28 and 0.29 a mapping."""


class Pools(Model):
    """`autoNodes` of vCluster 0.28 and 0.29: each pool names its provider."""

    static: list[StaticPool] = []
    """Pools of a fixed number of nodes."""
    dynamic: list[DynamicPool] = []
    """Pools of the autoscaler; krmfn does not render them."""


class ObjectForm(Model):
    """The object form, under its key."""

    auto_nodes: Pools
    """The pools of nodes, each with its own provider."""
