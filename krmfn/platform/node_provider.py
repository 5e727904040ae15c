"""NodeProvider (management.loft.sh/v1), the KubeVirt part of it.

The fields are those of loft-sh/api `pkg/apis/storage/v1/nodeprovider_types.go`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field

from krmfn.kubernetes import names
from krmfn.kubernetes.quantity import memory_fault
from krmfn.platform.model import (
    Amount,
    Annotations,
    DnsLabel,
    Filled,
    Labels,
    Metadata,
    Model,
    Raw,
    Subdomain,
    Text,
    grammar,
)
from krmfn.problems import Code, Place, Problem

# Charts that the Platform may install, by their keys in `deploy`.
_CHARTS = {"kubevirt": "kubevirt", "vClusterDeviceOperator": "v_cluster_device_operator"}
_RESERVABLE = ("cpu", "memory", "ephemeral-storage", "pid")


def _type_name(name: str) -> str:
    """Say why a text can't be a node type's name, or "".

    The name becomes a label's value and, behind the provider's, the name of a NodeType object.
    """
    return names.subdomain(name) or names.label_value(name)


class ClusterRef(Model):
    """The KubeVirt cluster, as the Platform knows it, and the machines' namespace there."""

    cluster: Subdomain
    namespace: DnsLabel


class Deployment(Model):
    """A Helm chart that the Platform installs for a provider; krmfn installs nothing."""

    enabled: bool
    chart_repo: Text = ""
    chart: Text = ""
    version: Text = ""
    helm_values: Text = ""


class Deploy(Model):
    """What the Platform may install in the provider's cluster."""

    kubevirt: Deployment | None = None
    v_cluster_device_operator: Annotated[
        Deployment | None, Field(alias="vClusterDeviceOperator")
    ] = None


class Overhead(Model):
    """What a node keeps for itself."""

    kube_reserved: dict[Filled, Amount] = Field(default_factory=dict)


class TypeMetadata(Model):
    """Labels and annotations of the Platform's NodeType object; no virtual machine gets them."""

    labels: Labels = Field(default_factory=dict)
    annotations: Annotations = Field(default_factory=dict)


class NodeType(Model):
    """A kind of node that the provider offers: its template and its size."""

    name: Annotated[Text, grammar(_type_name)]
    display_name: Text = ""
    metadata: TypeMetadata = Field(default_factory=lambda: TypeMetadata())
    provider_ref: Text | None = None
    properties: dict[Filled, Text] = Field(default_factory=dict)
    resources: dict[Filled, Amount] = Field(default_factory=dict)
    overhead: Overhead | None = None
    cost: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    max_capacity: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    virtual_machine_template: Raw | None = None
    merge_virtual_machine_template: Raw | None = None


class KubeVirt(Model):
    """A provider of KubeVirt virtual machines."""

    cluster_ref: ClusterRef
    namespace_strategy: Literal["Provider", "VirtualCluster"] = "Provider"
    deploy: Deploy | None = None
    virtual_machine_template: Raw | None = None
    # A provider that only deploys KubeVirt, and that nobody asks for nodes, has none.
    node_types: list[NodeType] = Field(default_factory=list)


class NodeProviderSpec(Model):
    """What a provider offers; exactly one kind of provider is set."""

    display_name: Text = ""
    properties: dict[Filled, Text] = Field(default_factory=dict)
    kube_virt: KubeVirt | None = None
    bcm: Raw | None = None
    terraform: Raw | None = None
    cluster_api: Annotated[Raw | None, Field(alias="clusterAPI")] = None
    metal3: Raw | None = None
    nico: Raw | None = None

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
    kind: Text
    metadata: Metadata
    spec: NodeProviderSpec
    status: Any = None


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
