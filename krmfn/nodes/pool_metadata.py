"""The labels and annotations that the config gives the machines of static pools."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field

from krmfn.machine.machine_metadata import NO_METADATA, MachineMetadata, MetadataReader
from krmfn.platform.config import PoolMetadata
from krmfn.problems import Collector, Place, Problem, listed, nearest, show
from krmfn.records import record


@record()
class PoolsMetadata:
    """What a virtual cluster's `pools` in the config, which stand at `at`, say."""

    pools: list[PoolMetadata] = field(default_factory=list)
    at: Place = field(default_factory=Place)
    reader: MetadataReader = field(default_factory=MetadataReader)

    def problems(self, known: list[str], virtual_cluster: str) -> Iterator[Problem]:
        """Yield the pools that the virtual cluster's vcluster.yaml does not have."""
        for number, pool in enumerate(self.pools):
            if pool.name not in known:
                message = f"is {show(pool.name)}; the static pools of {virtual_cluster} are "
                message += f"{listed(sorted(known)) or 'none at all'}{nearest(pool.name, known)}"
                yield self.at.field(number, "name").error(message)

    def of(self, name: str, problems: Collector) -> MachineMetadata:
        """Return what the machines of a pool get."""
        for number, pool in enumerate(self.pools):
            if pool.name == name:
                at = self.at.field(number)
                found = self.reader.read(pool.labels, pool.annotations, at, problems)
                return MachineMetadata(*found, config=at)
        return NO_METADATA
