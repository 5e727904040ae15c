"""KubeVirtNodes (krmfn.dev/v1alpha1): the function's own config, typed; and the flat ConfigMap form of it for one virtual cluster."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

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
    validate,
)
from krmfn.problems import Place, Problem, nearest, show
from krmfn.problems.codes import WARNINGS

API_VERSION = "krmfn.dev/v1alpha1"
KIND = "KubeVirtNodes"
# What kpt calls the config that it makes of every inline `configMap:`.
KPT_INLINE = "function-input"
_RESERVED = ("krmfn.dev/", *ORCHESTRATORS)

Encoding = Literal["data", "stringData"]
Delivery = Literal["UserData", "Disk"]


class KeyRef(Model):
    """A key of a Secret or ConfigMap among the items; without a namespace, the one object of that name."""

    name: Subdomain
    namespace: DnsLabel | None = None
    key: Filled | None = None


class JoinToken(Model):
    """The bootstrap token that lets nodes join, and how it reaches the guest."""

    delivery: Delivery = "UserData"
    secret_key_ref: KeyRef


class CertificateAuthority(Model):
    """How the guest knows that the endpoint is the tenant's: exactly one of these."""

    pem: Text | None = None
    config_map_key_ref: KeyRef | None = None
    secret_key_ref: KeyRef | None = None
    system: bool | None = None
    insecure_skip_verify: bool | None = None


class VirtualCluster(Model):
    """A tenant cluster that nodes join; `name` is what NodeClaim.spec.vClusterRef names."""

    name: DnsLabel
    namespace: DnsLabel | None = None
    endpoint: Filled
    join_token: JoinToken
    certificate_authority: CertificateAuthority | None = None
    values: Raw | None = None
    vm_namespace: DnsLabel | None = None
    allow_no_nodes: bool = False


class OutputAnnotations(Model):
    """Annotations that are added to what comes out."""

    virtual_machine: Annotations = Field(default_factory=dict)
    secret: Annotations = Field(default_factory=dict)


class KubeVirtNodesSpec(Model):
    """What to render, and for whom."""

    cluster: Filled | None = None
    virtual_clusters: Annotated[list[VirtualCluster], Field(min_length=1)]
    secret_encoding: Encoding = "data"
    on_ambiguous_node_type: Literal["Cheapest", "Fail"] = "Cheapest"
    allow_claim_templates: bool = False
    unknown_fields: Literal["Error", "Warn"] = "Error"
    annotations: OutputAnnotations = Field(default_factory=lambda: OutputAnnotations())
    accept_warnings: list[Filled] = Field(default_factory=list)
    resources: list[Raw] = Field(default_factory=list)


class OwnerMetadata(Metadata):
    """The metadata of a config, whose name is the owner of what the run makes."""

    name: Subdomain


class KubeVirtNodes(Model):
    """The config of one run; its name is the owner of what the run makes."""

    api_version: Literal["krmfn.dev/v1alpha1"]
    kind: Literal["KubeVirtNodes"]
    metadata: OwnerMetadata
    spec: KubeVirtNodesSpec


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
    """Either form, read: `name` owns the output. `flat`: one virtual cluster, and the claims of others are not its business.

    A flat config that names no virtual cluster has one with the name "" here; `build` gives it the one that the claims name.
    """

    name: Text
    spec: KubeVirtNodesSpec
    flat: bool = False


def read_config(item: Item | None) -> tuple[Config | None, list[Problem]]:
    """The config of a run from its functionConfig, whichever form it has."""
    if item is None:
        return None, [
            Place().error(
                f"there is no functionConfig; krmfn needs a {KIND} ({API_VERSION}) or a ConfigMap"
            )
        ]
    if item.kind == KIND:
        typed, problems = validate(KubeVirtNodes, item.data, item.place)
        if typed is None:
            return None, problems
        problems = list(_checked(typed.spec, item.place.field("spec")))
        return Config(name=typed.metadata.name, spec=typed.spec), problems
    if item.kind == "ConfigMap":
        form, problems = validate(ConfigMapForm, item.data, item.place)
        return (_of_flat(form) if form else None), problems
    kind = f"a {item.kind}" if item.kind else "an object without kind"
    wrong = f"is {kind}; the function's config is a {KIND} ({API_VERSION}) or a ConfigMap"
    return None, [item.place.error(wrong)]


