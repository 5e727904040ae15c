"""Admission rules about the encryption of a machine's memory (launch security)."""

from __future__ import annotations

from collections.abc import Iterator

from krmfn.kubevirt.admission.rule import (
    Findings,
    Need,
    cluster_rule,
    elements,
    exactly_one,
    gate_rule,
)
from krmfn.kubevirt.cluster import Cluster
from krmfn.kubevirt.vm_paths import DOMAIN, FIRMWARE, INSTANCE, INTERFACES, Map, get

_SECURITY = (*DOMAIN, "launchSecurity")
_EFI = (*FIRMWARE, "bootloader", "efi")
_AMD, _INTEL = ("sev", "snp"), "tdx"
_TYPES = (*_AMD, _INTEL)
_BY_ARCHITECTURE_SINCE = "1.7"


@gate_rule(
    "launch-security-gate",
    "validateLaunchSecurity",
    "ValidateLaunchSecurityAmd64",
    "ValidateLaunchSecurityS390x",
)
def _launch_security_gate(vm: Map, cluster: Cluster) -> Iterator[Need]:
    """Launch security needs a feature gate: SEV and SNP WorkloadEncryptionSEV, TDX
    WorkloadEncryptionTDX, and on s390x SecureExecution.
    """
    security = get(vm, _SECURITY)
    if security is None:
        return
    if cluster.architecture_of(vm) == "s390x":
        if cluster.is_within("1.6", None):
            yield _SECURITY, "SecureExecution", ""
    elif _INTEL in security:
        yield (*_SECURITY, _INTEL), "WorkloadEncryptionTDX", ""
    elif any(key in security for key in _AMD) or not cluster.is_within("1.6", None):
        yield _SECURITY, "WorkloadEncryptionSEV", ""


@cluster_rule("launch-security", "validateLaunchSecurity", "ValidateLaunchSecurityAmd64")
def _launch_security(vm: Map, cluster: Cluster) -> Findings:
    """Launch security is one of SEV, SNP and TDX, for amd64, with EFI but not its secure boot, and
    without network boot; SEV's attestation starts the machine paused.
    """
    security = get(vm, _SECURITY)
    architecture = cluster.architecture_of(vm)
    by_architecture = cluster.is_within(_BY_ARCHITECTURE_SINCE, None)
    if security is None or (architecture == "s390x" and by_architecture):
        return
    types = [key for key in _TYPES if key in security]
    if not by_architecture:
        types = [key for key in types if key == "sev"]
    elif architecture != "amd64":
        yield _SECURITY, f"is not supported on {architecture}"
        return
    elif len(types) != 1:
        yield from exactly_one(_SECURITY, types, f"none of {', '.join(_TYPES)}")
        return
    for kind in types:
        yield from _conditions(vm, kind)


def _conditions(vm: Map, kind: str) -> Findings:
    """Yield what of the machine does not go together with a kind of launch security."""
    at = (*_SECURITY, kind)
    smm = get(vm, (*DOMAIN, "features", "smm"))
    if kind == _INTEL and smm is not None and smm.get("enabled", True):
        yield at, "does not work with features.smm"
    yield from _firmware(vm, kind)
    is_paused = get(vm, (*INSTANCE, "startStrategy")) == "Paused"
    if get(vm, (*at, "attestation")) is not None and kind == "sev" and not is_paused:
        yield (*at, "attestation"), "needs startStrategy: Paused"
    for path, interface in elements(vm, INTERFACES):
        if "bootOrder" in interface:
            yield (*path, "bootOrder"), f"does not work with launchSecurity.{kind}"


def _firmware(vm: Map, kind: str) -> Findings:
    """Yield firmware that a kind of launch security does not work with."""
    efi = get(vm, _EFI)
    if efi is None:
        yield (*_SECURITY, kind), "needs firmware.bootloader.efi"
        return
    if kind in _AMD and efi.get("secureBoot", True):
        message = f"must be false with launchSecurity.{kind}; unset means true"
        yield (*_EFI, "secureBoot"), message
    if kind != "sev" and efi.get("persistent"):
        yield (*_EFI, "persistent"), f"does not work with launchSecurity.{kind}"


RULES = (_launch_security_gate, _launch_security)
