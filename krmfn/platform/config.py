"""The config of a run, in two forms.

KubeVirtNodes (krmfn.dev/v1alpha1) is the typed form. A ConfigMap is the flat form, for one virtual
cluster.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from krmfn.kubevirt.cluster import known_gates, known_versions, version_problem
from krmfn.platform.model import (
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
from krmfn.problems import Place, Problem, nearest, show

API_VERSION = "krmfn.dev/v1alpha1"
KIND = "KubeVirtNodes"
# kpt gives this name to every config that it makes from an inline `configMap:`.
KPT_INLINE = "function-input"

Encoding = Literal["data", "stringData"]
Delivery = Literal["UserData", "Disk"]
ImageUpdates = Literal["Never", "OnRestart"]


def _gate_problem(name: str) -> str:
    """Describe why a text is no feature gate, "" if it is one."""
    gates = known_gates()
    if name in gates:
        return ""
    oldest, *_, newest = known_versions()
    return (
        f"is {show(name)}, no feature gate of KubeVirt {oldest} to {newest}{nearest(name, gates)}"
    )


class KeyRef(Model):
    """A key of a Secret or ConfigMap; its namespace is optional if only one object has the name."""

    name: Subdomain
    namespace: DnsLabel | None = None
    key: Filled | None = None


class JoinToken(Model):
    """The bootstrap token that lets nodes join, and how it reaches the guest."""

    delivery: Delivery = "UserData"
    secret_key_ref: KeyRef


class CertificateAuthority(Model):
    """How the guest trusts the endpoint: exactly one of these."""

    pem: Text | None = None
    config_map_key_ref: KeyRef | None = None
    secret_key_ref: KeyRef | None = None
    system: bool | None = None
    insecure_skip_verify: bool | None = None


class PoolMetadata(Model):
    """Labels and annotations for the machines of a static pool."""

    name: DnsLabel
    labels: Labels = Field(default_factory=dict)
    annotations: Annotations = Field(default_factory=dict)


class VirtualCluster(Model):
    """A virtual cluster that nodes join; a NodeClaim names it in `spec.vClusterRef`."""

    name: DnsLabel
    namespace: DnsLabel | None = None
    endpoint: Filled
    join_token: JoinToken
    certificate_authority: CertificateAuthority | None = None
    values: Raw | None = None
    pools: list[PoolMetadata] = Field(default_factory=list)
    join_arguments: list[Filled] = Field(default_factory=list)
    vm_namespace: DnsLabel | None = None
    allow_no_nodes: bool = False


class OutputAnnotations(Model):
    """Annotations that krmfn adds to the output."""

    virtual_machine: Annotations = Field(default_factory=dict)
    secret: Annotations = Field(default_factory=dict)


class KubeVirtCluster(Model):
    """What the cluster of the machines runs. Unset parts come from a KubeVirt object, if any."""

    version: Annotated[Text, grammar(version_problem)] | None = None
    feature_gates: list[Annotated[Text, grammar(_gate_problem)]] | None = None
    rollout_strategy: Literal["LiveUpdate", "Stage"] | None = None


class KubeVirtNodesSpec(Model):
    """What to render, and for whom."""

    cluster: Filled | None = None
    virtual_clusters: Annotated[list[VirtualCluster], Field(min_length=1)]
    secret_encoding: Encoding = "data"
    cloud_init_secrets: Literal["PerPool", "PerNode"] = "PerPool"
    image_updates: ImageUpdates = "Never"
    kubevirt: KubeVirtCluster | None = None
    on_ambiguous_node_type: Literal["Cheapest", "Fail"] = "Cheapest"
    allow_claim_templates: bool = False
    unknown_fields: Literal["Error", "Warn"] = "Error"
    unknown_properties: Literal["Error", "Ignore"] = "Error"
    live_claims: Literal["Error", "Render"] = "Error"
    annotations: OutputAnnotations = Field(default_factory=lambda: OutputAnnotations())
    accept_warnings: list[Filled] = Field(default_factory=list)
    resources: list[Raw] = Field(default_factory=list)


class FactsSpec(KubeVirtNodesSpec):
    """What a config says to `krmfn check`, which renders nothing for anybody."""

    virtual_clusters: list[VirtualCluster] = Field(default_factory=list)


class OwnerMetadata(Metadata):
    """The metadata of a config, whose name is the owner of the output."""

    name: Subdomain


class KubeVirtNodes(Model):
    """The typed form of the config."""

    api_version: Literal["krmfn.dev/v1alpha1"]
    kind: Literal["KubeVirtNodes"]
    metadata: OwnerMetadata
    spec: KubeVirtNodesSpec


class FactsConfig(KubeVirtNodes):
    """The typed form of a config that need not have virtual clusters."""

    spec: FactsSpec


class ConfigMapData(Model):
    """The flat form: `data` of a ConfigMap, for one virtual cluster; all values are text."""

    endpoint: Filled
    token_secret: Subdomain
    virtual_cluster: DnsLabel | None = None
    cluster: Filled | None = None
    delivery: Delivery = "UserData"
    certificate_authority: Literal["System", "InsecureSkipVerify"] | None = None
    secret_encoding: Encoding = "data"
    allow_no_nodes: Literal["true", "false"] = "false"


class ConfigMapForm(Model):
    """A ConfigMap as function config, as kustomize and kpt take one."""

    api_version: Literal["v1"]
    kind: Literal["ConfigMap"]
    metadata: OwnerMetadata
    data: ConfigMapData
    immutable: bool | None = None


class Config(Model):
    """The config in either form. `name` is the owner of the output.

    A `flat` config has one virtual cluster, and leaves the claims of others alone. If it names
    none, the name is "" here, and `build` takes the one that the claims name.
    """

    name: Text
    spec: KubeVirtNodesSpec
    flat: bool = False


def authority_choices() -> list[str]:
    """List the fields of a certificate authority as users write them."""
    return [field.alias or "" for field in CertificateAuthority.model_fields.values()]


def flat_problem(problem: Problem, at: Place) -> Problem:
    """Move a problem of the typed form's field to the key of the flat form that stands for it.

    `at` is the place of the ConfigMap's `data`.
    """
    path = problem.place.path[len(at.path) :]
    if problem.place.origin != at.origin or not path:
        return problem
    key = path[0]
    if path[-1] == "delivery":
        key = "delivery"
    elif key == "joinToken":
        key = "tokenSecret"
    return replace(problem, place=at.field(key))
