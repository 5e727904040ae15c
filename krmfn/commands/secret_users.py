"""Which machines name a Secret for their cloud-init, now and in an earlier state.

A machine that runs keeps the names of its Secrets until it restarts. It can't migrate if one of
them is gone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from krmfn.commands.object_key import Key
from krmfn.kubevirt.vm_paths import VOLUMES, Map, cloud_init_kind, get, mappings
from krmfn.manifests.item import Item
from krmfn.manifests.secret_names import NETWORK_SUFFIX, SECRET_SUFFIX
from krmfn.nodes.build import Build
from krmfn.nodes.claim import Claim

# The machines that name each Secret.
Users = Mapping[Key, list[Key]]


def rendered_users(built: Build) -> Users:
    """Return the machines that name each Secret of a run."""
    users: dict[Key, list[Key]] = defaultdict(list)
    for claim in built.claims:
        machine = Key("VirtualMachine", claim.namespace, claim.name)
        for name in _names(claim):
            users[Key("Secret", claim.namespace, name)].append(machine)
    return users


def _names(claim: Claim) -> Iterator[str]:
    """Yield the Secrets that the machine of a claim names."""
    machine = claim.group.machine
    if machine is None:
        return
    yield machine.machines.shared_secret or claim.name + SECRET_SUFFIX
    if machine.machines.has_own_network:
        yield claim.name + NETWORK_SUFFIX


def earlier_users(machines: Mapping[Key, Item], unchanged: set[Key], rendered: Users) -> Users:
    """Return the machines that name each Secret of an earlier state.

    Those that are `unchanged` name what they name now.
    """
    users: dict[Key, list[Key]] = defaultdict(list)
    for key, item in machines.items():
        if key.is_machine:
            for name in named_secrets(item.data):
                users[Key("Secret", key.namespace, name)].append(key)
    for secret, keys in rendered.items():
        kept = [key for key in keys if key in unchanged]
        if kept:
            users[secret] += kept
    return users


def named_secrets(vm: Map) -> Iterator[str]:
    """Yield the Secrets of a machine's cloud-init volumes."""
    names = set()
    for volume in mappings(get(vm, VOLUMES)):
        source = volume.get(cloud_init_kind(volume) or "")
        for reference in ("secretRef", "networkDataSecretRef"):
            names.add(get(source, (reference, "name")))
    yield from sorted(name for name in names if isinstance(name, str))
