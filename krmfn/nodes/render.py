"""Claim × prototype → VirtualMachine and Secret: compiled once for all claims that differ in name alone, then filled in per claim."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from krmfn.guest import user_data as userdata
from krmfn.guest.cloud_config import CloudConfig
from krmfn.guest.join import Join
from krmfn.guest.user_data import Payload
from krmfn.kubernetes import names
from krmfn.kubevirt.vm_paths import (
    CLOUD_INIT,
    DATA_VOLUMES,
    DISKS,
    JOIN_DISK,
    MANAGED_BY,
    OURS,
    OWNER,
    SECRET_SUFFIX,
    VOLUMES,
    cloud_init_kind,
    get,
)
from krmfn.machine.prototype import Prototype, ordered_networks
from krmfn.manifests.item import INDEX, PATH
from krmfn.manifests.yamlio import Hole, Template
from krmfn.platform.config import Encoding, OutputAnnotations

# What names a DataVolume or its claim from a volume; each is renamed with the DataVolume.
_REFERENCES = (
    ("dataVolume", "name"),
    ("persistentVolumeClaim", "claimName"),
    ("ephemeral", "persistentVolumeClaim", "claimName"),
    ("memoryDump", "claimName"),
)


@dataclass(frozen=True, slots=True)
class Group:
    """What claims share that are rendered alike; it names everything but the claim."""

    provider: str
    node_type: str
    cluster: str
    namespace: str
    virtual_cluster: str
    pool: str
    off: bool
    join_secret: str = ""
    network: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """Where objects go: for a package, the folder of their files, with a slash; for a list, the column of its dashes."""

    folder: str | None = None
    column: int | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """How objects are written: their owner, their annotations, and where they go."""

    owner: str
    encoding: Encoding = "data"
    annotations: OutputAnnotations = field(default_factory=OutputAnnotations)
    layout: Layout = field(default_factory=Layout)


@dataclass(slots=True)
class Machine:
    """A compiled prototype."""

    vm: Template
    secret: Template
    data_volumes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Rendered:
    """One object that comes out, as block YAML: a document, or an element of a list, as the output's layout has it."""

    kind: str
    api_version: str
    namespace: str
    name: str
    claim: str
    group: Group
    text: str


def compile_machine(prototype: Prototype, group: Group, output: Output) -> Machine:
    """Everything that the claims of a group have in common, as text with holes."""
    marks = {
        "node-claim": Hole(Hole.NAME),
        "node-provider": group.provider,
        **({"node-type": group.node_type} if group.node_type else {}),
        "virtual-cluster": group.virtual_cluster,
        **({"pool": group.pool} if group.pool else {}),
    }
    fits = {
        key: isinstance(value, Hole) or not names.label_value(value) for key, value in marks.items()
    }
    labels = {MANAGED_BY: "krmfn"} | {
        OURS + key: value for key, value in marks.items() if fits[key]
    }
    annotations = {OURS + key: value for key, value in marks.items() if not fits[key]}
    vm = prototype.vm
    volumes = [template["metadata"]["name"] for template in get(vm, DATA_VOLUMES) or ()]
    metadata = _metadata(
        vm.get("metadata", {}),
        labels,
        annotations | {OWNER: output.owner} | output.annotations.virtual_machine,
    )
    spec = {**vm["spec"], "template": _template(vm, labels, annotations, set(volumes), group)}
    if group.off:
        spec.pop("running", None)
        spec["runStrategy"] = "Halted"
    if volumes:
        spec["dataVolumeTemplates"] = [
            _named(template, volumes, group.namespace) for template in get(vm, DATA_VOLUMES)
        ]
    machine = {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": _identity("", group, metadata, output, 1),
        "spec": spec,
    }
    secret_metadata = _metadata(
        {}, labels, annotations | {OWNER: output.owner} | output.annotations.secret
    )
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": _identity(SECRET_SUFFIX, group, secret_metadata, output, 0),
        "type": "Opaque",
    }
    return Machine(
        Template(machine, output.layout.column), Template(secret, output.layout.column), volumes
    )


def _identity(
    suffix: str, group: Group, metadata: dict[str, Any], output: Output, index: int
) -> dict[str, Any]:
    """Metadata with name and namespace, and with the file that a package keeps the object in."""
    if output.layout.folder is not None:
        path = Hole(f"{output.layout.folder}{group.cluster}/{Hole.NAME}.yaml")
        metadata["annotations"] |= {INDEX: str(index), PATH: path}
    return {"name": Hole(Hole.NAME + suffix), "namespace": group.namespace, **metadata}


def _metadata(
    template: dict[str, Any], labels: dict[str, str], annotations: dict[str, str]
) -> dict[str, Any]:
    """A template's metadata with our labels and annotations behind its own."""
    result = {**template, "labels": {**template.get("labels", {}), **labels}}
    if annotations or template.get("annotations"):
        result["annotations"] = {**template.get("annotations", {}), **annotations}
    return result


