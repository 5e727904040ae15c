"""Groups: requests that ask for the same are matched with a node type once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import field, replace

from krmfn.nodes.choice import Lacks, all_lacks, choose, named
from krmfn.nodes.claim import Group
from krmfn.nodes.node_types import Offer, property_problems
from krmfn.nodes.providers import Provider, Providers
from krmfn.nodes.request import Asked, Request
from krmfn.nodes.virtual_clusters import Tenant, VirtualClusters
from krmfn.platform.config import KubeVirtNodesSpec
from krmfn.platform.properties import VM_TEMPLATE, Leave
from krmfn.problems import Code, Collector, Problem, listed, nearest, show
from krmfn.records import record


def group_requests(requests: Iterable[Request], clusters: VirtualClusters) -> list[Group]:
    """Group the requests that ask for the same in one project namespace."""
    groups: dict[Hashable, Group] = {}
    for request in requests:
        asked = request.asked
        alike: Hashable = asked
        if asked.pool is None:
            alike = (asked.shape, asked.kubelet, asked.metadata)
        key = (request.namespace, alike)
        if key in groups:
            groups[key].requests.append(request)
        else:
            tenant = clusters.of(request)
            groups[key] = Group([request], tenant)
    return list(groups.values())


@record()
class Matching:
    """Matches groups with node types.

    `claimed` counts the requests of each virtual cluster, also those of other KubeVirt
    clusters. `excused` are virtual clusters whose claims have errors that explain why they
    have none.
    """

    providers: Providers
    clusters: VirtualClusters
    spec: KubeVirtNodesSpec
    leave: Leave
    claimed: Counter[Tenant] = field(default_factory=Counter)
    excused: set[Tenant] = field(default_factory=set)
    _checked_namespaces: set[tuple[Tenant, str]] = field(default_factory=set)
    _lacks: dict[Hashable, Lacks] = field(default_factory=dict)

    def match(self, group: Group) -> list[Problem]:
        """Decide about a group's node type and namespace; return the problems of its leader."""
        problems = Collector()
        if group.tenant and self._may_be_kubevirt(group):
            self.claimed[group.tenant] += len(group.requests)
        group.offer = self._offer(group, problems)
        if group.tenant and group.offer:
            group.namespace = self._namespace(group.tenant, group.offer, problems)
            problems += self._disk_problems(group.tenant, group.namespace)
        return problems

    def live_problems(self, groups: Iterable[Group]) -> Iterator[Problem]:
        """Yield the claims whose machines the Platform runs, and this run would make again."""
        for group in groups:
            provider = self.providers.by_name.get(group.asked.provider)
            if group.tenant is None or (provider and not provider.is_ours):
                continue
            for request in group.requests:
                if request.live:
                    message = "shows that the Platform runs this claim's machine, so krmfn would "
                    message += "make the node twice: render claims from Git, not from a cluster. "
                    message += "liveClaims: Render in the config renders them all the same"
                    yield request.live.error(message, Code.LIVE_CLAIM).leading()

    def _may_be_kubevirt(self, group: Group) -> bool:
        """Tell whether a group's nodes are machines, as far as it is known."""
        provider = self.providers.by_name.get(group.asked.provider)
        return provider is None or provider.kubevirt is not None

    def _offer(self, group: Group, problems: Collector) -> Offer | None:
        """Return the node type of a group, None if there is none or another run renders it."""
        asked = group.asked
        provider = self.providers.by_name.get(asked.provider)
        if provider is None:
            if asked.provider not in self.providers.broken:
                problems.append(self._unknown_provider(group))
            return None
        if provider.kubevirt is None:
            problems.append(_other_kind(asked))
            return None
        if not provider.is_ours:
            return None
        is_flat = self.clusters.config.flat
        if group.tenant is None and (not is_flat or asked.virtual_cluster is None):
            self.excused.update(self.clusters.namesakes(asked.virtual_cluster))
            problems.append(self.clusters.unknown(group.leader))
        return self._choose(group, provider, problems) if provider.is_usable else None

    def _choose(self, group: Group, provider: Provider, problems: Collector) -> Offer | None:
        """Choose among a provider's node types."""
        asked = group.asked
        if asked.pool is not None:
            for part in asked.written:
                problems += property_problems(part.properties, part.at, self.leave, by_claim=True)
        if VM_TEMPLATE in asked.properties:
            return _offer_without_type(group, provider, problems)
        if not provider.offers:
            problems.append(_no_node_types(provider))
            return None
        fail = self.spec.on_ambiguous_node_type == "Fail"
        if asked.type_ref is not None:
            return named(asked, asked.type_ref, provider.by_name, problems)
        # The pools of a fleet's tenants want the same.
        wanted = asked.wanted
        if wanted not in self._lacks:
            self._lacks[wanted] = all_lacks(asked, list(provider.by_name.values()))
        return choose(asked, self._lacks[wanted], fail, problems)

    def _unknown_provider(self, group: Group) -> Problem:
        """Report a provider that is not among the items."""
        asked, names = group.asked, self.providers.by_name
        who = "is " if asked.pool is None else f"pool {show(asked.pool)} names "
        known = listed(sorted(names)) or "none at all"
        message = f"{who}{show(asked.provider)}; the NodeProviders here are {known}"
        message += nearest(asked.provider, names)
        return asked.provider_place.error(message, Code.MISSING_OBJECT)

    def _namespace(self, tenant: Tenant, offer: Offer, problems: Collector) -> str:
        """Return the namespace of a group's machines."""
        if offer.namespace is not None:
            return offer.namespace
        if not tenant.spec.vm_namespace and tenant not in self.excused:
            self.excused.add(tenant)
            name = offer.provider.metadata.name
            message = f"is required: provider {name} has namespaceStrategy VirtualCluster"
            problems.append(tenant.at.field("vmNamespace").error(message))
        return tenant.spec.vm_namespace or ""

    def _disk_problems(self, tenant: Tenant, namespace: str) -> Iterator[Problem]:
        """Check that a disk's Secret is in the namespace of the machines, once for each."""
        if (tenant, namespace) in self._checked_namespaces:
            return
        self._checked_namespaces.add((tenant, namespace))
        token = tenant.spec.join_token
        named = token.secret_key_ref.namespace
        if token.delivery == "Disk" and named not in (None, namespace):
            message = f"is {named}, but the machines are in {namespace}: "
            message += "KubeVirt makes the disk from a Secret there"
            at = tenant.at.field("joinToken", "secretKeyRef", "namespace")
            yield self.clusters.problem(at.error(message))


