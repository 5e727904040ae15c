"""The whole way from items to objects, for every door: `build(items, config) -> Build`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from krmfn import names, nodetypes
from krmfn.api.common import Taint, validate
from krmfn.api.kubevirtnodes import Config
from krmfn.api.nodeclaim import NodeClaim
from krmfn.api.nodeprovider import KubeVirt, NodeProvider, admission
from krmfn.krm import Item
from krmfn.kubevirt.template import MEMORY_PATHS, Prototype, discover, prototype
from krmfn.nodetypes import Offer
from krmfn.problems import Place, Problem, errors, nearest, show
from krmfn.render import Group, Machine, Output, Rendered, compile_machine, render, template_problems
from krmfn.tenants import Tenant, Tenants

API_VERSIONS = ("management.loft.sh/v1", "storage.loft.sh/v1")
KINDS = ("NodeProvider", "NodeClaim")


@dataclass(slots=True)
class Claim:
    """A node claim, with everything that was decided about it."""

    model: NodeClaim
    at: Place
    tenant: Tenant
    offer: Offer
    namespace: str = ""
    pool: str = ""

    @property
    def name(self) -> str:
        """The claim's name: its machine's, its guest's host name's and its node's."""
        return self.model.metadata.name


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


@dataclass(slots=True)
class _Provider:
    model: NodeProvider
    at: Place
    kubevirt: KubeVirt | None
    offers: list[Offer]
    prototypes: dict[int, Prototype] = field(default_factory=dict)


def build(items: Iterable[Item], config: Config, at: Place, folder: str | None = None, several_clusters: bool = False) -> Build:
    """Render every claim. `at` is the place of the config's spec; `folder`, for a package, where its files go, with a slash.

    All problems come together in the result; those that the config accepts are left out.
    """
    run = _Run(list(items), config, at, Output(config.name, config.spec.secret_encoding, config.spec.annotations, folder))
    run.several_clusters = several_clusters
    run.go()
    accepted = set(config.spec.accept_warnings)
    result = run.result
    result.problems = [problem for problem in result.problems if problem.severity == "error" or problem.code not in accepted]
    if errors(result.problems):
        result.objects = []
    return result


