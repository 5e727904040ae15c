"""The grammars of `krmfn.kubernetes.names` in JSON Schema, for editors."""

from __future__ import annotations

from collections.abc import Callable
from re import Pattern
from typing import Any

from krmfn.kubernetes import names

_PREFIX = f"(?:(?:{names.SUBDOMAIN.pattern})/)?"
_NAME = f"(?=.{{1,{names.LONGEST_LABEL}}}$)(?:{names.QUALIFIED.pattern})"


def whole(grammar: Pattern[str]) -> str:
    """Return a pattern that a whole text has to match."""
    return f"^(?:{grammar.pattern})$"


# By the function that checks a text.
GRAMMARS: dict[Callable[[str], str], dict[str, Any]] = {
    names.dns_label: {"pattern": whole(names.LABEL), "maxLength": names.LONGEST_LABEL},
    names.subdomain: {"pattern": whole(names.SUBDOMAIN), "maxLength": names.LONGEST_SUBDOMAIN},
    names.label_key: {"pattern": f"^{_PREFIX}{_NAME}$"},
    names.annotation_key: {"pattern": f"^{_PREFIX.replace('a-z', 'A-Za-z')}{_NAME}$"},
    names.label_value: {"pattern": f"^(?:{_NAME})?$"},
    names.effect: {"enum": list(names.EFFECTS)},
    names.kubelet_argument: {
        "pattern": f"^(?!hostname-override$)(?:{names.KUBELET_ARGUMENT.pattern})$"
    },
    names.kubelet_value: {"pattern": whole(names.KUBELET_VALUE)},
}
