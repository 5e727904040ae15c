"""NodeProvider (management.loft.sh/v1, loft-sh/api `pkg/apis/storage/v1/nodeprovider_types.go`), the KubeVirt part of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field

from krmfn.kubernetes import names
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

OTHER_PROVIDERS = ("bcm", "terraform", "clusterAPI", "metal3", "nico")


def _type_name(name: str) -> str:
    """A node type's name: it becomes a label's value and, behind the provider's, the name of a NodeType object."""
    return names.subdomain(name) or names.label_value(name)


class ClusterRef(Model):
    """The KubeVirt cluster, as the Platform knows it, and the namespace there that takes the virtual machines."""

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
    """A kind of node that the provider can make: its template and its size."""

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
    node_types: Annotated[list[NodeType], Field(min_length=1)]


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


class NodeProvider(Model):
    """A source of nodes; `status` is the Platform's own and not looked at."""

    api_version: Text
    kind: Text
    metadata: Metadata
    spec: NodeProviderSpec
    status: Any = None


def admission(provider: NodeProvider, at: Place) -> Iterator[Problem]:
    """The rules of the Platform's admission (as the test of loft-sh/vcluster-stacks has them) that no field alone can hold."""
    spec, kubevirt = provider.spec, provider.spec.kube_virt
    others = [
        name
        for name in OTHER_PROVIDERS
        if getattr(spec, "cluster_api" if name == "clusterAPI" else name) is not None
    ]
    if kubevirt is None:
        if not others:
            yield at.field("spec").error("names no kind of provider; krmfn renders kubeVirt")
        return
    if others:
        yield at.field("spec", others[0]).error("stands beside kubeVirt; a provider is of one kind")
    if wrong := names.subdomain(provider.metadata.name):
        yield at.field("metadata", "name").error(wrong)
    at = at.field("spec", "kubeVirt")
    seen: dict[str, int] = {}
    for index, node_type in enumerate(kubevirt.node_types):
        where = at.field("nodeTypes", index)
        if node_type.name in seen:
            yield where.field("name").error(
                f'is "{node_type.name}", as nodeTypes[{seen[node_type.name]}] is; each needs a name of its own'
            )
        seen.setdefault(node_type.name, index)
        yield from _templates(kubevirt, node_type, where)
        yield from _size(node_type, provider.metadata.name, where)
    for name in ("kubevirt", "v_cluster_device_operator"):
        chart = getattr(kubevirt.deploy, name, None)
        if chart and chart.enabled:
            key = "kubevirt" if name == "kubevirt" else "vClusterDeviceOperator"
            yield at.field("deploy", key, "enabled").warning(
                "is true: the Platform installs this chart, krmfn does not; install it with the cluster's own manifests",
                Code.NOTHING_DEPLOYED,
            )


def _templates(kubevirt: KubeVirt, node_type: NodeType, at: Place) -> Iterator[Problem]:
    if (
        node_type.virtual_machine_template is not None
        and node_type.merge_virtual_machine_template is not None
    ):
        yield at.field("mergeVirtualMachineTemplate").error(
            "stands beside virtualMachineTemplate; keep the one that replaces the provider's template or the one that is merged into it"
        )
    elif kubevirt.virtual_machine_template is None and node_type.virtual_machine_template is None:
        yield at.field("virtualMachineTemplate").error(
            "is required: the provider has no spec.kubeVirt.virtualMachineTemplate either"
        )


def _size(node_type: NodeType, provider: str, at: Place) -> Iterator[Problem]:
    for name, amount in (node_type.overhead.kube_reserved if node_type.overhead else {}).items():
        if name not in ("cpu", "memory", "ephemeral-storage", "pid") or amount.value < 0:
            text = f"is {amount}; kubelet reserves cpu, memory, ephemeral-storage and pid, 0 or more of each"
            yield at.field("overhead", "kubeReserved", name).error(text)
    for name, amount in node_type.resources.items():
        if amount.value <= 0 and name in ("cpu", "memory"):
            yield at.field("resources", name).error(f"is {amount}; must be above 0")
        elif amount.value < 0:
            yield at.field("resources", name).error(f"is {amount}; must be 0 or more")
    if node_type.provider_ref not in (None, provider):
        yield at.field("providerRef").error(
            f'names another provider; leave it out or write "{provider}"'
        )