def _checked(spec: KubeVirtNodesSpec, at: Place) -> Iterator[Problem]:
    for name, added in (
        ("virtualMachine", spec.annotations.virtual_machine),
        ("secret", spec.annotations.secret),
    ):
        for key in added:
            if key.startswith(_RESERVED):
                yield at.field("annotations", name, key).error(
                    "can't be set: krmfn or an orchestrator sets it itself"
                )
    for index, code in enumerate(spec.accept_warnings):
        if code not in WARNINGS:
            yield at.field("acceptWarnings", index).error(
                f"is {show(code)}, no code of a warning; known are {', '.join(WARNINGS)}{nearest(code, WARNINGS)}"
            )
    for index, cluster in enumerate(spec.virtual_clusters):
        where = at.field("virtualClusters", index)
        # Projects may have virtual clusters of one name: the namespace of their claims tells them apart.
        if any(
            cluster.name == other.name and cluster.namespace in (None, other.namespace)
            for other in spec.virtual_clusters[:index]
        ):
            yield where.field("name").error(
                f'is "{cluster.name}" a second time; give each a namespace, or another name'
            )
        if cluster.certificate_authority:
            yield from _one_authority(
                cluster.certificate_authority, where.field("certificateAuthority")
            )


def _one_authority(authority: CertificateAuthority, at: Place) -> Iterator[Problem]:
    given = [
        field.alias
        for name, field in CertificateAuthority.model_fields.items()
        if getattr(authority, name) not in (None, False)
    ]
    if len(given) != 1:
        known = ", ".join(field.alias or "" for field in CertificateAuthority.model_fields.values())
        yield at.error(
            f"must have exactly one of {known}"
            + (f", but has {' and '.join(map(str, given))}" if given else "")
        )
    for name in ("config_map_key_ref", "secret_key_ref"):
        ref: KeyRef | None = getattr(authority, name)
        if ref and ref.key is None:
            yield at.field(
                "configMapKeyRef" if name == "config_map_key_ref" else "secretKeyRef", "key"
            ).error("is required")


def _of_flat(form: ConfigMapForm) -> Config:
    data, name = form.data, form.metadata.name
    authority = {
        "System": CertificateAuthority(system=True),
        "InsecureSkipVerify": CertificateAuthority(insecureSkipVerify=True),
    }
    cluster = VirtualCluster.model_construct(
        name=data.virtual_cluster or "",
        endpoint=data.endpoint,
        join_token=JoinToken(
            delivery=data.delivery, secretKeyRef=KeyRef(name=data.token_secret, key="token")
        ),
        certificate_authority=authority.get(data.certificate_authority or ""),
        allow_no_nodes=data.allow_no_nodes == "true",
    )
    spec = KubeVirtNodesSpec.model_construct(
        cluster=data.cluster, virtual_clusters=[cluster], secret_encoding=data.secret_encoding
    )
    return Config.model_construct(name=name, spec=spec, flat=True)


def flat_problem(problem: Problem, at: Place) -> Problem:
    """A problem of the typed form's field at the key of the flat form that stands for it; `at` is the place of `data`."""
    path = problem.place.path[len(at.path) :]
    if problem.place.origin != at.origin or not path:
        return problem
    key = (
        "delivery"
        if path[-1] == "delivery"
        else {"joinToken": "tokenSecret"}.get(str(path[0]), path[0])
    )
    return replace(problem, place=at.field(key))
