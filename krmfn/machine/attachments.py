"""The Multus network that properties add to a machine.

Rules of the Platform's documentation (4.12, "Configuration properties" of the KubeVirt
provider).
"""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from krmfn.kubevirt.vm_paths import INTERFACES, NETWORKS, Map, Named, get, put
from krmfn.machine.layers import LayerName
from krmfn.machine.partial_objects import Partial, unused
from krmfn.machine.prototype import Prototype
from krmfn.machine.provenance import Source
from krmfn.platform.properties import (
    ATTACHMENT,
    BINDING,
    INTERFACE_TEMPLATE,
    MULTUS_DEFAULT,
    Given,
)
from krmfn.problems import Code, Collector

MULTUS = "multus"
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


def add_attachment(prototype: Prototype, given: Given, problems: Collector) -> None:
    """Add the network and interface that the properties ask for."""
    if ATTACHMENT not in given:
        keys = (BINDING, INTERFACE_TEMPLATE, MULTUS_DEFAULT)
        why = "there is no network-attachment-definition"
        prototype.warnings += unused(given, keys, why)
        return
    name, at = given[ATTACHMENT]
    template = Partial.of(given, INTERFACE_TEMPLATE)
    interface = _interface(given, template, problems)
    multus: Map = {"networkName": name}
    if _replaces_pod_network(given):
        multus["default"] = True
    network = {"name": MULTUS, "multus": multus}
    interfaces, networks = _others(prototype, given)
    source = Source(LayerName.PROPERTY, at)
    for path, others, element in (
        (INTERFACES, interfaces, interface),
        (NETWORKS, networks, network),
    ):
        elements = _with(others, element)
        prototype.vm = put(prototype.vm, path, elements)
        target = (*path, Named(MULTUS))
        prototype.provenance.note(target, source)
    template.note(prototype, (*INTERFACES, Named(MULTUS)))


def _replaces_pod_network(given: Given) -> bool:
    """Tell whether the network takes the place of the pod network."""
    return MULTUS_DEFAULT in given and given[MULTUS_DEFAULT][0] == "true"


def _interface(given: Given, template: Partial, problems: Collector) -> Map:
    """Return the interface that the properties describe."""
    binding = "bridge"
    if BINDING in given:
        binding, at = given[BINDING]
        if binding == "masquerade":
            message = "is masquerade, which KubeVirt has for the pod network only; "
            message += "use bridge or sriov"
            problems.append(at.error(message))
    default = {"name": MULTUS, binding: {}}
    return template.over(default, problems, (("name",),), _BINDINGS)


def _others(prototype: Prototype, given: Given) -> tuple[list[Map], list[Map]]:
    """Return the template's interfaces and networks that stay beside the new one."""
    interfaces = get(prototype.vm, INTERFACES) or []
    networks = get(prototype.vm, NETWORKS) or []
    if _replaces_pod_network(given):
        pods = {network.get("name") for network in networks if "pod" in network}
        return _without(interfaces, pods), _without(networks, pods)
    if not networks and not interfaces:
        message = "is the only network of its machines: a template that declares none "
        message += "gets the pod network by default, and now does not"
        _, at = given[ATTACHMENT]
        warning = at.warning(message, Code.NO_POD_NETWORK)
        prototype.warnings.append(warning)
    return interfaces, networks


def _without(elements: list[Map], names: Set[Any]) -> list[Map]:
    """Leave out the elements of these names."""
    return [element for element in elements if element.get("name") not in names]


def _with(elements: list[Map], element: Map) -> list[Map]:
    """Replace the element of the same name, or append the new one."""
    names = [other.get("name") for other in elements]
    name = element["name"]
    if name not in names:
        return [*elements, element]
    result = []
    for other in elements:
        is_namesake = other.get("name") == name
        result.append(element if is_namesake else other)
    return result
