"""NodeProvider (management.loft.sh/v1), the KubeVirt part of it.

The fields are those of loft-sh/api `pkg/apis/storage/v1/nodeprovider_types.go`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

from krmfn.kubernetes import names
from krmfn.kubernetes.quantity import memory_fault
from krmfn.platform.model import Metadata, Model
from krmfn.problems import Code, Place, Problem

if TYPE_CHECKING:
    from krmfn.platform.field_types import (
        Amount,
        Annotations,
        DnsLabel,
        Filled,
        Int32,
        Int64,
        Labels,
        Raw,
        Subdomain,
        Text,
        grammar,
    )

# Charts that the Platform may install, by their keys in `deploy`.
_CHARTS = {"kubevirt": "kubevirt", "vClusterDeviceOperator": "v_cluster_device_operator"}
_RESERVABLE = ("cpu", "memory", "ephemeral-storage", "pid")


def type_name(name: str) -> str:
    """Say why a text can't be a node type's name, or "".

    The name becomes a label's value and, behind the provider's, the name of a NodeType object.
    """
    return names.subdomain(name) or names.label_value(name)


class ClusterRef(Model):
    """The KubeVirt cluster, as the Platform knows it, and the machines' namespace there."""

    cluster: Subdomain
    """The KubeVirt cluster's name on the Platform."""
    namespace: DnsLabel
    """The namespace of the machines there."""


class Deployment(Model):
    """A Helm chart that the Platform installs for a provider; krmfn installs nothing."""

    enabled: bool
    """Whether the Platform installs the chart. krmfn installs nothing, and warns."""
    chart_repo: Text = ""
    """The chart's repository."""
    chart: Text = ""
    """The chart's name."""
    version: Text = ""
    """The chart's version."""
    helm_values: Text = ""
    """The chart's values, as YAML text."""


class Deploy(Model):
    """What the Platform may install in the provider's cluster."""

    kubevirt: Deployment | None = None
    """KubeVirt itself."""
    v_cluster_device_operator: Deployment | None = None
    """vCluster's device operator."""


class Overhead(Model):
    """What a node keeps for itself."""

    kube_reserved: dict[Filled, Amount] = {}
    """What the kubelet reserves (`--kube-reserved`): cpu, memory, ephemeral-storage, pid."""


class TypeMetadata(Model):
    """Labels and annotations of the Platform's NodeType object; no virtual machine gets them."""

    labels: Labels = {}
    """Labels of the Platform's NodeType object."""
    annotations: Annotations = {}
    """Annotations of the Platform's NodeType object."""


class NodeType(Model):
    """A kind of node that the provider offers: its template and its size."""

    name: Annotated[Text, grammar(type_name)]
    """The name of the node type."""
    display_name: Text = ""
    """The name that the Platform shows."""
    metadata: TypeMetadata = TypeMetadata()
    """Labels and annotations of the Platform's NodeType object; machines do not get them."""
    provider_ref: Text | None = None
    """The name of the provider, or unset."""
    properties: dict[Filled, Text] = {}
    """Properties, by which claims choose a node type. They become labels of the node."""
    resources: dict[Filled, Amount] = {}
    """CPU and memory of the machine, and what else it has, in place of the template's."""
    overhead: Overhead | None = None
    """What the node keeps for itself."""
    cost: Int64 | None = None
    """The cheapest of the node types that fit is chosen; unset: krmfn works the cost out from the
    resources.
    """
    max_capacity: Int32 = 0
    """How many nodes of this type there may be; 0: no limit."""
    virtual_machine_template: Raw | None = None
    """A VirtualMachine in place of the provider's template."""
    merge_virtual_machine_template: Raw | None = None
    """A part of a VirtualMachine that is merged into the provider's template (strategic merge)."""


class KubeVirt(Model):
    """A provider of KubeVirt virtual machines."""

    cluster_ref: ClusterRef
    """The KubeVirt cluster, and the namespace of the machines there."""
    namespace_strategy: Literal["Provider", "VirtualCluster"] = "Provider"
    """Whether the machines are in the provider's namespace, or each virtual cluster's in its own
    (`vmNamespace`).
    """
    deploy: Deploy | None = None
    """Charts that the Platform may install; krmfn installs none."""
    virtual_machine_template: Raw | None = None
    """The VirtualMachine from which the node types start."""
    # A provider that only deploys KubeVirt, and that nobody asks for nodes, has none.
    node_types: list[NodeType] = []
    """The kinds of node that the provider offers."""


