"""Machines that are rendered alike: what they share, and its compiled form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from krmfn.machine.additions import note_metadata
from krmfn.machine.machine_metadata import NO_METADATA, MachineMetadata
from krmfn.machine.provenance import Provenance
from krmfn.manifests.yamlio import Template
from krmfn.records import record


@record(frozen=True)
class MachineSet:
    """What machines share that are rendered alike; it names everything but the claim.

    `shared_secret` is the name of the cloud-init Secret that the nodes of a pool share, None if
    each has its own. `has_network`: there is network data. `off`: they are switched off.
    `metadata` comes from their claim, or for their pool from the config.
    """

    provider: str
    node_type: str | None
    cluster: str
    namespace: str
    virtual_cluster: str
    pool: str | None
    shared_secret: str | None = None
    has_network: bool = False
    has_own_network: bool = False
    join_secret: str = ""
    off: bool = False
    metadata: MachineMetadata = NO_METADATA


@record(eq=False)
class CompiledMachine:
    """A compiled prototype: its objects as text with holes, and who set the machine's fields.

    The machine is its `head`, which ends with its metadata, and its `spec`. `noted` is who set the
    fields, but for those of the claim's or pool's metadata. `secret` is the Secret of one node: its
    cloud-init Secret or, beside one that is shared, the one with its own network data. It is None
    if the node needs no Secret of its own. `data_volumes` maps the names of the machine's
    DataVolumes, without the claim's name and the dash after it, to those of their templates.
    """

    machines: MachineSet
    head: Template
    spec: Template
    secret: Template | None
    data_volumes: Mapping[str, str]
    noted: Provenance
    # Never a copy of another one's: `replace` leaves it out.
    _provenance: Provenance | None = field(default=None, init=False)

    @property
    def provenance(self) -> Provenance:
        """Who set the machine's fields. Only plans and explanations ask for it."""
        if self._provenance is None:
            self._provenance = self.noted
            if self.machines.metadata != NO_METADATA:
                self._provenance = self.noted.copy()
                note_metadata(self._provenance, self.machines.metadata)
        return self._provenance
