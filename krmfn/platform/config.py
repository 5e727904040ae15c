"""The config of a run, in two forms.

KubeVirtNodes (krmfn.dev/v1alpha1) is the typed form. A ConfigMap is the flat form, for one virtual
cluster.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

from krmfn.kubevirt.cluster import known_gates, known_versions, version_problem
from krmfn.platform.model import Metadata, Model
from krmfn.problems import Place, Problem, nearest, show

if TYPE_CHECKING:
    from krmfn.platform.field_types import (
        Annotations,
        DnsLabel,
        Filled,
        Labels,
        NotEmpty,
        Raw,
        Subdomain,
        Text,
        grammar,
    )

API_VERSION = "krmfn.dev/v1alpha1"
KIND = "KubeVirtNodes"
# kpt gives this name to every config that it makes from an inline `configMap:`.
KPT_INLINE = "function-input"

Encoding = Literal["data", "stringData"]
Delivery = Literal["UserData", "Disk"]
ImageUpdates = Literal["Never", "OnRestart"]


def gate_problem(name: str) -> str:
    """Describe why a text is not a feature gate, "" if it is one."""
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
    """The object's name."""
    namespace: DnsLabel | None = None
    """The object's namespace; needed if several objects have the name."""
    key: Filled | None = None
    """The key in the object's data."""


class JoinToken(Model):
    """The bootstrap token that lets nodes join, and how it reaches the guest."""

    delivery: Delivery = "UserData"
    """How the token reaches the guest: `UserData` puts it into the cloud-init Secret, `Disk` lets
    each machine mount the Secret as a disk.
    """
    secret_key_ref: KeyRef
    """The Secret that holds the token."""


class CertificateAuthority(Model):
    """How the guest trusts the endpoint: exactly one of these."""

    pem: Text | None = None
    """Certificates in PEM."""
    config_map_key_ref: KeyRef | None = None
    """A key of a ConfigMap among the files."""
    secret_key_ref: KeyRef | None = None
    """A key of a Secret among the files."""
    system: bool | None = None
    """`true`: the guest's own roots."""
    insecure_skip_verify: bool | None = None
    """`true`: the guest does not check the certificate. krmfn warns of it (`insecure-tls`)."""


class PoolMetadata(Model):
    """Labels and annotations for the machines of a static pool."""

    name: DnsLabel
    """The pool's name in the vcluster.yaml."""
    labels: Labels = {}
    """Labels that the pool's machines get."""
    annotations: Annotations = {}
    """Annotations that the pool's machines get."""


class VirtualCluster(Model):
    """A virtual cluster that nodes join; a NodeClaim names it in `spec.vClusterRef`."""

    name: DnsLabel
    """The name by which a NodeClaim names it in `spec.vClusterRef`."""
    namespace: DnsLabel | None = None
    """The project namespace of its claims; unset: any. Two virtual clusters of one name need one
    each.
    """
    endpoint: Filled
    """Where its nodes join: `host[:port]` or an https URL."""
    join_token: JoinToken
    """The bootstrap token with which its nodes join."""
    certificate_authority: CertificateAuthority | None = None
    """How the guest trusts the endpoint; unset: `ca.crt` of the token's Secret."""
    values: Raw | None = None
    """Its vcluster.yaml, instead of a ConfigMap with the label `krmfn.dev/vcluster`."""
    pools: list[PoolMetadata] = []
    """Labels and annotations for the machines of its static pools."""
    join_arguments: list[Filled] = []
    """Flags for vCluster's join script, such as `--bundle-path`."""
    vm_namespace: DnsLabel | None = None
    """The namespace of its machines; for providers with `namespaceStrategy: VirtualCluster`."""
    allow_no_nodes: bool = False
    """Whether it may be without a single claim. A prune then deletes all its machines."""


class OutputAnnotations(Model):
    """Annotations that krmfn adds to the output."""

    virtual_machine: Annotations = {}
    """Annotations of every VirtualMachine."""
    secret: Annotations = {}
    """Annotations of every cloud-init Secret."""


class KubeVirtCluster(Model):
    """What the cluster of the machines runs. Unset parts come from a KubeVirt object, if any."""

    version: Annotated[Text, grammar(version_problem)] | None = None
    """The version of KubeVirt."""
    feature_gates: list[Annotated[Text, grammar(gate_problem)]] | None = None
    """The feature gates that are on."""
    rollout_strategy: Literal["LiveUpdate", "Stage"] | None = None
    """What KubeVirt does with a change to a running machine."""


