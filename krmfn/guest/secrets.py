"""Secrets and ConfigMaps among the items: found by reference, their values read as text."""

from __future__ import annotations

from typing import Any

from krmfn.kubevirt.vm_paths import get
from krmfn.manifests.index import Index
from krmfn.manifests.item import Item
from krmfn.patterns import pattern
from krmfn.platform.config import KeyRef
from krmfn.platform.model import from_base64
from krmfn.problems import Code, Collector, Path, Place, nearest

# `stringData` wins over `data`, as at the API server.
_HOLDERS = ("stringData", "data")
# SOPS, argocd-vault-plugin, Flux substitution, Helm and ESO templates, kustomize and Argo CD
# variables.
_PLACEHOLDER = pattern(r"ENC\[|<[^<>]{1,200}>|\$\{|\{\{|\$\(|\$[A-Z]")
_LISTED = 10
# The objects of which operators make Secrets in a cluster, and where these say the Secret's name:
# the first of these fields that is set, else the object's own name.
_TARGET: Path = ("spec", "target", "name")
_DESTINATION: Path = ("spec", "destination", "name")
_MAKERS: dict[tuple[str, str], tuple[Path, ...]] = {
    ("SealedSecret", "bitnami.com"): (("spec", "template", "metadata", "name"),),
    ("ExternalSecret", "external-secrets.io"): (_TARGET,),
    ("ClusterExternalSecret", "external-secrets.io"): (
        ("spec", "externalSecretSpec", "target", "name"),
        ("spec", "externalSecretName"),
    ),
    ("VaultStaticSecret", "secrets.hashicorp.com"): (_DESTINATION,),
    ("VaultDynamicSecret", "secrets.hashicorp.com"): (_DESTINATION,),
    ("VaultPKISecret", "secrets.hashicorp.com"): (_DESTINATION,),
    ("OnePasswordItem", "onepassword.com"): (),
    ("SopsSecret", "isindir.github.com"): (("spec", "secretTemplates"),),
}


class Lookup:
    """The Secrets and ConfigMaps of a run."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def find(
        self,
        kind: str,
        ref: KeyRef,
        at: Place,
        home: str | None,
        problems: Collector,
        without_it: str = "",
    ) -> Item | None:
        """Return the only object that a reference names; `at` is the reference's place.

        With `home`, the object must have that namespace or none. If there is no such object, the
        error lists those that exist, or names what makes it in the cluster; `without_it` says what
        would do without it.
        """
        candidates = [
            item
            for item in _near(self._index.named(kind, ref.name), home)
            if ref.namespace in (None, item.namespace)
        ]
        if len(candidates) == 1:
            return candidates[0]
        near = _near(self._index.of_kind(kind), home)
        name = f"{kind} {ref.namespace}/{ref.name}" if ref.namespace else f"{kind} {ref.name}"
        if candidates:
            message = f"{name} is there {len(candidates)} times; {_which_one(candidates, near)}"
            problems.append(at.error(message))
            return None
        message = f"{name} is not among the items"
        if kind == "Secret" and (maker := self._maker(ref)):
            message += f": {maker.origin.resource} makes it in the cluster, where krmfn can't read "
            message += f"it{without_it}"
        else:
            message += (
                f"; {_what_there_is(kind, near)}{nearest(ref.name, (one.name for one in near))}"
                f"{without_it}"
            )
        problems.append(at.field("name").error(message, Code.MISSING_OBJECT))
        return None

    def _maker(self, ref: KeyRef) -> Item | None:
        """Return an object of which an operator makes the Secret that a reference names."""
        for (kind, group), paths in _MAKERS.items():
            for item in self._index.of_kind(kind):
                is_near = not item.namespace or ref.namespace in (None, item.namespace)
                if item.group == group and is_near and ref.name in _made_names(item, paths):
                    return item
        return None


def _which_one(candidates: list[Item], near: list[Item]) -> str:
    """Advise on several objects of one name: those in one namespace differ in their content."""
    if len({item.namespace for item in candidates}) > 1:
        return f"name its namespace: {', '.join(_full_names(near))}"
    files = sorted({item.origin.file for item in candidates if item.origin.file})
    where = f" ({', '.join(files)})" if files else ""
    return f"they differ{where}: keep one"


def _what_there_is(kind: str, near: list[Item]) -> str:
    """List the objects of a kind that a reference could name."""
    known = _full_names(near)
    verb = "are" if len(known) > 1 else "is"
    return f"there {verb} {', '.join(known[:_LISTED]) or f'no {kind} at all'}"


def _full_names(items: list[Item]) -> list[str]:
    """Return the names of objects with their namespaces, each once."""
    return sorted({f"{item.namespace}/{item.name}".lstrip("/") for item in items})


def _made_names(item: Item, paths: tuple[Path, ...]) -> list[Any]:
    """Return the names of the Secrets that an operator makes of an object."""
    made = next(filter(None, (get(item.data, path) for path in paths)), item.name)
    if isinstance(made, list):
        return [template.get("name") for template in made if isinstance(template, dict)]
    return [made]


def _near(items: list[Item], home: str | None) -> list[Item]:
    """Return the core objects that a reference from a namespace can name."""
    core = [item for item in items if item.api_version == "v1"]
    if home is None:
        return core
    return [item for item in core if item.namespace in ("", home)]


def has_key(item: Item, key: str) -> bool:
    """Tell whether a Secret or ConfigMap has a key."""
    return _holder(item, key) is not None


def key_place(item: Item, key: str) -> Place:
    """Return the place of a key of a Secret or ConfigMap: `stringData` wins over `data`."""
    return item.place.field(_holder(item, key) or "data", key)


def secret_value(item: Item, key: str, problems: Collector) -> str | None:
    """Read a key of a Secret or ConfigMap as text.

    Return None if it has no such key, or if the value can't be read. A value that is still
    encrypted, or a placeholder, comes back as it stands.
    """
    holder = _holder(item, key)
    if holder is None:
        return None
    value, at = _values(item, holder)[key], item.place.field(holder, key)
    if not isinstance(value, str):
        problems.append(at.error("must be text in quotes"))
        return None
    is_plain = item.kind == "ConfigMap" or holder == "stringData"
    if is_plain or is_unresolved(item, value):
        return value
    try:
        return from_base64(value)
    except ValueError:
        problems.append(at.error("is not base64 of text"))
        return None


def is_unresolved(item: Item, value: str) -> bool:
    """Tell whether a value of an object is still encrypted, or a placeholder."""
    return "sops" in item.data or is_placeholder(value)


def is_placeholder(value: str) -> bool:
    """Tell whether a text is encrypted, or holds a variable that another tool replaces."""
    return bool(_PLACEHOLDER.search(value))


def its_keys(item: Item, wanted: str) -> str:
    """List the keys of an object, for a message that it has no key `wanted`."""
    keys = sorted({key for holder in _HOLDERS for key in _values(item, holder)})
    if not keys:
        return "it has no keys"
    return f"it has {', '.join(keys[:_LISTED])}{nearest(wanted, keys)}"


def _holder(item: Item, key: str) -> str | None:
    """Return which of `stringData` and `data` holds a key, None if neither does."""
    found = (holder for holder in _HOLDERS if _values(item, holder).get(key) is not None)
    return next(found, None)


def _values(item: Item, holder: str) -> dict[str, Any]:
    """Return `data` or `stringData`, {} if it is not a mapping."""
    values = item.data.get(holder)
    return values if isinstance(values, dict) else {}
