"""What krmfn adds to a prototype: labels, the cloud-init disk, the disk with the token, names.

One function adds all of it, so that the machine that is checked is the one that is rendered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Any

from krmfn.kubevirt.disks import default_disks
from krmfn.kubevirt.vm_paths import (
    DATA_VOLUMES,
    DISKS,
    INSTANCE_METADATA,
    INTERFACES,
    NETWORKS,
    VOLUMES,
    Map,
    Named,
    cloud_init_kind,
    get,
    mappings,
)
from krmfn.machine.data_volumes import DataVolumes
from krmfn.machine.layers import LayerName
from krmfn.machine.machine_metadata import NO_METADATA, MachineMetadata
from krmfn.machine.marks import CLOUD_INIT, JOIN_DISK
from krmfn.machine.prototype import Prototype
from krmfn.machine.provenance import Provenance, Source
from krmfn.problems import Path, Place
from krmfn.records import record

_OURS = Source(LayerName.KRMFN)


@record(frozen=True)
class Names:
    """The names of one machine's objects: its Secrets', and any DataVolume's.

    `secret` holds the user data; `network` the network data, None if there is none. Subclasses
    may return text that is filled in later.
    """

    secret: str = "cloud-init"
    network: str | None = None

    def data_volume(self, name: str) -> str:
        """Return the name of the machine's own copy of a DataVolume template."""
        return name


@record(frozen=True)
class Additions:
    """What is added to a prototype for machines that differ in name alone.

    `labels` and `annotations` go to the machine and to its template. `machine_annotations` come
    from the config, where they stand at `config`; `metadata` is the claim's or the pool's.
    `join_secret` names the Secret of a disk with the token. `off`: the claims switch their
    machines off. `new_disks`: a DataVolume with another image gets another name.
    """

    names: Names = field(default_factory=Names)
    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    owner: Mapping[str, str] = field(default_factory=dict)
    machine_annotations: Mapping[str, str] = field(default_factory=dict)
    config: Place = field(default_factory=Place)
    join_secret: str = ""
    off: bool = False
    new_disks: bool = False
    metadata: MachineMetadata = NO_METADATA


def complete(prototype: Prototype, additions: Additions) -> tuple[Map, Provenance]:
    """Return the machine's metadata and spec with all that krmfn adds, and who set its fields."""
    provenance = prototype.provenance.copy()
    templates = get(prototype.vm, DATA_VOLUMES) or []
    data_volumes = DataVolumes(templates, additions.namespace, additions.new_disks)
    return _Completion(prototype, provenance, additions, data_volumes).run(), provenance


def machine_metadata(prototype: Prototype, additions: Additions) -> Map:
    """Return the metadata of the machine itself, with the claim's or pool's and krmfn's own."""
    template = prototype.vm.get("metadata", {})
    own = dict(additions.metadata.labels)
    if own:
        template = {**template, "labels": template.get("labels", {}) | own}
    return _with_marks(template, additions.labels, _machine_annotations(additions))


def _machine_annotations(additions: Additions) -> dict[str, str]:
    """Return the annotations that the machine gets beside its template's."""
    return {
        **additions.annotations,
        **additions.owner,
        **additions.machine_annotations,
        **dict(additions.metadata.annotations),
    }


def _with_marks(
    template: Map, labels: Mapping[str, str], annotations: Mapping[str, str]
) -> dict[str, Any]:
    """Return a template's metadata with labels and annotations after its own."""
    result = {**template, "labels": template.get("labels", {}) | labels}
    others = template.get("annotations")
    if annotations or others:
        result["annotations"] = {**(others or {}), **annotations}
    return result


def note_metadata(provenance: Provenance, metadata: MachineMetadata) -> None:
    """Note the labels and annotations that come from the claim, or from a pool's config."""
    for part, pairs in (("labels", metadata.labels), ("annotations", metadata.annotations)):
        for key, _ in pairs:
            source = Source(LayerName.CLAIM)
            if metadata.config:
                source = Source(LayerName.CONFIG, metadata.config.field(part, key))
            provenance.note(("metadata", part, key), source)


