"""Admission rules about cloud-init volumes. What krmfn renders has them right; others' may not."""

from __future__ import annotations

import base64
import binascii

from krmfn.kubevirt.admission.rule import Findings, elements, rule
from krmfn.kubevirt.vm_paths import VOLUMES, Map, cloud_init_kind, get
from krmfn.problems import Path

_MOST_BYTES = 2048
# The fields of user data and of network data: a Secret, base64, and text.
_USER = ("secretRef", "userDataBase64", "userData")
_NETWORK = ("networkDataSecretRef", "networkDataBase64", "networkData")


@rule("cloud-init", "validateVolumes")
def _cloud_init(vm: Map) -> Findings:
    """A cloud-init volume has user data or network data, each once: in a Secret, or inline with at
    most 2048 bytes.
    """
    for path, volume in elements(vm, VOLUMES):
        kind = cloud_init_kind(volume)
        if kind is None:
            continue
        source, at = volume[kind] or {}, (*path, kind)
        user, network = (_given(source, keys) for keys in (_USER, _NETWORK))
        if not user and not network:
            yield at, f"has none of {', '.join((*_USER, *_NETWORK))}"
        for given in (user, network):
            if len(given) > 1:
                yield at, f"has {' and '.join(given)}; keep one"
            for key in given:
                yield from _inline(source[key], (*at, key))


def _given(source: Map, keys: tuple[str, str, str]) -> list[str]:
    """Return the fields that hold data."""
    secret, *inline = keys
    names = [secret] if get(source, (secret, "name")) else []
    return names + [key for key in inline if source.get(key)]


def _inline(data: str | Map, path: Path) -> Findings:
    """Yield inline data that is too long, or no base64."""
    if not isinstance(data, str):
        return
    size = len(data.encode())
    if path[-1] in (_USER[1], _NETWORK[1]):
        try:
            size = len(base64.b64decode(data, validate=True))
        except binascii.Error:
            yield path, "is not base64"
            return
    if size > _MOST_BYTES:
        yield path, f"has {size} bytes; at most {_MOST_BYTES} are allowed inline: use a Secret"


RULES = (_cloud_init,)
