"""What a guest is told beside the join: the user's cloud-config and network data, from the template's volume and from properties.

The precedence is the Platform's: `user-data` over `user-data-template-config`, `network-data` over `network-data-template-config` over a
static address. A cloud-init volume of the template comes before all of them: its cloud-config is merged with the property's.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from krmfn.guest import cloud_config as cloudconfig
from krmfn.guest import go_template as gotemplate
from krmfn.guest.cloud_config import CloudConfig
from krmfn.guest.join import secret_value
from krmfn.guest.static_address import Range
from krmfn.kubevirt.merge import Map
from krmfn.kubevirt.vm_paths import VOLUMES, cloud_init_kind, get
from krmfn.machine.prototype import Prototype
from krmfn.manifests import yamlio
from krmfn.manifests.item import Item
from krmfn.platform.model import from_base64
from krmfn.platform.properties import NETWORK_DATA, USER_DATA, Given
from krmfn.problems import Place, Problem, errors, show

Find = Callable[[str, Place], tuple[Item | None, list[Problem]]]
_KEY_TYPES = (
    "ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class GuestNode:
    """What a guest's templates and addresses depend on of its own claim; `at` is where it is asked for."""

    name: str
    namespace: str | None
    ordinal: int
    provider: str
    virtual_cluster: str | None
    type_ref: str | None
    at: Place


@dataclass(frozen=True, slots=True)
class GuestTemplate:
    """The text of a Go template, with its place."""

    text: str
    at: Place


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a guest's data comes from: properties, public keys, templates; `addressed`: a static address is given."""

    given: Given
    ssh_keys: list[str]
    user_template: GuestTemplate | None
    network_template: GuestTemplate | None
    addressed: bool


@dataclass(frozen=True, slots=True)
class _Template:
    parsed: gotemplate.GoTemplate
    at: Place


@dataclass(frozen=True, slots=True, eq=False)
class Guest:
    """A guest's data, as far as all of its nodes share it; what a template makes of a claim comes with the claim.

    `base` is the user's cloud-config that a template's is merged over, `config` the same, written.
    """

    sources: Sources
    base: Map
    config: CloudConfig
    network: str
    user_template: _Template | None
    network_template: _Template | None

    @property
    def networked(self) -> bool:
        """Whether its nodes get network data."""
        return bool(self.network or self.network_template or self.sources.addressed)

    def of(
        self, node: GuestNode, addresses: Range | None
    ) -> tuple[CloudConfig, str, list[Problem]]:
        """The cloud-config and network data of one node."""
        config, data = self.config, self.network
        problems: list[Problem] = []
        if self.user_template:
            parsed, problems = _filled(
                self.user_template, _values(node, self.sources), _cloud_config
            )
            config = cloudconfig.written(
                cloudconfig.merged(self.base, parsed), self.sources.ssh_keys
            )
        address = addresses.address(node.ordinal) if addresses else None
        if self.network_template:
            values = _values(node, self.sources)
            if addresses and address:
                prefix, gateway = str(addresses.network.prefixlen), str(addresses.gateway)
                values |= {"AllocatedIP": str(address), "PrefixLength": prefix, "Gateway": gateway}
            parsed, wrong = _filled(self.network_template, values, _network_config)
            problems += wrong
            data = yamlio.dump(parsed) if parsed else ""
        elif addresses and address and not data:
            data = addresses.network_data(address)
        if wrong_host := config.host_problem(node.name):
            given = self.sources.given.get(USER_DATA)
            problems.append(
                (
                    self.user_template.at if self.user_template else given[1] if given else node.at
                ).error(wrong_host)
            )
        return config, data, problems


def guest(sources: Sources, prototype: Prototype, find: Find) -> tuple[Guest | None, list[Problem]]:
    """The guest of a prototype; `find` finds a Secret of the machines' namespace."""
    volume, index = _own_volume(prototype)
    at = prototype.layers.place((*VOLUMES, index)) if volume else Place()
    problems: list[Problem] = []
    base: Map = {}
    network = ""
    if volume:
        kind = cloud_init_kind(volume) or ""
        source = volume.get(kind) or {}
        user, where, problems = _source(
            source, ("userData", "userDataBase64", "secretRef"), "userdata", at.field(kind), find
        )
        if user:
            base, wrong = cloudconfig.read(user, where, header=True)
            problems += wrong
        keys = ("networkData", "networkDataBase64", "networkDataSecretRef")
        network, where, wrong = _source(source, keys, "networkdata", at.field(kind), find)
        problems += wrong
        if network and kind == "cloudInitNoCloud":
            network, wrong = _constant(network, where)
            problems += wrong
        elif kind == "cloudInitConfigDrive" and (sources.addressed or sources.network_template):
            problems.append(
                at.field(kind).error(
                    "takes OpenStack's network data, and a static address is NoCloud's; use cloudInitNoCloud"
                )
            )
    if NETWORK_DATA in sources.given:
        value, where = sources.given[NETWORK_DATA]
        network, wrong = _constant(from_base64(value), where)
        problems += wrong
    user_template: _Template | None = None
    network_template: _Template | None = None
    if USER_DATA in sources.given:
        parsed, wrong = cloudconfig.read(
            sources.given[USER_DATA][0], sources.given[USER_DATA][1], header=False
        )
        problems += wrong
        base = cloudconfig.merged(base, parsed)
    elif sources.user_template:
        user_template, wrong = _parsed(sources.user_template)
        problems += wrong
    if sources.network_template and NETWORK_DATA not in sources.given:
        network_template, wrong = _parsed(sources.network_template)
        problems += wrong
    if errors(problems):
        return None, problems
    return Guest(
        sources,
        base,
        cloudconfig.written(base, sources.ssh_keys),
        network,
        user_template,
        network_template,
    ), problems


