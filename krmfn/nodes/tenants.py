"""The virtual clusters of a run: what their nodes join with, and which of them a claim names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from krmfn.guest.join import Join, Lookup, read_join
from krmfn.manifests.item import Item
from krmfn.nodes import pools
from krmfn.nodes.pools import Request
from krmfn.platform.config import KPT_INLINE, Config, VirtualCluster, flat_problem
from krmfn.platform.vcluster_yaml import MOST_NODES
from krmfn.problems import Code, Place, Problem, listed, nearest, path_text, show


@dataclass(slots=True)
class Tenant:
    """A virtual cluster of the config; `claims` counts all that name it, also those of other KubeVirt clusters."""

    spec: VirtualCluster
    at: Place
    join: Join | None = None
    claims: int = 0
    told: bool = False
    namespaces: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Tenants:
    """The virtual clusters of a config, read; `consumed` are the tokens' Secrets and the labelled ConfigMaps."""

    config: Config
    at: Place
    all: list[Tenant] = field(default_factory=list)
    consumed: list[Item] = field(default_factory=list)
    by_name: dict[str, list[Tenant]] = field(default_factory=dict)
    room: int = MOST_NODES

    @property
    def owner(self) -> str:
        """The owner of the output: the config's name.

        kpt gives every inline config the same one; there the virtual cluster's is added, so that two don't prune each other's output.
        """
        return (
            f"{KPT_INLINE}-{self.all[0].spec.name}"
            if self.config.flat and self.config.name == KPT_INLINE
            else self.config.name
        )

    def read(self, items: list[Item], named: Iterable[str]) -> Iterator[Problem]:
        """Find tokens and certificate authorities; `named` are the virtual clusters that claims name, for a config that names none."""
        lookup = Lookup(items)
        for index, spec in enumerate(self.config.spec.virtual_clusters):
            place = self.at if self.config.flat else self.at.field("virtualClusters", index)
            if not spec.name:
                candidates = sorted(set(named))
                if len(candidates) > 1:
                    yield self.at.field("virtualCluster").error(
                        f"is required: the claims name {', '.join(candidates)}"
                    )
                spec = spec.model_copy(update={"name": candidates[0] if candidates else ""})
            join, secret, problems = read_join(spec, lookup, place)
            yield from (self.problem(problem) for problem in problems)
            if secret:
                self.consumed.append(secret)
            self.all.append(Tenant(spec, place, join))
            self.by_name.setdefault(spec.name, []).append(self.all[-1])

    def problem(self, problem: Problem) -> Problem:
        """A problem of a virtual cluster, at the key of the form that the config has."""
        return flat_problem(problem, self.at) if self.config.flat else problem

    def named(self, name: str | None, namespace: str | None) -> Tenant | None:
        """The virtual cluster of a name, whose claims may stand in this namespace (None: in any)."""
        found = [
            tenant
            for tenant in self.by_name.get(name or "", ())
            if tenant.spec.namespace is None or namespace in (None, tenant.spec.namespace)
        ]
        # Of several of one name, a claim without a namespace is none's: it would join by chance.
        return found[0] if len(found) == 1 else None

    def disk_problems(self, tenant: Tenant, namespace: str) -> Iterator[Problem]:
        """A disk's Secret has to be in the namespace of the machines, once for each of them."""
        token = tenant.spec.join_token
        named = token.secret_key_ref.namespace
        if (
            token.delivery == "Disk"
            and named not in (None, namespace)
            and namespace not in tenant.namespaces
        ):
            text = f"is {named}, but the machines are in {namespace}: KubeVirt makes the disk from a Secret there"
            yield self.problem(
                tenant.at.field("joinToken", "secretKeyRef", "namespace").error(text)
            )
        tenant.namespaces.add(namespace)

    def of(self, request: Request) -> Tenant | None:
        """The virtual cluster that a request is for."""
        return self.named(request.asked.virtual_cluster, request.namespace)

    def unknown(self, request: Request) -> Problem:
        """The error of a request that is for none of them."""
        at, name = request.asked.at, request.asked.virtual_cluster
        if name is None:
            return at.field("vClusterRef").error(
                "is required: the virtual cluster that the node joins"
            )
        for tenant in self.by_name.get(name, ()):
            # It has a claim, only not where it looks for one.
            tenant.told = True
        if namesakes := sorted(
            str(tenant.spec.namespace) for tenant in self.all if tenant.spec.name == name
        ):
            where = f"is {request.namespace}" if request.namespace else "is required"
            return request.at.field("metadata", "namespace").error(
                f"{where}; claims of {name} stand in {listed(namesakes)}"
            )
        return at.field("vClusterRef").error(f"is {show(name)}; {self.listed(name)}")

    def listed(self, name: str) -> str:
        """The virtual clusters of the config, for a message about one that is not among them."""
        known = [
            tenant.spec.name
            + (f" (claims in {tenant.spec.namespace})" if tenant.spec.namespace else "")
            for tenant in self.all
        ]
        return f"the config lists {listed(sorted(known))}{nearest(name, (tenant.spec.name for tenant in self.all))}"

    def pool_requests(self, maps: list[Item], problem: Callable[..., None]) -> list[Request]:
        """The requests of all static pools: from the config's inline values and from the labelled ConfigMaps."""
        found: list[Request] = []
        sources: dict[int, Place] = {}
        for tenant in self.all:
            if tenant.spec.values is not None:
                at = sources[id(tenant)] = tenant.at.field("values")
                found += self.pools(tenant.spec.values, tenant, tenant.spec.namespace, at, problem)
        for item in sorted(maps, key=lambda item: (item.namespace, item.name)):
            label = item.labels[pools.LABEL]
            at = item.place.field("metadata", "labels", pools.LABEL)
            if not isinstance(label, str) or not label:
                problem(at.error("must name a virtual cluster"))
                continue
            owner = self.named(label, item.namespace or None) or self.named(label, None)
            if owner is None:
                if not self.config.flat:
                    problem(at.error(f"is {show(label)}; {self.listed(label)}"))
                continue
            self.consumed.append(item)
            values, at, wrong = pools.values_of(item)
            problem(*wrong)
            if id(owner) in sources:
                other = sources[id(owner)]
                text = f"is a second vcluster.yaml of {label}; the first is {other.origin.resource}, {path_text(other.path)}"
                problem(at.error(text + (f" in {other.origin.file}" if other.origin.file else "")))
            elif not wrong:
                found += self.pools(
                    values, owner, owner.spec.namespace or item.namespace or None, at, problem
                )
            sources[id(owner)] = at
        return found

    def pools(
        self,
        values: Any,
        tenant: Tenant,
        namespace: str | None,
        at: Place,
        problem: Callable[..., None],
    ) -> list[Request]:
        """The requests of one vcluster.yaml."""
        found, problems = pools.requests(values, tenant.spec.name, namespace, at, self.room)
        self.room -= len(found)
        problem(*problems)
        return found

    def check(self, complete: bool) -> Iterator[Problem]:
        """Once the claims are counted: a virtual cluster that lost all of them would lose its machines at the next prune.

        Where not all claims could be read (`complete`), none is missed.
        """
        for tenant in self.all:
            if (
                complete
                and not tenant.told
                and tenant.spec.name
                and not tenant.claims
                and not tenant.spec.allow_no_nodes
            ):
                yield tenant.at.error(
                    f"virtual cluster {tenant.spec.name} has no claim; allowNoNodes: true lets it have none",
                    Code.NO_NODES,
                )
            if tenant.claims and tenant.join and tenant.join.token:
                text = "the output holds the join token in clear; joinToken.delivery: Disk keeps it out"
                yield self.problem(tenant.at.field("joinToken").warning(text, Code.PLAINTEXT_TOKEN))
