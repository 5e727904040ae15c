"""What lets a node join and how it knows its endpoint: tokens, certificate authorities and endpoints, held to their grammars.

No message here repeats a value: what was found is only described. A token that is still encrypted or a placeholder is told apart from a
wrong one.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from krmfn.kubernetes import names
from krmfn.manifests.item import Item
from krmfn.platform.config import CertificateAuthority, KeyRef, VirtualCluster
from krmfn.platform.model import from_base64
from krmfn.problems import Code, Place, Problem, nearest, show

_TOKEN = re.compile(r"[a-z0-9]{6}\.[a-z0-9]{16}")
_BOOTSTRAP_TYPE = "bootstrap.kubernetes.io/token"
_NODE_TYPE_LABEL = "vcluster.loft.sh/token-node-type"
# SOPS, argocd-vault-plugin, Flux substitution, Helm and ESO templates, kustomize and Argo CD variables.
_UNRESOLVED = re.compile(r"ENC\[|<[^<>]{1,200}>|\$\{|\{\{|\$\(|\$[A-Z]")
_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\n([A-Za-z0-9+/=\n]*?)-----END \1-----\n?")
_ENDPOINT = re.compile(
    r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(?::([0-9]{1,5}))?((?:/[A-Za-z0-9._~-]+)*/?)"
)
# At most 64: the name of a file on an ISO 9660 disk.
_SECRET_KEY = re.compile(r"(?!\.)[-._a-zA-Z0-9]{1,64}")
DEFAULT_FILE = "token"
LARGEST_AUTHORITY = 64 * 1024


@dataclass(frozen=True, slots=True)
class Join:
    """What a guest of one virtual cluster needs to join.

    Either `token` or, where a disk brings it, the name of the disk's Secret (`disk`) and of the file on it. `authority` is
    `file` (with `pem`), `system` or `none`.
    """

    endpoint: str
    token: str
    authority: str
    pem: str = ""
    disk: str = ""
    file: str = ""


class Lookup:
    """The Secrets and ConfigMaps of a run, found by name and, where it is given, namespace."""

    def __init__(self, items: list[Item]) -> None:
        self._items = [
            item
            for item in items
            if item.kind in ("Secret", "ConfigMap") and item.api_version == "v1"
        ]

    def find(
        self, kind: str, ref: KeyRef, at: Place, home: str | None = None
    ) -> tuple[Item | None, list[Problem]]:
        """The one object that a reference names, if `home` is given there or without a namespace; an error lists what is there."""
        of_kind = [
            item
            for item in self._items
            if item.kind == kind and (home is None or item.namespace in ("", home))
        ]
        found = [
            item
            for item in of_kind
            if item.name == ref.name and ref.namespace in (None, item.namespace)
        ]
        if len(found) == 1:
            return found[0], []
        known = sorted({f"{item.namespace}/{item.name}".lstrip("/") for item in of_kind})
        named = f"{kind} {ref.namespace + '/' if ref.namespace else ''}{ref.name}"
        if found:
            return None, [
                at.error(
                    f"{named} is there {len(found)} times; name its namespace: {', '.join(known)}"
                )
            ]
        listed = (
            f"; there {'are' if len(known) > 1 else 'is'} {', '.join(known[:10])}"
            if known
            else f"; there is no {kind} at all"
        )
        return None, [
            at.field("name").error(
                f"{named} is not among the items{listed}{nearest(ref.name, (item.name for item in of_kind))}"
            )
        ]


def endpoint_url(endpoint: str) -> str:
    """The URL of `host[:port]` or of an https URL, without a slash at its end.

    Raises ValueError with what is wrong. The grammar is narrow, since the URL goes into curl's config and into a shell's settings.
    """
    if endpoint.startswith("http://"):
        raise ValueError("is http: the join script runs as root, so it has to come over https")
    match = _ENDPOINT.fullmatch(endpoint.removeprefix("https://"))
    # The value is not repeated: it may be a whole join URL, with its token.
    if match is None:
        raise ValueError("must be host[:port] or an https URL without user, query or fragment")
    host, port, path = match.groups()
    if not _host(host) or (port is not None and not 0 < int(port) < 65536):
        raise ValueError(
            "must be host[:port] or an https URL, the host a DNS name or an address, the port 1 to 65535"
        )
    if {".", ".."} & set(path.split("/")):
        raise ValueError("must be an https URL whose path has no . or ..")
    return f"https://{host}{f':{port}' if port else ''}{path or ''}".rstrip("/")


def _host(host: str) -> bool:
    try:
        return bool(
            ipaddress.IPv6Address(host[1:-1])
            if host.startswith("[")
            else ipaddress.IPv4Address(host)
        )
    except ValueError:
        parts = host.lower().split(".")
        # What ends in a number, 0x7f000001 too, is an address to curl.
        number = re.fullmatch(r"[0-9]+|0x[0-9a-f]*", parts[-1])
        return (
            not number
            and not any(names.dns_label(part) for part in parts)
            and not names.subdomain(host.lower())
        )


def read_join(
    cluster: VirtualCluster, lookup: Lookup, at: Place
) -> tuple[Join | None, Item | None, list[Problem]]:
    """What the guests of a virtual cluster join with, and the token's Secret, which is consumed."""
    problems: list[Problem] = []
    url = token = ""
    try:
        url = endpoint_url(cluster.endpoint)
    except ValueError as error:
        problems.append(at.field("endpoint").error(str(error)))
    ref, by_disk = cluster.join_token.secret_key_ref, cluster.join_token.delivery == "Disk"
    secret, found = lookup.find("Secret", ref, at.field("joinToken", "secretKeyRef"))
    if by_disk:
        # The Secret is put there by others, often out of Git: it need not be among the items, and where it is, it is not ours.
        problems += _file_problems(ref, at)
    else:
        problems += found
        if secret:
            token, found = _token(secret, ref)
            problems += found
    authority, pem, found = _authority(cluster.certificate_authority, secret, by_disk, lookup, at)
    problems += found
    consumed = None if by_disk else secret
    if any(problem.severity == "error" for problem in problems):
        return None, consumed, problems
    disk, file = (ref.name, ref.key or DEFAULT_FILE) if by_disk else ("", "")
    return Join(url, token, authority, pem, disk, file), consumed, problems


