"""The virtual clusters of a run: what their nodes join with, and which of them a claim names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from krmfn.api.kubevirtnodes import KPT_INLINE, Config, VirtualCluster, flat_problem
from krmfn.api.nodeclaim import NodeClaim
from krmfn.guest.credentials import Join, Lookup, read_join
from krmfn.krm import Item
from krmfn.problems import Place, Problem, nearest, show


@dataclass(slots=True)
class Tenant:
    """A virtual cluster of the config; `claims` counts all that name it, also those of other KubeVirt clusters."""

    spec: VirtualCluster
    at: Place
    join: Join | None = None
    claims: int = 0


@dataclass(slots=True)
class Tenants:
    """The virtual clusters of a config, read; `secrets` are the tokens' Secrets, which are consumed."""

    config: Config
    at: Place
    all: list[Tenant] = field(default_factory=list)
    secrets: list[Item] = field(default_factory=list)

    @property
    def owner(self) -> str:
        """The owner of the output: the config's name.

        kpt gives every inline config the same one; there the virtual cluster's is added, so that two don't prune each other's output.
        """
        return f"{KPT_INLINE}-{self.all[0].spec.name}" if self.config.flat and self.config.name == KPT_INLINE else self.config.name

    def read(self, items: list[Item], named: Iterable[str]) -> Iterator[Problem]:
        """Find tokens and certificate authorities; `named` are the virtual clusters that claims name, for a config that names none."""
        lookup = Lookup(items)
        for index, spec in enumerate(self.config.spec.virtual_clusters):
            place = self.at if self.config.flat else self.at.field("virtualClusters", index)
            if not spec.name:
                candidates = sorted(set(named))
                if len(candidates) > 1:
                    yield self.at.field("virtualCluster").error(f"is required: the claims name {', '.join(candidates)}")
                spec = spec.model_copy(update={"name": candidates[0] if candidates else ""})
            join, secret, problems = read_join(spec, lookup, place)
            yield from (self.problem(problem) for problem in problems)
            if secret:
                self.secrets.append(secret)
            self.all.append(Tenant(spec, place, join))

    def problem(self, problem: Problem) -> Problem:
        """A problem of a virtual cluster, at the key of the form that the config has."""
        return flat_problem(problem, self.at) if self.config.flat else problem

    def of(self, claim: NodeClaim) -> Tenant | None:
        """The virtual cluster that a claim names."""
        for tenant in self.all:
            fits = tenant.spec.namespace is None or claim.metadata.namespace in (None, tenant.spec.namespace)
            if tenant.spec.name == claim.spec.v_cluster_ref and fits:
                return tenant
        return None

    def unknown(self, claim: NodeClaim, at: Place) -> Problem:
        """The error of a claim that names none of them; `at` is the place of its spec."""
        if claim.spec.v_cluster_ref is None:
            return at.field("vClusterRef").error("is required: the virtual cluster that the node joins")
        known = [tenant.spec.name + (f" (claims in {tenant.spec.namespace})" if tenant.spec.namespace else "") for tenant in self.all]
        guess = nearest(claim.spec.v_cluster_ref, (tenant.spec.name for tenant in self.all))
        return at.field("vClusterRef").error(f"is {show(claim.spec.v_cluster_ref)}; the config lists {', '.join(sorted(known))}{guess}")

    def check(self) -> Iterator[Problem]:
        """Once the claims are counted: a virtual cluster that lost all of them would lose its machines at the next prune."""
        for tenant in self.all:
            if tenant.spec.name and not tenant.claims and not tenant.spec.allow_no_nodes:
                yield tenant.at.error(f"virtual cluster {tenant.spec.name} has no claim; allowNoNodes: true lets it have none", "no-nodes")
            if tenant.claims and tenant.join and tenant.join.token:
                text = "the output holds the join token in clear; joinToken.delivery: Disk keeps it out"
                yield self.problem(tenant.at.field("joinToken").warning("plaintext-token", text))