def _no_node_types(provider: Provider) -> Problem:
    """Report a provider that offers nothing, though somebody asks for its nodes."""
    at = provider.at.field("spec", "kubeVirt", "nodeTypes")
    fault = "is required"
    if provider.kubevirt and "node_types" in provider.kubevirt.given:
        fault = "is empty; must have at least one element"
    return at.error(f"{fault}: a claim or pool asks for a node of this provider")


def _other_kind(asked: Asked) -> Problem:
    """Report a provider whose nodes are not machines of KubeVirt.

    A vcluster.yaml may have pools of several providers, of which krmfn renders its own.
    """
    message = f"is {show(asked.provider)}, which is not a KubeVirt provider"
    if asked.pool is None:
        return asked.provider_place.error(message)
    message = f"{message}: the nodes of pool {show(asked.pool)} are not rendered"
    return asked.provider_place.notice(message, Code.OTHER_PROVIDER)


def _offer_without_type(group: Group, provider: Provider, problems: Collector) -> Offer | None:
    """Return the offer of a claim with a template of its own: no type, and its own size."""
    asked = group.asked
    needless = {
        "typeRef": asked.type_ref,
        "requirements": asked.requirements,
        "desiredCapacity": asked.capacity,
    }
    present = [key for key, value in needless.items() if value]
    for key in present:
        message = "stands beside vm-template, which needs no node type"
        problems.append(asked.at.field(key).error(message))
    if present or provider.kubevirt is None:
        return None
    return Offer(provider.model, provider.kubevirt, asked.at)


def decide(
    groups: Iterable[Group], decision: Callable[[Group], Iterable[Problem]]
) -> list[Problem]:
    """Decide about each group, and return the problems in the order of the requests."""
    problems: list[tuple[Request, Problem]] = []
    for group in groups:
        for problem in decision(group):
            problems += _spread(problem, group)
    problems.sort(key=lambda pair: pair[0].order)
    return [problem for _, problem in problems]


def _spread(problem: Problem, group: Group) -> Iterator[tuple[Request, Problem]]:
    """Yield a problem of a group's leader for each of its requests.

    One at the leader's own field is moved to the same field of the others: what asks for the
    same has the same fields. The nodes of a pool share its place.
    """
    leader = group.leader
    yield leader, problem
    if group.asked.pool is not None or problem.place.origin != leader.at.origin:
        return
    for request in group.requests[1:]:
        place = replace(problem.place, origin=request.at.origin)
        yield request, replace(problem, place=place)
