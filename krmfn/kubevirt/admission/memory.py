"""Admission rules about the guest's memory, huge pages and memory hotplug."""

from __future__ import annotations

from krmfn.kubernetes.quantity import Quantity
from krmfn.kubevirt.admission.rule import Findings, amount, rule, whole
from krmfn.kubevirt.vm_paths import (
    ARCHITECTURE,
    CPU,
    DOMAIN,
    GUEST_MEMORY,
    HUGE_PAGE_SIZE,
    INSTANCETYPE,
    MAX_GUEST_MEMORY,
    MEMORY,
    MEMORY_LIMIT,
    MEMORY_REQUEST,
    Map,
    get,
)
from krmfn.problems import Path

_MIB, _GIB = 2**20, 2**30
_STEP = 2 * _MIB
# With these, the memory of a machine can't grow.
_FIXED: tuple[Path, ...] = (
    (*CPU, "realtime"),
    (*CPU, "numa", "guestMappingPassthrough"),
    (*DOMAIN, "launchSecurity"),
)


@rule("hugepages", "validateHugepagesMemoryRequests")
def _hugepages(vm: Map) -> Findings:
    """The size of huge pages is a quantity, and the memory is a multiple of it."""
    if get(vm, (*MEMORY, "hugepages")) is None:
        return
    text = get(vm, HUGE_PAGE_SIZE)
    try:
        size = whole(Quantity.parse(text or ""))
    except ValueError as error:
        yield HUGE_PAGE_SIZE, str(error)
        return
    sizes = (amount(vm, path) for path in (MEMORY_REQUEST, GUEST_MEMORY, MEMORY_LIMIT))
    memory = next((candidate for candidate in sizes if whole(candidate)), None)
    if memory and whole(memory) < size:
        yield HUGE_PAGE_SIZE, f"is {text}, more than the memory of {memory}"
    elif size and whole(memory) % size:
        yield HUGE_PAGE_SIZE, f"is {text}, but the memory of {memory} is not a multiple of it"


@rule("guest-memory", "validateGuestMemoryLimit")
def _guest_memory(vm: Map) -> Findings:
    """The guest's memory is at most the memory limit."""
    guest = amount(vm, GUEST_MEMORY)
    limit = amount(vm, MEMORY_LIMIT)
    if guest and whole(limit) and whole(limit) < whole(guest):
        yield GUEST_MEMORY, f"is {guest}, above the memory limit of {limit}"


@rule("memory", "ValidateVirtualMachineInstanceMandatoryFields")
def _memory(vm: Map) -> Findings:
    """The machine has guest memory, a request or limit of memory, or huge pages. (KubeVirt takes
    none, and the machine never starts.)
    """
    if get(vm, INSTANCETYPE) or get(vm, (*MEMORY, "hugepages")) is not None:
        return
    sizes = (amount(vm, path) for path in (MEMORY_REQUEST, MEMORY_LIMIT))
    if get(vm, GUEST_MEMORY) is None and not any(map(whole, sizes)):
        yield GUEST_MEMORY, "is required: nothing else sets the machine's memory"


@rule("zero-memory")
def _least_memory(vm: Map) -> Findings:
    """The guest's memory, and a huge page, is at least 1Mi. (KubeVirt takes less, and the machine
    fails to start.)
    """
    for path in (GUEST_MEMORY, HUGE_PAGE_SIZE):
        try:
            size = amount(vm, path)
        except ValueError:
            continue
        if size and size.value < _MIB:
            yield path, f"is {size} bytes; must be 1Mi or more"


@rule("memory-hotplug", "validateLiveUpdateFeatures", "ValidateLiveUpdateMemory")
def _memory_hotplug(vm: Map) -> Findings:
    """With `maxGuest`: guest memory is set, at least 1Gi, at most maxGuest, both in steps of 2Mi;
    amd64 only.
    """
    most = amount(vm, MAX_GUEST_MEMORY)
    # krmfn does not know the guest memory of an instancetype.
    if most is None or get(vm, INSTANCETYPE):
        return
    fixed = [path[-1] for path in _FIXED if get(vm, path) is not None]
    # KubeVirt's own default.
    sizes = (amount(vm, path) for path in (GUEST_MEMORY, MEMORY_REQUEST, MEMORY_LIMIT))
    guest = next((size for size in sizes if size), None)
    if fixed:
        yield MAX_GUEST_MEMORY, f"stands beside {fixed[0]}, with which memory can't be added"
    elif guest is None:
        yield MAX_GUEST_MEMORY, "needs domain.memory.guest beside it"
    else:
        yield from _growth(vm, guest, most)


def _growth(vm: Map, guest: Quantity, most: Quantity) -> Findings:
    """Yield why the guest's memory can't grow from one size to the other."""
    step = _GIB if get(vm, HUGE_PAGE_SIZE) == "1Gi" else _STEP
    if guest > most:
        yield MAX_GUEST_MEMORY, f"is {most}, below the guest's memory of {guest}"
    elif whole(guest) % step or whole(most) % step:
        sizes = f"is {most}, and the guest's memory {guest}"
        steps = Quantity.parse(f"{step // _MIB}Mi")
        yield MAX_GUEST_MEMORY, f"{sizes}; both must be in steps of {steps}"
    elif get(vm, ARCHITECTURE) not in (None, "", "amd64"):
        yield MAX_GUEST_MEMORY, "is for amd64 only"
    elif whole(guest) < _GIB:
        yield MAX_GUEST_MEMORY, f"needs guest memory of 1Gi or more, not {guest}"


RULES = (_memory, _hugepages, _guest_memory, _least_memory, _memory_hotplug)
