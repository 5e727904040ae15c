"""The config of a run, in two forms.

KubeVirtNodes (krmfn.dev/v1alpha1) is the typed form. A ConfigMap is the flat form, for one virtual
cluster.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Literal, TypeVar

from pydantic import Field

from krmfn.kubevirt.cluster import known_gates, known_versions, version_problem
from krmfn.manifests.item import ORCHESTRATORS, Item
from krmfn.platform.model import (
    Annotations,
    DnsLabel,
    Filled,
    Metadata,
    Model,
    Raw,
    Subdomain,
    Text,
    grammar,
    validate,
    without_fields,
)
from krmfn.problems import Collector, Place, Problem, nearest, show
from krmfn.problems.codes import WARNINGS

API_VERSION = "krmfn.dev/v1alpha1"
KIND = "KubeVirtNodes"
# kpt gives this name to every config that it makes from an inline `configMap:`.
KPT_INLINE = "function-input"
_RESERVED = ("krmfn.dev/", *ORCHESTRATORS)

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


class VirtualCluster(Model):
    """A virtual cluster that nodes join; a NodeClaim names it in `spec.vClusterRef`."""

    name: DnsLabel
    namespace: DnsLabel | None = None
    endpoint: Filled
    join_token: JoinToken
    certificate_authority: CertificateAuthority | None = None
    values: Raw | None = None
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


def is_config(item: Item) -> bool:
    """Tell whether an item is a config in either form, of this run or of another one.

    A ConfigMap is one if it has the fields of the flat form and no others.
    """
    if item.kind == KIND:
        return True
    data = item.data.get("data")
    if item.kind != "ConfigMap" or not isinstance(data, dict):
        return False
    fields = ConfigMapData.model_fields.values()
    required = {field.alias for field in fields if field.is_required()}
    return required <= data.keys() <= {field.alias for field in fields}


def read_config(
    item: Item | None, problems: Collector, form_of: type[KubeVirtNodes] = KubeVirtNodes
) -> Config | None:
    """Read the config of a run from its functionConfig, in either form.

    `form_of` is the model of the typed form. Return None if it can't be read. The config may be
    returned together with errors.
    """
    forms = f"a {KIND} ({API_VERSION}) or a ConfigMap"
    if item is None:
        problems.append(Place().error(f"there is no functionConfig; krmfn needs {forms}"))
        return None
    if item.kind == KIND:
        return _read_typed(item, problems, form_of)
    if item.kind == "ConfigMap":
        form = _readable(ConfigMapForm, item, problems)
        return _from_flat(form) if form else None
    kind = f"a {item.kind}" if item.kind else "an object without kind"
    problems.append(item.place.error(f"is {kind}; the function's config is {forms}"))
    return None


F = TypeVar("F", KubeVirtNodes, ConfigMapForm)


def _readable(form: type[F], item: Item, problems: Collector) -> F | None:
    """Read a form of the config, without its fields that are wrong.

    So one that is wrong hides no problem of another object. Return None if the rest is no config.
    """
    found = Collector()
    config = validate(form, item.data, item.place, found)
    problems += found
    if config is None:
        data = without_fields(item.data, [problem.place.path for problem in found])
        config = validate(form, data, item.place, Collector())
    return config


def _read_typed(item: Item, problems: Collector, form_of: type[KubeVirtNodes]) -> Config | None:
    """Read the typed form."""
    typed = _readable(form_of, item, problems)
    if typed is None:
        return None
    problems += _spec_problems(typed.spec, item.place.field("spec"))
    return Config(name=typed.metadata.name, spec=typed.spec)


def _spec_problems(spec: KubeVirtNodesSpec, at: Place) -> Iterator[Problem]:
    """Yield what no field alone can show."""
    annotations = at.field("annotations")
    yield from _reserved(spec.annotations.virtual_machine, annotations.field("virtualMachine"))
    yield from _reserved(spec.annotations.secret, annotations.field("secret"))
    for index, code in enumerate(spec.accept_warnings):
        if code not in WARNINGS:
            known = ", ".join(WARNINGS)
            message = f"is {show(code)}, no code of a warning; known are {known}"
            message += nearest(code, WARNINGS)
            yield at.field("acceptWarnings", index).error(message)
    for index, cluster in enumerate(spec.virtual_clusters):
        where = at.field("virtualClusters", index)
        earlier = spec.virtual_clusters[:index]
        if _is_repeated(cluster, earlier):
            message = f'is "{cluster.name}" a second time; give each a namespace, or another name'
            yield where.field("name").error(message)
        if authority := cluster.certificate_authority:
            yield from _authority_problems(authority, where.field("certificateAuthority"))


def _reserved(annotations: dict[str, str], at: Place) -> Iterator[Problem]:
    """Yield annotations that users must not set."""
    for key in annotations:
        if key.startswith(_RESERVED):
            message = "can't be set: krmfn or an orchestrator sets it itself"
            yield at.field(key).error(message)


def _is_repeated(cluster: VirtualCluster, others: list[VirtualCluster]) -> bool:
    """Tell whether claims could mean this virtual cluster and another one before it.

    Projects may have virtual clusters of one name; the namespace of their claims distinguishes
    them.
    """
    for other in others:
        if cluster.name == other.name and cluster.namespace in (None, other.namespace):
            return True
    return False


def authority_choices() -> list[str]:
    """List the fields of a certificate authority as users write them."""
    return [field.alias or "" for field in CertificateAuthority.model_fields.values()]


def _authority_problems(authority: CertificateAuthority, at: Place) -> Iterator[Problem]:
    """Check that there is exactly one authority, and that references name a key."""
    names = zip(CertificateAuthority.model_fields, authority_choices(), strict=True)
    chosen = [alias for name, alias in names if getattr(authority, name) not in (None, False)]
    if len(chosen) != 1:
        message = f"must have exactly one of {', '.join(authority_choices())}"
        message += f", but has {' and '.join(chosen)}" if chosen else ""
        yield at.error(message)
    references = (
        ("configMapKeyRef", authority.config_map_key_ref),
        ("secretKeyRef", authority.secret_key_ref),
    )
    for name, reference in references:
        if reference and reference.key is None:
            yield at.field(name, "key").error("is required")


def _from_flat(form: ConfigMapForm) -> Config:
    """Make the typed form of a flat config."""
    data = form.data
    authority = None
    if data.certificate_authority == "System":
        authority = CertificateAuthority(system=True)
    elif data.certificate_authority == "InsecureSkipVerify":
        authority = CertificateAuthority(insecureSkipVerify=True)
    reference = KeyRef(name=data.token_secret, key="token")
    # Constructed without validation: the flat form has been validated already.
    cluster = VirtualCluster.model_construct(
        name=data.virtual_cluster or "",
        endpoint=data.endpoint,
        join_token=JoinToken(delivery=data.delivery, secretKeyRef=reference),
        certificate_authority=authority,
        allow_no_nodes=data.allow_no_nodes == "true",
    )
    spec = KubeVirtNodesSpec.model_construct(
        cluster=data.cluster,
        virtual_clusters=[cluster],
        secret_encoding=data.secret_encoding,
    )
    return Config.model_construct(name=form.metadata.name, spec=spec, flat=True)


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
