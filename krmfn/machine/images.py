"""The root disk that image properties add to a machine.

Rules of the Platform's documentation (4.12, "Configuration properties" of the KubeVirt
provider). It does not publish the names of the root disk's DataVolume, volume and disk: they
are `rootdisk` here.
"""

from __future__ import annotations

from collections.abc import Iterator

from krmfn.kubernetes.quantity import Quantity
from krmfn.kubevirt import types
from krmfn.kubevirt.canonical import canonical
from krmfn.kubevirt.vm_paths import DATA_VOLUMES, DISKS, NAMED, VOLUMES, Map, Named, get, put
from krmfn.machine.layers import LayerName
from krmfn.machine.metadata_checks import metadata_problems
from krmfn.machine.partial_objects import Partial, unused
from krmfn.machine.prototype import Prototype
from krmfn.machine.provenance import Source
from krmfn.platform.properties import (
    DATA_VOLUME_TEMPLATE,
    IMAGE_CHECKSUM,
    IMAGE_DATASOURCE,
    IMAGE_URL,
    ROOT_DISK_SIZE,
    ROOT_DISK_TEMPLATE,
    Given,
)
from krmfn.problems import Collector, Path, Place, Problem

ROOT_DISK = "rootdisk"
_BUSES = ("disk", "lun", "cdrom")
_PARTS = ("metadata", "spec")
_METADATA = ("name", "labels", "annotations")


def add_image(prototype: Prototype, given: Given, home: str, problems: Collector) -> None:
    """Add the root disk that the properties ask for.

    `home` is the namespace in which a DataSource without one is looked for.
    """
    at = image_place(given)
    if at is None:
        others = (IMAGE_CHECKSUM, DATA_VOLUME_TEMPLATE, ROOT_DISK_TEMPLATE, ROOT_DISK_SIZE)
        why = "there is neither image-url nor image-datasource"
        prototype.warnings += unused(given, others, why)
        return
    _warn_of_unused(prototype, given)
    if ROOT_DISK_SIZE not in given:
        problems.append(at.error(f"needs {ROOT_DISK_SIZE} beside it"))
        return
    disk_template = Partial.of(given, ROOT_DISK_TEMPLATE)
    volume_template = Partial.of(given, DATA_VOLUME_TEMPLATE)
    default = {"name": ROOT_DISK, "disk": {"bus": "virtio"}}
    disk = disk_template.over(default, problems, (("name",),), _BUSES)
    source = _source(given, home)
    data_volume = _data_volume(given, volume_template, source, at, problems)
    problems += _name_problems(prototype, at)
    volume = {"name": ROOT_DISK, "dataVolume": {"name": ROOT_DISK}}
    _prepend(prototype, DATA_VOLUMES, data_volume, at)
    _prepend(prototype, VOLUMES, volume, at)
    _prepend(prototype, DISKS, disk, at)
    volume_template.note(prototype, (*DATA_VOLUMES, Named(ROOT_DISK)))
    disk_template.note(prototype, (*DISKS, Named(ROOT_DISK)))
    _note_checksum(prototype, given)


def _name_problems(prototype: Prototype, at: Place) -> Iterator[Problem]:
    """Yield lists of the template that already have an element of the root disk's name."""
    for path in (DISKS, VOLUMES, DATA_VOLUMES):
        elements = get(prototype.vm, path) or ()
        names = [get(element, NAMED[path]) for element in elements]
        if ROOT_DISK in names:
            message = f'makes "{ROOT_DISK}", and {path[-1]} of the template have one of that name'
            yield at.error(f"{message}; rename the template's")


def _prepend(prototype: Prototype, path: Path, element: Map, at: Place) -> None:
    """Put an element that a property asks for before those of the template."""
    others = get(prototype.vm, path) or ()
    prototype.vm = put(prototype.vm, path, [element, *others])
    target = (*path, Named(ROOT_DISK))
    source = Source(LayerName.PROPERTY, at)
    prototype.provenance.note(target, source)


def image_place(given: Given) -> Place | None:
    """Return the place of the property that asks for an image, None if none does."""
    for key in (IMAGE_DATASOURCE, IMAGE_URL):
        if key in given:
            return given[key][1]
    return None


def _warn_of_unused(prototype: Prototype, given: Given) -> None:
    """Warn of image properties that another one makes needless."""
    if IMAGE_DATASOURCE in given:
        why = "image-datasource wins over it"
        prototype.warnings += unused(given, (IMAGE_URL, IMAGE_CHECKSUM), why)
    elif _is_registry(given):
        why = "an image of a registry has none"
        prototype.warnings += unused(given, (IMAGE_CHECKSUM,), why)


def _is_registry(given: Given) -> bool:
    """Tell whether the image comes from a container registry."""
    return given[IMAGE_URL][0].startswith("docker://")


def _source(given: Given, home: str) -> Map:
    """Return the part of a DataVolume's spec that says where its content comes from."""
    if IMAGE_DATASOURCE in given:
        text, _ = given[IMAGE_DATASOURCE]
        namespace, _, name = text.rpartition("/")
        reference = {"kind": "DataSource", "name": name, "namespace": namespace or home}
        return {"sourceRef": reference}
    url, _ = given[IMAGE_URL]
    if _is_registry(given):
        return {"source": {"registry": {"url": url}}}
    http = {"url": url}
    if IMAGE_CHECKSUM in given:
        http["checksum"], _ = given[IMAGE_CHECKSUM]
    return {"source": {"http": http}}


def _data_volume(
    given: Given, template: Partial, source: Map, at: Place, problems: Collector
) -> Map:
    """Return the DataVolume template of the root disk."""
    size = str(Quantity.parse(given[ROOT_DISK_SIZE][0]))
    claim = "storage" if get(template.value, ("spec", "pvc")) is None else "pvc"
    default: Map = {
        "metadata": {"name": ROOT_DISK},
        "spec": {claim: {"resources": {"requests": {"storage": size}}}},
    }
    fixed = (
        ("metadata", "name"),
        ("spec", "source"),
        ("spec", "sourceRef"),
        ("spec", claim, "resources", "requests", "storage"),
    )
    merged = template.over(default, problems, fixed, known=_PARTS)
    metadata = merged["metadata"]
    where = template.field("metadata") if template.at else at
    problems += metadata_problems(metadata, lambda path: where.field(*path), _METADATA)
    volume = {"metadata": metadata, "spec": {**source, **merged["spec"]}}
    kind = types.ROOT.field("spec").type.field("dataVolumeTemplates").type
    in_canonical_form: Map = canonical(
        volume,
        kind,
        lambda path: template.field(*path),
        problems,
    )
    return in_canonical_form


def _note_checksum(prototype: Prototype, given: Given) -> None:
    """Note that the checksum has a property of its own."""
    if IMAGE_CHECKSUM not in given:
        return
    _, at = given[IMAGE_CHECKSUM]
    path = (*DATA_VOLUMES, Named(ROOT_DISK), "spec", "source", "http", "checksum")
    prototype.provenance.note(path, Source(LayerName.PROPERTY, at))
