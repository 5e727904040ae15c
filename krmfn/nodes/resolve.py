"""Resolves groups: what the nodes of a group are made of, decided once for all of them."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace

from krmfn.guest.guest import Guest, GuestTemplate, Sources, compile_guest
from krmfn.guest.kubelet import Kubelet
from krmfn.guest.secrets import Lookup
from krmfn.guest.static_address import Range, interface_warnings, read_range
from krmfn.machine.compiler import Compiler, with_properties
from krmfn.machine.instancetypes import Instancetypes, SizeOf, instancetype_size, node_type_size
from krmfn.machine.layers import Layer, LayerName, type_layers
from krmfn.machine.prototype import Prototype
from krmfn.machine.resources import resized
from krmfn.manifests.item import Item
from krmfn.nodes.claim import Group, Node
from krmfn.nodes.effective_properties import Effective, Properties
from krmfn.nodes.node_types import Offer
from krmfn.nodes.profiles import Profile, overridden_labels, read_profile
from krmfn.nodes.providers import Providers
from krmfn.nodes.request import Asked
from krmfn.platform import properties as platform_properties
from krmfn.platform.config import KeyRef
from krmfn.platform.model import embedded
from krmfn.platform.named_objects import NamedObjects
from krmfn.platform.properties import (
    ATTACHMENTS,
    CIDR,
    IMAGES,
    MERGE_TEMPLATE,
    NETWORK_DATA,
    NETWORK_DATA_TEMPLATE,
    SSH_KEYS,
    USER_DATA_TEMPLATE,
    VM_TEMPLATE,
    Given,
    Leave,
    is_trait,
)
from krmfn.platform.property_values import split
from krmfn.problems import Collector, Origin, Place, Problem
from krmfn.records import record

# The properties that change a machine.
_SHAPING = (VM_TEMPLATE, MERGE_TEMPLATE, *IMAGES, *ATTACHMENTS)


@record(frozen=True, eq=False)
class _Shape:
    """What the properties of a request make: all of a node but its kubelet's settings."""

    traits: dict[str, str]
    prototype: Prototype
    guest: Guest
    addresses: Range | None


