"""A guest's own data, beside the join: the user's cloud-config and network data.

They come from the template's cloud-init volume and from properties. The precedence is the
Platform's: `user-data` over `user-data-template-config`, and `network-data` over
`network-data-template-config` over a static address. The cloud-config of a template's volume comes
before all of them, and the property's is merged over it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from krmfn.guest import cloud_config
from krmfn.guest.cloud_config import CloudConfig
from krmfn.guest.cloud_init_volume import FindSecret, read_volume
from krmfn.guest.network_config import (
    NetworkData,
    network_data,
    read_network_config,
    static_addresses,
)
from krmfn.guest.static_address import Range
from krmfn.kubevirt.vm_paths import Map
from krmfn.machine.prototype import Prototype
from krmfn.manifests import yamlio
from krmfn.platform.model import from_base64
from krmfn.platform.properties import NETWORK_DATA, USER_DATA, Given
from krmfn.problems import Collector, Place
from krmfn.records import record

if TYPE_CHECKING:
    from krmfn.guest.go_template import GoTemplate


@record(frozen=True)
class GuestNode:
    """The parts of one claim that a guest's templates and addresses depend on."""

    name: str
    namespace: str | None
    ordinal: int
    provider: str
    virtual_cluster: str | None
    type_ref: str | None


@record(frozen=True)
class GuestTemplate:
    """The text of a Go template, with its place."""

    text: str
    at: Place


@record(frozen=True)
class Sources:
    """Where a guest's data comes from; `addressed` means that it has a static address."""

    given: Given
    ssh_keys: list[str]
    user_template: GuestTemplate | None
    network_template: GuestTemplate | None
    addressed: bool


@record(frozen=True)
class GuestData:
    """The data of one node: the user's cloud-config and, as text, network data."""

    config: CloudConfig
    network: str


@record(frozen=True, eq=False)
class Guest:
    """The data that all nodes of a guest share; templates are filled in for each node.

    A template's cloud-config is merged over `base`. `config` is `base` in its written form, and
    `host_at` where it may set the host's name.
    """

    sources: Sources
    base: Map
    config: CloudConfig
    host_at: Place
    network: NetworkData
    user_template: GoTemplate | None
    network_template: GoTemplate | None

    @property
    def networked(self) -> bool:
        """Whether its nodes get network data."""
        return bool(self.network.text or self.network_template or self.sources.addressed)

    @property
    def has_own_network(self) -> bool:
        """Whether each node has network data of its own."""
        return bool(self.network_template or (self.sources.addressed and not self.network.text))

    def data_for(self, node: GuestNode, addresses: Range | None, problems: Collector) -> GuestData:
        """Make the data of one node, with its address from the range, if there is one."""
        config = self.config
        if self.user_template:
            config = self._filled_config(self.user_template, node, problems)
        return GuestData(config, self._network_for(node, addresses, problems))

    def _filled_config(
        self, template: GoTemplate, node: GuestNode, problems: Collector
    ) -> CloudConfig:
        """Merge one node's cloud-config, from a template, over the base."""
        values = _template_values(node, self.sources)
        text = _filled(template, values, problems)
        parsed: Map = {}
        if text is not None:
            parsed = cloud_config.read(text, template.at, problems, header=False)
        merged = cloud_config.merged(self.base, parsed)
        config = cloud_config.written(merged, self.sources.ssh_keys)
        if fault := config.host_fault(node.name):
            at = template.at if cloud_config.names_host(parsed) else self.host_at
            problems.append(at.error(f"{fault}; the host is named after its claim"))
        return config

    def _network_for(self, node: GuestNode, addresses: Range | None, problems: Collector) -> str:
        """Return one node's network data."""
        address = addresses.address(node.ordinal) if addresses else None
        if self.network_template:
            data = self._filled_network(self.network_template, node, addresses, problems)
            return yamlio.dump(data) if data else ""
        if addresses and address and not self.network.text:
            return addresses.network_data(address)
        return self.network.text

    def written_addresses(self, node: GuestNode, addresses: Range | None) -> NetworkData:
        """Return the static addresses that users wrote for a node, with their place.

        The one that a template takes from the node's range is not among them.
        """
        template = self.network_template
        if template is None:
            return self.network
        data = self._filled_network(template, node, addresses, Collector())
        own = addresses.address(node.ordinal) if addresses else None
        written = tuple(address for address in static_addresses(data) if address != own)
        return NetworkData("", written, template.at)

    def _filled_network(
        self,
        template: GoTemplate,
        node: GuestNode,
        addresses: Range | None,
        problems: Collector,
    ) -> Map:
        """Fill a template of network data in with one node's values."""
        values = _template_values(node, self.sources)
        address = addresses.address(node.ordinal) if addresses else None
        values |= {"AllocatedIP": None, "PrefixLength": None, "Gateway": None}
        if addresses and address:
            values["AllocatedIP"] = str(address)
            values["PrefixLength"] = str(addresses.network.prefixlen)
            values["Gateway"] = str(addresses.gateway)
        text = _filled(template, values, problems)
        return {} if text is None else read_network_config(text, template.at, problems)


