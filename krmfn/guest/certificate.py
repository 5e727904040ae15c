"""How the guest trusts the endpoint: certificates in PEM, the guest's own roots, or not at all.

No message repeats a value.
"""

from __future__ import annotations

import base64

from krmfn.guest.secrets import Lookup, has_key, is_placeholder, its_keys, key_place, secret_value
from krmfn.manifests.item import Item
from krmfn.patterns import pattern
from krmfn.platform.config import CertificateAuthority, KeyRef, authority_choices
from krmfn.problems import Code, Collector, Place, show
from krmfn.records import record

LARGEST_AUTHORITY = 64 * 1024
_BLOCK = pattern(r"-----BEGIN ([A-Z0-9 ]+)-----\n([A-Za-z0-9+/=\n]*?)-----END \1-----\n?")
_FROM_TOKEN_SECRET = "ca.crt"
# Where in a text that is no PEM a placeholder is looked for.
_BEGINNING = 1000
# DER tags, and the elements of an X.509 certificate: to be signed, algorithm, signature.
_SEQUENCE, _BIT_STRING = 0x30, 0x03
_CERTIFICATE = [_SEQUENCE, _SEQUENCE, _BIT_STRING]
_LONG_FORM = 0x80


@record(frozen=True)
class Authority:
    """How the guest trusts the endpoint: `kind` is `file` (with `pem`), `system` or `none`."""

    kind: str
    pem: str = ""


def read_authority(
    chosen: CertificateAuthority, lookup: Lookup, at: Place, problems: Collector
) -> Authority | None:
    """Read the authority that the config names; `at` is its place. None means a problem."""
    if chosen.system:
        return Authority("system")
    if chosen.insecure_skip_verify:
        risk = "anybody between node and endpoint can run commands as root on the node"
        where = at.field("insecureSkipVerify")
        message = f"{risk}, as with the Platform's curl -k"
        problems.append(where.warning(message, Code.INSECURE_TLS))
        return Authority("none")
    if chosen.pem is not None:
        return _file(chosen.pem, at.field("pem"), problems)
    if ref := chosen.config_map_key_ref:
        return _referenced("ConfigMap", ref, lookup, at.field("configMapKeyRef"), problems)
    if ref := chosen.secret_key_ref:
        return _referenced("Secret", ref, lookup, at.field("secretKeyRef"), problems)
    return None


def default_authority(secret: Item | None, at: Place, problems: Collector) -> Authority | None:
    """Read the authority from the token's Secret, if the config names none.

    `at` is the place where the config would name one.
    """
    if secret is None or not has_key(secret, _FROM_TOKEN_SECRET):
        choices = ", ".join(authority_choices())
        why = "the token's Secret has no ca.crt"
        if secret is None:
            why = "the token's Secret is not among the items, where krmfn would look for its ca.crt"
        problems.append(at.error(f"is required, since {why}: one of {choices}"))
        return None
    return _from_key(secret, _FROM_TOKEN_SECRET, problems)


def _referenced(
    kind: str, ref: KeyRef, lookup: Lookup, at: Place, problems: Collector
) -> Authority | None:
    """Read the authority from the object that the config refers to."""
    item = lookup.find(kind, ref, at, None, problems)
    if item is None:
        return None
    key = ref.key or ""
    if not has_key(item, key):
        message = f"{item.origin.resource} has no key {show(ref.key)}; {its_keys(item, key)}"
        problems.append(at.field("key").error(message))
        return None
    return _from_key(item, key, problems)


def _from_key(item: Item, key: str, problems: Collector) -> Authority | None:
    """Read the authority from a key that the object has."""
    pem = secret_value(item, key, problems)
    if pem is None:
        return None
    return _file(pem, key_place(item, key), problems)


def _file(pem: str, at: Place, problems: Collector) -> Authority | None:
    """Check a text in PEM, and write its certificates alone."""
    text = pem.replace("\r\n", "\n").strip() + "\n"
    if fault := _fault(pem, text):
        problems.append(at.error(fault))
        return None
    certificates = [
        f"-----BEGIN CERTIFICATE-----\n{body.strip()}\n-----END CERTIFICATE-----\n"
        for _, body in _BLOCK.findall(text)
    ]
    return Authority("file", "".join(certificates))


def _fault(pem: str, text: str) -> str:
    """Say why a text is not certificates alone, or ""; `text` is the same with plain line ends."""
    if not pem:
        return "is empty; must be certificates in PEM"
    if "PRIVATE KEY" in text:
        return "holds a private key; only certificates belong here"
    if "BEGIN" not in text and is_placeholder(text[:_BEGINNING]):
        advice = "decrypt it before krmfn runs, or give the certificates inline"
        return f"is still encrypted or a placeholder: {advice}"
    if len(text) > LARGEST_AUTHORITY:
        return f"is larger than {LARGEST_AUTHORITY // 1024} KiB"
    blocks = _BLOCK.findall(text)
    rest = _BLOCK.sub("", text).strip()
    only_certificates = all(_is_certificate(kind, body) for kind, body in blocks)
    if not blocks or rest or not only_certificates:
        return "must be certificates in PEM and nothing else"
    return ""


def _is_certificate(kind: str, body: str) -> bool:
    """Tell whether a PEM block has the outer structure of an X.509 certificate.

    What it certifies is not checked.
    """
    if kind != "CERTIFICATE":
        return False
    try:
        [(tag, content)] = _elements(base64.b64decode(body, validate=False))
        parts = _elements(content)
    except ValueError:
        return False
    return tag == _SEQUENCE and [part for part, _ in parts] == _CERTIFICATE


def _elements(der: bytes) -> list[tuple[int, bytes]]:
    """Split DER elements that stand one after the other into their tags and contents.

    Raises ValueError if they do not fill the bytes.
    """
    elements = []
    while der:
        size, start = der[1] if len(der) > 1 else 0, 2
        if size >= _LONG_FORM:
            start += size & ~_LONG_FORM
            size = int.from_bytes(der[2:start], "big")
        if len(der) < start + size or start > 6:
            raise ValueError
        elements.append((der[0], der[start : start + size]))
        der = der[start + size :]
    return elements
