"""Claim × prototype → VirtualMachine and Secret.

Claims that differ in name alone are compiled once, to text with holes, and then filled in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from krmfn.guest import user_data
from krmfn.guest.user_data import Payload
from krmfn.kubernetes import names
from krmfn.kubevirt.vm_paths import DATA_VOLUMES, Map, get
from krmfn.machine.additions import Additions, Names, complete
from krmfn.machine.marks import MANAGED_BY, OURS, OWNER, SECRET_SUFFIX
from krmfn.machine.prototype import Prototype
from krmfn.manifests.item import INDEX, PATH
from krmfn.manifests.yamlio import Hole, Template
from krmfn.nodes.claim import Claim, Node
from krmfn.nodes.machine_set import CompiledMachine, MachineSet
from krmfn.platform.config import Encoding, OutputAnnotations
from krmfn.problems import Collector, Place


@dataclass(frozen=True, slots=True)
class Layout:
    """Where objects go.

    In a package, `folder` is the folder of their files, with a slash. In a list, `column` is
    where its dashes stand.
    """

    folder: str | None = None
    column: int | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """How objects are written: their owner, their annotations, and where they go.

    `config` is the place of the config's `annotations`.
    """

    owner: str
    encoding: Encoding = "data"
    annotations: OutputAnnotations = field(default_factory=OutputAnnotations)
    config: Place = field(default_factory=Place)
    layout: Layout = field(default_factory=Layout)


@dataclass(frozen=True, slots=True)
class Rendered:
    """One object that comes out, as block YAML.

    It is a document or an element of a list, as the output's layout says.
    """

    kind: str
    api_version: str
    namespace: str
    name: str
    claim: str
    machines: MachineSet
    text: str


class _Holes(Names):
    """Names that are filled in for each claim."""

    def data_volume(self, name: str) -> str:
        """Return the name with a hole for the claim."""
        return Hole(f"{Hole.NAME}-{name}")


def compile_machine(prototype: Prototype, machines: MachineSet, output: Output) -> CompiledMachine:
    """Write everything that the claims of a set have in common, as text with holes."""
    labels, annotations = _marks(machines)
    owner = {OWNER: output.owner}
    additions = Additions(
        names=_Holes(secret=Hole(Hole.NAME + SECRET_SUFFIX)),
        namespace=machines.namespace,
        labels=labels,
        annotations=annotations,
        owner=owner,
        machine_annotations=output.annotations.virtual_machine,
        config=output.config.field("virtualMachine"),
        join_secret=machines.join_secret,
        network=machines.network,
        off=machines.off,
    )
    completed, provenance = complete(prototype, additions)
    vm = {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": _identity("", machines, completed["metadata"], output, 1),
        "spec": completed["spec"],
    }
    secret_metadata: Map = {
        "labels": labels,
        "annotations": {**annotations, **owner, **output.annotations.secret},
    }
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": _identity(SECRET_SUFFIX, machines, secret_metadata, output, 0),
        "type": "Opaque",
    }
    templates = get(prototype.vm, DATA_VOLUMES) or ()
    data_volumes = tuple(template["metadata"]["name"] for template in templates)
    column = output.layout.column
    return CompiledMachine(
        machines, Template(vm, column), Template(secret, column), data_volumes, provenance
    )


def _marks(machines: MachineSet) -> tuple[dict[str, str], dict[str, str]]:
    """Return the labels that tell what an object is of, and those that fit annotations only."""
    marks = {
        "node-claim": Hole(Hole.NAME),
        "node-provider": machines.provider,
        "node-type": machines.node_type,
        "virtual-cluster": machines.virtual_cluster,
        "pool": machines.pool,
    }
    labels, annotations = {MANAGED_BY: "krmfn"}, dict[str, str]()
    for key, value in marks.items():
        if value is None:
            continue
        fits = isinstance(value, Hole) or not names.label_value(value)
        (labels if fits else annotations)[OURS + key] = value
    return labels, annotations


def _identity(
    suffix: str, machines: MachineSet, metadata: Map, output: Output, index: int
) -> dict[str, Any]:
    """Return metadata with name and namespace, and with the file that a package keeps it in."""
    folder = output.layout.folder
    if folder is not None:
        path = Hole(f"{folder}{machines.cluster}/{Hole.NAME}.yaml")
        marks = {INDEX: str(index), PATH: path}
        annotations = {**metadata["annotations"], **marks}
        metadata = {**metadata, "annotations": annotations}
    name = Hole(Hole.NAME + suffix)
    return {"name": name, "namespace": machines.namespace, **metadata}


def render(
    claim: Claim, node: Node, machine: CompiledMachine, output: Output, problems: Collector
) -> list[Rendered]:
    """Return the Secret and the VirtualMachine of one claim, nothing if they don't fit."""
    if claim.tenant.join is None:
        return []
    name = claim.name
    guest_data = node.guest.data_for(claim.request.guest, node.addresses, problems)
    payload = user_data.payload(name, claim.tenant.join, node.kubelet_arguments, guest_data.config)
    data = {"userdata": payload}
    if guest_data.network:
        data["networkdata"] = Payload(guest_data.network)
    size = sum(part.size for part in data.values())
    if size > user_data.LARGEST:
        message = f"has user data of {size} bytes; a Secret holds at most {user_data.LARGEST}"
        problems.append(claim.request.at.error(message))
        return []
    machines = machine.machines
    namespace = machines.namespace
    secret_name = name + SECRET_SUFFIX
    secret = "".join((machine.secret.fill(name), *_data(data, output)))
    vm = machine.vm.fill(name)
    return [
        Rendered("Secret", "v1", namespace, secret_name, name, machines, secret),
        Rendered("VirtualMachine", "kubevirt.io/v1", namespace, name, name, machines, vm),
    ]


def _data(data: dict[str, Payload], output: Output) -> Iterator[str]:
    """Yield the lines of a Secret's data."""
    column = output.layout.column
    pad = "" if column is None else " " * (column + 2)
    yield f"{pad}{output.encoding}:\n"
    for key, payload in data.items():
        if output.encoding == "data":
            yield from (f"{pad}  {key}: ", *payload.base64, "\n")
        else:
            yield f"{pad}  {key}: |\n{_block(payload.text, pad)}"


def _block(text: str, pad: str) -> str:
    """Return a text as the lines of a literal block."""
    lines = text.removesuffix("\n").split("\n")
    return "".join(f"{pad}    {line}\n" if line else f"{pad}\n" for line in lines)
