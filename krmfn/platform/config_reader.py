"""Reads the config of a run, in either of its forms (`krmfn.platform.config`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from krmfn.manifests.item import ORCHESTRATORS, Item
from krmfn.platform.config import (
    API_VERSION,
    KIND,
    CertificateAuthority,
    Config,
    ConfigMapData,
    ConfigMapForm,
    JoinToken,
    KeyRef,
    KubeVirtNodes,
    KubeVirtNodesSpec,
    VirtualCluster,
    authority_choices,
)
from krmfn.platform.validation import validate, without_fields
from krmfn.problems import Collector, Place, Problem, nearest, show
from krmfn.problems.codes import WARNINGS

_RESERVED = ("krmfn.dev/", *ORCHESTRATORS)
_FLAT = ConfigMapData.aliases()
_FLAT_FIELDS = set(_FLAT.values())
_FLAT_REQUIRED = {key for name, key in _FLAT.items() if not hasattr(ConfigMapData, name)}

F = TypeVar("F", KubeVirtNodes, ConfigMapForm)


def is_config(item: Item) -> bool:
    """Tell whether an item is a config in either form, of this run or of another one.

    A ConfigMap is one if it has the fields of the flat form and no others.
    """
    if item.kind == KIND:
        return True
    data = item.data.get("data")
    if item.kind != "ConfigMap" or not isinstance(data, dict):
        return False
    return data.keys() >= _FLAT_REQUIRED and data.keys() <= _FLAT_FIELDS


def read_config(
    item: Item | None, problems: Collector, form_of: type[KubeVirtNodes] = KubeVirtNodes
) -> Config | None:
    """Read the config of a run from its functionConfig, in either form.

    `form_of` is the model of the typed form. Return None if it can't be read. The config may be
    returned together with errors.
    """
    forms = f"a {KIND} ({API_VERSION}) or a ConfigMap"
    if item is None:
        problems.append(
            Place().error(f"the ResourceList has no functionConfig; krmfn needs {forms}")
        )
        return None
    if item.kind == KIND:
        return _read_typed(item, problems, form_of)
    if item.kind == "ConfigMap":
        form = _readable(ConfigMapForm, item, problems)
        return _from_flat(form) if form else None
    kind = f"a {item.kind}" if item.kind else "an object without kind"
    problems.append(item.place.error(f"is {kind}; the function's config is {forms}"))
    return None


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
        names = [pool.name for pool in cluster.pools]
        for number, name in enumerate(names):
            if name in names[:number]:
                at_name = where.field("pools", number, "name")
                yield at_name.error(f"is {show(name)} a second time; put the two together")
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


def _authority_problems(authority: CertificateAuthority, at: Place) -> Iterator[Problem]:
    """Check that there is exactly one authority, and that references name a key."""
    names = CertificateAuthority.aliases()
    chosen = [key for name, key in names.items() if getattr(authority, name) not in (None, False)]
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
        authority = CertificateAuthority(insecure_skip_verify=True)
    reference = KeyRef(name=data.token_secret, key="token")
    cluster = VirtualCluster(
        name=data.virtual_cluster or "",
        endpoint=data.endpoint,
        join_token=JoinToken(delivery=data.delivery, secret_key_ref=reference),
        certificate_authority=authority,
        allow_no_nodes=data.allow_no_nodes == "true",
    )
    spec = KubeVirtNodesSpec(
        cluster=data.cluster,
        virtual_clusters=[cluster],
        secret_encoding=data.secret_encoding,
    )
    return Config(name=form.metadata.name, spec=spec, flat=True)
