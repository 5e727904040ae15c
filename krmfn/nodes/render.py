"""Claim × prototype → VirtualMachine and Secret.

Claims that differ in name alone are compiled once, to text with holes, and then filled in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field, replace
from typing import Any, ClassVar

from krmfn.guest.user_data import NodeSettings, user_data_parts
from krmfn.kubernetes import names
from krmfn.kubevirt.vm_paths import DATA_VOLUMES, Map, get
from krmfn.machine.additions import Additions, Names, complete, machine_metadata
from krmfn.machine.marks import MANAGED_BY, OURS, OWNER
from krmfn.machine.prototype import Prototype
from krmfn.manifests.item import INDEX, PATH
from krmfn.manifests.secret_names import NETWORK_SUFFIX, SECRET_SUFFIX
from krmfn.manifests.yamlio import Hole, Template
from krmfn.nodes.claim import Claim, Node
from krmfn.nodes.machine_set import CompiledMachine, MachineSet
from krmfn.nodes.secret_data import Text, fits, secret_data
from krmfn.platform.config import Encoding, OutputAnnotations
from krmfn.problems import Collector, Place
from krmfn.records import record


@record(frozen=True)
class Layout:
    """Where objects go.

    In a package, `folder` is the folder of their files, with a slash. In a list, `column` is
    where its dashes stand.
    """

    folder: str | None = None
    column: int | None = None


@record(frozen=True)
class Output:
    """How objects are written: their owner, their annotations, and where they go.

    `config` is the place of the config's `annotations`. `shares_secrets`: the nodes of a pool
    share a cloud-init Secret. `new_disks`: another image is another disk.
    """

    owner: str
    encoding: Encoding = "data"
    annotations: OutputAnnotations = field(default_factory=OutputAnnotations)
    config: Place = field(default_factory=Place)
    layout: Layout = field(default_factory=Layout)
    shares_secrets: bool = True
    new_disks: bool = False


@record(frozen=True)
class Rendered:
    """One object that comes out, as block YAML.

    It is a document or an element of a list, as the output's layout says. `claim` is None for a
    Secret that the nodes of a pool share; `file` is the name of its file without an ending.
    """

    kind: str
    api_version: str
    namespace: str
    name: str
    claim: str | None
    file: str
    machines: MachineSet
    text: str

    @property
    def order(self) -> tuple[str, str, str, str]:
        """The key by which objects are sorted: kind, cluster, namespace and name."""
        return self.kind, self.machines.cluster, self.namespace, self.name


# In what sets of machines differ that are compiled once: the tenants of a fleet, and their pools.
_SHARED = ("virtual_cluster", "pool", "shared_secret", "join_secret")


class _Holes(Names):
    """Names that are filled in for each claim."""

    PREFIX: ClassVar[str] = f"{Hole.NAME}-"

    def data_volume(self, name: str) -> str:
        """Return the name with a hole for the claim."""
        return Hole(self.PREFIX + name)


def compile_machine(prototype: Prototype, machines: MachineSet, output: Output) -> CompiledMachine:
    """Write what the claims of a set share but for their metadata, as text with holes."""
    additions = _additions(machines, output)
    completed, provenance = complete(prototype, additions)
    secret = _node_secret(machines, output)
    copies = get(completed, DATA_VOLUMES) or ()
    templates = get(prototype.vm, DATA_VOLUMES) or ()
    data_volumes = {
        _name(copy).removeprefix(_Holes.PREFIX): _name(template)
        for copy, template in zip(copies, templates, strict=True)
    }
    head = _head(prototype, additions, secret, machines, output)
    spec = Template({"spec": completed["spec"]}, output.layout.column, begins=False)
    return CompiledMachine(machines, head, spec, secret, data_volumes, provenance)


def general(machines: MachineSet) -> tuple[MachineSet, dict[str, str]]:
    """Return a set with holes for what many sets differ in, and what fills them in this one.

    What does not fit into a label stays: it would be an annotation. So does what is not there.
    """
    values = {}
    for name in _SHARED:
        value = getattr(machines, name)
        if value and not names.label_value(value):
            values[name] = value
    holes: dict[str, Any] = {name: Hole(Hole.SHARED + name) for name in values}
    return replace(machines, **holes), values


def of_set(
    machine: CompiledMachine, machines: MachineSet, values: dict[str, str]
) -> CompiledMachine:
    """Return a machine of the general set as one of this set; `general` gave the values."""
    secret = machine.secret and machine.secret.with_shared(values)
    head, spec = machine.head.with_shared(values), machine.spec.with_shared(values)
    return replace(machine, machines=machines, head=head, spec=spec, secret=secret)


def with_metadata(
    machine: CompiledMachine, prototype: Prototype, machines: MachineSet, output: Output
) -> CompiledMachine:
    """Return a machine of a set without metadata as one of a set with metadata."""
    additions = _additions(machines, output)
    head = _head(prototype, additions, machine.secret, machines, output)
    return replace(machine, machines=machines, head=head)


def _additions(machines: MachineSet, output: Output) -> Additions:
    """Return what is added to a prototype for the machines of a set."""
    labels, annotations = _marks(machines, Hole(Hole.NAME))
    return Additions(
        names=_names(machines),
        namespace=machines.namespace,
        labels=labels,
        annotations=annotations,
        owner={OWNER: output.owner},
        machine_annotations=output.annotations.virtual_machine,
        config=output.config.field("virtualMachine"),
        join_secret=machines.join_secret,
        off=machines.off,
        metadata=machines.metadata,
        new_disks=output.new_disks,
    )


def _head(
    prototype: Prototype,
    additions: Additions,
    secret: Template | None,
    machines: MachineSet,
    output: Output,
) -> Template:
    """Write what a machine begins with, up to its metadata."""
    place = _Place(Hole(Hole.NAME), Hole.NAME, 0 if secret is None else 1)
    metadata = machine_metadata(prototype, additions)
    head = {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": place.metadata(metadata, machines, output),
    }
    return Template(head, output.layout.column)


def _name(template: Map) -> str:
    """Return the name of a DataVolume template."""
    return str(template["metadata"]["name"])


def _names(machines: MachineSet) -> Names:
    """Return the names of a machine's Secrets, with holes for the claim."""
    secret = machines.shared_secret or Hole(Hole.NAME + SECRET_SUFFIX)
    network = secret if machines.has_network else None
    if machines.has_own_network:
        network = Hole(Hole.NAME + NETWORK_SUFFIX)
    return _Holes(secret, network)