def _file_problems(ref: KeyRef, at: Place) -> Iterator[Problem]:
    if ref.key is not None and not _SECRET_KEY.fullmatch(ref.key):
        yield at.field("joinToken", "secretKeyRef", "key").error(
            f"is {show(ref.key)}; must be the key of a Secret: A-Z, a-z, 0-9, -, _ and ."
        )


def secret_value(item: Item, key: str) -> tuple[str | None, list[Problem]]:
    """A key of a Secret or ConfigMap as text, None where it has none; `stringData` wins over `data`, as the API server has it."""
    for holder in ("stringData", "data"):
        values = item.data.get(holder)
        value = values.get(key) if isinstance(values, dict) else None
        if value is None:
            continue
        at = item.place.field(holder, key)
        if not isinstance(value, str):
            return None, [at.error("must be text in quotes")]
        if item.kind == "ConfigMap" or holder == "stringData" or _unresolved(item, value):
            return value, []
        try:
            return from_base64(value), []
        except ValueError:
            return None, [at.error("is no base64 of text")]
    return None, []


def _unresolved(item: Item, value: str) -> bool:
    return "sops" in item.data or bool(_UNRESOLVED.search(value))


def _token(secret: Item, ref: KeyRef) -> tuple[str, list[Problem]]:
    if secret.labels.get(_NODE_TYPE_LABEL) == "control-plane":
        return "", [
            secret.place.field("metadata", "labels", _NODE_TYPE_LABEL).error(
                "says control-plane: nodes need a token for workers"
            )
        ]
    if ref.key is None and secret.data.get("type") != _BOOTSTRAP_TYPE:
        return "", [
            secret.place.field("type").error(
                f"is not {_BOOTSTRAP_TYPE}: name the token's key in joinToken.secretKeyRef.key"
            )
        ]
    values, problems = [], []
    for key in [ref.key] if ref.key else ["token-id", "token-secret"]:
        value, found = secret_value(secret, key)
        problems += found
        if value is None and not found:
            problems.append(
                secret.place.field("data").error(
                    f"has no key {show(key)}, which should hold the token{_keys(secret, key)}"
                )
            )
        values.append(value or "")
    at = secret.place.field("data", *([ref.key] if ref.key else []))
    if problems:
        return "", problems
    if any(_unresolved(secret, value) for value in values):
        return "", [
            at.error(
                "is still encrypted or a placeholder: decrypt it before krmfn runs, or use joinToken.delivery: Disk",
                Code.UNRESOLVED_TOKEN,
            )
        ]
    token = ".".join(value.strip() for value in values)[:100]
    if not _TOKEN.fullmatch(token):
        return "", [
            at.error("is no bootstrap token: six of a-z and 0-9, a dot, sixteen of a-z and 0-9")
        ]
    return token, list(_expiration(secret)) if not ref.key else []


def _expiration(secret: Item) -> Iterator[Problem]:
    """The time is never compared with a clock: the same input has to give the same output tomorrow."""
    value, problems = secret_value(secret, "expiration")
    yield from problems
    if value is None:
        return
    pattern = r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)"
    try:
        if not re.fullmatch(pattern, value, re.ASCII):
            raise ValueError
        datetime.fromisoformat(re.sub(r"\.\d+", "", value.upper()).replace("Z", "+00:00"))
    except ValueError:
        yield secret.place.field("data", "expiration").error(
            "is no RFC 3339 time, such as 2030-01-31T12:00:00Z"
        )


