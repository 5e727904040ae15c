"""KubeVirt's admission rules (v1.8.2, `ValidateVirtualMachineSpec` and what it calls), one small function each, in the order of its fields.

A rule sees a spec that the CRD's schema has passed, as it was written: what Go takes for unset (`""`, 0, false) counts as unset here too.
It tells paths below `spec` and the rest of a sentence that begins with one. Rules about devices, volumes and networks are in `devices.py`,
those about what goes to the machine's pod in `pods.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from krmfn.kubernetes import names
from krmfn.kubernetes.quantity import Quantity
from krmfn.kubevirt.merge import Map
from krmfn.problems import Path, RuleCode, show

Finding = tuple[Path, str]
Check = Callable[[Map], Iterator[Finding]]
VMI: Path = ("template", "spec")
DOMAIN: Path = (*VMI, "domain")
CPU: Path = (*DOMAIN, "cpu")


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule with its code; what it finds depends on the cluster's configuration where it is `gated`, and is a warning then."""

    code: RuleCode
    text: str
    check: Check
    gated: bool = False


RULES: list[Rule] = []


def rule(code: str, text: str, gated: bool = False) -> Callable[[Check], Check]:
    """Enter a function into the table of rules; `text` is what the documentation says of it."""

    def enter(check: Check) -> Check:
        RULES.append(Rule(RuleCode(code), text, check, gated))
        return check

    return enter


def at(value: Any, *path: str | int) -> Any:
    """What stands at a path, None where there is nothing; empty text, 0 and false are something."""
    for key in path:
        if isinstance(value, dict):
            value = value.get(str(key))
        elif isinstance(value, list) and isinstance(key, int):
            value = value[key] if key < len(value) else None
        else:
            return None
    return value


def listed(value: Any, *path: str | int) -> list[tuple[int, Map]]:
    """The elements of a list of mappings with their numbers."""
    found = at(value, *path)
    return [
        (index, element) for index, element in enumerate(found or ()) if isinstance(element, dict)
    ]


def amount(spec: Map, *path: str | int) -> Quantity | None:
    """A quantity; None where it is not set."""
    value = at(spec, *path)
    return None if value is None else Quantity.parse(value)


def whole(quantity: Quantity | None) -> int:
    """A quantity as Go's `Value()` gives it: rounded up, 0 where it is not set."""
    return math.ceil(quantity.value) if quantity else 0


def _milli(quantity: Quantity | None) -> int:
    return math.ceil(quantity.value * 1000) if quantity else 0


def _resource(spec: Map, kind: str, name: str) -> Quantity | None:
    return amount(spec, *DOMAIN, "resources", kind, name)


def one_of(value: Any, allowed: tuple[str, ...]) -> str:
    """What is wrong with a choice, "" where it is one of those allowed."""
    return (
        ""
        if value in allowed
        else f"is {show(value)}; must be one of {', '.join(name for name in allowed if name)}"
    )


@rule(
    "run-strategy",
    "Exactly one of `runStrategy` and `running`; `runStrategy` is Always, Halted, Manual, RerunOnFailure or Once.",
)
def _run_strategy(spec: Map) -> Iterator[Finding]:
    if "running" in spec and "runStrategy" in spec:
        yield ("running",), "stands beside runStrategy; keep that one"
    strategy = spec.get("runStrategy")
    known = ("Always", "Halted", "Manual", "RerunOnFailure", "Once", "WaitAsReceiver")
    if strategy is not None and (wrong := one_of(strategy, known)):
        yield ("runStrategy",), wrong


@rule(
    "run-strategy-gate",
    "`runStrategy: WaitAsReceiver` needs the feature gate DecentralizedLiveMigration.",
    gated=True,
)
def _wait_as_receiver(spec: Map) -> Iterator[Finding]:
    if spec.get("runStrategy") == "WaitAsReceiver":
        yield (
            ("runStrategy",),
            "is WaitAsReceiver, which needs the feature gate DecentralizedLiveMigration",
        )


@rule("host-name", "`hostname` is a DNS label, `subdomain` a DNS name.")
def _host_name(spec: Map) -> Iterator[Finding]:
    for key, check in (("hostname", names.dns_label), ("subdomain", names.subdomain)):
        value = at(spec, *VMI, key)
        if value and (wrong := check(value)):
            yield (*VMI, key), wrong