def _template(
    vm: dict[str, Any],
    labels: dict[str, str],
    annotations: dict[str, str],
    volumes: set[str],
    group: Group,
) -> dict[str, Any]:
    template = vm["spec"]["template"]
    spec = template["spec"]
    devices = spec["domain"].get("devices", {})
    disks = list(get(vm, DISKS) or ())
    secret = {"name": Hole(Hole.NAME + SECRET_SUFFIX)}
    source = {"secretRef": secret, **({"networkDataSecretRef": secret} if group.network else {})}
    attached = [
        {"name": volume["name"], kind: source}
        if (kind := cloud_init_kind(volume))
        else _renamed(volume, volumes)
        for volume in get(vm, VOLUMES) or ()
    ]
    own = next((volume["name"] for volume in attached if cloud_init_kind(volume)), None)
    if own is None:
        attached.append({"name": CLOUD_INIT, "cloudInitNoCloud": source})
    if not any(disk["name"] == (own or CLOUD_INIT) for disk in disks):
        disks.append({"name": own or CLOUD_INIT, "disk": {"bus": "virtio"}})
    if group.join_secret:
        disks.append({"name": JOIN_DISK, "disk": {"bus": "virtio"}})
        attached.append(
            {
                "name": JOIN_DISK,
                "secret": {"secretName": group.join_secret, "volumeLabel": JOIN_DISK},
            }
        )
    domain = {**spec["domain"], "devices": {**devices, "disks": disks}}
    metadata = _metadata(template.get("metadata", {}), labels, annotations)
    made = {**spec, "domain": domain, "volumes": attached} | (
        {"networks": ordered_networks(vm)} if "networks" in spec else {}
    )
    return {"metadata": metadata, **template, **{"metadata": metadata, "spec": made}}


def _named(template: dict[str, Any], volumes: list[str], namespace: str) -> dict[str, Any]:
    """A DataVolume template under a name of its own: two machines of one template would share the DataVolume otherwise.

    One that is cloned from another of the same machine follows its name; a source of its own name is an image from elsewhere.
    """
    metadata = template["metadata"]
    source = get(template, ("spec", "source", "pvc")) or {}
    sibling = get(source, ("name",))
    if (
        sibling in volumes
        and sibling != metadata["name"]
        and get(source, ("namespace",)) in (None, namespace)
    ):
        template = _replaced(template, ("spec", "source", "pvc", "name"))
    return {**template, "metadata": {**metadata, "name": Hole(f"{Hole.NAME}-{metadata['name']}")}}


def _renamed(volume: dict[str, Any], data_volumes: set[str]) -> dict[str, Any]:
    for path in _REFERENCES:
        if get(volume, path) in data_volumes:
            return _replaced(volume, path)
    return volume


def _replaced(value: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    key, rest = path[0], path[1:]
    return {
        **value,
        key: _replaced(value[key], rest) if rest else Hole(f"{Hole.NAME}-{value[key]}"),
    }


def render(
    machine: Machine,
    group: Group,
    claim: str,
    join: Join,
    output: Output,
    arguments: list[str],
    config: CloudConfig,
    network: str,
) -> tuple[Rendered, Rendered]:
    """The Secret and the VirtualMachine of one claim. Raises ValueError where its user data is too large for a Secret."""
    data = {"userdata": userdata.payload(claim, join, arguments, config)} | (
        {"networkdata": Payload(network)} if network else {}
    )
    size = sum(payload.size for payload in data.values())
    if size > userdata.LARGEST:
        raise ValueError(
            f"has user data of {size} bytes; a Secret holds at most {userdata.LARGEST}"
        )
    secret = "".join((machine.secret.fill(claim), *_data(data, output)))
    return (
        Rendered("Secret", "v1", group.namespace, claim + SECRET_SUFFIX, claim, group, secret),
        Rendered(
            "VirtualMachine",
            "kubevirt.io/v1",
            group.namespace,
            claim,
            claim,
            group,
            machine.vm.fill(claim),
        ),
    )


def _data(data: dict[str, Payload], output: Output) -> Iterator[str]:
    pad = "" if output.layout.column is None else " " * (output.layout.column + 2)
    yield f"{pad}{output.encoding}:\n"
    for key, payload in data.items():
        if output.encoding == "data":
            yield from (f"{pad}  {key}: ", *payload.base64, "\n")
        else:
            yield f"{pad}  {key}: |\n{_block(payload.text, pad)}"


def _block(text: str, pad: str) -> str:
    return "".join(
        f"{pad}    {line}\n" if line else f"{pad}\n" for line in text.removesuffix("\n").split("\n")
    )
