"""The grammars of Kubernetes names, labels and taints (apimachinery's validation package), and of what the join needs.

Each check returns what is wrong with a value, as the end of a sentence that begins with the field's path, or "".
"""

from __future__ import annotations

import re

from krmfn.problems import show

# Always fullmatch and ASCII classes: `$` accepts a trailing newline, `\d` and `\w` accept other scripts' digits.
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_QUALIFIED = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_KUBELET_ARGUMENT = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_KUBELET_VALUE = re.compile(r"""[^\s"'\\$`;\x00-\x20\x7f-\x9f]*""")
EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


def dns_label(value: str) -> str:
    """A DNS-1123 label: names of claims (they become host names), namespaces, volumes and pools."""
    if len(value) <= 63 and _LABEL.fullmatch(value):
        return ""
    return f"is {show(value)}; must be a DNS label: at most 63 of a-z, 0-9 and -, first and last a letter or digit"


def subdomain(value: str) -> str:
    """A DNS-1123 subdomain: names of most objects."""
    if len(value) <= 253 and _SUBDOMAIN.fullmatch(value):
        return ""
    return f"is {show(value)}; must be a DNS name: at most 253 of a-z, 0-9, - and ., each part begins and ends with a letter or digit"


def label_key(value: str) -> str:
    """A qualified name: the key of a label, annotation or taint."""
    prefix, slash, name = value.rpartition("/")
    if len(name) <= 63 and _QUALIFIED.fullmatch(name) and (not slash or not subdomain(prefix)):
        return ""
    return f"is {show(value)}; must be [prefix/]name, the name at most 63 of A-Z, a-z, 0-9, -, _ and ., the prefix a DNS name"


def label_value(value: str) -> str:
    """The value of a label or taint; it may be empty."""
    if not value or (len(value) <= 63 and _QUALIFIED.fullmatch(value)):
        return ""
    return f"is {show(value)}; must be at most 63 of A-Z, a-z, 0-9, -, _ and ., first and last a letter or digit"


def effect(value: str) -> str:
    """The effect of a taint."""
    return "" if value in EFFECTS else f"is {show(value)}; must be one of {', '.join(EFFECTS)}"


def kubelet_argument(value: str) -> str:
    """The name of a kubelet flag, without its dashes."""
    if value == "hostname-override":
        return "can't be set: the node is named after its claim"
    if _KUBELET_ARGUMENT.fullmatch(value):
        return ""
    return f"is {show(value)}; must be the name of a kubelet flag without leading dashes: a-z, 0-9 and -"


def kubelet_value(value: str) -> str:
    """The value of a kubelet flag: refused, not escaped, where systemd or a shell could read it as something else."""
    if _KUBELET_VALUE.fullmatch(value):
        return ""
    return f"is {show(value)}; may hold no white space, quotes, backslash, $, backquote or ;"
