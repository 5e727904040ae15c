"""What a node that is asked for comes to: its effective properties, its prototype, its guest and its kubelet's arguments.

All of it is decided once for a pool, and what no property of a claim's own changes, once for a node type.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from krmfn.guest import static_address as network
from krmfn.guest.guest import Guest, GuestTemplate, Sources, guest, public_key
from krmfn.guest.join import Lookup
from krmfn.guest.kubelet import Kubelet, label_problem
from krmfn.machine.from_properties import dressed
from krmfn.machine.layers import Layer
from krmfn.machine.prototype import Prototype, layers
from krmfn.machine.prototypes import Prototypes
from krmfn.nodes.node_types import Offer
from krmfn.nodes.pools import Asked, Request
from krmfn.platform import properties as rendering
from krmfn.platform.config import KeyRef
from krmfn.platform.model import embedded
from krmfn.platform.properties import (
    ATTACHMENTS,
    ENVIRONMENT,
    IMAGE_DATASOURCE,
    IMAGE_URL,
    IMAGES,
    MERGE_TEMPLATE,
    NETWORK_DATA_TEMPLATE,
    OS_IMAGE,
    SOURCES,
    SSH_KEYS,
    USER_DATA_TEMPLATE,
    VM_TEMPLATE,
    Given,
    given,
)
from krmfn.platform.referenced import Referenced
from krmfn.platform.shared import (
    MachineConfigTemplate,
    NodeEnvironment,
    NodeProfile,
    NodeProfileSpec,
    OSImage,
    SSHKey,
)
from krmfn.problems import Place, Problem, errors

_PROFILE_LABEL = "vcluster.com/node-profile"
_SHAPING = (VM_TEMPLATE, MERGE_TEMPLATE, *IMAGES, *ATTACHMENTS)


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """What the nodes that are asked for alike have in common."""

    prototype: Prototype
    guest: Guest
    addresses: network.Range | None
    arguments: list[str]


@dataclass(slots=True, eq=False)
class _Made:
    """What a request's properties make, without what is the kubelet's; `node` is that of all requests that tell the kubelet nothing."""

    effective: Given
    prototype: Prototype
    guest: Guest
    addresses: network.Range | None
    node: Node | None = None


@dataclass(slots=True)
class Nodes:
    """The nodes of a run, as far as they are known; `own` are the node types' prototypes, by full name."""

    referenced: Referenced
    secrets: Lookup
    own: dict[str, Prototype]
    prototypes: Prototypes
    claim_templates: bool
    problems: list[Problem] = field(default_factory=list)
    _shaped: dict[Any, Prototype] = field(default_factory=dict)
    _shared: dict[Any, _Made] = field(default_factory=dict)

    def node(self, request: Request, offer: Offer, offer_at: Place, namespace: str) -> Node | None:
        """The node of a request, None where something is wrong with it; `offer_at` is the place of its provider's spec."""
        before = len(self.problems)
        asked = request.asked
        made = self.made(request, offer, offer_at, namespace)
        # Claims that ask for no more than a machine of their type have one node between them.
        plain = made is not None and not (
            asked.taints or asked.kubelet_arguments or asked.node_labels or asked.profile
        )
        if made is not None and plain and made.node:
            return made.node
        profile = self.profile(asked)
        arguments = self.arguments(asked, offer, made, profile) if made else []
        if errors(self.problems[before:]) or made is None:
            return None
        node = Node(made.prototype, made.guest, made.addresses, arguments)
        made.node = node if plain else None
        return node

    def made(self, request: Request, offer: Offer, at: Place, namespace: str) -> _Made | None:
        """What the properties of a request make: once for all requests that have none of their own."""
        asked = request.asked
        # An environment is the project's own, and is checked against the virtual cluster.
        key = (id(offer), namespace, request.namespace, asked.virtual_cluster)
        shares = offer.index >= 0 and not asked.properties and not asked.environment
        if shares and key in self._shared:
            return self._shared[key]
        before = len(self.problems)
        effective = self.effective(request, offer, at)
        if not rendering.sound(effective):
            return None
        shaped = self.shaped(offer, at, effective, namespace)
        addresses, problems = network.read_range(effective)
        self.problems += problems
        guest = self.guest(effective, shaped, namespace, addresses is not None) if shaped else None
        if shaped is None or guest is None or errors(self.problems[before:]):
            return None
        made = _Made(effective, shaped, guest, addresses)
        if shares:
            self._shared[key] = made
        return made

    def effective(self, request: Request, offer: Offer, at: Place) -> Given:
        """The properties of a request: the claim's over the environment's over the node type's over the provider's, then the image's."""
        asked = request.asked
        own = {key: value for written in asked.written for key, value in given(*written).items()}
        base = given(offer.provider.spec.properties, at.field("properties"))
        if offer.index >= 0:
            base |= given(offer.node_type.properties, offer.at.field("properties"))
        named = (base | own).get(ENVIRONMENT) or (
            (asked.environment, asked.at.field("environmentRef")) if asked.environment else None
        )
        result = base | (self.environment(request, *named) if named else {}) | own
        if OS_IMAGE in result:
            image, where = self.find(OSImage, *result[OS_IMAGE])
            added = given(image.spec.properties, where.field("properties")) if image else {}
            self.check(image.spec.properties if image else {}, where)
            if IMAGE_URL in added or IMAGE_DATASOURCE in added:
                result = {key: value for key, value in result.items() if key not in SOURCES}
            result |= added
        return result

    def environment(self, request: Request, name: str, at: Place) -> Given:
        """The properties of a NodeEnvironment, which has to be for the request's provider and virtual cluster."""
        found, where = self.find(NodeEnvironment, name, at, request.namespace)
        if found is None:
            return {}
        asked = request.asked
        for key, value, wanted in (
            ("providerRef", found.spec.provider_ref, asked.provider),
            ("vClusterRef", found.spec.v_cluster_ref, asked.virtual_cluster),
        ):
            if value and value != wanted:
                self.problems.append(
                    at.error(f"names an environment whose {key} is {value}, not {wanted}")
                )
        if found.spec.control_plane:
            self.problems.append(
                at.error("names an environment of control planes; krmfn renders worker nodes")
            )
        self.check(found.spec.properties, where, (ENVIRONMENT,))
        if MERGE_TEMPLATE in found.spec.properties and not self.claim_templates:
            # An environment is the project's own, as claims are.
            self.problems.append(
                where.field("properties", MERGE_TEMPLATE).error(rendering.NEEDS_LEAVE)
            )
        return given(found.spec.properties, where.field("properties"))

    def check(
        self,
        properties: dict[str, str],
        where: Place,
        nested: tuple[str, ...] = (OS_IMAGE, ENVIRONMENT),
    ) -> None:
        """Check the properties of an object that is named by one."""
        at = where.field("properties")
        self.problems += rendering.problems(properties, at)
        self.problems += (
            at.field(key).error("can't be set here: it is what names this object")
            for key in nested
            if key in properties
        )

    def find(
        self, kind: Any, name: str, at: Place, namespace: str | None = None
    ) -> tuple[Any, Place]:
        """An object that is named; what is wrong with that is a problem."""
        found, where, problems = self.referenced.find(kind, name, at, namespace)
        self.problems += problems
        return found, where

    def shaped(self, offer: Offer, at: Place, effective: Given, namespace: str) -> Prototype | None:
        """The prototype with what properties make of it, made once for equal ones. What is wrong is told of each request."""
        shaping = tuple((key, effective[key][0]) for key in _SHAPING if key in effective)
        key = (offer.full_name, offer.provider.metadata.name, namespace, shaping)
        if key not in self._shaped:
            made, problems = self._shape(offer, at, effective, namespace)
            self.problems += problems
            if made is None or errors(problems):
                return None
            self._shaped[key] = made
        return self._shaped[key]

    def _shape(
        self, offer: Offer, at: Place, effective: Given, namespace: str
    ) -> tuple[Prototype | None, list[Problem]]:
        kubevirt = offer.provider.spec.kube_virt
        own = made = self.own.get(offer.full_name)
        problems: list[Problem] = []
        if kubevirt and (VM_TEMPLATE in effective or MERGE_TEMPLATE in effective):
            of = (
                layers(kubevirt, offer.index, at.field("kubeVirt"))
                if VM_TEMPLATE not in effective
                else ()
            )
            for name, patch in ((VM_TEMPLATE, False), (MERGE_TEMPLATE, True)):
                if name in effective:
                    value, _ = embedded(*effective[name])
                    of = (*of, Layer(value, effective[name][1], patch))
            made, problems = self.prototypes.made(
                of, offer.node_type.resources, offer.at.field("resources")
            )
        if made is None:
            return None, problems
        home = kubevirt.cluster_ref.namespace if kubevirt else namespace
        made, wrong = dressed(made, effective, home)
        problems += wrong
        # The node type's own prototype has been checked already.
        if not errors(problems) and not (own and made.vm is own.vm):
            problems += self.prototypes.check(made)[1]
        return made, problems

    def profile(self, asked: Asked) -> NodeProfileSpec | None:
        """The node profile of a request."""
        if asked.profile is None:
            return None
        name, at = asked.profile
        found, where = self.find(NodeProfile, name, at)
        if found is None:
            return None
        if found.spec.node_annotations:
            self.problems.append(
                where.field("nodeAnnotations").error(
                    "can't be rendered: kubelet has no flag for annotations"
                )
            )
        wrong = {
            key: text
            for key, value in found.spec.node_labels.items()
            if (text := label_problem(key, value))
        }
        self.problems += (where.field("nodeLabels", key).error(text) for key, text in wrong.items())
        return None if wrong else found.spec

    def guest(
        self, effective: Given, shaped: Prototype, namespace: str, addressed: bool
    ) -> Guest | None:
        """The guest of a prototype with these properties."""
        keys = []
        if SSH_KEYS in effective:
            value, at = effective[SSH_KEYS]
            for name in rendering.split(value):
                key, where = self.find(SSHKey, name, at)
                if key:
                    self.problems += public_key(key.spec.public_key, where.field("publicKey"))
                    keys.append(key.spec.public_key.strip())
        templates = {}
        for name, attribute in (
            (USER_DATA_TEMPLATE, "cloud_init_template"),
            (NETWORK_DATA_TEMPLATE, "network_data_template"),
        ):
            if name in effective:
                found, where = self.find(MachineConfigTemplate, *effective[name])
                alias = "cloudInitTemplate" if name == USER_DATA_TEMPLATE else "networkDataTemplate"
                if found and not getattr(found.spec, attribute):
                    self.problems.append(
                        effective[name][1].error(f"names a MachineConfigTemplate without {alias}")
                    )
                elif found:
                    templates[name] = GuestTemplate(
                        getattr(found.spec, attribute), where.field(alias)
                    )
        sources = Sources(
            effective,
            keys,
            templates.get(USER_DATA_TEMPLATE),
            templates.get(NETWORK_DATA_TEMPLATE),
            addressed,
        )
        made, problems = guest(
            sources,
            shaped,
            lambda name, at: self.secrets.find("Secret", KeyRef(name=name), at, namespace),
        )
        self.problems += problems
        return made

    def arguments(
        self, asked: Asked, offer: Offer, made: _Made, profile: NodeProfileSpec | None
    ) -> list[str]:
        """The kubelet's arguments."""
        labels = (
            {**profile.node_labels, _PROFILE_LABEL: asked.profile[0]}
            if profile and asked.profile
            else {}
        )
        kubelet = Kubelet(
            arguments=asked.kubelet_arguments,
            labels=labels | asked.node_labels,
            properties={
                key: value
                for key, (value, _) in made.effective.items()
                if not key.startswith(rendering.PREFIXES)
            },
            taints=(
                *made.prototype.taints,
                *((*profile.taints, *profile.startup_taints) if profile else ()),
                *asked.taints,
            ),
            reserved=offer.node_type.overhead.kube_reserved if offer.node_type.overhead else {},
        )
        self.problems += kubelet.problems(asked.at)
        return kubelet.flags()


