"""What machines need of a namespace: CPU, memory, storage, and places in a ResourceQuota.

The amounts are the least there can be: KubeVirt's overhead of each machine is not among them.
Of its CPU a pod requests a tenth (KubeVirt's `cpuAllocationRatio`) unless the template says
otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from krmfn.kubernetes.quantity import Quantity
from krmfn.kubevirt.vm_paths import CPU, DATA_VOLUMES, RESOURCES, Map, get, mappings
from krmfn.machine.instancetypes import template_size
from krmfn.records import record

# Amounts by the names that a ResourceQuota has for them.
Need = dict[str, Quantity]
STORAGE = "storage"
_ALLOCATION_RATIO = 10
_ONE = Quantity(Fraction(1))
_COUNTED_MACHINES = (
    "count/virtualmachines.kubevirt.io",
    "count/virtualmachineinstances.kubevirt.io",
    "pods",
    "count/pods",
    "secrets",
    "count/secrets",
)
_COUNTED_DISKS = (
    "persistentvolumeclaims",
    "count/persistentvolumeclaims",
    "count/datavolumes.cdi.kubevirt.io",
)


@record(frozen=True)
class Former:
    """A machine of an earlier state that the new one does not have.

    If it is not `whole`, it stands for disks that a machine's declaration no longer has.
    """

    cluster: str
    namespace: str
    node_type: str
    vm: Map
    whole: bool = True

    @property
    def resources(self) -> Need:
        """CPU, memory and storage, as far as the manifest says."""
        sizes = template_size(self.vm) if self.whole else {}
        amounts = {**sizes, STORAGE: storage(self.vm)}
        return {name: amount for name, amount in amounts.items() if amount is not None}


def storage(vm: Map) -> Quantity | None:
    """Sum up what the DataVolumes of a machine hold, None if they don't say."""
    total: Quantity | None = None
    for _, amount in _disks(vm):
        total = total + amount if total and amount else amount or total
    return total


def machine_need(vm: Map, size: dict[str, Quantity]) -> Need:
    """Return what one machine of a size takes of a ResourceQuota."""
    need: Need = dict.fromkeys(_COUNTED_MACHINES, _ONE)
    for name in ("cpu", "memory"):
        limit = _declared(vm, "limits", name)
        if limit:
            need[f"limits.{name}"] = limit
        request = _declared(vm, "requests", name)
        if request is None and name in size:
            request = _implied_request(vm, name, size[name])
        if request:
            need[name] = request
            need[f"requests.{name}"] = request
    return add(need, disk_need(vm))


def _declared(vm: Map, kind: str, name: str) -> Quantity | None:
    """Return a request or limit that a machine declares, None if it declares none."""
    return amount_of(get(vm, (*RESOURCES, kind, name)))


def _implied_request(vm: Map, name: str, size: Quantity) -> Quantity:
    """Return what KubeVirt requests for a machine of a size that declares no request."""
    is_dedicated = get(vm, (*CPU, "dedicatedCpuPlacement")) is True
    if name == "cpu" and not is_dedicated:
        return Quantity(size.value / _ALLOCATION_RATIO, size.form)
    return size


def disk_need(vm: Map) -> Need:
    """Return what the disks of one machine take of a ResourceQuota."""
    need: Need = {}
    for storage_class, size in _disks(vm):
        disk = dict.fromkeys(_COUNTED_DISKS, _ONE)
        if size:
            disk["requests.storage"] = size
        if storage_class:
            prefix = f"{storage_class}.storageclass.storage.k8s.io/"
            disk[f"{prefix}persistentvolumeclaims"] = _ONE
            if size:
                disk[f"{prefix}requests.storage"] = size
        add(need, disk)
    return need


def add(to: Need, more: Need, times: int = 1) -> Need:
    """Add amounts to others, `times` over, and return the sum."""
    for name, amount in more.items():
        product = Quantity(amount.value * times, amount.form)
        to[name] = to[name] + product if name in to else product
    return to


def amount_of(value: Any) -> Quantity | None:
    """Read a quantity, None if it is not one."""
    try:
        return Quantity.parse(value)
    except ValueError:
        return None


def _disks(vm: Map) -> Iterator[tuple[str, Quantity | None]]:
    """Yield the storage class ("" for the default) and the size of each DataVolume."""
    for template in mappings(get(vm, DATA_VOLUMES)):
        for kind in ("pvc", "storage"):
            claim = get(template, ("spec", kind))
            if isinstance(claim, dict):
                storage_class = claim.get("storageClassName") or ""
                size = get(claim, ("resources", "requests", "storage"))
                yield str(storage_class), amount_of(size)