class _Run:
    """One run's state: what was read, and what it came to."""

    several_clusters = False

    def __init__(self, items: list[Item], config: Config, at: Place, output: Output) -> None:
        self.items = items
        self.config = config
        self.at = at
        self.output = output
        self.result = Build()
        self.providers: dict[str, _Provider] = {}
        self.tenants = Tenants(config, at)
        self.machines: dict[Group, Machine] = {}

    def problem(self, *problems: Problem) -> None:
        self.result.problems.extend(problems)

    def go(self) -> None:
        self.read_providers()
        claims = self.read_claims()
        self.read_tenants(claims)
        for model, at in claims:
            self.match(model, at)
        self.problem(*self.tenants.check())
        allowed = any(tenant.spec.allow_no_nodes for tenant in self.tenants.all)
        self.result.nothing = not self.result.claims and not allowed
        self.check_clusters()
        self.check_capacity()
        if not errors(self.result.problems):
            self.render_all()

    def read_providers(self) -> None:
        for item in self.of_kind("NodeProvider"):
            self.result.consumed.append(item)
            model, problems = validate(NodeProvider, item.data, item.place)
            self.problem(*problems)
            if model is None:
                continue
            if model.metadata.name in self.providers:
                self.problem(
                    item.place.field("metadata", "name").error(
                        "is the name of two NodeProviders" + _also(self.providers[model.metadata.name].at)
                    )
                )
                continue
            problems = list(admission(model, item.place)) + list(_not_yet(model, item.place))
            self.problem(*problems)
            provider = _Provider(model, item.place, model.spec.kube_virt, nodetypes.offers(model, item.place))
            self.providers[model.metadata.name] = provider
            if provider.kubevirt and self.ours(provider) and not errors(problems):
                self.compile(provider, provider.kubevirt)
        offered = [offer for provider in self.providers.values() for offer in provider.offers]
        self.problem(*nodetypes.clashes(offered))
        self.result.node_types = sorted(offered, key=lambda offer: offer.full_name)

    def ours(self, provider: _Provider) -> bool:
        """Whether a provider's machines are rendered in this run."""
        return bool(provider.kubevirt) and self.config.spec.cluster in (
            None,
            provider.kubevirt.cluster_ref.cluster if provider.kubevirt else "",
        )

    def compile(self, provider: _Provider, kubevirt: KubeVirt) -> None:
        for offer in provider.offers:
            compiled, problems = prototype(kubevirt, offer.index, provider.at.field("spec", "kubeVirt"))
            if not errors(problems):
                problems += template_problems(compiled, offer.at.field("virtualMachineTemplate"))
                problems += _sized(offer, compiled)
            self.problem(*problems)
            provider.prototypes[offer.index] = compiled

    def read_claims(self) -> list[tuple[NodeClaim, Place]]:
        claims = []
        for item in self.of_kind("NodeClaim"):
            self.result.consumed.append(item)
            model, problems = validate(NodeClaim, item.data, item.place)
            self.problem(*problems)
            if model:
                self.problem(*_unsupported(model, item.place.field("spec")))
                claims.append((model, item.place))
        return sorted(claims, key=lambda claim: (claim[0].metadata.namespace or "", claim[0].metadata.name))

    def of_kind(self, kind: str) -> Iterator[Item]:
        for item in self.items:
            if item.kind != kind:
                continue
            if item.api_version in API_VERSIONS:
                yield item
            elif item.api_version.partition("/")[0].endswith("loft.sh"):
                self.problem(item.place.field("apiVersion").error(f"is {show(item.api_version)}; krmfn reads {' and '.join(API_VERSIONS)}"))

    def read_tenants(self, claims: list[tuple[NodeClaim, Place]]) -> None:
        named = [model.spec.v_cluster_ref for model, _ in claims if model.spec.v_cluster_ref and self.of_ours(model)]
        self.problem(*self.tenants.read(self.items, named))
        self.result.consumed += self.tenants.secrets
        self.output = replace(self.output, owner=self.tenants.owner)
        self.result.owner = self.output.owner

    def of_ours(self, model: NodeClaim) -> bool:
        provider = self.providers.get(model.spec.provider_ref)
        return provider is None or self.ours(provider)

    def match(self, model: NodeClaim, at: Place) -> None:
        """Find a claim's provider, virtual cluster and node type; a claim of another KubeVirt cluster is not ours."""
        spec = at.field("spec")
        tenant = self.tenants.of(model)
        if tenant:
            tenant.claims += 1
        provider = self.providers.get(model.spec.provider_ref)
        if provider is None:
            known = ", ".join(sorted(self.providers)) or "none at all"
            guess = nearest(model.spec.provider_ref, self.providers)
            self.problem(spec.field("providerRef").error(f"is {show(model.spec.provider_ref)}; the NodeProviders here are {known}{guess}"))
        elif provider.kubevirt is None:
            self.problem(spec.field("providerRef").error(f"is {show(model.spec.provider_ref)}, which is no KubeVirt provider"))
        elif self.ours(provider):
            offer, problems = nodetypes.choose(model, provider.offers, at)
            self.problem(*problems)
            if tenant is None and not self.config.flat:
                self.problem(self.tenants.unknown(model, spec))
            if tenant and offer:
                self.claim(Claim(model, at, tenant, offer), provider.kubevirt)

    def claim(self, claim: Claim, kubevirt: KubeVirt) -> None:
        claim.namespace = kubevirt.cluster_ref.namespace
        if kubevirt.namespace_strategy == "VirtualCluster":
            claim.namespace = claim.tenant.spec.vm_namespace or ""
            if not claim.namespace:
                at = claim.tenant.at.field("vmNamespace")
                self.problem(at.error(f"is required: provider {claim.model.spec.provider_ref} has namespaceStrategy VirtualCluster"))
        self.result.claims.append(claim)

    def check_clusters(self) -> None:
        clusters = {
            claim.offer.provider.spec.kube_virt.cluster_ref.cluster for claim in self.result.claims if claim.offer.provider.spec.kube_virt
        }
        if len(clusters) > 1 and not self.several_clusters:
            self.problem(self.at.field("cluster").error(f"is required: the claims go to {', '.join(sorted(clusters))}"))

    def check_capacity(self) -> None:
        claimed: dict[str, list[Claim]] = defaultdict(list)
        for claim in self.result.claims:
            claimed[claim.offer.full_name].append(claim)
        for name, claims in sorted(claimed.items()):
            offer = claims[0].offer
            if 0 < offer.node_type.max_capacity < len(claims):
                listed = ", ".join(claim.name for claim in claims[:10]) + (", …" if len(claims) > 10 else "")
                text = f"is {offer.node_type.max_capacity}, but {len(claims)} claims ask for {name}: {listed}"
                self.problem(offer.at.field("maxCapacity").error(text, "capacity"))

    def render_all(self) -> None:
        made: dict[tuple[str, str, str], Claim] = {}
        rendered: list[Rendered] = []
        for claim in self.result.claims:
            pair = self.render(claim)
            rendered.extend(pair)
            for key in [(thing.kind, thing.namespace, thing.name) for thing in pair] + self.data_volumes(claim):
                other = made.setdefault(key, claim)
                if other is not claim:
                    kind, namespace, name = key
                    self.problem(
                        claim.at.field("metadata", "name").error(
                            f"makes {kind} {namespace}/{name}, as {other.at.origin.resource} does" + _also(other.at)
                        )
                    )
        self.result.objects = sorted(rendered, key=lambda thing: (thing.kind, thing.group.cluster, thing.namespace, thing.name))

    def group(self, claim: Claim) -> Group:
        provider = claim.offer.provider
        cluster = provider.spec.kube_virt.cluster_ref.cluster if provider.spec.kube_virt else ""
        return Group(
            provider=provider.metadata.name,
            node_type=claim.offer.node_type.name,
            cluster=cluster,
            namespace=claim.namespace,
            virtual_cluster=claim.tenant.spec.name,
            pool=claim.pool,
            off=claim.model.spec.power.state == "Off",
        )

    def machine(self, group: Group, claim: Claim) -> Machine:
        if group not in self.machines:
            compiled = self.providers[group.provider].prototypes[claim.offer.index]
            self.machines[group] = compile_machine(compiled, group, self.output)
        return self.machines[group]

    def render(self, claim: Claim) -> tuple[Rendered, ...]:
        group = self.group(claim)
        spec = claim.model.spec
        taints = self.providers[group.provider].prototypes[claim.offer.index].taints + spec.taints + spec.startup_taints
        problems = list(_taint_problems(taints, spec.kubelet_args, claim.at.field("spec")))
        self.problem(*problems)
        if claim.tenant.join is None or problems:
            return ()
        try:
            return render(self.machine(group, claim), group, claim.name, claim.tenant.join, self.output, taints, spec.kubelet_args)
        except ValueError as error:
            self.problem(claim.at.error(str(error)))
            return ()

    def data_volumes(self, claim: Claim) -> list[tuple[str, str, str]]:
        found = [f"{claim.name}-{name}" for name in self.machine(self.group(claim), claim).data_volumes]
        self.problem(
            *(
                claim.at.field("metadata", "name").error(f"makes a DataVolume whose name {names.subdomain(name)}")
                for name in found
                if len(name) > 253
            )
        )
        return [("DataVolume", claim.namespace, name) for name in found]