def _keys(item: Item, wanted: str) -> str:
    holders = [item.data.get(holder) for holder in ("data", "stringData")]
    keys = sorted({key for holder in holders if isinstance(holder, dict) for key in holder})
    return f"; it has {', '.join(keys[:10])}{nearest(wanted, keys)}" if keys else "; it has no keys"


def _authority(
    given: CertificateAuthority | None,
    secret: Item | None,
    by_disk: bool,
    lookup: Lookup,
    at: Place,
) -> tuple[str, str, list[Problem]]:
    where = at.field("certificateAuthority")
    if given is None:
        # A token's Secret that is missing is an error already; the one of a disk may be missing, and then tells nothing.
        if secret is None and not by_disk:
            return "", "", []
        pem, problems = secret_value(secret, "ca.crt") if secret else (None, [])
        if pem is None and not problems:
            choices = ", ".join(
                field.alias or "" for field in CertificateAuthority.model_fields.values()
            )
            problems = [
                where.error(
                    f"is required, since the token's Secret has no ca.crt: one of {choices}"
                )
            ]
        return _checked_pem(
            pem or "", problems, secret.place.field("data", "ca.crt") if secret else where
        )
    if given.system:
        return "system", "", []
    if given.insecure_skip_verify:
        warning = "anybody between node and endpoint can run commands as root on the node, as with the Platform's curl -k"
        return "none", "", [where.field("insecureSkipVerify").warning(warning, Code.INSECURE_TLS)]
    if given.pem is not None:
        return _checked_pem(given.pem, [], where.field("pem"))
    for kind, key, ref in (
        ("ConfigMap", "configMapKeyRef", given.config_map_key_ref),
        ("Secret", "secretKeyRef", given.secret_key_ref),
    ):
        if ref is not None:
            item, problems = lookup.find(kind, ref, where.field(key))
            if item is None:
                return "", "", problems
            pem, problems = secret_value(item, ref.key or "")
            if pem is None and not problems:
                problems = [
                    where.field(key, "key").error(
                        f"{item.origin.resource} has no key {show(ref.key)}{_keys(item, ref.key or '')}"
                    )
                ]
            return _checked_pem(pem or "", problems, item.place.field("data", ref.key or ""))
    return "", "", []


def _checked_pem(pem: str, problems: list[Problem], at: Place) -> tuple[str, str, list[Problem]]:
    """Only certificates, each of whole DER; lines end in LF."""
    if problems or not pem:
        return "", "", problems or [at.error("is empty; must be certificates in PEM")]
    pem = pem.replace("\r\n", "\n").strip() + "\n"
    if "PRIVATE KEY" in pem:
        return "", "", [at.error("holds a private key; only certificates belong here")]
    if "BEGIN" not in pem and _UNRESOLVED.search(pem[:1000]):
        return (
            "",
            "",
            [
                at.error(
                    "is still encrypted or a placeholder: decrypt it before krmfn runs, or give the certificates inline"
                )
            ],
        )
    if len(pem) > LARGEST_AUTHORITY:
        return "", "", [at.error(f"is larger than {LARGEST_AUTHORITY // 1024} KiB")]
    blocks = _BLOCK.findall(pem)
    rest = _BLOCK.sub("", pem).strip()
    if (
        not blocks
        or rest
        or not all(kind == "CERTIFICATE" and _is_certificate(body) for kind, body in blocks)
    ):
        return "", "", [at.error("must be certificates in PEM and nothing else")]
    return (
        "file",
        "".join(
            f"-----BEGIN CERTIFICATE-----\n{body.strip()}\n-----END CERTIFICATE-----\n"
            for _, body in blocks
        ),
        [],
    )


def _is_certificate(body: str) -> bool:
    """Whether the base64 is a DER sequence of two sequences and a bit string, as X.509 has it: what it certifies is not looked at."""
    try:
        whole = _elements(base64.b64decode(body, validate=False))
        return [tag for tag, _ in whole] == [0x30] and [
            tag for tag, _ in _elements(whole[0][1])
        ] == [0x30, 0x30, 0x03]
    except ValueError:
        return False


def _elements(der: bytes) -> list[tuple[int, bytes]]:
    """The tags and contents of the DER elements that stand one after the other. Raises ValueError where they do not fill the bytes."""
    found = []
    while der:
        size, start = der[1] if len(der) > 1 else 0, 2
        if size >= 0x80:
            start += size & 0x7F
            size = int.from_bytes(der[2:start], "big")
        if len(der) < start + size or start > 6:
            raise ValueError
        found.append((der[0], der[start : start + size]))
        der = der[start + size :]
    return found
