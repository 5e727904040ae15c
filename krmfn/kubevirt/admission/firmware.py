"""Admission rules about container disks, booted kernels and firmware."""

from __future__ import annotations

import posixpath

from krmfn.kubevirt.admission.rule import Findings, cluster_rule, elements, finding, rule
from krmfn.kubevirt.cluster import Cluster
from krmfn.kubevirt.vm_paths import DOMAIN, FIRMWARE, VOLUMES, Map, get
from krmfn.patterns import pattern
from krmfn.problems import show

# libvirt reads hexadecimal digits, with dashes and blanks between them.
_UUID = pattern(r"[ -]*([0-9a-fA-F][ -]*){32}")
_BOOT = (*FIRMWARE, "kernelBoot")
_CONTAINER = (*_BOOT, "container")
_BOOTLOADER = (*FIRMWARE, "bootloader")
_EFI = (*_BOOTLOADER, "efi")
_ACPI = (*FIRMWARE, "acpi")


@rule(
    "container-disk",
    "ValidateContainerDisks",
    "ValidatePath",
    "validateContainerDisks",
    "validatePath",
    "validateKernelBoot",
)
def _container_disk(vm: Map) -> Findings:
    """The path in a container disk, and of a kernel and initrd, is absolute."""
    for path, volume in elements(vm, VOLUMES):
        inner = get(volume, ("containerDisk", "path"))
        if inner:
            yield from finding((*path, "containerDisk", "path"), _path_problem(inner))
    container = get(vm, _CONTAINER)
    if container is not None:
        yield from _kernel(container)
    elif get(vm, (*_BOOT, "kernelArgs")):
        yield (*_BOOT, "kernelArgs"), "needs a container with a kernel"


def _kernel(container: Map) -> Findings:
    """Yield what a container with a kernel lacks, and paths that are not absolute."""
    if not container.get("image"):
        yield (*_CONTAINER, "image"), "is required"
    if not container.get("kernelPath") and not container.get("initrdPath"):
        yield _CONTAINER, "needs kernelPath or initrdPath"
    for key in ("kernelPath", "initrdPath"):
        if container.get(key):
            yield from finding((*_CONTAINER, key), _path_problem(container[key]))


def _path_problem(path: str) -> str:
    """Return what is wrong with the path of a file in a container image, or ""."""
    if path == "/":
        return "is the root; must be a file"
    normal = posixpath.normpath("/" + path).replace("//", "/")
    if normal == path.removesuffix("/"):
        return ""
    return f"is {show(path)}; must be an absolute path without . and .."


@cluster_rule(
    "firmware",
    "validateDomainSpec",
    "validateFirmware",
    "validateBootloader",
    "validateFirmwareACPI",
    "validateACPIRef",
    "secureBootEnabled",
    "smmFeatureEnabled",
)
def _firmware(vm: Map, cluster: Cluster) -> Findings:
    """Not both EFI and BIOS; secure boot needs SMM; ACPI tables come from Secret volumes."""
    efi = get(vm, _EFI)
    if efi is not None and get(vm, (*_BOOTLOADER, "bios")) is not None:
        yield _BOOTLOADER, "has efi and bios; keep one"
    is_encrypted = get(vm, (*DOMAIN, "launchSecurity", "tdx")) is not None
    needs_smm = not (is_encrypted and cluster.is_within("1.9", None))
    if efi is not None and efi.get("secureBoot", True) and needs_smm and not _has_smm(vm):
        boot = "has secure boot (its default), which needs features.smm"
        yield _EFI, f"{boot}; or set secureBoot: false"
    if get(vm, _ACPI) is not None:
        yield from _acpi_tables(vm)


@rule("firmware-uuid")
def _uuid(vm: Map) -> Findings:
    """The firmware's UUID is one. (KubeVirt takes any text, and libvirt does not.)"""
    uuid = get(vm, (*FIRMWARE, "uuid"))
    if uuid and not _UUID.fullmatch(uuid):
        example = "5d307ca9-b3ef-428c-8861-06e72d69f223"
        yield (*FIRMWARE, "uuid"), f"is {show(uuid)}; must be as {example}"


def _has_smm(vm: Map) -> bool:
    """Tell whether System Management Mode is on."""
    smm = get(vm, (*DOMAIN, "features", "smm"))
    return smm is not None and bool(smm.get("enabled", True))


def _acpi_tables(vm: Map) -> Findings:
    """Yield ACPI tables that come from no Secret volume."""
    acpi = get(vm, _ACPI)
    if not acpi.get("slicNameRef") and not acpi.get("msdmNameRef"):
        yield _ACPI, "needs slicNameRef or msdmNameRef"
    volumes = [volume for _, volume in elements(vm, VOLUMES)]
    secrets = {volume.get("name") for volume in volumes if "secret" in volume}
    for key in ("slicNameRef", "msdmNameRef"):
        name = acpi.get(key)
        if name and name not in secrets:
            yield (*_ACPI, key), f"is {show(name)}, which is not a Secret volume"


RULES = (_container_disk, _firmware, _uuid)
