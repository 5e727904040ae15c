"""Admission rules about inputs, sound, passed-through devices and IO threads."""

from __future__ import annotations

from krmfn.kubevirt.admission.rule import Findings, choice, elements, rule
from krmfn.kubevirt.vm_paths import DEVICES, DOMAIN, Map, get

_SOUND = (*DEVICES, "sound")
_POLICY = (*DOMAIN, "ioThreadsPolicy")
_POLICIES = ("shared", "auto", "supplementalPool")
_POOL_THREADS = (*DOMAIN, "ioThreads", "supplementalPoolThreadCount")
# What a device of the host is asked for by.
_DEVICE_NAMES = ("deviceName", "claimName", "requestName")


@rule("other-devices")
def _other_devices(vm: Map) -> Findings:
    """Inputs are tablets by virtio or usb; a sound card is ich9 or ac97 and has a name; the IO
    thread policy is known.
    """
    yield from _inputs(vm)
    yield from _sound(vm)
    for key in ("gpus", "hostDevices"):
        for path, device in elements(vm, (*DEVICES, key)):
            if not any(device.get(name) for name in _DEVICE_NAMES):
                yield (*path, "deviceName"), "is required"
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


def _io_threads(vm: Map) -> Findings:
    """Yield what is wrong with the IO threads."""
    policy = get(vm, _POLICY)
    if policy is not None:
        yield from choice(_POLICY, policy, _POLICIES)
    if policy == "supplementalPool" and (get(vm, _POOL_THREADS) or 0) < 1:
        yield _POOL_THREADS, "is required with supplementalPool"


RULES = (_other_devices,)