@record()
class _Completion:
    """A prototype that is being completed."""

    prototype: Prototype
    provenance: Provenance
    additions: Additions
    data_volumes: DataVolumes

    @property
    def vm(self) -> Map:
        """The machine without what krmfn adds."""
        return self.prototype.vm

    def run(self) -> Map:
        """Return the completed metadata and spec."""
        additions = self.additions
        metadata = machine_metadata(self.prototype, additions)
        self._note_marks(("metadata",), _machine_annotations(additions))
        self._note_config()
        note_metadata(self.provenance, additions.metadata)
        spec = {**self.vm["spec"], "template": self._template()}
        if additions.off:
            spec.pop("running", None)
            spec["runStrategy"] = "Halted"
            source = Source(LayerName.CLAIM)
            self.provenance.note(("spec", "runStrategy"), source)
        if get(self.vm, DATA_VOLUMES):
            copies = self.data_volumes.copies(additions.names.data_volume)
            spec["dataVolumeTemplates"] = copies
        return {"metadata": metadata, "spec": spec}

    def _note_config(self) -> None:
        """Note the annotations that come from the config."""
        for key in self.additions.machine_annotations:
            place = self.additions.config.field(key)
            source = Source(LayerName.CONFIG, place)
            self.provenance.note(("metadata", "annotations", key), source)

    def _note_marks(self, path: Path, annotations: Iterable[str]) -> None:
        """Note that krmfn sets labels and annotations in the metadata at a path."""
        for part, keys in (("labels", self.additions.labels), ("annotations", annotations)):
            for key in keys:
                self.provenance.note((*path, part, key), _OURS)

    def _template(self) -> Map:
        """Return the instance's template with our labels, disks and volumes."""
        template = self.vm["spec"]["template"]
        marks = self.additions.labels, self.additions.annotations
        metadata = _with_marks(template.get("metadata", {}), *marks)
        self._note_marks(INSTANCE_METADATA, self.additions.annotations)
        spec = template["spec"]
        disks, volumes = self._storage()
        devices = {**spec["domain"].get("devices", {}), "disks": disks}
        domain = {**spec["domain"], "devices": devices}
        spec = {**spec, "domain": domain, "volumes": volumes}
        utilities = spec.get("utilityVolumes")
        if isinstance(utilities, list):
            # Their shape is not checked yet: the schema judges what comes of this.
            spec["utilityVolumes"] = [
                self._volume(volume) if isinstance(volume, dict) else volume for volume in utilities
            ]
        if "networks" in spec:
            spec["networks"] = ordered_networks(self.vm)
        # Metadata comes first, as people write it.
        return {"metadata": metadata, **template, **{"metadata": metadata, "spec": spec}}

    def _storage(self) -> tuple[list[Map], list[Map]]:
        """Return the disks and volumes, with cloud-init's and the one with the token.

        KubeVirt appends a disk for each volume that has none. These are written out before ours:
        they would come after ours otherwise, and the machine would boot from cloud-init's.
        """
        disks = list(get(self.vm, DISKS) or ())
        volumes = [self._volume(volume) for volume in get(self.vm, VOLUMES) or ()]
        for disk in default_disks(self.vm):
            self._add(disks, DISKS, disk)
        if not any(cloud_init_kind(volume) for volume in volumes):
            self._add_disk(disks, CLOUD_INIT)
            volume = {"name": CLOUD_INIT, "cloudInitNoCloud": self._cloud_init()}
            self._add(volumes, VOLUMES, volume)
        secret = self.additions.join_secret
        if secret:
            self._add_disk(disks, JOIN_DISK)
            source = {"secretName": secret, "volumeLabel": JOIN_DISK}
            volume = {"name": JOIN_DISK, "secret": source}
            self._add(volumes, VOLUMES, volume)
        return disks, volumes

    def _add_disk(self, disks: list[Map], name: str) -> None:
        """Add a disk for a volume of our own."""
        disk = {"name": name, "disk": {"bus": "virtio"}}
        self._add(disks, DISKS, disk)

    def _add(self, elements: list[Map], path: Path, element: Map) -> None:
        """Add an element of our own to a list."""
        elements.append(element)
        name = Named(element["name"])
        self.provenance.note((*path, name), _OURS)

    def _cloud_init(self) -> Map:
        """Return the source of the cloud-init volume: our Secrets."""
        names = self.additions.names
        source = {"secretRef": {"name": names.secret}}
        if names.network is not None:
            source["networkDataSecretRef"] = {"name": names.network}
        return source

    def _volume(self, volume: Map) -> Map:
        """Return a volume of the template as the machine has it.

        A cloud-init volume gets our Secret; the name of a DataVolume template follows it.
        """
        if kind := cloud_init_kind(volume):
            source = self._cloud_init()
            path = (*VOLUMES, Named(volume["name"]), kind)
            self.provenance.note(path, _OURS)
            return {"name": volume["name"], kind: source}
        return self.data_volumes.volume(volume, self.additions.names.data_volume)


def ordered_networks(vm: Map) -> Any:
    """Return the networks in the order of their interfaces.

    KubeVirt's controller would rewrite a machine that has them in another order for ever.
    Anything but a list of networks with names is returned as it is, for KubeVirt's schema to
    judge.
    """
    networks = get(vm, NETWORKS)
    interfaces = [interface.get("name") for interface in mappings(get(vm, INTERFACES))]
    names = [network.get("name") for network in mappings(networks)]
    if not isinstance(networks, list) or len(names) != len(networks):
        return networks
    if not all(isinstance(name, str) for name in (*names, *interfaces)):
        return networks
    order = {name: index for index, name in enumerate(interfaces)}
    return sorted(networks, key=lambda network: order.get(network["name"], len(order)))