@rule(
    "instancetype-conflict",
    "Beside an instancetype there is no CPU topology, guest memory, or request or limit of CPU and memory.",
)
def _instancetype_conflict(spec: Map) -> Iterator[Finding]:
    if not at(spec, "instancetype"):
        return
    for path in _SIZES:
        if at(spec, *path):
            yield path, "stands beside spec.instancetype, which sets it; keep one of them"


_SIZES: tuple[Path, ...] = (
    *((*CPU, key) for key in ("sockets", "cores", "threads")),
    (*DOMAIN, "memory", "guest"),
    *(
        (*DOMAIN, "resources", kind, name)
        for kind in ("requests", "limits")
        for name in ("cpu", "memory")
    ),
)


@rule("memory-request", "A memory request is not negative, at least 1M, and at most its limit.")
def _memory_request(spec: Map) -> Iterator[Finding]:
    request, limit = _resource(spec, "requests", "memory"), _resource(spec, "limits", "memory")
    path = (*DOMAIN, "resources", "requests", "memory")
    if whole(request) < 0:
        yield path, f"is {request}; must be 0 or more"
    elif request and whole(request) > 0 and request < Quantity.parse("1M"):
        yield path, f"is {request}; must be 1M or more"
    if whole(limit) < 0:
        yield (*DOMAIN, "resources", "limits", "memory"), f"is {limit}; must be 0 or more"
    elif limit and request and whole(limit) > 0 and whole(request) > whole(limit):
        yield path, f"is {request}, above its limit of {limit}"


@rule("cpu-request", "A CPU request is not negative and at most its limit.")
def _cpu_request(spec: Map) -> Iterator[Finding]:
    request, limit = _resource(spec, "requests", "cpu"), _resource(spec, "limits", "cpu")
    for kind, value in (("requests", request), ("limits", limit)):
        if _milli(value) < 0:
            yield (*DOMAIN, "resources", kind, "cpu"), f"is {value}; must be 0 or more"
    if _milli(limit) > 0 and _milli(request) > _milli(limit):
        yield (*DOMAIN, "resources", "requests", "cpu"), f"is {request}, above its limit of {limit}"


@rule("hugepages", "The size of huge pages is a quantity, and the memory is a multiple of it.")
def _hugepages(spec: Map) -> Iterator[Finding]:
    if at(spec, *DOMAIN, "memory", "hugepages") is None:
        return
    path = (*DOMAIN, "memory", "hugepages", "pageSize")
    text = at(spec, *path)
    try:
        size = Quantity.parse(text or "")
    except ValueError as error:
        yield path, str(error)
        return
    memory = _resource(spec, "requests", "memory")
    if not whole(memory):
        memory = amount(spec, *DOMAIN, "memory", "guest")
    if not whole(memory):
        memory = _resource(spec, "limits", "memory")
    if memory and whole(memory) and whole(memory) < whole(size):
        yield path, f"is {text}, more than the memory of {memory}"
    elif memory and whole(memory) and whole(size) and whole(memory) % whole(size):
        yield path, f"is {text}, of which the memory of {memory} is no multiple"


@rule("guest-memory", "The guest's memory is at most the memory limit.")
def _guest_memory(spec: Map) -> Iterator[Finding]:
    guest, limit = amount(spec, *DOMAIN, "memory", "guest"), _resource(spec, "limits", "memory")
    if guest and whole(limit) and whole(limit) < whole(guest):
        yield (*DOMAIN, "memory", "guest"), f"is {guest}, above the memory limit of {limit}"


@rule(
    "zero-memory",
    "The guest's memory is above 0. (KubeVirt takes 0, and the machine fails to start.)",
)
def _zero_memory(spec: Map) -> Iterator[Finding]:
    guest = amount(spec, *DOMAIN, "memory", "guest")
    if guest and guest.value <= 0:
        yield (*DOMAIN, "memory", "guest"), f"is {guest}; must be above 0"


_ONE_GI = 2**30
_ALIGNED = 2 * 2**20


