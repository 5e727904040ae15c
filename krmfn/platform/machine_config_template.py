"""MachineConfigTemplate (management.loft.sh/v1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from krmfn.platform.described import DescribedObject, DescribedSpec

if TYPE_CHECKING:
    from krmfn.platform.field_types import Text


class MachineConfigTemplateSpec(DescribedSpec):
    """Go templates of user data and network data."""

    cloud_init_template: Text = ""
    """A Go template of the guest's user data."""
    network_data_template: Text = ""
    """A Go template of the guest's network data."""


class MachineConfigTemplate(DescribedObject):
    """Templates of a guest's data.

    The properties `vcluster.com/user-data-template-config` and
    `vcluster.com/network-data-template-config` name it.
    """

    spec: MachineConfigTemplateSpec
    """The templates."""
