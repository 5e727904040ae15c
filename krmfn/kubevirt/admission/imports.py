"""What CDI's webhook denies of the DataVolumes that KubeVirt makes of a machine's templates.

The machine is admitted, and stays stopped for ever. The rules are those of CDI's
`validateDataVolumeSpec` (v1.65).
"""

from __future__ import annotations

from typing import Any

from krmfn.kubevirt.admission.rule import Findings, amount, choice, elements, rule
from krmfn.kubevirt.vm_paths import DATA_VOLUMES, Map, get
from krmfn.patterns import pattern
from krmfn.problems import Path, show

_MIB = 2**20
_SCHEME = pattern(r"([a-zA-Z][a-zA-Z0-9+.-]*):")
_REGISTRIES = ("docker", "oci-archive")
_PULL_METHODS = ("pod", "node")
_CONTENT_TYPES = ("kubevirt", "archive")
_SIZE: Path = ("resources", "requests", "storage")
# Sources with the address of a file, and the fields that they need beside it.
_FILES: dict[str, tuple[str, ...]] = {
    "http": (),
    "s3": (),
    "gcs": (),
    "imageio": ("secretRef", "diskId"),
    "vddk": ("secretRef", "uuid", "backingFile", "thumbprint"),
}
_FILE_SCHEMES = ("http", "https", "gs")
# Sources whose size CDI can take over.
_CLONES = ("pvc", "snapshot")


@rule("data-volume-import")
def _imports(vm: Map) -> Findings:
    """A DataVolume template has a size of 1Mi or more (a clone may take its source's), with `pvc`
    exactly one access mode, and a source with an address and the fields that CDI asks for. (CDI
    denies others, and the machine stays stopped.)
    """
    for path, template in elements(vm, DATA_VOLUMES):
        spec = template.get("spec") or {}
        at = (*path, "spec")
        yield from _size(spec, at)
        modes = get(spec, ("pvc", "accessModes")) or []
        if "pvc" in spec and len(modes) != 1:
            yield (*at, "pvc", "accessModes"), f"has {len(modes) or 'none'}; must have exactly one"
        if kind := get(spec, ("sourceRef", "kind")):
            yield from choice((*at, "sourceRef", "kind"), kind, ("DataSource",))
        source = spec.get("source") or {}
        content = spec.get("contentType") or _CONTENT_TYPES[0]
        yield from choice((*at, "contentType"), content, _CONTENT_TYPES)
        if content == "archive" and ("registry" in source or "blank" in source):
            yield (*at, "contentType"), "is archive, which this source can't be"
        yield from _source(source, (*at, "source"))


def _size(spec: Map, path: Path) -> Findings:
    """Yield a size that is missing or too small."""
    key = next((key for key in ("storage", "pvc") if key in spec), None)
    if key is None:
        return
    size = amount(spec[key], _SIZE)
    is_clone = "sourceRef" in spec or any(get(spec, ("source", clone)) for clone in _CLONES)
    at = (*path, key, *_SIZE)
    if size is None:
        if key == "pvc" or not is_clone:
            yield at, "is required"
    elif size.value < _MIB:
        yield at, f"is {size}; must be 1Mi or more"


def _source(source: Map, path: Path) -> Findings:
    """Yield what is wrong with the source of a DataVolume."""
    if "registry" in source:
        yield from _registry(source["registry"] or {}, (*path, "registry"))
    for kind, needed in _FILES.items():
        if kind in source:
            yield from _file(source[kind] or {}, needed, (*path, kind))
    imageio = source.get("imageio") or {}
    if imageio and not imageio.get("certConfigMap") and not imageio.get("insecureSkipVerify"):
        yield (*path, "imageio", "certConfigMap"), "is required, or insecureSkipVerify: true"
    for kind in _CLONES:
        if kind in source and not get(source, (kind, "name")):
            yield (*path, kind, "name"), "is required"


def _file(given: Map, needed: tuple[str, ...], path: Path) -> Findings:
    """Yield what is wrong with a source that has an address."""
    url = given.get("url") or ""
    if _scheme(url) not in _FILE_SCHEMES or _is_spaced(url):
        yield (*path, "url"), f"is {show(url)}; must begin with http://, https:// or gs://"
    for key in needed:
        if not given.get(key):
            yield (*path, key), "is required"


def _registry(registry: Map, path: Path) -> Findings:
    """Yield what is wrong with an image of a registry."""
    url, stream = registry.get("url"), registry.get("imageStream")
    method = registry.get("pullMethod")
    if (url is None) == (stream is None):
        yield path, f"has {'both' if url else 'neither'} url and imageStream; must have one"
    elif url is not None and (_scheme(url) not in _REGISTRIES or _is_spaced(url)):
        message = f"is {show(url)}; must begin with docker:// or oci-archive://"
        yield (*path, "url"), message
    elif stream is not None and (not stream or method != "node"):
        yield (*path, "imageStream"), "must not be empty, and needs pullMethod: node"
    if method is not None:
        yield from choice((*path, "pullMethod"), method, _PULL_METHODS)


def _scheme(url: Any) -> str:
    """Return the scheme of an address, "" if it has none."""
    match = _SCHEME.match(url)
    return match[1].lower() if match else ""


def _is_spaced(url: str) -> bool:
    """Tell whether an address has white space or control characters, which no address has."""
    return any(character <= " " or character == "\x7f" for character in url)


RULES = (_imports,)