@rule(
    "memory-hotplug",
    "With `maxGuest`: guest memory is set, at least 1Gi, at most maxGuest, both in steps of 2Mi; amd64 only.",
)
def _memory_hotplug(spec: Map) -> Iterator[Finding]:
    # The guest memory of an instancetype is not known here.
    if at(spec, *DOMAIN, "memory", "maxGuest") is None or at(spec, "instancetype"):
        return
    most = amount(spec, *DOMAIN, "memory", "maxGuest")
    # KubeVirt's own default.
    guest = next(
        (
            size
            for size in (
                amount(spec, *DOMAIN, "memory", "guest"),
                *(_resource(spec, kind, "memory") for kind in ("requests", "limits")),
            )
            if size
        ),
        None,
    )
    path = (*DOMAIN, "memory", "maxGuest")
    step = _ONE_GI if at(spec, *DOMAIN, "memory", "hugepages", "pageSize") == "1Gi" else _ALIGNED
    for key in (
        ("cpu", "realtime"),
        ("cpu", "numa", "guestMappingPassthrough"),
        ("launchSecurity",),
    ):
        if at(spec, *DOMAIN, *key) is not None:
            yield path, f"stands beside {key[-1]}, with which memory can't be added"
            return
    if guest is None or most is None:
        yield path, "needs domain.memory.guest beside it"
    elif guest > most:
        yield path, f"is {most}, below the guest's memory of {guest}"
    elif whole(guest) % step or whole(most) % step:
        yield (
            path,
            f"is {most}, and the guest's memory {guest}; both must be in steps of {Quantity.parse(f'{step // 2**20}Mi')}",
        )
    elif at(spec, *VMI, "architecture") not in (None, "", "amd64"):
        yield path, "is for amd64 only"
    elif whole(guest) < _ONE_GI:
        yield path, f"needs guest memory of 1Gi or more, not {guest}"


_MACHINES = ("q35", "pc-q35")


@rule(
    "machine-type",
    "The machine type is q35, pc-q35 or pc-q35-…, unless the cluster is configured otherwise.",
    gated=True,
)
def _machine_type(spec: Map) -> Iterator[Finding]:
    machine = at(spec, *DOMAIN, "machine", "type")
    arm = at(spec, *VMI, "architecture") == "arm64"
    other = at(spec, *VMI, "architecture") not in (None, "", "amd64", "arm64")
    if (
        machine
        and not other
        and not (
            machine.startswith("virt") if arm else machine == "q35" or machine.startswith("pc-q35")
        )
    ):
        yield (
            (*DOMAIN, "machine", "type"),
            f"is {show(machine)}, which KubeVirt does not support unless it is configured to",
        )


@rule("cpu-features", "The policy of a CPU feature is force, require, optional, disable or forbid.")
def _cpu_features(spec: Map) -> Iterator[Finding]:
    for index, feature in listed(spec, *CPU, "features"):
        if wrong := one_of(
            feature.get("policy", ""), ("", "force", "require", "optional", "disable", "forbid")
        ):
            yield (*CPU, "features", index, "policy"), wrong


@rule("cpu-hotplug", "`sockets` is at most `maxSockets`.")
def _sockets(spec: Map) -> Iterator[Finding]:
    sockets, most = at(spec, *CPU, "sockets") or 0, at(spec, *CPU, "maxSockets") or 0
    if most and sockets > most:
        yield (*CPU, "sockets"), f"is {sockets}, above maxSockets of {most}"


def _virtual_cpus(spec: Map) -> int:
    counts = [at(spec, *CPU, key) or 0 for key in ("cores", "sockets", "threads")]
    return math.prod(count or 1 for count in counts) if any(counts) else 0


