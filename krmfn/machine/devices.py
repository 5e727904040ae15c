"""The devices of the host that a machine gets, beside what its node type promises."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from krmfn.kubernetes.quantity import Quantity
from krmfn.kubevirt.vm_paths import DEVICES, INTERFACES, RESOURCES, Map, get, mappings
from krmfn.problems import Code, Place, Problem

_LISTS = ("gpus", "hostDevices")


def device_warnings(
    vm: Map, resources: Mapping[str, Quantity], instancetypes: list[Map], at: Place
) -> Iterator[Problem]:
    """Warn of resources, at `at`, for which a machine has too few devices.

    A resource with a domain, such as `nvidia.com/gpu`, is a device's. It has another name in the
    guest than on the host (`nvidia.com/GB100_B200`), so that the vendor's domain decides.
    `instancetypes` are those that the machine refers to, which can bring devices too.
    """
    if get(vm, ("spec", "instancetype")) and not instancetypes:
        return
    devices = [get(vm, DEVICES), *(get(each, ("spec",)) for each in instancetypes[:1])]
    vendors = [_vendor(device) for fields in devices for device in _devices(fields)]
    # What has no name here can be anything: a device by a resource claim, or a network card.
    vendors += ["" for interface in mappings(get(vm, INTERFACES)) if "sriov" in interface]
    for name, amount in resources.items():
        domain, slash, _ = name.rpartition("/")
        if not slash or _requested(vm, name):
            continue
        has = sum(vendor in ("", _base(domain)) for vendor in vendors)
        if has < amount.value:
            message = f"is {amount}, but the template's machines have {has or 'no'} such "
            message += f"device{'s' * (has != 1)}: resources are for choosing a node type; add "
            message += "the device to domain.devices.gpus or hostDevices of the template"
            yield at.field(name).warning(message, Code.NO_DEVICE)


def _devices(fields: Any) -> Iterator[Map]:
    """Yield the devices of a domain or an instancetype."""
    for key in _LISTS:
        yield from mappings(get(fields, (key,)))


def _vendor(device: Map) -> str:
    """Return the domain of a device's vendor, "" if the device has no name here."""
    return _base(str(device.get("deviceName") or "").rpartition("/")[0])


def _base(domain: str) -> str:
    """Return the last two labels of a domain: of `gpu.intel.com`, the vendor's own."""
    return ".".join(domain.split(".")[-2:])


def _requested(vm: Map, name: str) -> bool:
    """Tell whether the machine's pod asks for a resource of this name itself."""
    return any(get(vm, (*RESOURCES, kind, name)) is not None for kind in ("requests", "limits"))
