"""The whole way from items to objects, for every door: `build(items, config) -> Build`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from krmfn.guest.join import Lookup
from krmfn.machine.prototype import Prototype, layers
from krmfn.machine.prototypes import Prototypes
from krmfn.machine.size import Instancetypes
from krmfn.manifests.item import Item
from krmfn.manifests.yamlio import LARGEST_INPUT
from krmfn.nodes import claims, pools
from krmfn.nodes import node_types as nodetypes
from krmfn.nodes.claims import Claim
from krmfn.nodes.node_types import Offer
from krmfn.nodes.nodes import Node, Nodes, address_problems
from krmfn.nodes.pools import Asked, Request
from krmfn.nodes.render import Group, Layout, Machine, Output, Rendered, compile_machine, render
from krmfn.nodes.tenants import Tenant, Tenants
from krmfn.platform.config import Config
from krmfn.platform.model import PLATFORM, validate
from krmfn.platform.node_claim import NodeClaim
from krmfn.platform.node_provider import KubeVirt, NodeProvider, admission
from krmfn.platform.properties import VM_TEMPLATE
from krmfn.platform.referenced import Referenced
from krmfn.platform.shared import KINDS
from krmfn.problems import Origin, Place, Problem, errors, listed, nearest, show


@dataclass(slots=True)
class Build:
    """What came of a run. With an error among the problems there are no objects."""

    objects: list[Rendered] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    node_types: list[Offer] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    consumed: list[Item] = field(default_factory=list)
    owner: str = ""
    nothing: bool = False
    accepted: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Provider:
    model: NodeProvider
    at: Place
    kubevirt: KubeVirt | None
    ours: bool
    offers: list[Offer] = field(default_factory=list)
    by_name: dict[str, Offer] = field(default_factory=dict)
    usable: bool = False


def build(
    items: Iterable[Item], config: Config, at: Place, layout: Layout, several_clusters: bool = False
) -> Build:
    """Render every claim. `at` is the place of the config's spec; `layout`, where the objects go.

    All problems come together in the result; those that the config accepts are left out.
    """
    run = _Run(
        list(items),
        config,
        at,
        Output(config.name, config.spec.secret_encoding, config.spec.annotations, layout),
    )
    run.read()
    run.match()
    run.check(several_clusters)
    if not errors(run.result.problems):
        run.render()
    result = run.result
    result.accepted = frozenset(config.spec.accept_warnings)
    result.problems = [
        problem
        for problem in result.problems
        if problem.severity == "error" or problem.code not in result.accepted
    ]
    if errors(result.problems):
        result.objects = []
    return result


class _Run:
    """One run's state: what was read, and what it came to."""

    def __init__(self, items: list[Item], config: Config, at: Place, output: Output) -> None:
        self.items = items
        self.config = config
        self.at = at
        self.output = output
        self.result = Build()
        self.providers: dict[str, _Provider] = {}
        self.requests: list[Request] = []
        self.tenants = Tenants(config, at)
        self.machines: dict[tuple[Group, int], Machine] = {}
        self.prototypes = Prototypes(config.spec.unknown_fields)
        self.own: dict[str, Prototype] = {}
        self.instancetypes = Instancetypes(items)
        self.kinds: dict[str, list[Item]] = defaultdict(list)
        for item in items:
            self.kinds[item.kind].append(item)
        self.complete = True
        self.broken: set[str] = set()

    def problem(self, *problems: Problem) -> None:
        """Note what is wrong."""
        self.result.problems.extend(problems)

    def read(self) -> None:
        """Read providers, claims, virtual clusters and their pools."""
        self.read_providers()
        self.read_claims()
        shared = [item for kind in KINDS for item in self.of_kind(kind.__name__)]
        self.nodes = Nodes(
            Referenced(shared),
            Lookup(self.items),
            self.own,
            self.prototypes,
            self.config.spec.allow_claim_templates,
        )
        named = [
            request.asked.virtual_cluster for request in self.requests if self.is_ours(request)
        ]
        maps = pools.labelled(self.items)
        labels = [
            item.labels[pools.LABEL] for item in maps if isinstance(item.labels[pools.LABEL], str)
        ]
        self.problem(*self.tenants.read(self.items, [*filter(None, named), *labels]))
        self.requests += self.tenants.pool_requests(maps, self.problem)
        self.requests.sort(key=lambda request: (request.namespace or "", request.name))
        self.result.consumed += self.tenants.consumed
        self.output = replace(self.output, owner=self.tenants.owner)
        self.result.owner = self.output.owner
        self.complete = not errors(self.result.problems)

    def of_kind(self, kind: str) -> Iterator[Item]:
        """The Platform's objects of a kind; Karpenter, for one, has NodeClaims too."""
        for other, items in self.kinds.items():
            if other != kind and other.lower() in (kind.lower(), f"{kind}list".lower()):
                for item in items:
                    if item.api_version in PLATFORM:
                        self.problem(
                            item.place.field("kind").error(
                                f"is {show(other)}; krmfn reads single objects of kind {kind}"
                            )
                        )
        for item in self.kinds.get(kind, ()):
            if item.api_version in PLATFORM:
                self.result.consumed.append(item)
                yield item
            elif item.api_version.partition("/")[0].endswith("loft.sh"):
                wrong = f"is {show(item.api_version)}; krmfn reads {' and '.join(PLATFORM)}"
                self.problem(item.place.field("apiVersion").error(wrong))

    def read_providers(self) -> None:
        """Read every provider, and compile the node types of ours."""
        for item in self.of_kind("NodeProvider"):
            model, problems = validate(NodeProvider, item.data, item.place)
            self.problem(*problems)
            if model is None:
                self.broken.add(item.name)
                continue
            name = model.metadata.name
            if name in self.providers:
                also = (
                    f", also in {self.providers[name].at.origin.file}"
                    if self.providers[name].at.origin.file
                    else ""
                )
                self.problem(
                    item.place.field("metadata", "name").error(
                        f"is the name of two NodeProviders{also}"
                    )
                )
                continue
            problems = [*admission(model, item.place), *_provider_properties(model, item.place)]
            self.problem(*problems)
            kubevirt = model.spec.kube_virt
            ours = kubevirt is not None and self.config.spec.cluster in (
                None,
                kubevirt.cluster_ref.cluster,
            )
            provider = self.providers[name] = _Provider(
                model, item.place, kubevirt, ours, nodetypes.offers(model, item.place)
            )
            provider.by_name = {offer.name: offer for offer in provider.offers}
            if kubevirt and ours and not errors(problems):
                provider.usable = self.compile(provider, kubevirt)
        self.problem(
            *nodetypes.clashes(
                offer for provider in self.providers.values() for offer in provider.offers
            )
        )
        offered = [
            offer
            for provider in self.providers.values()
            if provider.ours
            for offer in provider.offers
        ]
        self.result.node_types = sorted(
            offered, key=lambda offer: (offer.provider.metadata.name, offer.name)
        )

    def compile(self, provider: _Provider, kubevirt: KubeVirt) -> bool:
        """Compile all node types of a provider; whether all of them can be used."""
        found: list[Problem] = []
        usable = True
        for offer in provider.offers:
            of = layers(kubevirt, offer.index, provider.at.field("spec", "kubeVirt"))
            made, problems = self.prototypes.made(
                of, offer.node_type.resources, offer.at.field("resources")
            )
            found += problems
            if made is None:
                usable = False
                continue
            offer.resources, wrong = self.instancetypes.size(made, offer.node_type, offer.at)
            sound, problems = self.prototypes.check(made)
            found += [*wrong, *problems]
            usable = usable and sound
            self.own[offer.full_name] = made
        self.problem(*found)
        return usable and not errors(found)

    def read_claims(self) -> None:
        """Read the NodeClaims."""
        for item in self.of_kind("NodeClaim"):
            model, problems = validate(NodeClaim, item.data, item.place)
            self.problem(*problems)
            if model:
                request, problems = pools.of_claim(model, item.place)
                allowed = self.config.spec.allow_claim_templates
                self.problem(*problems, *_unsupported(model, item.place.field("spec"), allowed))
                self.requests.append(request)

    def is_ours(self, request: Request) -> bool:
        """Whether a request's machine is rendered in this run, as far as its provider is known."""
        provider = self.providers.get(request.asked.provider)
        return provider is None or provider.ours

    def match(self) -> None:
        """Find each request's provider, virtual cluster and node type: once for a whole pool."""
        chosen: dict[int, Offer | None] = {}
        nodes: dict[int, Node | None] = {}
        others: set[Origin] = set()
        for request in self.requests:
            tenant = self.tenants.of(request)
            if tenant:
                tenant.claims += 1
            elif self.config.flat and asked_elsewhere(request):
                others.add(request.at.origin)
            if id(request.asked) not in chosen:
                chosen[id(request.asked)] = self.choose(request.asked, request, tenant)
            offer = chosen[id(request.asked)]
            if tenant and offer:
                namespace = self.namespace(tenant, offer)
                self.problem(*self.tenants.disk_problems(tenant, namespace))
                if id(request.asked) not in nodes:
                    at = self.providers[offer.provider.metadata.name].at.field("spec")
                    node = nodes[id(request.asked)] = self.nodes.node(request, offer, at, namespace)
                    if offer.index < 0 and node:
                        offer.resources, problems = self.instancetypes.size(
                            node.prototype, offer.node_type, offer.at
                        )
                        self.problem(*problems)
                self.result.claims.append(
                    Claim(request, tenant, offer, namespace, nodes[id(request.asked)])
                )
        # Claims that share a property, an environment or a template share its problems.
        self.problem(*dict.fromkeys(self.nodes.problems))
        # A flat config serves one virtual cluster: the claims of others are not consumed, and stay as they are.
        self.result.consumed = [item for item in self.result.consumed if item.origin not in others]

    def choose(self, asked: Asked, request: Request, tenant: Tenant | None) -> Offer | None:
        """The node type of a request, None where there is none or another run renders it."""
        provider = self.providers.get(asked.provider)
        if provider is None and asked.provider in self.broken:
            return None
        if provider is None:
            known = listed(sorted(self.providers)) or "none at all"
            who = f"pool {show(asked.pool)} names " if asked.pool else "is "
            text = f"{who}{show(asked.provider)}; the NodeProviders here are {known}{nearest(asked.provider, self.providers)}"
            self.problem(asked.provider_place.error(text))
        elif provider.kubevirt is None:
            self.problem(
                asked.provider_place.error(
                    f"is {show(asked.provider)}, which is no KubeVirt provider"
                )
            )
        elif provider.ours:
            if tenant is None and (not self.config.flat or asked.virtual_cluster is None):
                self.problem(self.tenants.unknown(request))
            if provider.usable:
                if asked.pool:
                    allowed = self.config.spec.allow_claim_templates
                    for properties, at in asked.written:
                        self.problem(*nodetypes.property_problems(properties, at, allowed))
                if VM_TEMPLATE in asked.properties:
                    offer, problems = nodetypes.without_type(asked, provider.model)
                    self.problem(*problems)
                    return offer
                offer, problems = nodetypes.choose(
                    asked, provider.by_name, self.config.spec.on_ambiguous_node_type == "Fail"
                )
                self.problem(*problems)
                return offer
        return None

    def namespace(self, tenant: Tenant, offer: Offer) -> str:
        """The namespace of a claim's machine."""
        kubevirt = self.providers[offer.provider.metadata.name].kubevirt
        if kubevirt is None or kubevirt.namespace_strategy == "Provider":
            return kubevirt.cluster_ref.namespace if kubevirt else ""
        if not tenant.spec.vm_namespace and not tenant.told:
            tenant.told = True
            text = f"is required: provider {offer.provider.metadata.name} has namespaceStrategy VirtualCluster"
            self.problem(tenant.at.field("vmNamespace").error(text))
        return tenant.spec.vm_namespace or ""

    def check(self, several_clusters: bool) -> None:
        """Check what no claim alone can tell: lost claims, clusters, capacity."""
        self.problem(*self.tenants.check(self.complete))
        self.result.nothing = not self.result.claims and not any(
            tenant.spec.allow_no_nodes for tenant in self.tenants.all
        )
        clusters = {claim.cluster for claim in self.result.claims}
        if len(clusters) > 1 and not several_clusters:
            self.problem(
                self.at.field("cluster").error(
                    f"is required: the claims go to {', '.join(sorted(clusters))}"
                )
            )
        self.problem(*claims.by_type(self.result.claims))
        self.problem(
            *address_problems(
                [(claim.request, claim.node) for claim in self.result.claims if claim.node]
            )
        )

    def render(self) -> None:
        """Render every claim, and see that no two make the same object."""
        made: dict[tuple[str, str, str], Claim] = {}
        rendered: list[Rendered] = []
        size = 0
        for claim in self.result.claims:
            node = claim.node
            if claim.tenant.join is None or node is None:
                continue
            group = self.group(claim, node)
            machine = self.machine(group, node)
            config, network, problems = node.guest.of(claim.request.guest, node.addresses)
            self.problem(*problems)
            try:
                pair = render(
                    machine,
                    group,
                    claim.name,
                    claim.tenant.join,
                    self.output,
                    node.arguments,
                    config,
                    network,
                )
            except ValueError as error:
                self.problem(claim.request.at.error(str(error)))
                continue
            rendered.extend(pair)
            size += sum(len(thing.text) for thing in pair)
            if size > LARGEST_INPUT:
                most = LARGEST_INPUT // 2**20
                text = f"brings the output to over {most} MiB, more than krmfn reads again; render fewer virtual clusters at a time"
                self.problem(claim.request.at.error(text))
                return
            volumes = [
                ("DataVolume", claim.namespace, f"{claim.name}-{name}")
                for name in machine.data_volumes
            ]
            if self.output.layout.folder is not None:
                volumes.append(("file", group.cluster, f"{claim.name}.yaml"))
            for key in [*((thing.kind, thing.namespace, thing.name) for thing in pair), *volumes]:
                self.problem(*claims.object_problems(key, claim, made.setdefault(key, claim)))
        self.result.objects = sorted(
            rendered,
            key=lambda thing: (thing.kind, thing.group.cluster, thing.namespace, thing.name),
        )

    def group(self, claim: Claim, node: Node) -> Group:
        """What the claim shares with others that are rendered alike."""
        return Group(
            provider=claim.offer.provider.metadata.name,
            node_type=claim.offer.name,
            cluster=claim.cluster,
            namespace=claim.namespace,
            virtual_cluster=claim.tenant.spec.name,
            pool=claim.request.asked.pool,
            off=claim.request.asked.off,
            join_secret=claim.tenant.join.disk if claim.tenant.join else "",
            network=node.guest.networked,
        )

    def machine(self, group: Group, node: Node) -> Machine:
        """The compiled machine of a group and a prototype."""
        key = (group, id(node.prototype))
        if key not in self.machines:
            self.machines[key] = compile_machine(node.prototype, group, self.output)
        return self.machines[key]


def asked_elsewhere(request: Request) -> bool:
    """Whether a NodeClaim names a virtual cluster, of which the caller knows that it is not one of the config."""
    return request.asked.virtual_cluster is not None and not request.asked.pool


def _provider_properties(provider: NodeProvider, at: Place) -> Iterator[Problem]:
    """What is wrong with the properties of a provider and of its node types."""
    spec = at.field("spec")
    yield from nodetypes.property_problems(provider.spec.properties, spec.field("properties"))
    for index, node_type in enumerate(
        provider.spec.kube_virt.node_types if provider.spec.kube_virt else ()
    ):
        where = spec.field("kubeVirt", "nodeTypes", index)
        yield from nodetypes.property_problems(node_type.properties, where.field("properties"))


def _unsupported(claim: NodeClaim, at: Place, template_allowed: bool) -> Iterator[Problem]:
    if claim.spec.control_plane:
        yield at.field("controlPlane").error("is true; krmfn renders worker nodes")
    yield from nodetypes.property_problems(
        claim.spec.properties, at.field("properties"), template_allowed
    )
