"""Admission rules about inputs, sound, passed-through devices and IO threads."""

from __future__ import annotations

from krmfn.kubevirt.admission.rule import Findings, choice, cluster_rule, elements, rule
from krmfn.kubevirt.cluster import Cluster
from krmfn.kubevirt.vm_paths import DEVICES, DOMAIN, Map, get

_SOUND = (*DEVICES, "sound")
_POLICY = (*DOMAIN, "ioThreadsPolicy")
_POLICIES = ("shared", "auto", "supplementalPool")
_POOL_THREADS = (*DOMAIN, "ioThreads", "supplementalPoolThreadCount")
# What a device of the host is asked for by, unless by its name.
_CLAIM = ("claimName", "requestName")
# Since when KubeVirt's webhook, and not its schema, looks for a device's name.
_NAMED_SINCE = (("gpus", "1.6"), ("hostDevices", "1.8"))
_PANIC_MODELS = ("hyperv", "isa", "pvpanic")


@cluster_rule(
    "other-devices",
    "validateInputDevices",
    "validateSoundDevices",
    "validateIOThreadsPolicy",
    "validateDRAGPUs",
    "validateNonDRADevices",
    "validateMDEVRamFB",
    "countConfiguredMDEVRamFBs",
)
def _other_devices(vm: Map, cluster: Cluster) -> Findings:
    """Inputs are tablets by virtio or usb; a sound card is ich9 or ac97 and has a name; the IO
    thread policy is known.
    """
    yield from _inputs(vm)
    yield from _sound(vm)
    for key, since in _NAMED_SINCE:
        for path, device in elements(vm, (*DEVICES, key)):
            is_asked_for = device.get("deviceName") or any(name in device for name in _CLAIM)
            if not is_asked_for and cluster.is_within(since, None):
                yield (*path, "deviceName"), "is required"
    yield from _displays(vm)
    yield from _io_threads(vm)


def _inputs(vm: Map) -> Findings:
    """Yield inputs of another bus or type."""
    for path, device in elements(vm, (*DEVICES, "inputs")):
        bus = device.get("bus")
        if bus:
            yield from choice((*path, "bus"), bus, ("virtio", "usb"))
        device_type = device.get("type", "")
        yield from choice((*path, "type"), device_type, ("tablet",))


def _sound(vm: Map) -> Findings:
    """Yield what is wrong with the sound card, if there is one."""
    sound = get(vm, _SOUND)
    if sound is None:
        return
    if sound.get("model"):
        yield from choice((*_SOUND, "model"), sound["model"], ("ich9", "ac97"))
    if not sound.get("name"):
        yield (*_SOUND, "name"), "is required"


def _displays(vm: Map) -> Findings:
    """Yield a second GPU whose display is there before the guest's driver is."""
    shown = []
    for path, gpu in elements(vm, (*DEVICES, "gpus")):
        display = get(gpu, ("virtualGPUOptions", "display"))
        if display is None or display.get("enabled", True) is False:
            continue
        ram_fb = display.get("ramFB")
        if ram_fb is None or ram_fb.get("enabled"):
            shown.append((*path, "virtualGPUOptions", "display"))
    for path in shown[1:]:
        yield path, "is a second display with ramFB; at most one GPU may have it"


@cluster_rule("panic-devices", "validatePanicDevices", "validatePanicDeviceModel", since="1.6")
def _panic_devices(vm: Map, cluster: Cluster) -> Findings:
    """Panic devices are hyperv, isa or pvpanic, and not for s390x."""
    devices = elements(vm, (*DEVICES, "panicDevices"))
    if devices and cluster.architecture_of(vm) == "s390x":
        yield (*DEVICES, "panicDevices"), "are not supported on s390x"
    for path, device in devices:
        if "model" in device:
            yield from choice((*path, "model"), device["model"], _PANIC_MODELS)


@rule("video", "validateVideoConfig", since="1.6")
def _video(vm: Map) -> Findings:
    """A video device stands beside no `autoattachGraphicsDevice: false`."""
    graphics = get(vm, (*DEVICES, "autoattachGraphicsDevice"))
    if get(vm, (*DEVICES, "video")) is not None and graphics is False:
        yield (*DEVICES, "video"), "stands beside autoattachGraphicsDevice: false"


def _io_threads(vm: Map) -> Findings:
    """Yield what is wrong with the IO threads."""
    policy = get(vm, _POLICY)
    if policy is not None:
        yield from choice(_POLICY, policy, _POLICIES)
    if policy == "supplementalPool" and (get(vm, _POOL_THREADS) or 0) < 1:
        yield _POOL_THREADS, "is required with supplementalPool"


RULES = (_other_devices, _panic_devices, _video)
