"""Machines that are rendered alike: what they share, and its compiled form."""

from __future__ import annotations

from dataclasses import dataclass

from krmfn.machine.provenance import Provenance
from krmfn.manifests.yamlio import Template


@dataclass(frozen=True, slots=True)
class MachineSet:
    """What machines share that are rendered alike; it names everything but the claim.

    `network`: their Secrets have network data. `off`: they are switched off.
    """

    provider: str
    node_type: str | None
    cluster: str
    namespace: str
    virtual_cluster: str
    pool: str | None
    off: bool = False
    join_secret: str = ""
    network: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class CompiledMachine:
    """A compiled prototype: its objects as text with holes, and who set the machine's fields."""

    machines: MachineSet
    vm: Template
    secret: Template
    data_volumes: tuple[str, ...]
    provenance: Provenance
