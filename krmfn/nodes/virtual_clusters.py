"""The virtual clusters of a run: what their nodes join with, and which one a claim names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Set
from dataclasses import field

from krmfn.guest.join import Join, read_join
from krmfn.guest.secrets import Lookup
from krmfn.manifests.index import Index
from krmfn.manifests.item import Item
from krmfn.nodes.request import Request
from krmfn.platform.config import KPT_INLINE, Config, VirtualCluster, flat_problem
from krmfn.problems import Code, Collector, Place, Problem, listed, nearest, show
from krmfn.records import record

LABEL = "krmfn.dev/vcluster"


@record(frozen=True, eq=False)
class Tenant:
    """A virtual cluster of the config, which stands at `at`.

    `join` is None if something is wrong with it.
    """

    spec: VirtualCluster
    at: Place
    join: Join | None


@record()
class VirtualClusters:
    """The virtual clusters of a config, which stands at `at`.

    `consumed` are the Secrets of their tokens.
    """

    config: Config
    at: Place
    tenants: list[Tenant] = field(default_factory=list)
    consumed: list[Item] = field(default_factory=list)
    _by_name: dict[str, list[Tenant]] = field(default_factory=dict)

    def add(self, tenant: Tenant) -> None:
        """Add a virtual cluster."""
        self.tenants.append(tenant)
        self._by_name.setdefault(tenant.spec.name, []).append(tenant)

    @property
    def has_pools(self) -> bool:
        """Whether the config has a vcluster.yaml of one of them inline, or names pools."""
        return any(tenant.spec.values is not None or tenant.spec.pools for tenant in self.tenants)

    @property
    def owner(self) -> str:
        """The owner of the output: the config's name.

        kpt gives every inline config the same one. There the virtual cluster's is added, so
        that two of them don't prune each other's output.
        """
        if self.config.flat and self.config.name == KPT_INLINE:
            return f"{KPT_INLINE}-{self.tenants[0].spec.name}"
        return self.config.name

    def problem(self, problem: Problem) -> Problem:
        """Return a problem of a virtual cluster at the key of the form that the config has."""
        return flat_problem(problem, self.at) if self.config.flat else problem

    def named(self, name: str | None, namespace: str | None) -> Tenant | None:
        """Return the virtual cluster of a name whose claims may stand in a namespace.

        None as the namespace: in any.
        """
        candidates = [
            tenant
            for tenant in self.namesakes(name)
            if tenant.spec.namespace is None or namespace in (None, tenant.spec.namespace)
        ]
        # Of several of one name, a claim without a namespace is none's: it would join by chance.
        return candidates[0] if len(candidates) == 1 else None

    def namesakes(self, name: str | None) -> list[Tenant]:
        """Return the virtual clusters of a name, of which each project may have one."""
        return self._by_name.get(name or "", [])

    def of(self, request: Request) -> Tenant | None:
        """Return the virtual cluster that a request is for."""
        return self.named(request.asked.virtual_cluster, request.namespace)

    def unknown(self, request: Request) -> Problem:
        """Report a request that is for none of them."""
        at, name = request.asked.at, request.asked.virtual_cluster
        if name is None:
            message = "is required: the virtual cluster that the node joins"
            return at.field("vClusterRef").error(message)
        if namesakes := self.namesakes(name):
            namespaces = sorted(str(tenant.spec.namespace) for tenant in namesakes)
            where = f"is {request.namespace}" if request.namespace else "is required"
            message = f"{where}; claims of {name} stand in {listed(namespaces)}"
            return request.at.field("metadata", "namespace").error(message)
        return at.field("vClusterRef").error(f"is {show(name)}; {self.known(name)}")

    def known(self, name: str) -> str:
        """List the virtual clusters, for a message about one that is not among them."""
        names = []
        for tenant in self.tenants:
            where = tenant.spec.namespace
            names.append(tenant.spec.name + (f" (claims in {where})" if where else ""))
        hint = nearest(name, (tenant.spec.name for tenant in self.tenants))
        return f"the config lists {listed(sorted(names))}{hint}"


def read_virtual_clusters(
    config: Config, at: Place, lookup: Lookup, named: Iterable[str], problems: Collector
) -> VirtualClusters:
    """Find the tokens and certificate authorities of a config, which stands at `at`.

    `named` are the virtual clusters that claims name, for a config that names none.
    """
    clusters = VirtualClusters(config, at)
    for index, spec in enumerate(config.spec.virtual_clusters):
        place = at if config.flat else at.field("virtualClusters", index)
        if not spec.name:
            candidates = sorted(set(named))
            if len(candidates) > 1:
                message = f"is required: the claims name {', '.join(candidates)}"
                problems.append(at.field("virtualCluster").error(message))
            spec = spec.replaced(name=candidates[0] if candidates else "")
        collected = Collector()
        join, secret = read_join(spec, lookup, place, collected)
        problems += (clusters.problem(problem) for problem in collected)
        if secret:
            clusters.consumed.append(secret)
        clusters.add(Tenant(spec, place, join))
    return clusters


def labelled(index: Index) -> list[Item]:
    """Return the ConfigMaps that hold a vcluster.yaml."""
    return [
        item
        for item in index.of_kind("ConfigMap")
        if item.api_version == "v1" and LABEL in item.labels
    ]


def cluster_problems(
    clusters: VirtualClusters, claimed: Counter[Tenant], excused: Set[Tenant], is_complete: bool
) -> Iterator[Problem]:
    """Yield virtual clusters that would lose their machines, or whose token is in the output.

    `claimed` counts all claims of each. One that has none is an error, because a prune would
    delete its machines: but not if it is `excused`, because its claims have errors of their
    own, or if not all claims could be read (`is_complete`).
    """
    for tenant in clusters.tenants:
        name, claims = tenant.spec.name, claimed[tenant]
        allowed = tenant.spec.allow_no_nodes or tenant in excused
        if is_complete and name and not claims and not allowed:
            message = f"virtual cluster {name} has no claim: no NodeClaim names it, and no "
            message += f"vcluster.yaml in a ConfigMap with the label {LABEL}: {name} asks for "
            message += "static nodes. If it is to have none, set allowNoNodes: true; a prune then "
            message += "deletes the machines that it has"
            yield tenant.at.error(message, Code.NO_NODES)
        if claims and tenant.join and tenant.join.token:
            message = "the output holds the join token in clear; "
            message += "joinToken.delivery: Disk keeps it out"
            at = tenant.at.field("joinToken")
            yield clusters.problem(at.warning(message, Code.PLAINTEXT_TOKEN))
