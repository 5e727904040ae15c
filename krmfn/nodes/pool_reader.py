"""Reads the static pools of all virtual clusters of a run."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Any

from krmfn.machine.machine_metadata import MetadataReader
from krmfn.manifests.item import Item
from krmfn.nodes.pool_metadata import PoolsMetadata
from krmfn.nodes.pools import pool_requests, read_vcluster_yaml
from krmfn.nodes.request import Request
from krmfn.nodes.virtual_clusters import LABEL, Tenant, VirtualClusters
from krmfn.platform.vcluster_pools import MOST_NODES
from krmfn.problems import Collector, Place, Problem, path_text, show


class PoolReader:
    """Reads the static pools of the virtual clusters, with a bound on the nodes of a run."""

    def __init__(self, clusters: VirtualClusters) -> None:
        self._clusters = clusters
        self._sources: dict[Tenant, Place] = {}
        self._metadata = MetadataReader()
        self._room = MOST_NODES

    def read(
        self,
        config_maps: list[Item],
        files: list[Item],
        claimed: Set[Tenant | None],
        problems: Collector,
    ) -> list[Request]:
        """Return the nodes that inline values, labelled ConfigMaps and plain files ask for.

        `claimed` are the virtual clusters that NodeClaims name.
        """
        requests: list[Request] = []
        for tenant in self._clusters.tenants:
            spec = tenant.spec
            if spec.values is not None:
                at = tenant.at.field("values")
                self._sources[tenant] = at
                requests += self._pools(spec.values, tenant, spec.namespace, at, problems)
        in_order = sorted(config_maps, key=lambda item: (item.namespace, item.name))
        for item in in_order:
            requests += self._config_map(item, problems)
        for item in files:
            requests += self._file(item, problems)
        problems += self._metadata.warnings()
        problems += self._without_pools(claimed)
        return requests

    def _without_pools(self, claimed: Set[Tenant | None]) -> Iterator[Problem]:
        """Yield the pools of the config whose virtual cluster has none.

        One without any claim either is an error of its own.
        """
        for tenant in self._clusters.tenants:
            if tenant.spec.pools and tenant not in self._sources and tenant in claimed:
                message = f"names pools, but there is no vcluster.yaml of {tenant.spec.name}: its "
                message += "claims have labels and annotations of their own"
                yield tenant.at.field("pools").error(message)

    def _file(self, item: Item, problems: Collector) -> list[Request]:
        """Return the nodes that a vcluster.yaml asks for that is no Kubernetes object."""
        [tenant] = self._clusters.tenants
        if not self._is_first(tenant, tenant.spec.name, item.place, problems):
            return []
        return self._pools(item.data, tenant, tenant.spec.namespace, item.place, problems)

    def _is_first(self, tenant: Tenant, name: str, at: Place, problems: Collector) -> bool:
        """Note where a virtual cluster's vcluster.yaml stands, and report a second one."""
        other = self._sources.get(tenant)
        self._sources[tenant] = at
        if other:
            problems.append(at.error(_second_source(name, other)))
        return other is None

    def _config_map(self, item: Item, problems: Collector) -> list[Request]:
        """Return the nodes that a labelled ConfigMap asks for."""
        label = item.labels[LABEL]
        tenant = self._labelled(item, problems)
        if tenant is None:
            return []
        values, at = read_vcluster_yaml(item, problems)
        if not self._is_first(tenant, label, at, problems) or values is None:
            return []
        namespace = tenant.spec.namespace or item.namespace or None
        return self._pools(values, tenant, namespace, at, problems)

    def _labelled(self, item: Item, problems: Collector) -> Tenant | None:
        """Return the virtual cluster that the label of a ConfigMap names."""
        label = item.labels[LABEL]
        clusters = self._clusters
        at = item.place.field("metadata", "labels", LABEL)
        if not isinstance(label, str) or not label:
            problems.append(at.error("must name a virtual cluster"))
            return None
        here = clusters.named(label, item.namespace or None)
        tenant = here or clusters.named(label, None)
        if tenant is None and not clusters.config.flat:
            message = f"is {show(label)}; {clusters.known(label)}"
            problems.append(at.error(message))
        return tenant

    def _pools(
        self, values: Any, tenant: Tenant, namespace: str | None, at: Place, problems: Collector
    ) -> list[Request]:
        """Return the nodes that one vcluster.yaml asks for."""
        spec, room = tenant.spec, self._room
        metadata = PoolsMetadata(spec.pools, tenant.at.field("pools"), self._metadata)
        requests = pool_requests(values, spec.name, namespace, at, metadata, room, problems)
        self._room -= len(requests)
        return requests


def _second_source(label: str, other: Place) -> str:
    """Say that a virtual cluster has two sources of pools."""
    origin = other.origin
    first = f"{origin.resource}, {path_text(other.path)}" if origin.resource else ""
    where = f"in {origin.file}" if origin.file else ""
    return f"is a second vcluster.yaml of {label}; the first is {f'{first} {where}'.strip()}"