@rule(
    "dedicated-cpus",
    "Dedicated CPUs: memory is given, CPU is whole, requests equal limits and the topology, at most two threads.",
)
def _dedicated(spec: Map) -> Iterator[Finding]:
    path = (*CPU, "dedicatedCpuPlacement")
    if at(spec, *CPU, "isolateEmulatorThread") and not at(spec, *path):
        yield (*CPU, "isolateEmulatorThread"), "needs dedicatedCpuPlacement"
    if not at(spec, *path):
        return
    request, limit = _resource(spec, "requests", "cpu"), _resource(spec, "limits", "cpu")
    memory, most = _resource(spec, "requests", "memory"), _resource(spec, "limits", "memory")
    given = (
        at(spec, *DOMAIN, "memory", "hugepages") is not None
        or (amount(spec, *DOMAIN, "memory", "guest") or Quantity.parse(0)).value
    )
    if not (most and most.value) and not (memory and memory.value) and not given:
        yield path, "needs memory: domain.memory.guest, or a request or limit"
    for kind, value in (("requests", request), ("limits", limit)):
        if value and whole(value) > 0 and whole(value) * 1000 != _milli(value):
            yield (
                (*DOMAIN, "resources", kind, "cpu"),
                f"is {value}; must be whole with dedicatedCpuPlacement",
            )
    if whole(memory) > 0 and whole(most) > 0 and whole(memory) != whole(most):
        yield (
            (*DOMAIN, "resources", "requests", "memory"),
            f"is {memory}; must equal its limit of {most} with dedicatedCpuPlacement",
        )
    count = _virtual_cpus(spec)
    if whole(request) == 0 and whole(limit) == 0 and count == 0:
        yield path, "needs a CPU request, a CPU limit or domain.cpu.cores"
    if whole(request) > 0 and whole(limit) > 0 and whole(request) != whole(limit):
        yield path, f"needs equal CPU request and limit, not {request} and {limit}"
    if (
        (whole(request) > 0 or whole(limit) > 0)
        and count > 0
        and count not in (whole(request), whole(limit))
    ):
        yield path, f"needs a CPU request or limit of {count}, as domain.cpu has it"
    threads = at(spec, *CPU, "threads") or 0
    if threads > 2 or (threads > 1 and at(spec, *VMI, "architecture") == "arm64"):
        yield (
            (*CPU, "threads"),
            f"is {threads}; dedicated CPUs take two threads at most, on arm64 one",
        )


@rule(
    "numa",
    "NUMA passthrough needs dedicated CPUs and huge pages; realtime needs it and dedicated CPUs.",
)
def _numa(spec: Map) -> Iterator[Finding]:
    path = (*CPU, "numa", "guestMappingPassthrough")
    dedicated = at(spec, *CPU, "dedicatedCpuPlacement")
    passes = at(spec, *path) is not None
    if passes and not dedicated:
        yield path, "needs dedicatedCpuPlacement"
    if passes and at(spec, *DOMAIN, "memory", "hugepages") is None:
        yield path, "needs domain.memory.hugepages"
    if at(spec, *CPU, "realtime") is not None and not (dedicated and passes):
        yield (*CPU, "realtime"), "needs dedicatedCpuPlacement and numa.guestMappingPassthrough"


@rule("start-strategy", "`startStrategy` is Paused, and then there is no liveness probe.")
def _start_strategy(spec: Map) -> Iterator[Finding]:
    strategy = at(spec, *VMI, "startStrategy")
    if strategy is not None and strategy != "Paused":
        yield (*VMI, "startStrategy"), one_of(strategy, ("Paused",))
    elif strategy and at(spec, *VMI, "livenessProbe") is not None:
        yield (*VMI, "startStrategy"), "is Paused beside a livenessProbe"


_GATES: tuple[tuple[Path, str], ...] = (
    ((*DOMAIN, "devices", "hostDevices"), "HostDevices"),
    ((*DOMAIN, "devices", "video"), "VideoConfig"),
    ((*DOMAIN, "devices", "downwardMetrics"), "DownwardMetrics"),
    ((*DOMAIN, "rebootPolicy"), "RebootPolicy"),
    ((*DOMAIN, "memory", "reservedOverhead"), "ReservedOverheadMemlock"),
)


@rule("feature-gate", "Some fields need a feature gate of KubeVirt.", gated=True)
def _gates(spec: Map) -> Iterator[Finding]:
    for path, gate in _GATES:
        if at(spec, *path) is not None:
            yield path, f"needs the feature gate {gate}"
    if at(spec, *DOMAIN, "devices", "panicDevices"):
        yield (*DOMAIN, "devices", "panicDevices"), "needs the feature gate PanicDevices"
    if at(spec, *DOMAIN, "devices", "autoattachVSOCK"):
        yield (*DOMAIN, "devices", "autoattachVSOCK"), "needs the feature gate VSOCK"