def _own_volume(prototype: Prototype) -> tuple[Map | None, int]:
    for index, volume in enumerate(get(prototype.vm, VOLUMES) or ()):
        if cloud_init_kind(volume):
            return volume, index
    return None, 0


def _source(
    source: Map, keys: tuple[str, str, str], name: str, at: Place, find: Find
) -> tuple[str, Place, list[Problem]]:
    """The text that a cloud-init volume brings inline, in base64 or by a Secret, and its place."""
    there = [key for key in keys if source.get(key) is not None]
    if len(there) > 1:
        return "", at, [at.error(f"has {' and '.join(there)}; KubeVirt takes one")]
    if not there:
        return "", at, []
    value, where = source[there[0]], at.field(there[0])
    if there[0] == keys[2]:
        item, problems = find(str(get(value, ("name",))), where)
        # KubeVirt reads either spelling.
        for key in (name, name.replace("data", "Data")):
            if item and not problems:
                text, problems = secret_value(item, key)
                if text is not None:
                    return text, item.place.field("data", key), problems
        if item and not problems:
            problems = [where.error(f"names {item.origin.resource}, which has no key {name}")]
        return "", where, problems
    if not isinstance(value, str):
        return "", where, [where.error(f"is {show(value)}; must be text")]
    if there[0] == keys[1]:
        try:
            return from_base64(value), where, []
        except ValueError:
            return "", where, [where.error("is no base64 of text")]
    return value, where, []


def _parsed(template: GuestTemplate) -> tuple[_Template | None, list[Problem]]:
    try:
        return _Template(gotemplate.parse(template.text), template.at), []
    except ValueError as error:
        return None, [template.at.error(str(error))]


class _WrongError(ValueError):
    def __init__(self, problems: list[Problem]) -> None:
        super().__init__()
        self.problems = problems


def _filled(
    template: _Template, values: Map, read: Callable[[str, Place], tuple[Map, list[Problem]]]
) -> tuple[Map, list[Problem]]:
    """What `read` makes of a rendered template."""

    def parse(text: str) -> Map:
        data, problems = cloudconfig.yaml_mapping(text, template.at)
        if problems:
            raise _WrongError(problems)
        return data

    try:
        return read(gotemplate.filled(template.parsed, values, parse), template.at)
    except _WrongError as wrong:
        return {}, wrong.problems
    except ValueError as error:
        return {}, [template.at.error(str(error))]


def _cloud_config(text: str, at: Place) -> tuple[Map, list[Problem]]:
    return cloudconfig.read(text, at, header=False)


def _network_config(text: str, at: Place) -> tuple[Map, list[Problem]]:
    data, problems = cloudconfig.yaml_mapping(text, at)
    inner = data.get("network", data)
    if not problems and (not isinstance(inner, dict) or inner.get("version") not in (1, 2)):
        problems = [at.error("is no network config: it has no version 1 or 2")]
    return data, problems


def _constant(text: str, at: Place) -> tuple[str, list[Problem]]:
    data, problems = _network_config(text, at)
    return ("" if problems else yamlio.dump(data)), problems


def _values(node: GuestNode, sources: Sources) -> Map:
    spec = {
        "ProviderRef": node.provider,
        "VClusterRef": node.virtual_cluster,
        "TypeRef": node.type_ref,
    }
    claim: Map = {
        "Name": node.name,
        "Spec": {key: value for key, value in spec.items() if value},
    }
    values: Map = {
        "NodeClaim": claim,
        "Properties": {key: value for key, (value, _) in sources.given.items()},
        "SSHKeys": sources.ssh_keys,
    }
    if node.namespace:
        claim["Namespace"] = node.namespace
        values["Project"] = node.namespace.removeprefix("p-")
    return values


def public_key(text: str, at: Place) -> Iterator[Problem]:
    """What is wrong with a public key: one line, of a type that OpenSSH still takes, whose body is of that type."""
    if "PRIVATE KEY" in text:
        yield at.error("holds a private key; only public keys belong here")
        return
    match = re.fullmatch(r"(\S+) ([A-Za-z0-9+/]+=*)( [^\x00-\x1f\x7f-\x9f]*)?", text.strip())
    if match is None or match[1] not in _KEY_TYPES:
        yield at.error(
            f"is no public key on one line, which begins with one of {', '.join(_KEY_TYPES)}"
        )
        return
    try:
        body = base64.b64decode(match[2], validate=True)
    except binascii.Error:
        body = b""
    parts = _parts(body)
    if len(parts) < 2 or parts[0] != match[1].encode():
        yield at.error(f"is no {match[1]} key: its body is damaged or of another type")


def _parts(body: bytes) -> list[bytes]:
    """The strings of a key's body, each after its length (RFC 4253); none where they do not fill it."""
    parts = []
    while body:
        size = int.from_bytes(body[:4], "big")
        if len(body) < 4 + size:
            return []
        parts.append(body[4 : 4 + size])
        body = body[4 + size :]
    return parts