def _node_secret(machines: MachineSet, output: Output) -> Template | None:
    """Return the Secret of one node, without its data, None if all that it needs is shared."""
    if machines.shared_secret and not machines.has_own_network:
        return None
    suffix = NETWORK_SUFFIX if machines.shared_secret else SECRET_SUFFIX
    place = _Place(Hole(Hole.NAME + suffix), Hole.NAME, 0)
    marks = _marks(machines, Hole(Hole.NAME))
    return Template(_secret(place, marks, machines, output), output.layout.column)


@record(frozen=True)
class _Place:
    """The name of an object, and its place in a package: the file's name and the index there."""

    name: str
    file: str
    index: int

    def metadata(self, metadata: Map, machines: MachineSet, output: Output) -> Map:
        """Return metadata with name and namespace, and with the file in a package."""
        folder = output.layout.folder
        if folder is not None:
            path = Hole(f"{folder}{machines.cluster}/{self.file}.yaml")
            marks = {INDEX: str(self.index), PATH: path}
            metadata = {**metadata, "annotations": {**metadata["annotations"], **marks}}
        return {"name": self.name, "namespace": machines.namespace, **metadata}


def _secret(
    place: _Place,
    marks: tuple[dict[str, str], dict[str, str]],
    machines: MachineSet,
    output: Output,
) -> Map:
    """Return a Secret without its data."""
    labels, annotations = marks
    annotations = {**annotations, OWNER: output.owner, **output.annotations.secret}
    metadata = {"labels": labels, "annotations": annotations}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": place.metadata(metadata, machines, output),
        "type": "Opaque",
    }


def _marks(machines: MachineSet, claim: str | None) -> tuple[dict[str, str], dict[str, str]]:
    """Return the labels that tell what an object is of, and those that fit annotations only."""
    marks = {
        "node-claim": claim,
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


def render_shared_secret(
    claim: Claim, node: Node, machine: CompiledMachine, output: Output, problems: Collector
) -> list[Rendered]:
    """Return the Secret that the nodes of a pool share, of which `claim` is one.

    There is none if each has its own, or if it would be too large.
    """
    machines, join = machine.machines, claim.tenant.join
    name = machines.shared_secret
    if join is None or name is None:
        return []
    data = {"userdata": user_data_parts(_settings(None, node), join, node.guest.config)}
    if machines.has_network and not machines.has_own_network:
        data["networkdata"] = node.guest.network.text, ""
    if not fits(data, claim.request.at, problems):
        return []
    secret = _secret(_Place(name, name, 0), _marks(machines, None), machines, output)
    head = Template(secret, output.layout.column).fill("")
    text = "".join((head, *_data(data, output)))
    return [Rendered("Secret", "v1", machines.namespace, name, None, name, machines, text)]


def render(
    claim: Claim, node: Node, machine: CompiledMachine, output: Output, problems: Collector
) -> list[Rendered]:
    """Return the objects of one claim alone: its machine, and its Secret if it has one.

    There are none if the user data is too large.
    """
    join, machines, name = claim.tenant.join, machine.machines, claim.name
    if join is None:
        return []
    namespace = machines.namespace
    own = node.guest.data_for(claim.request.guest, node.addresses, problems)
    objects = []
    if machine.secret is not None:
        suffix, data = NETWORK_SUFFIX, {}
        if machines.shared_secret is None:
            suffix = SECRET_SUFFIX
            data["userdata"] = user_data_parts(_settings(name, node), join, own.config)
        if own.network:
            data["networkdata"] = own.network, ""
        if not fits(data, claim.request.at, problems):
            return []
        text = "".join((machine.secret.fill(name), *_data(data, output)))
        secret = Rendered("Secret", "v1", namespace, name + suffix, name, name, machines, text)
        objects.append(secret)
    text = machine.head.fill(name) + machine.spec.fill(name)
    vm = Rendered("VirtualMachine", "kubevirt.io/v1", namespace, name, name, name, machines, text)
    return [*objects, vm]


def _settings(name: str | None, node: Node) -> NodeSettings:
    """Return what the guest of one node, or of all that share their user data, is told."""
    arguments = node.kubelet_arguments
    guest, addresses, interface = node.guest, node.addresses, ""
    # Where a user's network data has the address, its interface is not known.
    has_own_data = guest.network.text or guest.network_template
    is_told = any(argument.startswith("--node-ip=") for argument in arguments)
    if addresses and not has_own_data and not is_told:
        interface = addresses.interface
    return NodeSettings(name, tuple(arguments), interface)


def _data(data: dict[str, Text], output: Output) -> Iterator[str]:
    """Yield the lines of a Secret's data."""
    return secret_data(data, output.encoding, output.layout.column)
