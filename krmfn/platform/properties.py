"""The properties under the Platform's two prefixes: which are rendered, and what each may hold.

`TABLE` is the one list of them; the documentation's table is made from it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from krmfn.kubernetes import names
from krmfn.kubernetes.quantity import Quantity
from krmfn.platform.model import embedded, from_base64
from krmfn.problems import Place, Problem, nearest, show

PREFIXES = ("vcluster.com/", "kubevirt.vcluster.com/")
# The effective properties of a claim: each with the place that gave it.
Given = dict[str, tuple[str, Place]]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Property:
    """A property that the Platform knows: since which of its versions, what it does, why krmfn refuses it (if it does), its grammar."""

    since: str
    text: str
    refused: str = ""
    check: Callable[[str], str] = lambda value: ""
    yaml: bool = False


_name = names.subdomain
_DIGITS = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}


def _names(value: str) -> str:
    return next(
        (wrong for name in split(value) if (wrong := names.subdomain(name))),
        "" if split(value) else "names nothing",
    )


def _namespaced(value: str) -> str:
    namespace, slash, name = value.rpartition("/")
    return names.subdomain(name) or (names.dns_label(namespace) if slash else "")


def _one_of(*values: str) -> Callable[[str], str]:
    return lambda value: (
        "" if value in values else f"is {show(value)}; must be one of {', '.join(values)}"
    )


def _matches(pattern: str, text: str) -> Callable[[str], str]:
    compiled = re.compile(pattern)
    return lambda value: "" if compiled.fullmatch(value) else f"is {show(value)}; must be {text}"


def _checksum(value: str) -> str:
    kind, _, digits = value.partition(":")
    if len(digits) == _DIGITS.get(kind) and re.fullmatch(r"[0-9a-fA-F]+", digits):
        return ""
    return f"is {show(value)}; must be {', '.join(_DIGITS)}, a colon and as many hexadecimal digits as such a sum has"


def _size(value: str) -> str:
    try:
        return "" if Quantity.parse(value).value > 0 else f"is {show(value)}; must be above 0"
    except ValueError as error:
        return f"{error}: {show(value)}"


def _cidr(value: str) -> str:
    try:
        if "/" in value and ipaddress.ip_network(value).num_addresses:
            return ""
    except ValueError:
        pass
    return f"is {show(value)}; must be a network with no bits set behind its prefix, such as 10.0.0.0/24"


def _ranges(value: str) -> str:
    try:
        parts = ranges(value)
    except ValueError:
        return f"is {show(value)}; must be ranges, such as 10.0.0.10-10.0.0.20,10.0.0.40-10.0.0.50"
    for part, low, high in parts:
        if low.version != high.version or int(low) > int(high):
            return f"has the range {show(part)}, whose end is before its start"
    return "" if parts else "is empty"


def _addresses(value: str) -> str:
    try:
        return "" if [ipaddress.ip_address(part) for part in split(value)] else "is empty"
    except ValueError:
        return f"is {show(value)}; must be addresses, such as 8.8.8.8,8.8.4.4"


def _base64(value: str) -> str:
    try:
        from_base64(value)
    except ValueError:
        return "is no base64 of text"
    return ""


def split(value: str) -> list[str]:
    """The parts of a property that lists them with commas."""
    return [part.strip() for part in value.split(",") if part.strip()]


def ranges(value: str) -> list[tuple[str, Address, Address]]:
    """The ranges of addresses that a property lists, each with its own text. Raises ValueError where one is none."""
    found = []
    for part in split(value):
        first, dash, last = (piece.strip() for piece in part.partition("-"))
        found.append(
            (part, ipaddress.ip_address(first), ipaddress.ip_address(last if dash else first))
        )
    return found


OS_IMAGE = "vcluster.com/os-image"
SSH_KEYS = "vcluster.com/ssh-keys"
USER_DATA = "vcluster.com/user-data"
USER_DATA_TEMPLATE = "vcluster.com/user-data-template-config"
NETWORK_DATA_TEMPLATE = "vcluster.com/network-data-template-config"
ENVIRONMENT = "vcluster.com/network-environment"
VM_TEMPLATE = "kubevirt.vcluster.com/vm-template"
MERGE_TEMPLATE = "kubevirt.vcluster.com/merge-virtual-machine-template"
IMAGE_URL = "kubevirt.vcluster.com/image-url"
IMAGE_CHECKSUM = "kubevirt.vcluster.com/image-checksum"
IMAGE_DATASOURCE = "kubevirt.vcluster.com/image-datasource"
ROOT_DISK_SIZE = "kubevirt.vcluster.com/root-disk-size"
DATA_VOLUME_TEMPLATE = "kubevirt.vcluster.com/image-datavolume-template"
ROOT_DISK_TEMPLATE = "kubevirt.vcluster.com/root-disk-template"
CIDR = "kubevirt.vcluster.com/network-cidr"
IP_RANGE = "kubevirt.vcluster.com/network-ip-range"
NAMESERVERS = "kubevirt.vcluster.com/network-nameservers"
INTERFACE = "kubevirt.vcluster.com/network-interface"
NETWORK_DATA = "kubevirt.vcluster.com/network-data"
ATTACHMENT = "kubevirt.vcluster.com/network-attachment-definition"
BINDING = "kubevirt.vcluster.com/interface-binding"
INTERFACE_TEMPLATE = "kubevirt.vcluster.com/interface-template"
MULTUS_DEFAULT = "kubevirt.vcluster.com/multus-default"

# What changes the VirtualMachine beyond the node type's template.
IMAGES = (
    IMAGE_URL,
    IMAGE_CHECKSUM,
    IMAGE_DATASOURCE,
    ROOT_DISK_SIZE,
    DATA_VOLUME_TEMPLATE,
    ROOT_DISK_TEMPLATE,
)
ATTACHMENTS = (ATTACHMENT, BINDING, INTERFACE_TEMPLATE, MULTUS_DEFAULT)
SOURCES = (IMAGE_URL, IMAGE_CHECKSUM, IMAGE_DATASOURCE)
# Who may write these in a claim may mount any Secret of the machines' namespace.
GATED = (VM_TEMPLATE, MERGE_TEMPLATE)
NEEDS_LEAVE = "needs allowClaimTemplates in the config: whoever writes a template can mount any Secret of the machines' namespace"

_IMAGE = r"(https?|docker)://[^/\s\x00-\x1f\x7f][^\s\x00-\x1f\x7f]*"
_OTHER = "belongs to another kind of provider"
TABLE: dict[str, Property] = {
    OS_IMAGE: Property(
        "4.8", "An OSImage among the items, whose properties are added.", check=_name
    ),
    SSH_KEYS: Property(
        "4.8",
        "SSHKeys among the items, with commas between; added to `ssh_authorized_keys`.",
        check=_names,
    ),
    USER_DATA: Property("4.9", "A cloud-config that is merged with the join."),
    USER_DATA_TEMPLATE: Property(
        "4.10",
        "A MachineConfigTemplate; its `cloudInitTemplate`, where there is no `user-data`.",
        check=names.subdomain,
    ),
    NETWORK_DATA_TEMPLATE: Property(
        "4.10", "A MachineConfigTemplate; its `networkDataTemplate`.", check=_name
    ),
    ENVIRONMENT: Property(
        "4.8", "A NodeEnvironment among the items, whose properties are added.", check=_name
    ),
    VM_TEMPLATE: Property(
        "4.9",
        "On a claim: a whole template, instead of any node type's; needs `allowClaimTemplates`.",
        yaml=True,
    ),
    MERGE_TEMPLATE: Property(
        "4.10", "A patch that is merged last; on a claim it needs `allowClaimTemplates`.", yaml=True
    ),
    IMAGE_URL: Property(
        "4.9",
        "The root disk's image, imported by a DataVolume.",
        check=_matches(_IMAGE, "a URL that begins with http://, https:// or docker://"),
    ),
    IMAGE_CHECKSUM: Property(
        "4.9",
        "The checksum of an http or https image.",
        check=_checksum,
    ),
    IMAGE_DATASOURCE: Property(
        "4.9", "A CDI DataSource, `[namespace/]name`; it wins over `image-url`.", check=_namespaced
    ),
    ROOT_DISK_SIZE: Property(
        "4.9", "The size of the root disk; required with an image.", check=_size
    ),
    DATA_VOLUME_TEMPLATE: Property(
        "4.9", "A partial `dataVolumeTemplates` entry, merged over the root disk's.", yaml=True
    ),
    ROOT_DISK_TEMPLATE: Property("4.9", "A partial disk, merged over the root disk's.", yaml=True),
    CIDR: Property("4.8", "The network of static addresses.", check=_cidr),
    IP_RANGE: Property(
        "4.8",
        "The addresses to give out, `first-last` with commas between; unset: all of the network.",
        check=_ranges,
    ),
    NAMESERVERS: Property(
        "4.8", "DNS servers, with commas between; required with `network-cidr`.", check=_addresses
    ),
    INTERFACE: Property(
        "4.8",
        "The guest's interface that gets the address; `enp1s0` by default.",
        check=_matches(
            r"[A-Za-z0-9][A-Za-z0-9_.-]{0,14}", "the name of an interface of at most 15 characters"
        ),
    ),
    NETWORK_DATA: Property(
        "4.8", "A cloud-init network-config in base64, instead of a static address.", check=_base64
    ),
    ATTACHMENT: Property(
        "4.9",
        "A NetworkAttachmentDefinition, `[namespace/]name`: network and interface `multus`.",
        check=_namespaced,
    ),
    BINDING: Property(
        "4.10", "The binding of that interface.", check=_one_of("bridge", "masquerade", "sriov")
    ),
    INTERFACE_TEMPLATE: Property("4.10", "A partial interface, merged over that one.", yaml=True),
    MULTUS_DEFAULT: Property(
        "4.10", "Whether that network replaces the pod network.", check=_one_of("true", "false")
    ),
    "vcluster.com/user-data-template": Property(
        "4.9", "", refused="is no longer documented; use user-data-template-config"
    ),
    "vcluster.com/user-data-template-secret": Property(
        "4.9", "", refused="is no longer documented; use user-data-template-config"
    ),
    "vcluster.com/ccm-enabled": Property("4.5", "", refused=_OTHER),
    "vcluster.com/ccm-lb-enabled": Property("4.5", "", refused=_OTHER),
    "vcluster.com/csi-enabled": Property("4.5", "", refused=_OTHER),
    "vcluster.com/vpc-cidr": Property("4.5", "", refused=_OTHER),
    "kubevirt.vcluster.com/capacity-type": Property(
        "4.13", "", refused="is not rendered: capacity is what maxCapacity says"
    ),
    "netris.vcluster.com/server-cluster": Property(
        "4.8",
        "",
        refused="is not rendered: it needs a Netris server; use network-attachment-definition",
    ),
}


def problems(
    properties: Mapping[str, str], at: Place, template_allowed: bool | None = None
) -> Iterator[Problem]:
    """What is wrong with the properties at one place.

    `template_allowed` is None where no claim writes them, else whether claims may bring templates.
    """
    for key, value in properties.items():
        known = TABLE.get(key)
        if known is None:
            if key.startswith(PREFIXES):
                prefix = next(prefix for prefix in PREFIXES if key.startswith(prefix))
                listed = ", ".join(
                    name.removeprefix(prefix)
                    for name, one in TABLE.items()
                    if name.startswith(prefix) and not one.refused
                )
                yield at.field(key).error(
                    f"is no property that krmfn knows{nearest(key, TABLE)}; under {prefix} there are {listed}"
                )
            elif key.lower().startswith(PREFIXES):
                yield at.field(key).error("is no property: its prefix is written in small letters")
        elif known.refused:
            yield at.field(key).error(known.refused)
        elif key == VM_TEMPLATE and template_allowed is None:
            yield at.field(key).error(
                "is for claims; a provider and its node types have virtualMachineTemplate"
            )
        elif key in GATED and template_allowed is False:
            yield at.field(key).error(NEEDS_LEAVE)
        elif wrong := known.check(value):
            yield at.field(key).error(wrong)
        elif known.yaml:
            yield from embedded(value, at.field(key))[1]


@lru_cache(maxsize=4096)
def _sound(key: str, value: str) -> bool:
    known = TABLE.get(key)
    return known is None or not (known.check(value) or (known.yaml and embedded(value, Place())[1]))


def sound(properties: Given) -> bool:
    """Whether each property holds what it may hold; what is wrong is told where each was given."""
    return all(_sound(key, value) for key, (value, _) in properties.items())


def given(properties: Mapping[str, str], at: Place) -> Given:
    """The properties of one layer with their places."""
    return {key: (value, at.field(key)) for key, value in properties.items()}
