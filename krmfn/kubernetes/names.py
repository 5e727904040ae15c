"""The grammars of Kubernetes names, labels and taints, and of what the join needs.

They are those of apimachinery's validation package. Each check returns what is wrong with a value,
as the end of a sentence that begins with the field's path, or "".
"""

from __future__ import annotations

from krmfn.patterns import pattern
from krmfn.problems import show

# Always fullmatch and ASCII classes: `$` accepts a trailing newline, `\d` and `\w` accept other
# scripts' digits.
LABEL = pattern(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
SUBDOMAIN = pattern(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
QUALIFIED = pattern(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
KUBELET_ARGUMENT = pattern(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
KUBELET_VALUE = pattern(r"""[^\s"'\\$`;\x00-\x20\x7f-\x9f]*""")
LONGEST_LABEL, LONGEST_SUBDOMAIN = 63, 253
EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


def dns_label(value: str) -> str:
    """Check a DNS-1123 label.

    Claims (their names become host names), namespaces, volumes and pools have such names.
    """
    if len(value) <= LONGEST_LABEL and LABEL.fullmatch(value):
        return ""
    grammar = "at most 63 of a-z, 0-9 and -, first and last a letter or digit"
    return f"is {show(value)}; must be a DNS label: {grammar}"


def subdomain(value: str) -> str:
    """Check a DNS-1123 subdomain, such as the names of most objects."""
    if len(value) <= LONGEST_SUBDOMAIN and SUBDOMAIN.fullmatch(value):
        return ""
    grammar = "at most 253 of a-z, 0-9, - and ., each part begins and ends with a letter or digit"
    return f"is {show(value)}; must be a DNS name: {grammar}"


def label_key(value: str) -> str:
    """Check a qualified name: the key of a label, annotation or taint."""
    prefix, slash, name = value.rpartition("/")
    is_name = len(name) <= LONGEST_LABEL and QUALIFIED.fullmatch(name)
    if is_name and (not slash or not subdomain(prefix)):
        return ""
    grammar = "the name at most 63 of A-Z, a-z, 0-9, -, _ and ., the prefix a DNS name"
    return f"is {show(value)}; must be [prefix/]name, {grammar}"


def annotation_key(value: str) -> str:
    """Check the key of an annotation, which an API server takes in any case."""
    return label_key(value.lower())


def label_value(value: str) -> str:
    """Check the value of a label or taint. It may be empty."""
    if not value or (len(value) <= LONGEST_LABEL and QUALIFIED.fullmatch(value)):
        return ""
    grammar = "at most 63 of A-Z, a-z, 0-9, -, _ and ., first and last a letter or digit"
    return f"is {show(value)}; must be {grammar}"


def effect(value: str) -> str:
    """Check the effect of a taint."""
    return "" if value in EFFECTS else f"is {show(value)}; must be one of {', '.join(EFFECTS)}"


def kubelet_argument(value: str) -> str:
    """Check the name of a kubelet flag, without its dashes."""
    if value == "hostname-override":
        return "can't be set: the node is named after its claim"
    if KUBELET_ARGUMENT.fullmatch(value):
        return ""
    grammar = "the name of a kubelet flag without leading dashes: a-z, 0-9 and -"
    return f"is {show(value)}; must be {grammar}"


def kubelet_value(value: str) -> str:
    """Check the value of a kubelet flag.

    What systemd or a shell could read as something else is refused, not escaped.
    """
    if KUBELET_VALUE.fullmatch(value):
        return ""
    return f"is {show(value)}; may hold no white space, quotes, backslash, $, backquote or ;"