def address_problems(asked: list[tuple[Request, Node]]) -> Iterator[Problem]:
    """Ranges that are too small, that overlap, or an address that two claims would get; `asked` are all nodes of the run."""
    taken: list[tuple[int, int, int, Request]] = []
    seen: set[int] = set()
    short: set[int] = set()
    for request, node in asked:
        if node.addresses is None:
            continue
        at, pool = request.asked.at, request.asked.pool
        version = int(node.addresses.network.version)
        if node.addresses.address(request.ordinal) is None and id(request.asked) not in short:
            short.add(id(request.asked))
            text = f"pool {pool} needs an address for its node {request.ordinal}, and its range has {node.addresses.size}"
            yield at.error(text)
        if not pool:
            address = node.addresses.address(0)
            taken.append((version, int(address or 0), int(address or 0), request))
        elif id(request.asked) not in seen:
            taken.extend((version, first, last, request) for first, last in node.addresses.parts)
        seen.add(id(request.asked))
    taken.sort(key=lambda part: part[:3])
    furthest: tuple[int, int, Request] | None = None
    for version, start, end, other in taken:
        if furthest and furthest[:2] >= (version, start) and furthest[2].asked is not other.asked:
            one = furthest[2]
            yield other.asked.at.error(
                f"gets addresses that {one} also gets; each pool and each claim needs a range of its own"
            )
        if furthest is None or (version, end) > furthest[:2]:
            furthest = (version, end, other)
