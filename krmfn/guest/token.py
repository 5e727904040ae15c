"""The bootstrap token that lets nodes join.

No message repeats a value. A token that is still encrypted, or a placeholder, is distinguished
from one that is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from krmfn.guest.secrets import has_key, is_unresolved, its_keys, key_place, secret_value
from krmfn.manifests.item import Item
from krmfn.patterns import pattern
from krmfn.platform.config import KeyRef
from krmfn.problems import Code, Collector, Problem, show

_TOKEN = pattern(r"[a-z0-9]{6}\.[a-z0-9]{16}")
_BOOTSTRAP_TYPE = "bootstrap.kubernetes.io/token"
_BOOTSTRAP_KEYS = ("token-id", "token-secret")
_NODE_TYPE_LABEL = "vcluster.loft.sh/token-node-type"
_RFC_3339 = pattern(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_LONGEST = 100


def read_token(secret: Item, ref: KeyRef, problems: Collector) -> str:
    """Read the token of a Secret: one key, or the two of a bootstrap token's Secret.

    Return "" if there is a problem.
    """
    if secret.labels.get(_NODE_TYPE_LABEL) == "control-plane":
        at = secret.place.field("metadata", "labels", _NODE_TYPE_LABEL)
        problems.append(at.error("says control-plane: nodes need a token for workers"))
        return ""
    if ref.key is None and secret.data.get("type") != _BOOTSTRAP_TYPE:
        advice = "name the token's key in joinToken.secretKeyRef.key"
        problem = secret.place.field("type").error(f"is not {_BOOTSTRAP_TYPE}: {advice}")
        problems.append(problem)
        return ""
    keys = (ref.key,) if ref.key else _BOOTSTRAP_KEYS
    values = [_part(secret, key, problems) for key in keys]
    parts = [value for value in values if value is not None]
    if len(parts) < len(keys):
        return ""
    at = key_place(secret, ref.key) if ref.key else secret.place.field("data")
    if any(is_unresolved(secret, part) for part in parts):
        advice = "decrypt it before krmfn runs, or use joinToken.delivery: Disk"
        message = f"is still encrypted or a placeholder: {advice}"
        problems.append(at.error(message, Code.UNRESOLVED_TOKEN))
        return ""
    token = ".".join(part.strip() for part in parts)[:_LONGEST]
    if not _TOKEN.fullmatch(token):
        grammar = "six of a-z and 0-9, a dot, sixteen of a-z and 0-9"
        problems.append(at.error(f"is not a bootstrap token: {grammar}"))
        return ""
    if not ref.key:
        problems += _expiration_problems(secret)
    return token


def _part(secret: Item, key: str, problems: Collector) -> str | None:
    """Read one key of the token."""
    if not has_key(secret, key):
        message = f"has no key {show(key)}, which should hold the token; {its_keys(secret, key)}"
        problems.append(secret.place.field("data").error(message))
        return None
    return secret_value(secret, key, problems)


def _expiration_problems(secret: Item) -> Iterator[Problem]:
    """Check the form of the expiration.

    The time is never compared with a clock: the same input has to give the same output tomorrow.
    """
    problems = Collector()
    value = secret_value(secret, "expiration", problems)
    yield from problems
    if value is not None and not _is_time(value):
        at = key_place(secret, "expiration")
        yield at.error("is not an RFC 3339 time, such as 2030-01-31T12:00:00Z")


def _is_time(value: str) -> bool:
    """Tell whether a text is a time that exists, in RFC 3339."""
    if not _RFC_3339.fullmatch(value):
        return False
    whole_seconds = re.sub(r"\.\d+", "", value.upper())
    try:
        datetime.fromisoformat(whole_seconds.replace("Z", "+00:00"))
    except ValueError:
        return False
    return True
