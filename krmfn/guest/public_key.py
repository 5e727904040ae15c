"""Public keys of OpenSSH that may log in to a guest."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

from krmfn.patterns import pattern
from krmfn.problems import Place, Problem

_TYPES = (
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)
_LINE = pattern(r"(\S+) ([A-Za-z0-9+/]+=*)( [^\x00-\x1f\x7f-\x9f]*)?")
_LENGTH_BYTES = 4


def public_key_problems(text: str, at: Place) -> Iterator[Problem]:
    """Check a public key: one line, of a type that OpenSSH still accepts, with a body of that type.

    No message repeats the key.
    """
    if "PRIVATE KEY" in text:
        yield at.error("holds a private key; only public keys belong here")
        return
    match = _LINE.fullmatch(text.strip())
    if match is None or match[1] not in _TYPES:
        types = ", ".join(_TYPES)
        yield at.error(f"is not a public key on one line, which begins with one of {types}")
        return
    key_type, body = match[1], match[2]
    fields = _fields(body)
    if len(fields) < 2 or fields[0] != key_type.encode():
        yield at.error(f"is not a key of type {key_type}: its body is damaged or of another type")


def _fields(body: str) -> list[bytes]:
    """Split a key's body into its fields, each after its length (RFC 4253).

    Return [] if they do not fill the body.
    """
    try:
        rest = base64.b64decode(body, validate=True)
    except binascii.Error:
        return []
    fields = []
    while rest:
        end = _LENGTH_BYTES + int.from_bytes(rest[:_LENGTH_BYTES], "big")
        if len(rest) < end:
            return []
        fields.append(rest[_LENGTH_BYTES:end])
        rest = rest[end:]
    return fields
