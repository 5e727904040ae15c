"""SSHKey (management.loft.sh/v1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from krmfn.platform.described import DescribedObject, DescribedSpec

if TYPE_CHECKING:
    from krmfn.platform.field_types import Filled


class SSHKeySpec(DescribedSpec):
    """A public key as an `authorized_keys` file has it."""

    public_key: Filled
    """The public key, one line such as `ssh-ed25519 AAAA… name`."""


class SSHKey(DescribedObject):
    """A key that may log in, named by the property `vcluster.com/ssh-keys`."""

    spec: SSHKeySpec
    """The key."""
