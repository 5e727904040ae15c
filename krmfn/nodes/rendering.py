"""Renders the claims of a run, and sees that no two make the same object."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from krmfn.machine.machine_metadata import NO_METADATA
from krmfn.machine.prototype import Prototype
from krmfn.manifests.secret_names import SECRET_SUFFIX
from krmfn.manifests.yamlio import LARGEST_INPUT
from krmfn.nodes.claim import Claim, Node
from krmfn.nodes.machine_set import CompiledMachine, MachineSet
from krmfn.nodes.render import (
    Output,
    Rendered,
    compile_machine,
    general,
    of_set,
    render,
    render_shared_secret,
    with_metadata,
)
from krmfn.nodes.run_checks import object_problems
from krmfn.problems import Collector, Problem

# What may exist only once: its kind, its namespace (of a file: its cluster) and its name.
_Key = tuple[str, str, str]


class Rendering:
    """Renders claims, and sees that no two make the same object."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._machines: dict[tuple[MachineSet, Prototype], CompiledMachine] = {}
        self._makers: dict[_Key, Claim] = {}
        self._size = 0

    def run(self, claims: list[Claim], problems: Collector) -> list[Rendered]:
        """Return the objects of all claims, Secrets before machines."""
        objects: list[Rendered] = []
        for claim in claims:
            own = self._render(claim, problems)
            objects += own
            self._size += sum(len(rendered.text) for rendered in own)
            if self._size > LARGEST_INPUT:
                message = f"brings the output to over {LARGEST_INPUT // 2**20} MiB, more than "
                message += "krmfn reads again; render fewer virtual clusters at a time"
                problems.append(claim.request.at.error(message))
                return []
        objects.sort(key=lambda rendered: rendered.order)
        return objects

    def token_problems(self, claims: Iterable[Claim]) -> Iterator[Problem]:
        """Yield Secrets of tokens that the output would overwrite: they are somebody else's."""
        tokens = {
            (claim.tenant, claim.namespace, claim.tenant.join.disk): None
            for claim in claims
            if claim.tenant.join and claim.tenant.join.disk
        }
        for tenant, namespace, name in tokens:
            if maker := self._makers.get(("Secret", namespace, name)):
                message = f"is {name}, a Secret in {namespace} that krmfn makes for {maker.request}"
                at = tenant.at.field("joinToken", "secretKeyRef", "name")
                yield at.error(f"{message}; give the token's another name")

    def _render(self, claim: Claim, problems: Collector) -> list[Rendered]:
        """Render one claim, and check the names of its objects."""
        group, node = claim.group, claim.group.node
        if node is None:
            return []
        if group.machine is None:
            group.machine = self._compiled(self._machine_set(claim, node), node)
        machine = group.machine
        objects = render(claim, node, machine, self._output, problems)
        if claim.request is group.leader:
            shared = render_shared_secret(claim, node, machine, self._output, problems)
            objects = [*shared, *objects]
        for key in self._keys(objects, claim, machine):
            first = self._makers.setdefault(key, claim)
            kind, namespace, name = key
            problems += object_problems(kind, namespace, name, claim, first)
        return objects

    def _keys(
        self, objects: list[Rendered], claim: Claim, machine: CompiledMachine
    ) -> Iterator[_Key]:
        """Yield all that a claim makes in a cluster and in the output's folder."""
        if not objects:
            return
        for rendered in objects:
            yield rendered.kind, rendered.namespace, rendered.name
        for name in machine.data_volumes:
            yield "DataVolume", claim.namespace, f"{claim.name}-{name}"
        if self._output.layout.folder is not None:
            for file in {rendered.file for rendered in objects}:
                yield "file", claim.cluster, f"{file}.yaml"

    def _compiled(self, machines: MachineSet, node: Node) -> CompiledMachine:
        """Return the compiled machine of a set.

        Sets that differ in names, or in the metadata of their claims, share most of it.
        """
        prototype, plain = node.prototype, replace(machines, metadata=NO_METADATA)
        machine = self._machines.get((plain, prototype))
        if machine is None:
            shared, values = general(plain)
            base = self._machines.get((shared, prototype))
            if base is None:
                base = compile_machine(prototype, shared, self._output)
                self._machines[shared, prototype] = base
            machine = self._machines[plain, prototype] = of_set(base, plain, values)
        if machines.metadata == NO_METADATA:
            return machine
        return with_metadata(machine, prototype, machines, self._output)

    def _machine_set(self, claim: Claim, node: Node) -> MachineSet:
        """Return what the machines of a group share."""
        join, guest, shared_secret = claim.tenant.join, node.guest, None
        # What a template makes of a claim is that claim's own.
        if claim.pool and self._output.shares_secrets and guest.user_template is None:
            shared_secret = f"{claim.tenant.spec.name}-{claim.pool}{SECRET_SUFFIX}"
        return MachineSet(
            provider=claim.offer.provider.metadata.name,
            node_type=claim.offer.name,
            cluster=claim.cluster,
            namespace=claim.namespace,
            virtual_cluster=claim.tenant.spec.name,
            pool=claim.pool,
            shared_secret=shared_secret,
            has_network=guest.networked,
            has_own_network=bool(shared_secret and guest.has_own_network),
            join_secret=join.disk if join else "",
            off=claim.request.asked.off is not None,
            metadata=claim.request.asked.metadata,
        )
