"""What is known of the cluster that runs the machines, from the config and a KubeVirt object."""

from __future__ import annotations

from dataclasses import replace

from krmfn.kubevirt.cluster import (
    ARCHITECTURES,
    Cluster,
    known_versions,
    minor,
    version_problem,
)
from krmfn.manifests.index import Index
from krmfn.manifests.item import Item
from krmfn.platform.config import KubeVirtCluster
from krmfn.platform.kubevirt_object import (
    API_VERSION,
    KIND,
    Configuration,
    KubeVirtObject,
    KubeVirtStatus,
)
from krmfn.platform.validation import validate
from krmfn.problems import Code, Collector


def read_cluster(
    index: Index, stated: KubeVirtCluster | None, problems: Collector
) -> tuple[Cluster, list[Item]]:
    """Return what is known of the cluster, and the items that only tell of it.

    What the config states wins, field by field, over a KubeVirt object among the items. Such an
    object is input alone if it has a status, as `kubectl get kubevirt -o yaml` shows it; without
    one somebody deploys it, and it must not get lost.
    """
    cluster = _stated(stated or KubeVirtCluster())
    items = [item for item in index.of_kind(KIND) if item.api_version == API_VERSION]
    for item in items[1:]:
        message = "is a second KubeVirt object; state what the cluster runs in the config's "
        problems.append(item.place.error(f"{message}spec.kubevirt, and leave both out"))
    if not items:
        return cluster, []
    item = items[0]
    found = validate(KubeVirtObject, item.data, item.place, problems)
    if found is None:
        return cluster, []
    status = found.status or KubeVirtStatus()
    if cluster.version is None and status.observed_kube_virt_version:
        version = _known_version(status.observed_kube_virt_version, item, problems)
        cluster = replace(cluster, version=version)
    cluster = _configured(cluster, found.spec.configuration, status.default_architecture)
    return cluster, [item] if found.status else []


def _stated(stated: KubeVirtCluster) -> Cluster:
    """Return what the config states."""
    version = stated.version and _minor_text(stated.version)
    gates = None if stated.feature_gates is None else frozenset(stated.feature_gates)
    return Cluster(version, gates, rollout_strategy=stated.rollout_strategy)


def _configured(cluster: Cluster, configuration: Configuration, architecture: str) -> Cluster:
    """Return a cluster with what the object configures, where the config states nothing else."""
    if architecture not in ARCHITECTURES:
        architecture = ARCHITECTURES[0]
    developer = configuration.developer_configuration
    gates, strategy = cluster.gates, cluster.rollout_strategy
    own = getattr(configuration.architecture_configuration, architecture)
    return replace(
        cluster,
        gates=frozenset(developer.feature_gates) if gates is None else gates,
        # The config has no word for these.
        disabled_gates=frozenset(developer.disabled_feature_gates),
        rollout_strategy=strategy or configuration.vm_rollout_strategy or "LiveUpdate",
        architecture=architecture,
        machine_type=configuration.machine_type or (own.machine_type if own else ""),
    )


def _minor_text(version: str) -> str:
    """Return a version as 1.9 that is written so, or as v1.9.0."""
    return ".".join(map(str, minor(version)))


def _known_version(observed: str, item: Item, problems: Collector) -> str | None:
    """Return the known version that is nearest to the one that runs; warn if it is another."""
    message = version_problem(observed)
    if not message:
        return _minor_text(observed)
    oldest, *_, newest = known_versions()
    at = item.place.field("status", "observedKubeVirtVersion")
    try:
        nearest = oldest if minor(observed) < minor(oldest) else newest
    except ValueError:
        nearest = newest
    message += f"; machines are judged as for {nearest}"
    problems.append(at.warning(message, Code.UNKNOWN_VERSION))
    return nearest