class NodeProviderSpec(Model):
    """What a provider offers; exactly one kind of provider is set."""

    display_name: Text = ""
    """The name that the Platform shows."""
    properties: dict[Filled, Text] = {}
    """Properties of all node types, by which claims choose one."""
    kube_virt: KubeVirt | None = None
    """A provider of KubeVirt virtual machines, the kind that krmfn renders."""
    bcm: Raw | None = None
    """A provider of another kind; krmfn leaves it alone."""
    terraform: Raw | None = None
    """A provider of another kind; krmfn leaves it alone."""
    cluster_api: Raw | None = None
    """A provider of another kind; krmfn leaves it alone."""
    metal3: Raw | None = None
    """A provider of another kind; krmfn leaves it alone."""
    nico: Raw | None = None
    """A provider of another kind; krmfn leaves it alone."""

    @property
    def other_kinds(self) -> list[str]:
        """The kinds of provider that are set beside `kubeVirt`."""
        kinds = {
            "bcm": self.bcm,
            "terraform": self.terraform,
            "clusterAPI": self.cluster_api,
            "metal3": self.metal3,
            "nico": self.nico,
        }
        return [name for name, value in kinds.items() if value is not None]


class NodeProvider(Model):
    """A source of nodes. `status` is the Platform's business."""

    api_version: Text
    """The Platform's API group, in one of two versions."""
    kind: Text
    """What the document is."""
    metadata: Metadata
    """The provider's metadata."""
    spec: NodeProviderSpec
    """What the provider offers."""
    status: Any = None
    """What the Platform says of the provider; krmfn does not read it."""


def admission(provider: NodeProvider, at: Place) -> Iterator[Problem]:
    """Check the rules of the Platform's admission that no field alone can hold.

    `at` is the place of the provider. The rules are those that the tests of
    loft-sh/vcluster-stacks show.
    """
    spec, kubevirt = provider.spec, provider.spec.kube_virt
    others = spec.other_kinds
    if kubevirt is None:
        if not others:
            yield at.field("spec").error("names no kind of provider; krmfn renders kubeVirt")
        return
    if others:
        yield at.field("spec", others[0]).error("stands beside kubeVirt; a provider is of one kind")
    if fault := names.subdomain(provider.metadata.name):
        yield at.field("metadata", "name").error(fault)
    at = at.field("spec", "kubeVirt")
    first_of_name: dict[str, int] = {}
    for index, node_type in enumerate(kubevirt.node_types):
        where = at.field("nodeTypes", index)
        first = first_of_name.setdefault(node_type.name, index)
        if first != index:
            message = (
                f'is "{node_type.name}", as nodeTypes[{first}] is; each needs a name of its own'
            )
            yield where.field("name").error(message)
        yield from _template_problems(kubevirt, node_type, where)
        yield from _size_problems(node_type, where)
        if node_type.provider_ref not in (None, provider.metadata.name):
            advice = f'leave it out or write "{provider.metadata.name}"'
            yield where.field("providerRef").error(f"names another provider; {advice}")
    yield from _chart_problems(kubevirt.deploy, at.field("deploy"))


def _chart_problems(deploy: Deploy | None, at: Place) -> Iterator[Problem]:
    """Yield a warning for each chart that the Platform would install."""
    for key, attribute in _CHARTS.items():
        chart: Deployment | None = getattr(deploy, attribute, None)
        if chart and chart.enabled:
            advice = "install it with the cluster's own manifests"
            message = f"is true: the Platform installs this chart, krmfn does not; {advice}"
            yield at.field(key, "enabled").warning(message, Code.NOTHING_DEPLOYED)


def _template_problems(kubevirt: KubeVirt, node_type: NodeType, at: Place) -> Iterator[Problem]:
    """Check that a node type has a template, and not two kinds of one."""
    has_template = node_type.virtual_machine_template is not None
    if has_template and node_type.merge_virtual_machine_template is not None:
        choice = "the one that replaces the provider's template or the one that is merged into it"
        message = f"stands beside virtualMachineTemplate; keep {choice}"
        yield at.field("mergeVirtualMachineTemplate").error(message)
    elif not has_template and kubevirt.virtual_machine_template is None:
        message = "is required: the provider has no spec.kubeVirt.virtualMachineTemplate either"
        yield at.field("virtualMachineTemplate").error(message)


def _size_problems(node_type: NodeType, at: Place) -> Iterator[Problem]:
    """Check the signs of amounts, and what kubelet can reserve."""
    reserved = node_type.overhead.kube_reserved if node_type.overhead else {}
    for name, amount in reserved.items():
        if name not in _RESERVABLE or amount.value < 0:
            where = at.field("overhead", "kubeReserved", name)
            rule = "kubelet reserves cpu, memory, ephemeral-storage and pid, 0 or more of each"
            yield where.error(f"is {amount}; {rule}")
        elif name == "memory" and (fault := memory_fault(amount)):
            yield at.field("overhead", "kubeReserved", name).error(fault)
    for name, amount in node_type.resources.items():
        where = at.field("resources", name)
        if amount.value <= 0 and name in ("cpu", "memory"):
            yield where.error(f"is {amount}; must be above 0")
        elif amount.value < 0:
            yield where.error(f"is {amount}; must be 0 or more")
        elif name == "memory" and (fault := memory_fault(amount)):
            yield where.error(fault)
