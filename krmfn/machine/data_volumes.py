"""The DataVolume templates of a machine: the names of its own DataVolumes, and all that names them.

Two machines would share a DataVolume otherwise. KubeVirt looks a DataVolume up by its name alone:
a template that changes under one name does nothing to a disk that exists.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from krmfn.kubernetes.quantity import Quantity
from krmfn.kubevirt.vm_paths import Map, get, put
from krmfn.patterns import pattern
from krmfn.problems import Path

# The fields by which a volume names a DataVolume or its claim.
_REFERENCES: tuple[Path, ...] = (
    ("dataVolume", "name"),
    ("persistentVolumeClaim", "claimName"),
    ("ephemeral", "persistentVolumeClaim", "claimName"),
    ("memoryDump", "claimName"),
    # Of a utility volume.
    ("claimName",),
)
# The fields by which a DataVolume names the claim that it is cloned from.
_CLONED: tuple[Path, ...] = (
    ("spec", "source", "pvc"),
    ("spec", "sourceRef"),
    ("spec", "storage", "dataSource"),
    ("spec", "storage", "dataSourceRef"),
    ("spec", "pvc", "dataSource"),
    ("spec", "pvc", "dataSourceRef"),
)
# A reference with a kind names a sibling by one of these. A DataSource or a snapshot is another
# object, whatever its name.
_CLAIM_KINDS = {None: (), "PersistentVolumeClaim": (), "DataVolume": ("cdi.kubevirt.io",)}
_AMOUNTS: tuple[Path, ...] = tuple(
    (claim, "resources", kind) for claim in ("pvc", "storage") for kind in ("requests", "limits")
)
_WITHOUT_IMAGE = ("blank", "upload")
# Of a hash, in hexadecimal: two images of one disk have the same once in 10^12.
_DIGITS = 10
_HASH = pattern(rf"-[0-9a-f]{{{_DIGITS}}}")

Rename = Callable[[str], str]


class DataVolumes:
    """The DataVolume templates of a machine.

    `namespace` is the machine's. With `new_disks`, a DataVolume with an image has a hash of its
    spec in its name, so that another image is another disk.
    """

    def __init__(self, templates: list[Map], namespace: str, new_disks: bool = False) -> None:
        self._templates = {template["metadata"]["name"]: template for template in templates}
        self._namespace = namespace
        # By the name of a template: the same with a hash.
        self._names: dict[str, str] = {}
        if new_disks:
            self._hash_names()

    def copies(self, rename: Rename) -> list[Map]:
        """Return the templates of the machine's own DataVolumes.

        `rename` makes the name of one from that of its template, with the hash if it has one.
        """
        copies = []
        for name, template in self._templates.items():
            template = self._with_siblings(template, rename)
            metadata = {**template["metadata"], "name": rename(self._name(name))}
            copies.append({**template, "metadata": metadata})
        return copies

    def volume(self, volume: Map, rename: Rename) -> Map:
        """Return a volume in which the name of a DataVolume follows its template."""
        for path in _REFERENCES:
            name = get(volume, path)
            if self._is_template(name):
                return put(volume, path, rename(self._name(name)))
        return volume

    def _name(self, name: str) -> str:
        """Return the name of a template, with the hash if it has one."""
        return self._names.get(name, name)

    def _is_template(self, name: Any) -> bool:
        """Tell whether a name is that of a template."""
        return isinstance(name, str) and name in self._templates

    def _with_siblings(self, template: Map, rename: Rename) -> Map:
        """Return a template in which the names of those that it is cloned from follow them."""
        for path in self._siblings(template):
            template = put(template, path, rename(self._name(get(template, path))))
        return template

    def _siblings(self, template: Map) -> Iterator[Path]:
        """Yield where a template names another one of the same machine that it is cloned from.

        A source of the template's own name is an image from elsewhere.
        """
        for path in _CLONED:
            source = get(template, path)
            name = get(source, ("name",))
            is_near = get(source, ("namespace",)) in (None, "", self._namespace)
            kind, group = get(source, ("kind",)), get(source, ("apiGroup",)) or ""
            is_known = isinstance(kind, str | None) and kind in _CLAIM_KINDS
            is_claim = is_known and group in ("", *_CLAIM_KINDS[kind])
            is_other = self._is_template(name) and name != template["metadata"]["name"]
            if is_near and is_claim and is_other:
                yield (*path, "name")

    def _hash_names(self) -> None:
        """Give the templates names with hashes.

        The hash is of the spec as it is rendered, but for the claim's name: machines of one
        template have the same. It covers the names of siblings, so that a clone of a new disk is a
        new disk too.
        """
        for first in self._templates:
            # A chain of clones, without recursion: its length is the user's.
            chain: dict[str, None] = {}
            name: str | None = first
            while name is not None and name not in self._names and name not in chain:
                chain[name] = None
                template = self._templates[name]
                cloned = next(self._siblings(template), None)
                name = get(template, cloned) if cloned else None
            for link in reversed(chain):
                self._names[link] = self._hashed_name(link)

    def _hashed_name(self, name: str) -> str:
        """Return the name of a template with the hash of its spec, if it has an image."""
        template = self._templates[name]
        if not has_image(template):
            return name
        spec = _with_plain_amounts(self._with_siblings(template, str)["spec"])
        text = json.dumps(spec, sort_keys=True, separators=(",", ":"))
        # It loads OpenSSL, and only `imageUpdates: OnRestart` needs it.
        import hashlib

        digest = hashlib.sha256(text.encode()).hexdigest()
        return f"{name}-{digest[:_DIGITS]}"


def has_image(template: Map) -> bool:
    """Tell whether a DataVolume begins with the content of something else."""
    source = get(template, ("spec", "source"))
    return not isinstance(source, dict) or not any(kind in source for kind in _WITHOUT_IMAGE)


def without_hash(name: str) -> str:
    """Return the name of a DataVolume without the hash that it may end in."""
    length = _DIGITS + 1
    return name[:-length] if _HASH.fullmatch(name[-length:]) else name


def _with_plain_amounts(spec: Map) -> Map:
    """Return a DataVolume's spec with its amounts in one form: `5Gi` is `5368709120` too."""
    for path in _AMOUNTS:
        if amounts := get(spec, path):
            plain = {name: str(Quantity.parse(text).value) for name, text in amounts.items()}
            spec = put(spec, path, plain)
    return spec
