"""The names of the Secrets that krmfn makes for claims and pools."""

from __future__ import annotations

SECRET_SUFFIX = "-cloud-init"
NETWORK_SUFFIX = "-network"


def owner_of_secret(name: str) -> str:
    """Return the name of the claim or pool that has a Secret of this name.

    The name of a machine that ends so loses its end too.
    """
    for suffix in (SECRET_SUFFIX, NETWORK_SUFFIX):
        if name.endswith(suffix):
            return name.removesuffix(suffix)
    return name
