"""The whole way from items to objects, for every door: `build(items, config, …) -> Build`.

Data flows through a pipeline: read what users wrote; group the requests by what they ask
for; match each group with a node type and resolve it, once; check; render.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field

from krmfn.guest.secrets import Lookup
from krmfn.kubevirt.cluster import Cluster
from krmfn.machine.compiler import Compiler
from krmfn.machine.instancetypes import Instancetypes
from krmfn.manifests.index import Index
from krmfn.manifests.item import Item
from krmfn.nodes.claim import Claim, Group
from krmfn.nodes.groups import Matching, decide, group_requests
from krmfn.nodes.kubevirt_cluster import read_cluster
from krmfn.nodes.node_claims import read_node_claims
from krmfn.nodes.node_types import Offer
from krmfn.nodes.platform_items import platform_items
from krmfn.nodes.providers import Providers, read_providers
from krmfn.nodes.render import (
    Layout,
    Output,
    Rendered,
)
from krmfn.nodes.rendering import Rendering
from krmfn.nodes.request import Request
from krmfn.nodes.resolve import Resolver
from krmfn.nodes.run_checks import group_problems, type_problems
from krmfn.nodes.unread import unlabelled_problems, unread_files, unread_problems
from krmfn.nodes.virtual_clusters import (
    LABEL,
    VirtualClusters,
    cluster_problems,
    labelled,
    read_virtual_clusters,
)
from krmfn.platform.config import Config
from krmfn.platform.named_objects import KINDS, NamedObjects
from krmfn.platform.properties import Leave
from krmfn.problems import Code, Collector, Place, Problem, without_follow_ons
from krmfn.records import record


@record()
class Build:
    """What came of a run. With an error among the problems there are no objects.

    `virtual_clusters` and `providers` are those that the run makes nodes for, and with, whether or
    not it makes any. `consumed` are the items that were read. `nothing`: there was nothing to
    render. `cluster` is what is known of the one that runs the machines. `accepted` are the codes
    of warnings that are not printed.
    """

    objects: list[Rendered] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    node_types: list[Offer] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    consumed: list[Item] = field(default_factory=list)
    owner: str = ""
    virtual_clusters: frozenset[str] = frozenset()
    providers: frozenset[str] = frozenset()
    cluster: Cluster = field(default_factory=Cluster)
    nothing: bool = False
    accepted: frozenset[str] = frozenset()


@record(frozen=True)
class _Inputs:
    """What users wrote, read. `is_complete`: without an error.

    `leave` is what the config leaves to properties.
    """

    cluster: Cluster
    instancetypes: Instancetypes
    compiler: Compiler
    lookup: Lookup
    providers: Providers
    objects: NamedObjects
    clusters: VirtualClusters
    requests: list[Request]
    consumed: list[Item]
    leave: Leave
    is_complete: bool


def build(
    items: Iterable[Item],
    config: Config,
    at: Place,
    layout: Layout,
    several_clusters: bool = False,
) -> Build:
    """Render every claim.

    `at` is the place of the config's spec; `layout` says where the objects go. All problems
    come together in the result, without those that the config accepts.
    """
    problems = Collector()
    index = Index(items, counted=("NodeClaim",))
    inputs = _read(index, config, at, problems)
    matching = Matching(inputs.providers, inputs.clusters, config.spec, inputs.leave)
    groups = group_requests(inputs.requests, inputs.clusters)
    if config.spec.live_claims == "Error":
        problems += matching.live_problems(groups)
    problems += decide(groups, matching.match)
    problems += _resolve(groups, inputs)
    claims = _claims(groups)
    problems += _cluster_problems(inputs, matching, index)
    clusters = sorted({claim.cluster for claim in claims})
    if len(clusters) > 1 and not several_clusters:
        message = f"is required: the claims go to {', '.join(clusters)}"
        problems.append(at.field("cluster").error(message))
    problems += type_problems(
        claims, matching.claimed, inputs.instancetypes, config.spec.image_updates
    )
    problems += group_problems(groups)
    owner = inputs.clusters.owner
    objects: list[Rendered] = []
    if not problems.has_errors:
        annotations = config.spec.annotations
        where = at.field("annotations")
        encoding, shares = config.spec.secret_encoding, config.spec.cloud_init_secrets == "PerPool"
        new_disks = config.spec.image_updates == "OnRestart"
        output = Output(owner, encoding, annotations, where, layout, shares, new_disks)
        rendering = Rendering(output)
        objects = rendering.run(claims, problems)
        problems += map(inputs.clusters.problem, rendering.token_problems(claims))
    accepted = frozenset(config.spec.accept_warnings)
    is_idle = any(tenant.spec.allow_no_nodes for tenant in inputs.clusters.tenants)
    return Build(
        objects=[] if problems.has_errors else objects,
        claims=claims,
        node_types=inputs.providers.offers,
        problems=_unaccepted(problems, accepted),
        consumed=index.with_copies([*inputs.consumed, *inputs.instancetypes.consumed]),
        owner=owner,
        virtual_clusters=frozenset(tenant.spec.name for tenant in inputs.clusters.tenants),
        providers=frozenset(inputs.providers.ours),
        cluster=inputs.cluster,
        nothing=not claims and not is_idle,
        accepted=accepted,
    )


def _cluster_problems(inputs: _Inputs, matching: Matching, index: Index) -> list[Problem]:
    """Return the problems of virtual clusters, with what may be why one has no nodes."""
    clusters, claimed, excused = inputs.clusters, matching.claimed, matching.excused
    problems = list(cluster_problems(clusters, claimed, excused, inputs.is_complete))
    if any(problem.code == Code.NO_NODES for problem in problems):
        problems += unlabelled_problems(index)
    return problems


def _unaccepted(problems: Iterable[Problem], accepted: frozenset[str]) -> list[Problem]:
    """Leave out repetitions, follow-ons, and what the config accepts of warnings and notices."""
    each = without_follow_ons(dict.fromkeys(problems))
    return [problem for problem in each if problem.is_error or problem.code not in accepted]


def _read(index: Index, config: Config, at: Place, problems: Collector) -> _Inputs:
    """Read providers, claims, virtual clusters and their pools."""
    spec = config.spec
    cluster, told = read_cluster(index, spec.kubevirt, problems)
    compiler = Compiler(spec.unknown_fields, cluster)
    provider_items = platform_items(index, "NodeProvider", problems)
    instancetypes = Instancetypes(index, (each.vm_namespace for each in spec.virtual_clusters))
    leave = Leave(spec.allow_claim_templates, spec.unknown_properties == "Ignore")
    providers = read_providers(
        provider_items, spec.cluster, compiler, instancetypes, leave, problems
    )
    claim_items = platform_items(index, "NodeClaim", problems)
    requests = read_node_claims(claim_items, leave, problems)
    shared: list[Item] = []
    for kind in KINDS:
        shared += platform_items(index, kind, problems)
    lookup = Lookup(index)
    config_maps = labelled(index)
    named = _named_clusters(requests, providers, config_maps)
    clusters = read_virtual_clusters(config, at, lookup, named, problems)
    consumed = [*told, *provider_items, *claim_items, *shared, *config_maps, *clusters.consumed]
    files = [item for item in index.of_kind("") if item.is_plain]
    read = [item for item in files if item.is_named and len(clusters.tenants) == 1]
    problems += unread_files(item for item in files if item not in read)
    if config_maps or read or clusters.has_pools:
        # Imported by need: many runs have no pools, and the start is what most users wait for.
        from krmfn.nodes.pool_reader import PoolReader

        claimed = {clusters.of(request) for request in requests}
        requests += PoolReader(clusters).read(config_maps, read, claimed, problems)
    requests.sort(key=lambda request: request.order)
    problems += unread_problems(index)
    return _Inputs(
        cluster,
        instancetypes,
        compiler,
        lookup,
        providers,
        NamedObjects(index),
        clusters,
        requests,
        consumed,
        leave,
        is_complete=not problems.has_errors,
    )


def _named_clusters(
    requests: list[Request], providers: Providers, config_maps: list[Item]
) -> list[str]:
    """Return the virtual clusters that claims and ConfigMaps name."""
    named = []
    for request in requests:
        name = request.asked.virtual_cluster
        if name and providers.renders(request.asked.provider):
            named.append(name)
    labels = [item.labels[LABEL] for item in config_maps]
    return [*named, *(label for label in labels if isinstance(label, str))]


def _resolve(groups: list[Group], inputs: _Inputs) -> list[Problem]:
    """Resolve the groups that have a node type and a virtual cluster."""
    resolver = Resolver(
        inputs.instancetypes,
        inputs.objects,
        inputs.lookup,
        inputs.providers,
        inputs.compiler,
        inputs.leave,
    )

    def resolve(group: Group) -> list[Problem]:
        """Resolve one group, and return its problems."""
        problems = Collector()
        if group.tenant:
            group.node = resolver.resolve(group, problems)
            resolver.size(group, problems)
        return problems

    # Groups that share an object share its problems.
    return list(dict.fromkeys(decide(groups, resolve)))


def _claims(groups: list[Group]) -> list[Claim]:
    """Return the nodes that this run renders, in the order of their requests."""
    claims = [
        Claim(request, group, group.tenant, group.offer)
        for group in groups
        if group.tenant and group.offer
        for request in group.requests
    ]
    return sorted(claims, key=lambda claim: claim.request.order)
