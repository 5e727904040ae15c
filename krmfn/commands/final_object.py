"""One object of a kustomization: as krmfn rendered it, and as kustomize printed it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from krmfn.machine.instancetypes import template_size
from krmfn.machine.marks import OURS
from krmfn.manifests import yamlio
from krmfn.manifests.item import Item
from krmfn.nodes.build import Build
from krmfn.nodes.claim import Claim
from krmfn.nodes.machine_set import MachineSet
from krmfn.nodes.render import Rendered
from krmfn.platform.config import Config
from krmfn.records import record

_HEAD = ("apiVersion", "kind", "metadata")


@record(frozen=True)
class Run:
    """One run of krmfn in a kustomization: what it was handed, and what came of it."""

    items: list[Item]
    config: Config
    built: Build


@record(frozen=True)
class Source:
    """An object as krmfn rendered it, the run that did, and the claim of a machine."""

    run: Run
    rendered: Rendered
    data: dict[str, Any]
    claim: Claim | None


@record(frozen=True)
class Final:
    """An object as kustomize printed it; the source is None if its run is not known."""

    item: Item
    source: Source | None

    @property
    def is_changed(self) -> bool:
        """Whether it is not what krmfn rendered, as far as that is known."""
        return self.source is None or self.source.data != self.item.data

    @property
    def rendered(self) -> Rendered:
        """The object as one of those that a run gives, in krmfn's own form."""
        item, source = self.item, self.source
        if source is None:
            return Rendered(
                item.kind, item.api_version, item.namespace, item.name,
                mark(item, "node-claim"), item.name, _machine_set(item), _text(item.data),
            )  # fmt: skip
        text = _text(item.data) if self.is_changed else source.rendered.text
        return replace(source.rendered, namespace=item.namespace, name=item.name, text=text)

    @property
    def claim(self) -> Claim | None:
        """The claim of a machine, with the machine's namespace and size."""
        claim = self.source.claim if self.source else None
        return claim and _resized(claim, self.item)


def mark(item: Item, key: str) -> str | None:
    """Return one of krmfn's marks: a label, or an annotation where it is not a legal label."""
    value = item.labels.get(OURS + key, item.annotations.get(OURS + key))
    return value if isinstance(value, str) else None


def _machine_set(item: Item) -> MachineSet:
    """Return what the marks tell of an object whose inputs are not known."""
    return MachineSet(
        provider=mark(item, "node-provider") or "",
        node_type=mark(item, "node-type"),
        cluster="",
        namespace=item.namespace,
        virtual_cluster=mark(item, "virtual-cluster") or "",
        pool=mark(item, "pool"),
    )


def _text(data: dict[str, Any]) -> str:
    """Write an object with its keys in the order in which people write them."""
    head = {key: data[key] for key in _HEAD if key in data}
    return yamlio.dump({**head, **data})


def _resized(claim: Claim, machine: Item) -> Claim:
    """Return a claim whose machine is another one than its prototype, with that one's size."""
    offer, node = claim.offer, claim.node
    if node is not None:
        before, after = template_size(node.prototype.vm), template_size(machine.data)
        size = {name: amount for name, amount in after.items() if amount}
        if before != after:
            offer = replace(offer, resources={**offer.resources, **size})
        node = replace(node, prototype=replace(node.prototype, vm=machine.data))
    group = replace(claim.group, namespace=machine.namespace, node=node)
    return replace(claim, group=group, offer=offer)