def compile_guest(
    sources: Sources, prototype: Prototype, find: FindSecret, problems: Collector
) -> Guest | None:
    """Read all data that the nodes of a prototype share. Return None if there are errors.

    `find` finds a Secret of the machines' namespace.
    """
    collected = Collector()
    volume = read_volume(prototype, find, collected)
    base, network, host_at = volume.config, volume.network, volume.user_at
    if volume.is_config_drive and (sources.addressed or sources.network_template):
        advice = "a static address is NoCloud's; use cloudInitNoCloud"
        message = f"takes OpenStack's network data, and {advice}"
        collected.append(volume.at.error(message))
    if NETWORK_DATA in sources.given:
        value, at = sources.given[NETWORK_DATA]
        network = network_data(from_base64(value), at, collected)
    user_template = network_template = None
    if USER_DATA in sources.given:
        value, at = sources.given[USER_DATA]
        config = cloud_config.read(value, at, collected, header=False)
        base = cloud_config.merged(base, config)
        host_at = at if cloud_config.names_host(config) else host_at
    elif template := sources.user_template:
        user_template = _parsed(template, collected)
    template = sources.network_template
    if template and NETWORK_DATA not in sources.given:
        network_template = _parsed(template, collected)
    problems += collected
    if collected.has_errors:
        return None
    written = cloud_config.written(base, sources.ssh_keys)
    return Guest(sources, base, written, host_at, network, user_template, network_template)


# go_template is imported by need: many runs have no template, and the start is what most users
# wait for.
def _parsed(template: GuestTemplate, problems: Collector) -> GoTemplate | None:
    """Parse a template of the Platform."""
    from krmfn.guest import go_template

    return go_template.parse(template.text, template.at, problems)


def _filled(template: GoTemplate, values: Map, problems: Collector) -> str | None:
    """Fill a template in with one node's values."""
    from krmfn.guest import go_template

    return go_template.filled(template, values, cloud_config.yaml_mapping, problems)


def _template_values(node: GuestNode, sources: Sources) -> Map:
    """Make the values that templates can use, by the names that the Platform gives them."""
    # None is what a template may ask for, and is not there.
    spec = {
        "ProviderRef": node.provider,
        "VClusterRef": node.virtual_cluster or None,
        "TypeRef": node.type_ref or None,
    }
    namespace = node.namespace or None
    return {
        "NodeClaim": {"Name": node.name, "Namespace": namespace, "Spec": spec},
        "Properties": {key: value for key, (value, _) in sources.given.items()},
        "SSHKeys": sources.ssh_keys,
        "Project": namespace.removeprefix("p-") if namespace else None,
    }
