"""What is known of the cluster that runs the machines, from the config and a KubeVirt object."""

from __future__ import annotations

from krmfn.kubevirt.cluster import (
    ARCHITECTURES,
    Cluster,
    RolloutStrategy,
    known_versions,
    minor,
    version_problem,
)
from krmfn.manifests.index import Index
from krmfn.manifests.item import Item
from krmfn.platform.config import KubeVirtCluster
from krmfn.platform.kubevirt_object import API_VERSION, KIND, KubeVirtObject
from krmfn.platform.model import validate
from krmfn.problems import Code, Collector


def read_cluster(
    index: Index, stated: KubeVirtCluster | None, problems: Collector
) -> tuple[Cluster, list[Item]]:
    """Return what is known of the cluster, and the items that only tell of it.

    What the config states wins, field by field, over a KubeVirt object among the items. Such an
    object is input alone if it has a status, as `kubectl get kubevirt -o yaml` shows it; without
    one somebody deploys it, and it must not get lost.
    """
    stated = stated or KubeVirtCluster()
    version = stated.version and _minor_text(stated.version)
    gates = None if stated.feature_gates is None else frozenset(stated.feature_gates)
    strategy: RolloutStrategy | None = stated.rollout_strategy
    items = [item for item in index.of_kind(KIND) if item.api_version == API_VERSION]
    if not items:
        return Cluster(version, gates, rollout_strategy=strategy), []
    for item in items[1:]:
        message = "is a second KubeVirt object; state what the cluster runs in the config's "
        problems.append(item.place.error(f"{message}spec.kubevirt, and leave both out"))
    item = items[0]
    found = validate(KubeVirtObject, item.data, item.place, problems)
    if found is None:
        return Cluster(version, gates, rollout_strategy=strategy), []
    configuration = found.spec.configuration
    developer = configuration.developer_configuration
    # The config has no word for these.
    disabled = frozenset(developer.disabled_feature_gates)
    if gates is None:
        gates = frozenset(developer.feature_gates)
    observed = found.status.observed_kube_virt_version if found.status else ""
    if version is None and observed:
        version = _known_version(observed, item, problems)
    architecture = found.status.default_architecture if found.status else ""
    if architecture not in ARCHITECTURES:
        architecture = ARCHITECTURES[0]
    by_architecture = getattr(configuration.architecture_configuration, architecture)
    cluster = Cluster(
        version,
        gates,
        disabled,
        strategy or configuration.vm_rollout_strategy or "LiveUpdate",
        architecture,
        configuration.machine_type or (by_architecture.machine_type if by_architecture else ""),
    )
    return cluster, [item] if found.status else []


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
