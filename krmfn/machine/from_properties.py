"""What properties add to a machine: the root disk of an image, and a network by Multus.

Rules of the Platform's documentation (4.12, "Configuration properties" of the KubeVirt provider). What it does not publish, the names of
the root disk's DataVolume, volume and disk, is `rootdisk` here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from krmfn.kubernetes.quantity import Quantity
from krmfn.kubevirt import types
from krmfn.kubevirt.canonical import canonical
from krmfn.kubevirt.merge import Map, without_nulls
from krmfn.kubevirt.vm_paths import DATA_VOLUMES, DISKS, INTERFACES, NETWORKS, VOLUMES, get
from krmfn.machine.layers import Layer
from krmfn.machine.prototype import Added, Prototype
from krmfn.machine.shape import metadata_problems
from krmfn.platform.model import embedded
from krmfn.platform.properties import (
    ATTACHMENT,
    BINDING,
    DATA_VOLUME_TEMPLATE,
    IMAGE_CHECKSUM,
    IMAGE_DATASOURCE,
    IMAGE_URL,
    INTERFACE_TEMPLATE,
    MULTUS_DEFAULT,
    ROOT_DISK_SIZE,
    ROOT_DISK_TEMPLATE,
    Given,
)
from krmfn.problems import Code, Path, Place, Problem

ROOT_DISK = "rootdisk"
MULTUS = "multus"
_BUSES = ("disk", "lun", "cdrom")
_BINDINGS = (
    "bridge",
    "masquerade",
    "sriov",
    "binding",
    "slirp",
    "macvtap",
    "passt",
    "passtBinding",
)


def dressed(prototype: Prototype, given: Given, namespace: str) -> tuple[Prototype, list[Problem]]:
    """The prototype with what the properties ask for; `namespace` is where a DataSource without one is looked for."""
    vm = prototype.vm
    problems: list[Problem] = []
    advice: list[Problem] = []
    vm = _with_image(vm, given, namespace, problems, advice)
    vm = _with_network(vm, given, problems, advice)
    added: dict[str, Added] = {}
    if image := _image_place(given):
        fields = {"checksum": given[IMAGE_CHECKSUM][1]} if IMAGE_CHECKSUM in given else {}
        added[ROOT_DISK] = Added(
            image,
            fields,
            _texts(given, {DATA_VOLUMES: DATA_VOLUME_TEMPLATE, DISKS: ROOT_DISK_TEMPLATE}),
        )
    if ATTACHMENT in given:
        added[MULTUS] = Added(
            given[ATTACHMENT][1], texts=_texts(given, {INTERFACES: INTERFACE_TEMPLATE})
        )
    return replace(prototype, vm=vm, advice=[*prototype.advice, *advice], added=added), problems


def _texts(given: Given, keys: dict[Path, str]) -> dict[Path, Layer]:
    return {
        path: Layer(_embedded(given, key), given[key][1], patch=True)
        for path, key in keys.items()
        if key in given
    }


def _image_place(given: Given) -> Place | None:
    """Where the image was asked for, None where none was."""
    return next((given[key][1] for key in (IMAGE_DATASOURCE, IMAGE_URL) if key in given), None)


def _unused(given: Given, keys: tuple[str, ...], why: str) -> Iterator[Problem]:
    for key in keys:
        if key in given:
            yield given[key][1].warning(f"has no effect: {why}", Code.UNUSED_PROPERTY)


def _with_image(
    vm: Map, given: Given, namespace: str, problems: list[Problem], advice: list[Problem]
) -> Map:
    at = _image_place(given)
    if at is None:
        others = (IMAGE_CHECKSUM, DATA_VOLUME_TEMPLATE, ROOT_DISK_TEMPLATE, ROOT_DISK_SIZE)
        advice += _unused(given, others, "there is neither image-url nor image-datasource")
        return vm
    source = _source(given, namespace, advice)
    if ROOT_DISK_SIZE not in given:
        problems.append(at.error(f"needs {ROOT_DISK_SIZE} beside it"))
        return vm
    size = str(Quantity.parse(given[ROOT_DISK_SIZE][0]))
    disk = _merged(
        given,
        ROOT_DISK_TEMPLATE,
        {"name": ROOT_DISK, "disk": {"bus": "virtio"}},
        _BUSES,
        (("name",),),
        problems,
    )
    claim = (
        "pvc"
        if get(_embedded(given, DATA_VOLUME_TEMPLATE), ("spec", "pvc")) is not None
        else "storage"
    )
    volume: Map = {
        "metadata": {"name": ROOT_DISK},
        "spec": {claim: {"resources": {"requests": {"storage": size}}}},
    }
    own: tuple[Path, ...] = (
        ("metadata", "name"), ("spec", "source"), ("spec", "sourceRef"), ("spec", claim, "resources", "requests", "storage"),
    )  # fmt: skip
    volume = _merged(given, DATA_VOLUME_TEMPLATE, volume, (), own, problems)
    volume = {"metadata": volume["metadata"], "spec": {**source, **volume["spec"]}}
    where = (
        given[DATA_VOLUME_TEMPLATE][1].field("metadata") if DATA_VOLUME_TEMPLATE in given else at
    )
    problems += metadata_problems(
        volume["metadata"], lambda path: where.field(*path), ("name", "labels", "annotations")
    )
    found: list[Problem] = []
    kind = types.ROOT.field("spec").type.field("dataVolumeTemplates").type
    volume = canonical(
        volume, kind, lambda path: given[DATA_VOLUME_TEMPLATE][1].field(*path), found
    )
    problems += found
    for path, name in (
        (DISKS, ("name",)),
        (VOLUMES, ("name",)),
        (DATA_VOLUMES, ("metadata", "name")),
    ):
        if any(get(value, name) == ROOT_DISK for value in get(vm, path) or ()):
            text = f'makes "{ROOT_DISK}", and {path[-1]} of the template have one of that name; rename the template\'s'
            problems.append(at.error(text))
    vm = _prepended(vm, DATA_VOLUMES, volume)
    vm = _prepended(vm, VOLUMES, {"name": ROOT_DISK, "dataVolume": {"name": ROOT_DISK}})
    return _prepended(vm, DISKS, disk)


def _source(given: Given, namespace: str, advice: list[Problem]) -> Map:
    if IMAGE_DATASOURCE in given:
        advice += _unused(given, (IMAGE_URL, IMAGE_CHECKSUM), "image-datasource wins over it")
        of, _, name = given[IMAGE_DATASOURCE][0].rpartition("/")
        return {"sourceRef": {"kind": "DataSource", "name": name, "namespace": of or namespace}}
    url = given[IMAGE_URL][0]
    if url.startswith("docker://"):
        advice += _unused(given, (IMAGE_CHECKSUM,), "an image of a registry has none")
        return {"source": {"registry": {"url": url}}}
    checksum = {"checksum": given[IMAGE_CHECKSUM][0]} if IMAGE_CHECKSUM in given else {}
    return {"source": {"http": {"url": url, **checksum}}}


def _with_network(vm: Map, given: Given, problems: list[Problem], advice: list[Problem]) -> Map:
    if ATTACHMENT not in given:
        advice += _unused(
            given,
            (BINDING, INTERFACE_TEMPLATE, MULTUS_DEFAULT),
            "there is no network-attachment-definition",
        )
        return vm
    name, at = given[ATTACHMENT]
    binding = given[BINDING][0] if BINDING in given else "bridge"
    if binding == "masquerade":
        problems.append(
            given[BINDING][1].error(
                "is masquerade, which KubeVirt has for the pod network only; use bridge or sriov"
            )
        )
    replaces = MULTUS_DEFAULT in given and given[MULTUS_DEFAULT][0] == "true"
    interface = _merged(
        given, INTERFACE_TEMPLATE, {"name": MULTUS, binding: {}}, _BINDINGS, (("name",),), problems
    )
    network = {
        "name": MULTUS,
        "multus": {"networkName": name, **({"default": True} if replaces else {})},
    }
    interfaces, networks = get(vm, INTERFACES) or [], get(vm, NETWORKS) or []
    if replaces:
        pods = {network.get("name") for network in networks if "pod" in network}
        networks = [value for value in networks if value.get("name") not in pods]
        interfaces = [value for value in interfaces if value.get("name") not in pods]
    elif not networks and not interfaces:
        text = "is the only network of its machines: a template that declares none gets the pod network by default, and now does not"
        advice.append(at.warning(text, Code.NO_POD_NETWORK))
    return _put(
        _put(vm, INTERFACES, _with(interfaces, interface)), NETWORKS, _with(networks, network)
    )


def _with(values: list[Map], value: Map) -> list[Map]:
    """The list with an element instead of the one of its name, or behind the others."""
    if any(other.get("name") == value["name"] for other in values):
        return [value if other.get("name") == value["name"] else other for other in values]
    return [*values, value]


def _embedded(given: Given, key: str) -> Map:
    return without_nulls(embedded(*given[key])[0]) if key in given else {}


def _merged(
    given: Given,
    key: str,
    default: Map,
    either: tuple[str, ...],
    own: tuple[Path, ...],
    problems: list[Problem],
) -> Map:
    """The default with a property's partial object merged over it.

    Of the keys `either`, one that the property has takes the place of the default's. The paths `own` are not the property's to set.
    """
    patch = _embedded(given, key)
    for path in own:
        if (value := get(patch, path)) is not None and value != get(default, path):
            problems.append(
                given[key][1]
                .field(*path)
                .error("can't be set here: other properties, or krmfn, decide it")
            )
    known = ("metadata", "spec") if "spec" in default else ()
    for name in patch:
        if known and name not in known:
            problems.append(
                given[key][1]
                .field(name)
                .error(f"is no part of a DataVolume template; known are {' and '.join(known)}")
            )
    if any(name in patch for name in either):
        default = {
            name: value for name, value in default.items() if name not in either or name in patch
        }
    if wrong := list(_misshapen(default, patch)):
        problems += (given[key][1].field(*path).error("must be a mapping") for path in wrong)
        return default
    return _deep(default, patch)


def _misshapen(base: Map, patch: Map, path: Path = ()) -> Iterator[Path]:
    """Where a patch has something else than a mapping for one."""
    for key, value in patch.items():
        if isinstance(base.get(key), dict):
            if isinstance(value, dict):
                yield from _misshapen(base[key], value, (*path, key))
            else:
                yield (*path, key)


def _deep(base: Map, patch: Map) -> Map:
    result = dict(base)
    for key, value in patch.items():
        result[key] = (
            _deep(result[key], value)
            if isinstance(value, dict) and isinstance(result.get(key), dict)
            else value
        )
    return result


def _prepended(vm: Map, path: Path, value: Map) -> Map:
    return _put(vm, path, [value, *(get(vm, path) or ())])


def _put(value: Map, path: Path, new: list[Map]) -> Map:
    """The mapping with a list at a path; mappings on the way that are missing are made."""
    key, rest = str(path[0]), path[1:]
    return {**value, key: _put(value.get(key) or {}, rest, new) if rest else new}