class KubeVirtNodesSpec(Model):
    """What to render, and for whom."""

    cluster: Filled | None = None
    """Render only the providers of this KubeVirt cluster (`clusterRef.cluster`)."""
    virtual_clusters: NotEmpty[VirtualCluster]
    """The virtual clusters that get nodes. A claim of another one is an error."""
    secret_encoding: Encoding = "data"
    """How cloud-init Secrets hold their data: in base64 (`data`) or as text (`stringData`)."""
    cloud_init_secrets: Literal["PerPool", "PerNode"] = "PerPool"
    """Whether the nodes of a static pool share one cloud-init Secret (`PerPool`), or each has its
    own (`PerNode`).
    """
    image_updates: ImageUpdates = "Never"
    """Whether a new image changes the disk of a node that exists. `OnRestart`: at the machine's
    next restart, and what was on the old disk is lost.
    """
    kubevirt: KubeVirtCluster | None = None
    """What the cluster of the machines runs; unset parts come from a KubeVirt object among the
    files.
    """
    on_ambiguous_node_type: Literal["Cheapest", "Fail"] = "Cheapest"
    """What to do if several node types fit a claim: take the cheapest with a warning, or fail."""
    allow_claim_templates: bool = False
    """Whether claims may bring machine templates. Whoever writes one can mount any Secret of the
    machines' namespace.
    """
    unknown_fields: Literal["Error", "Warn"] = "Error"
    """What to do with template fields that KubeVirt's schema does not know."""
    unknown_properties: Literal["Error", "Ignore"] = "Error"
    """What to do with properties under the Platform's prefixes that krmfn does not know."""
    live_claims: Literal["Error", "Render"] = "Error"
    """What to do with claims that have a status or a machine already, which the Platform runs."""
    annotations: OutputAnnotations = OutputAnnotations()
    """Annotations that krmfn adds to what it writes."""
    accept_warnings: list[Filled] = []
    """Codes of warnings that are known and no longer printed."""
    resources: list[Raw] = []
    """Objects that stand here instead of in files of their own, for a kustomize generator."""


class FactsSpec(KubeVirtNodesSpec):
    """What a config says to `krmfn check`, which renders nothing for anybody."""

    virtual_clusters: list[VirtualCluster] = []
    """The virtual clusters that get nodes; `krmfn check` needs none."""


class OwnerMetadata(Metadata):
    """The metadata of a config, whose name is the owner of the output."""

    name: Subdomain
    """The config's name, which owns the output (annotation `krmfn.dev/owner`)."""


class KubeVirtNodes(Model):
    """The typed form of the config."""

    api_version: Literal["krmfn.dev/v1alpha1"]
    """The version of the config."""
    kind: Literal["KubeVirtNodes"]
    """What the document is."""
    metadata: OwnerMetadata
    """The config's metadata."""
    spec: KubeVirtNodesSpec
    """What to render, and for whom."""


class FactsConfig(KubeVirtNodes):
    """The typed form of a config that need not have virtual clusters."""

    spec: FactsSpec
    """What to render, and for whom."""


class ConfigMapData(Model):
    """The flat form: `data` of a ConfigMap, for one virtual cluster; all values are text."""

    endpoint: Filled
    """Where the nodes join: `host[:port]` or an https URL."""
    token_secret: Subdomain
    """The name of a Secret with the key `token` and, optionally, `ca.crt`."""
    virtual_cluster: DnsLabel | None = None
    """The virtual cluster; unset: the one that the claims name."""
    cluster: Filled | None = None
    """Render only the providers of this KubeVirt cluster (`clusterRef.cluster`)."""
    delivery: Delivery = "UserData"
    """How the token reaches the guest: in the cloud-init Secret, or on a disk."""
    certificate_authority: Literal["System", "InsecureSkipVerify"] | None = None
    """How the guest trusts the endpoint; unset: `ca.crt` of the token's Secret."""
    secret_encoding: Encoding = "data"
    """How cloud-init Secrets hold their data: in base64 (`data`) or as text (`stringData`)."""
    allow_no_nodes: Literal["true", "false"] = "false"
    """Whether the virtual cluster may be without a single claim."""


class ConfigMapForm(Model):
    """A ConfigMap as function config, as kustomize and kpt take one."""

    api_version: Literal["v1"]
    """The version of the ConfigMap."""
    kind: Literal["ConfigMap"]
    """What the document is."""
    metadata: OwnerMetadata
    """The config's metadata."""
    data: ConfigMapData
    """The config."""
    immutable: bool | None = None
    """Whether the ConfigMap can't be changed; it means nothing to krmfn."""


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
    return list(CertificateAuthority.aliases().values())


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
