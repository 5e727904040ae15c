"""The cloud-init volume that a template itself has: its user data and its network data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field

from krmfn.guest import cloud_config
from krmfn.guest.network_config import NetworkData, network_data, openstack_network_data
from krmfn.guest.secrets import has_key, key_place, secret_value
from krmfn.kubernetes import names
from krmfn.kubevirt.vm_paths import VOLUMES, Map, cloud_init_kind, get
from krmfn.machine.prototype import Prototype
from krmfn.manifests.item import Item
from krmfn.platform.model import from_base64
from krmfn.problems import Collector, Place, show
from krmfn.records import record

# Finds a Secret of the machines' namespace by its name; the place is the field that names it.
FindSecret = Callable[[str, Place, Collector], Item | None]


@record(frozen=True)
class _Source:
    """The three fields that data may stand in, and the key of a Secret that holds it."""

    inline: str
    base64: str
    secret: str
    key: str

    @property
    def keys(self) -> tuple[str, str]:
        """Both spellings of the Secret's key that KubeVirt reads."""
        return self.key, self.key.replace("data", "Data")


_USER = _Source("userData", "userDataBase64", "secretRef", "userdata")
_NETWORK = _Source("networkData", "networkDataBase64", "networkDataSecretRef", "networkdata")


@record(frozen=True)
class VolumeData:
    """What the volume holds: a cloud-config and network data.

    `at` is its source, `user_at` the text of the cloud-config.
    """

    at: Place = field(default_factory=Place)
    user_at: Place = field(default_factory=Place)
    kind: str = ""
    config: Map = field(default_factory=dict)
    network: NetworkData = field(default_factory=NetworkData)

    @property
    def is_config_drive(self) -> bool:
        """Whether the network data has OpenStack's form instead of NoCloud's."""
        return self.kind == "cloudInitConfigDrive"


def read_volume(prototype: Prototype, find: FindSecret, problems: Collector) -> VolumeData:
    """Read the data of a template's cloud-init volume; it is empty if there is no such volume."""
    volumes = get(prototype.vm, VOLUMES) or ()
    for index, volume in enumerate(volumes):
        if kind := cloud_init_kind(volume):
            at = prototype.place((*VOLUMES, index))
            source = volume.get(kind) or {}
            return _read(source, kind, at.field(kind), find, problems)
    return VolumeData()


def _read(source: Map, kind: str, at: Place, find: FindSecret, problems: Collector) -> VolumeData:
    """Read both kinds of data; `at` is the place of the source.

    Network data for a config drive has OpenStack's form, and stays as it is.
    """
    config: Map = {}
    user, user_at = _text(source, _USER, at, find, problems)
    if user:
        config = cloud_config.read(user, user_at, problems, header=True)
    network = NetworkData()
    text, where = _text(source, _NETWORK, at, find, problems)
    if text and kind == "cloudInitNoCloud":
        network = network_data(text, where, problems)
    elif text:
        network = openstack_network_data(text, where)
    return VolumeData(at, user_at, kind, config, network)


def _text(
    volume: Map, source: _Source, at: Place, find: FindSecret, problems: Collector
) -> tuple[str, Place]:
    """Read the text that a volume holds inline, in base64 or in a Secret, and its place.

    The text is "" if there is none, or if there is a problem.
    """
    fields = (source.inline, source.base64, source.secret)
    present = [name for name in fields if volume.get(name) is not None]
    if not present:
        return "", at
    if len(present) > 1:
        problems.append(at.error(f"has {' and '.join(present)}; KubeVirt takes one"))
        return "", at
    [name] = present
    value, where = volume[name], at.field(name)
    if name == source.secret:
        return _from_secret(value, source, where, find, problems)
    if not isinstance(value, str):
        problems.append(where.error(f"is {show(value)}; must be text"))
        return "", where
    if name == source.inline:
        return value, where
    try:
        return from_base64(value), where
    except ValueError:
        problems.append(where.error("is not base64 of text"))
        return "", where


def _from_secret(
    reference: Map, source: _Source, at: Place, find: FindSecret, problems: Collector
) -> tuple[str, Place]:
    """Read the text from the Secret that a volume names, and its place."""
    name = get(reference, ("name",))
    if fault := names.subdomain(name) if isinstance(name, str) else "is required":
        problems.append(at.field("name").error(fault))
        return "", at
    secret = find(name, at, problems)
    if secret is None:
        return "", at
    for key in source.keys:
        if has_key(secret, key):
            text = secret_value(secret, key, problems)
            return text or "", key_place(secret, key)
    message = f"names {secret.origin.resource}, which has no key {source.key}"
    problems.append(at.error(message))
    return "", at
