"""Admission rules about access credentials."""

from __future__ import annotations

from krmfn.kubernetes import names
from krmfn.kubevirt.admission.rule import Findings, elements, exactly_one, rule
from krmfn.kubevirt.vm_paths import INSTANCE, VOLUMES, Map, get
from krmfn.problems import Path

_CREDENTIALS = (*INSTANCE, "accessCredentials")
_KINDS = ("sshPublicKey", "userPassword")
_METHODS = ("noCloud", "configDrive", "qemuGuestAgent")
# Methods that write to a cloud-init volume, with its source.
_VOLUMES = (("noCloud", "cloudInitNoCloud"), ("configDrive", "cloudInitConfigDrive"))


@rule("access-credentials", "validateAccessCredentials")
def _access_credentials(vm: Map) -> Findings:
    """An access credential is one SSH key or password, from one Secret, by one method that the
    machine has.
    """
    sources = {source for _, volume in elements(vm, VOLUMES) for source in volume}
    for path, credential in elements(vm, _CREDENTIALS):
        kinds = [kind for kind in _KINDS if kind in credential]
        yield from exactly_one(path, kinds, "neither sshPublicKey nor userPassword")
        for kind in kinds:
            yield from _credential(credential[kind], (*path, kind), sources)


def _credential(credential: Map, path: Path, sources: set[str]) -> Findings:
    """Yield what is wrong with a key or password; `sources` are those of the volumes."""
    secret = get(credential, ("source", "secret"))
    if secret is None:
        yield (*path, "source", "secret"), "is required"
    elif name := secret.get("secretName"):
        yield from _secret_name(name, (*path, "source", "secret", "secretName"))
    method = credential.get("propagationMethod") or {}
    at = (*path, "propagationMethod")
    chosen = [name for name in _METHODS if name in method]
    yield from exactly_one(at, chosen, f"none of {', '.join(_METHODS)}")
    for name, source in _VOLUMES:
        if name in chosen and source not in sources:
            yield (*at, name), f"needs a volume that is {source}"
    is_key = path[-1] == "sshPublicKey"
    if is_key and "qemuGuestAgent" in chosen and not get(method, ("qemuGuestAgent", "users")):
        yield (*at, "qemuGuestAgent", "users"), "is required: whose keys they are"


def _secret_name(name: str, path: Path) -> Findings:
    """Yield a Secret's name of which KubeVirt can't make the name of a volume in its pod."""
    suffix = "-access-cred"
    if message := names.dns_label(name + suffix):
        reason = f"KubeVirt's pod has a volume {name}{suffix}, a DNS label of at most 63 characters"
        yield path, f"{message if len(name) < 52 else f'has {len(name)} characters'}; {reason}"


RULES = (_access_credentials,)
