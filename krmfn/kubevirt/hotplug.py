"""Whether CPUs and memory can be added to a machine while it runs."""

from __future__ import annotations

from fractions import Fraction

from krmfn.kubernetes.quantity import Quantity
from krmfn.kubevirt.vm_paths import (
    ARCHITECTURE,
    CPU,
    DOMAIN,
    HUGE_PAGE_SIZE,
    INSTANCE_METADATA,
    INTERFACES,
    MAX_GUEST_MEMORY,
    NETWORKS,
    Map,
    get,
    has,
    mappings,
)

# In bytes: the step of memory that is added, unless the huge pages are of 1Gi.
ALIGNED = 2 * 2**20
_GIB = 2**30
# A machine can grow to four times what it started with, and to so many virtual CPUs.
_RATIO, _MOST_CPUS = 4, 512
_BRIDGE_MIGRATES = (
    *INSTANCE_METADATA,
    "annotations",
    "kubevirt.io/allow-pod-bridge-network-live-migration",
)


def most_sockets(vm: Map, sockets: int) -> int:
    """Return how many sockets a machine can have that started with `sockets`."""
    limit, cores, threads = (get(vm, (*CPU, key)) for key in ("maxSockets", "cores", "threads"))
    if isinstance(limit, int):
        return limit
    most = _RATIO * sockets
    if not isinstance(cores, int) or not isinstance(threads, int):
        # As KubeVirt counts: before defaults, so that nothing is limited.
        return most
    cpus = cores * threads
    return most if most * cpus <= _MOST_CPUS else max(_MOST_CPUS // cpus, sockets)


def most_memory(vm: Map, guest: Fraction) -> Fraction:
    """Return how many bytes of memory a machine can have that started with `guest` bytes.

    Raises:
        ValueError: `maxGuest` is not a quantity.
    """
    limit = get(vm, MAX_GUEST_MEMORY)
    return Quantity.parse(limit).value if limit is not None else _RATIO * guest


def memory_can_grow(vm: Map, size: Fraction) -> bool:
    """Tell whether memory of this size, in bytes, can grow while the machine runs."""
    step = _GIB if get(vm, HUGE_PAGE_SIZE) == "1Gi" else ALIGNED
    return is_amd64(vm) and not _is_fixed(vm) and size >= _GIB and size % step == 0


def _is_fixed(vm: Map) -> bool:
    """Tell whether the machine has something with which its memory can't grow."""
    cpu = get(vm, CPU)
    is_realtime = isinstance(cpu, dict) and "realtime" in cpu
    passthrough = get(cpu, ("numa", "guestMappingPassthrough"))
    security = get(vm, (*DOMAIN, "launchSecurity"))
    return is_realtime or passthrough is not None or security is not None


def is_amd64(vm: Map) -> bool:
    """Tell whether the machine has KubeVirt's usual architecture."""
    return (get(vm, ARCHITECTURE) or "amd64") == "amd64"


def can_migrate(vm: Map) -> bool:
    """Tell whether the machine can migrate, as far as manifests show.

    A bridge on the pod network can't, unless an annotation says that it can.
    """
    if has(vm, _BRIDGE_MIGRATES):
        return True
    pod = [network.get("name") for network in mappings(get(vm, NETWORKS)) if "pod" in network]
    bridges = [face for face in mappings(get(vm, INTERFACES)) if "bridge" in face]
    return not any(bridge.get("name") in pod for bridge in bridges)
