"""The NodeProviders of a run, with the node types of those that this run renders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field

from krmfn.machine.compiler import Compiler
from krmfn.machine.instancetypes import Instancetypes, SizeOf, node_type_size
from krmfn.machine.layers import LayerName, type_layers
from krmfn.machine.prototype import Prototype
from krmfn.machine.resources import resized
from krmfn.manifests.item import Item
from krmfn.nodes.node_types import Offer, name_clashes, property_problems, provider_offers
from krmfn.platform.node_provider import KubeVirt, NodeProvider, admission
from krmfn.platform.properties import Leave
from krmfn.platform.validation import validate
from krmfn.problems import Collector, Place, Problem
from krmfn.records import record


@record()
class Provider:
    """A NodeProvider; `at` is its place.

    `kubevirt` is None if it is of another kind. `is_ours`: this run renders its cluster.
    `is_usable`: all of its node types are.
    """

    model: NodeProvider
    at: Place
    kubevirt: KubeVirt | None
    is_ours: bool
    is_usable: bool = False
    offers: list[Offer] = field(default_factory=list)
    by_name: dict[str, Offer] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name by which claims and pools refer to it."""
        return self.model.metadata.name


@record()
class Providers:
    """The providers of a run, by name. `broken` are the names of those that can't be read."""

    by_name: dict[str, Provider] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)

    @property
    def offers(self) -> list[Offer]:
        """The node types that this run renders, by provider and name."""
        offers: list[Offer] = []
        for provider in self.by_name.values():
            if provider.is_ours:
                offers += provider.offers
        return sorted(offers, key=_rank)

    @property
    def ours(self) -> list[str]:
        """The names of the providers whose cluster this run renders."""
        return [name for name, provider in self.by_name.items() if provider.is_ours]

    def renders(self, name: str) -> bool:
        """Tell whether this run renders a provider's machines, as far as it is known."""
        provider = self.by_name.get(name)
        return provider is None or provider.is_ours


def read_providers(
    items: list[Item],
    cluster: str | None,
    compiler: Compiler,
    instancetypes: Instancetypes,
    leave: Leave,
    problems: Collector,
) -> Providers:
    """Read providers, and compile the node types of those in `cluster` (None: in any)."""
    providers = Providers()
    for item in items:
        model = validate(NodeProvider, item.data, item.place, problems)
        if model is None:
            providers.broken.add(item.name)
        elif other := providers.by_name.get(model.metadata.name):
            also = f", also in {other.at.origin.file}" if other.at.origin.file else ""
            at = item.place.field("metadata", "name")
            problems.append(at.error(f"is the name of two NodeProviders{also}"))
        else:
            provider = _provider(model, item.place, cluster)
            providers.by_name[provider.name] = provider
            collected = Collector(_provider_problems(model, item.place, leave))
            problems += collected
            if provider.is_ours and not collected.has_errors:
                provider.is_usable = _compile(provider, compiler, instancetypes, problems)
    every = [offer for provider in providers.by_name.values() for offer in provider.offers]
    problems += name_clashes(every)
    return providers


def _rank(offer: Offer) -> tuple[str, str]:
    """Order node types by provider and name."""
    return offer.provider.metadata.name, str(offer.name)


def _provider(model: NodeProvider, at: Place, cluster: str | None) -> Provider:
    """Return a provider with the node types that it offers."""
    kubevirt = model.spec.kube_virt
    if kubevirt is None:
        return Provider(model, at, None, is_ours=False)
    is_ours = cluster in (None, kubevirt.cluster_ref.cluster)
    provider = Provider(model, at, kubevirt, is_ours)
    provider.offers = provider_offers(model, kubevirt, at.field("spec", "kubeVirt"))
    provider.by_name = {str(offer.name): offer for offer in provider.offers}
    return provider


def _provider_problems(provider: NodeProvider, at: Place, leave: Leave) -> Iterator[Problem]:
    """Yield what the Platform's admission would refuse, and wrong properties."""
    yield from admission(provider, at)
    spec = provider.spec
    place = at.field("spec")
    if spec.kube_virt is None:
        return
    yield from property_problems(spec.properties, place.field("properties"), leave)
    for index, node_type in enumerate(spec.kube_virt.node_types):
        where = place.field("kubeVirt", "nodeTypes", index, "properties")
        yield from property_problems(node_type.properties, where, leave)


def _compile(
    provider: Provider, compiler: Compiler, instancetypes: Instancetypes, problems: Collector
) -> bool:
    """Compile all node types of a provider, and tell whether all of them can be used."""
    collected = Collector()
    templates = _Templates(compiler)
    is_usable = True
    for offer in provider.offers:
        prototype = templates.compile(offer, provider.at.field("spec", "kubeVirt"), collected)
        if prototype is None:
            is_usable = False
            continue
        source = SizeOf(offer.given_resources, instancetypes, offer.namespace, offer.at)
        sizing = Collector()
        offer.resources = node_type_size(prototype, source, sizing)
        collected += [*prototype.causes, *sizing] if sizing.has_errors else sizing
        is_usable = compiler.check(prototype, collected) and is_usable
        offer.prototype = prototype
    problems += collected
    return is_usable and not collected.has_errors


class _Templates:
    """The prototypes of a provider's node types.

    Node types that share the provider's template share its prototype, and those of one size
    the resized one.
    """

    def __init__(self, compiler: Compiler) -> None:
        self._compiler = compiler
        self._base: Prototype | None = None
        self._has_base = False
        self._sizes: dict[tuple[str, str], Prototype | None] = {}

    def compile(self, offer: Offer, at: Place, problems: Collector) -> Prototype | None:
        """Return the prototype of a node type, None if something is wrong with it."""
        layers = type_layers(offer.kubevirt, offer.index or 0, at)
        where = offer.at.field("resources")
        if len(layers) > 1 or layers[0].name is not LayerName.BASE:
            prototype = self._compiler.compile(layers, where, problems)
            return _resized(prototype, offer, problems)
        if not self._has_base:
            self._has_base = True
            self._base = self._compiler.compile(layers, where, problems)
        resources = offer.given_resources
        size = (str(resources.get("cpu")), str(resources.get("memory")))
        if size not in self._sizes:
            self._sizes[size] = _resized(self._base, offer, problems)
        return self._sizes[size]


def _resized(prototype: Prototype | None, offer: Offer, problems: Collector) -> Prototype | None:
    """Return the prototype in the size of a node type."""
    if prototype is None:
        return None
    collected = Collector()
    at = offer.at.field("resources")
    sized = resized(prototype, offer.given_resources, at, collected)
    problems += collected
    return None if collected.has_errors else sized
