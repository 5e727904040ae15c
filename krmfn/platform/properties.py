"""The properties under the Platform's two prefixes: what each does, and what it may hold.

`TABLE` is the only list of them; the documentation's table is made from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

from krmfn.kubernetes import names
from krmfn.platform.model import embedded
from krmfn.platform.property_values import (
    Fault,
    addresses_fault,
    anything_fault,
    base64_fault,
    checksum_fault,
    cidr_fault,
    matches,
    names_fault,
    namespaced_fault,
    one_of,
    ranges_fault,
    size_fault,
)
from krmfn.problems import Collector, Place, Problem, closest
from krmfn.records import record

_KUBEVIRT = "kubevirt.vcluster.com/"
PREFIXES = ("vcluster.com/", _KUBEVIRT)
# The effective properties of a claim: the value of each, and the place that sets it.
Given = dict[str, tuple[str, Place]]


@record(frozen=True)
class Property:
    """A property that the Platform knows.

    `since` is the version of the Platform that brought it, `text` says what it does. If krmfn
    refuses it, `refused` says why. `check` returns why a value does not fit, or ""; a `yaml`
    property holds a mapping as YAML text.
    """

    since: str
    text: str
    refused: str = ""
    check: Fault = anything_fault
    yaml: bool = False


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

# Properties that change the VirtualMachine beyond the node type's template.
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
# Whoever may write these in a claim can mount any Secret of the machines' namespace.
GATED = (VM_TEMPLATE, MERGE_TEMPLATE)
NEEDS_LEAVE = (
    "needs allowClaimTemplates in the config: whoever writes a template can mount any Secret of "
    "the machines' namespace"
)

_IMAGE = r"(https?|docker)://[^/\s\x00-\x1f\x7f][^\s\x00-\x1f\x7f]*"
_OTHER = "belongs to another kind of provider"
TABLE: dict[str, Property] = {
    OS_IMAGE: Property(
        "4.8", "An OSImage among the items, whose properties are added.", check=names.subdomain
    ),
    SSH_KEYS: Property(
        "4.8",
        "SSHKeys among the items, with commas between; added to `ssh_authorized_keys`.",
        check=names_fault,
    ),
    USER_DATA: Property("4.9", "A cloud-config that is merged with the join."),
    USER_DATA_TEMPLATE: Property(
        "4.10",
        "A MachineConfigTemplate; its `cloudInitTemplate`, where there is no `user-data`.",
        check=names.subdomain,
    ),
    NETWORK_DATA_TEMPLATE: Property(
        "4.10", "A MachineConfigTemplate; its `networkDataTemplate`.", check=names.subdomain
    ),
    ENVIRONMENT: Property(
        "4.8",
        "A NodeEnvironment among the items, whose properties are added.",
        check=names.subdomain,
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
        check=matches(_IMAGE, "a URL that begins with http://, https:// or docker://"),
    ),
    IMAGE_CHECKSUM: Property(
        "4.9",
        "The checksum of an http or https image.",
        check=checksum_fault,
    ),
    IMAGE_DATASOURCE: Property(
        "4.9",
        "A CDI DataSource, `[namespace/]name`; it wins over `image-url`.",
        check=namespaced_fault,
    ),
    ROOT_DISK_SIZE: Property(
        "4.9", "The size of the root disk; required with an image.", check=size_fault
    ),
    DATA_VOLUME_TEMPLATE: Property(
        "4.9", "A partial `dataVolumeTemplates` entry, merged over the root disk's.", yaml=True
    ),
    ROOT_DISK_TEMPLATE: Property("4.9", "A partial disk, merged over the root disk's.", yaml=True),
    CIDR: Property("4.8", "The network of static addresses.", check=cidr_fault),
    IP_RANGE: Property(
        "4.8",
        "The addresses to give out, `first-last` with commas between; unset: all of the network.",
        check=ranges_fault,
    ),
    NAMESERVERS: Property(
        "4.8",
        "DNS servers, with commas between; required with `network-cidr`.",
        check=addresses_fault,
    ),
    INTERFACE: Property(
        "4.8",
        "The guest's interface that gets the address; `enp1s0` by default.",
        check=matches(
            r"[A-Za-z0-9][A-Za-z0-9_.-]{0,14}", "the name of an interface of at most 15 characters"
        ),
    ),
    NETWORK_DATA: Property(
        "4.8",
        "A cloud-init network-config in base64, instead of a static address.",
        check=base64_fault,
    ),
    ATTACHMENT: Property(
        "4.9",
        "A NetworkAttachmentDefinition, `[namespace/]name`: network and interface `multus`.",
        check=namespaced_fault,
    ),
    BINDING: Property(
        "4.10", "The binding of that interface.", check=one_of("bridge", "masquerade", "sriov")
    ),
    INTERFACE_TEMPLATE: Property("4.10", "A partial interface, merged over that one.", yaml=True),
    MULTUS_DEFAULT: Property(
        "4.10", "Whether that network replaces the pod network.", check=one_of("true", "false")
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


@record(frozen=True)
class Leave:
    """What a config leaves to properties.

    `templates`: claims may bring machine templates. `unknown`: keys under the Platform's prefixes
    that krmfn does not know are none of its business.
    """

    templates: bool
    unknown: bool


def problems(
    properties: Mapping[str, str], at: Place, leave: Leave, by_claim: bool = False
) -> Iterator[Problem]:
    """Check the properties of one place, by their names and values.

    `by_claim`: a claim or a pool writes them.
    """
    for key, value in properties.items():
        where = at.field(key)
        known = TABLE.get(key)
        if known is None:
            yield from _unknown(key, where, leave)
        elif known.refused:
            yield where.error(known.refused)
        elif key == VM_TEMPLATE and not by_claim:
            message = "is for claims; a provider and its node types have virtualMachineTemplate"
            yield where.error(message)
        elif key in GATED and by_claim and not leave.templates:
            yield where.error(NEEDS_LEAVE)
        else:
            yield from _value_problems(known, value, where)


def is_trait(key: str) -> bool:
    """Tell whether a property only describes a node, so that it can be a label.

    Those that krmfn knows say how to make one, and so do all under KubeVirt's prefix.
    """
    return key not in TABLE and not key.startswith(_KUBEVIRT)


def _unknown(key: str, at: Place, leave: Leave) -> Iterator[Problem]:
    """Yield an error if the key has one of the Platform's prefixes."""
    prefix = next((prefix for prefix in PREFIXES if key.startswith(prefix)), "")
    if prefix and not leave.unknown:
        usable = [name for name, row in TABLE.items() if not row.refused]
        # By what stands behind the prefix: all keys look alike before it.
        by_name = {name.rpartition("/")[2]: name for name in usable}
        near = closest(key.removeprefix(prefix), by_name)
        hint = f' (did you mean "{by_name[near]}"?)' if near else ""
        known = [name.removeprefix(prefix) for name in usable if name.startswith(prefix)]
        message = f"is an unknown property{hint}; under {prefix} there are "
        yield at.error(f"{message}{', '.join(known)}; unknownProperties: Ignore accepts others")
    elif not prefix and key.lower().startswith(PREFIXES):
        yield at.error("is not a property: its prefix is written in small letters")


def _value_problems(known: Property, value: str, at: Place) -> Iterator[Problem]:
    """Check the value of a known property."""
    if fault := known.check(value):
        yield at.error(fault)
    elif known.yaml:
        yaml_problems = Collector()
        embedded(value, at, yaml_problems)
        yield from yaml_problems


@lru_cache(maxsize=4096)
def _is_sound(key: str, value: str) -> bool:
    """Tell whether a value has no problems; equal properties are checked once."""
    known = TABLE.get(key)
    if known is None:
        return True
    return not any(_value_problems(known, value, Place()))


def sound(properties: Given) -> bool:
    """Tell whether every property holds a value that fits.

    The problems are reported where each property is set.
    """
    return all(_is_sound(key, value) for key, (value, _) in properties.items())


def given(properties: Mapping[str, str], at: Place) -> Given:
    """Give each property of one layer its place; `at` is the place of the layer's properties."""
    return {key: (value, at.field(key)) for key, value in properties.items()}