def _sized(offer: Offer, compiled: Prototype) -> Iterator[Problem]:
    """The Platform can't use a node type whose memory it can't tell (loft-sh/vcluster#3570)."""
    if "instancetype" in compiled.vm["spec"] or "memory" in offer.node_type.resources:
        return
    if discover(compiled.vm)["memory"] is None:
        yield offer.at.field("resources", "memory").error(f"is required: the template has none of {', '.join(MEMORY_PATHS)}")


def _not_yet(provider: NodeProvider, at: Place) -> Iterator[Problem]:
    """What the Platform renders and krmfn does not, refused by name."""
    spec = at.field("spec")
    if provider.spec.properties:
        yield spec.field("properties").error("are not rendered yet")
    for index, node_type in enumerate(provider.spec.kube_virt.node_types if provider.spec.kube_virt else ()):
        where = spec.field("kubeVirt", "nodeTypes", index)
        if node_type.properties:
            yield where.field("properties").error("are not rendered yet")
        if node_type.overhead and node_type.overhead.kube_reserved:
            yield where.field("overhead", "kubeReserved").error("is not rendered yet")


def _unsupported(claim: NodeClaim, at: Place) -> Iterator[Problem]:
    spec = claim.spec
    if spec.control_plane:
        yield at.field("controlPlane").error("is true; krmfn renders worker nodes")
    for key, value in (
        ("properties", spec.properties),
        ("requirements", spec.requirements),
        ("desiredCapacity", spec.desired_capacity),
        ("profileRef", spec.profile_ref),
        ("environmentRef", spec.environment_ref),
    ):
        if value:
            yield at.field(key).error("is not rendered yet")


def _taint_problems(taints: list[Taint], arguments: dict[str, str], at: Place) -> Iterator[Problem]:
    seen: dict[tuple[str, str], str] = {}
    for taint in taints:
        if seen.setdefault((taint.key, taint.effect), taint.value) != taint.value:
            yield at.field("taints").error(f"has {taint.key} with effect {taint.effect} twice, with two values; kubelet takes one")
    if taints and "register-with-taints" in arguments:
        yield at.field("kubeletArgs", "register-with-taints").error(
            "stands beside taints of the claim or its node type; write them all as taints"
        )


def _also(at: Place) -> str:
    return f" (also in {at.origin.file})" if at.origin.file else ""