class Resolver:
    """Decides what the nodes of groups are made of.

    Groups that differ in their kubelets' settings alone share their shape, and shapes with
    equal machine properties share their prototype.
    """

    def __init__(
        self,
        instancetypes: Instancetypes,
        objects: NamedObjects,
        lookup: Lookup,
        providers: Providers,
        compiler: Compiler,
        leave: Leave,
    ) -> None:
        self._instancetypes = instancetypes
        self._objects = objects
        self._lookup = lookup
        self._providers = providers
        self._compiler = compiler
        self._properties = Properties(objects, leave)
        self._shapes: dict[Hashable, _Shape | None] = {}
        self._failures: dict[Hashable, tuple[Origin, list[Problem]]] = {}
        self._prototypes: dict[Hashable, Prototype | None] = {}

    def resolve(self, group: Group, problems: Collector) -> Node | None:
        """Return the node of a group that has a node type, None if something is wrong."""
        if group.offer is None:
            return None
        collected = Collector()
        shape = self._shape(group, group.offer, collected)
        profile = read_profile(group.asked, self._objects, collected)
        arguments = []
        if shape:
            asked, offer = group.asked, group.offer
            arguments = _kubelet_arguments(asked, offer, shape, profile, collected)
        problems += collected
        if shape is None or collected.has_errors:
            return None
        return Node(shape.prototype, shape.guest, shape.addresses, arguments)

    def _shape(self, group: Group, offer: Offer, problems: Collector) -> _Shape | None:
        """Return the shape of a group, decided once for all groups that ask for the same one."""
        origin = group.leader.at.origin
        key = (group.leader.namespace, group.namespace, group.asked.shape)
        if key not in self._shapes:
            collected = Collector()
            shape = self._new_shape(group, offer, collected)
            self._shapes[key] = shape
            if shape is None:
                self._failures[key] = (origin, collected)
            problems += collected
        elif key in self._failures:
            # The same fields of this group are wrong in the same way.
            other, failures = self._failures[key]
            for problem in failures:
                place = problem.place
                if place.origin == other:
                    place = replace(place, origin=origin)
                problems.append(replace(problem, place=place))
        return self._shapes[key]

    def _new_shape(self, group: Group, offer: Offer, problems: Collector) -> _Shape | None:
        """Decide what the properties of a group make."""
        collected = Collector()
        provider = self._providers.by_name[offer.provider.metadata.name]
        at = provider.at.field("spec")
        properties = self._properties.effective(group.leader, offer, at, collected)
        shape = None
        if platform_properties.sound(properties.given):
            shape = self._shape_of(properties, offer, at, group.namespace, collected)
        problems += collected
        return None if collected.has_errors else shape

    def _shape_of(
        self, effective: Effective, offer: Offer, at: Place, namespace: str, problems: Collector
    ) -> _Shape | None:
        """Return what sound properties make of a node type."""
        properties = effective.given
        prototype = self._prototype(offer, at, properties, namespace, problems)
        addresses = read_range(properties, problems)
        if prototype is None:
            return None
        if addresses and NETWORK_DATA not in properties:
            _, cidr = properties[CIDR]
            problems += interface_warnings(prototype.vm, addresses, cidr)
        has_address = addresses is not None
        guest = self._guest(properties, prototype, namespace, has_address, problems)
        return _Shape(effective.traits, prototype, guest, addresses) if guest else None

    def _prototype(
        self, offer: Offer, at: Place, properties: Given, namespace: str, problems: Collector
    ) -> Prototype | None:
        """Return the prototype with its properties applied, once for equal properties."""
        names = [name for name in _SHAPING if name in properties]
        shaping = tuple((name, properties[name][0]) for name in names)
        key = (offer.provider.metadata.name, offer.name, namespace, shaping)
        if self._prototypes.get(key) is None:
            collected = Collector()
            prototype = self._compiled(offer, at, properties, collected)
            problems += collected
            self._prototypes[key] = None if collected.has_errors else prototype
        return self._prototypes[key]

    def _compiled(
        self, offer: Offer, at: Place, properties: Given, problems: Collector
    ) -> Prototype | None:
        """Compile and check the prototype of an offer with properties."""
        prototype = offer.prototype
        if VM_TEMPLATE in properties or MERGE_TEMPLATE in properties:
            prototype = self._from_claim_template(offer, at, properties, problems)
        if prototype is None:
            return None
        home = offer.kubevirt.cluster_ref.namespace
        shaped = with_properties(prototype, properties, home, problems)
        # The node type's own machine has been checked already.
        is_checked = offer.prototype is not None and shaped.vm is offer.prototype.vm
        if not problems.has_errors and not is_checked:
            self._compiler.check(shaped, problems)
        return shaped

    def _from_claim_template(
        self, offer: Offer, at: Place, properties: Given, problems: Collector
    ) -> Prototype | None:
        """Compile the template that a claim brings, or the one that its patch changes."""
        layers: list[Layer] = []
        if VM_TEMPLATE not in properties and offer.index is not None:
            layers += type_layers(offer.kubevirt, offer.index, at.field("kubeVirt"))
        for name in (VM_TEMPLATE, MERGE_TEMPLATE):
            if name in properties:
                text, place = properties[name]
                value = embedded(text, place, Collector())
                is_patch = name == MERGE_TEMPLATE
                layer = Layer(LayerName.PROPERTY, value, place, is_patch)
                layers.append(layer)
        resources = offer.at.field("resources")
        prototype = self._compiler.compile(tuple(layers), resources, problems)
        if prototype is None or problems.has_errors:
            return None
        source = SizeOf(offer.given_resources, self._instancetypes, offer.namespace, offer.at)
        instancetype_size(prototype.vm, source, problems)
        return resized(prototype, offer.given_resources, resources, problems)

    def size(self, group: Group, problems: Collector) -> None:
        """Find the size of a claim that brings a template of its own."""
        offer, node = group.offer, group.node
        if offer is None or node is None or offer.node_type is not None:
            return
        source = SizeOf({}, self._instancetypes, group.namespace, offer.at)
        offer.resources = node_type_size(node.prototype, source, problems)

    def _guest(
        self,
        properties: Given,
        prototype: Prototype,
        namespace: str,
        has_address: bool,
        problems: Collector,
    ) -> Guest | None:
        """Return the guest of a prototype with these properties."""
        sources = Sources(
            given=properties,
            ssh_keys=self._ssh_keys(properties, problems),
            user_template=self._template(properties, USER_DATA_TEMPLATE, problems),
            network_template=self._template(properties, NETWORK_DATA_TEMPLATE, problems),
            addressed=has_address,
        )

        def find_secret(name: str, at: Place, problems: Collector) -> Item | None:
            """Find a Secret in the namespace of the machines."""
            reference = KeyRef(name=name)
            return self._lookup.find("Secret", reference, at, namespace, problems)

        return compile_guest(sources, prototype, find_secret, problems)

    def _ssh_keys(self, properties: Given, problems: Collector) -> list[str]:
        """Return the public keys that may log in."""
        if SSH_KEYS not in properties:
            return []
        from krmfn.guest.public_key import public_key_problems
        from krmfn.platform.ssh_key import SSHKey

        names, at = properties[SSH_KEYS]
        keys = []
        for name in split(names):
            key, where = self._objects.find(SSHKey, name, at, None, problems)
            if key:
                problems += public_key_problems(key.spec.public_key, where.field("publicKey"))
                keys.append(key.spec.public_key.strip())
        return keys

    def _template(self, properties: Given, key: str, problems: Collector) -> GuestTemplate | None:
        """Return the Go template that a property names."""
        if key not in properties:
            return None
        from krmfn.platform.machine_config_template import MachineConfigTemplate

        name, at = properties[key]
        template, where = self._objects.find(MachineConfigTemplate, name, at, None, problems)
        if template is None:
            return None
        if key == USER_DATA_TEMPLATE:
            field, text = "cloudInitTemplate", template.spec.cloud_init_template
        else:
            field, text = "networkDataTemplate", template.spec.network_data_template
        if not text:
            message = f"names a MachineConfigTemplate without {field}"
            problems.append(at.error(message))
            return None
        return GuestTemplate(text, where.field(field))


def _kubelet_arguments(
    asked: Asked,
    offer: Offer,
    shape: _Shape,
    profile: Profile | None,
    problems: Collector,
) -> list[str]:
    """Return the kubelet's flags: labels, taints, what it keeps for itself, and the claim's."""
    labels, taints = asked.node_labels, [*shape.prototype.taints]
    if profile:
        problems += overridden_labels(asked, profile)
        # As the Platform's reconciler decides: the profile's value wins.
        labels = labels | profile.labels
        taints += profile.taints
    traits = {key: value for key, value in shape.traits.items() if is_trait(key)}
    kubelet = Kubelet(
        arguments=asked.kubelet_arguments,
        labels=labels,
        properties=traits | offer.names,
        defaults={key: value for key, value in offer.defaults.items() if key not in traits},
        taints=(*taints, *asked.taints),
        reserved=offer.reserved,
    )
    problems += kubelet.problems(asked.at)
    return kubelet.flags()
