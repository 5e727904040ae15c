"""MachineConfigTemplate (management.loft.sh/v1)."""

from __future__ import annotations

from krmfn.platform.described import DescribedObject, DescribedSpec
from krmfn.platform.model import Text


class MachineConfigTemplateSpec(DescribedSpec):
    """Go templates of user data and network data."""

    cloud_init_template: Text = ""
    network_data_template: Text = ""


class MachineConfigTemplate(DescribedObject):
    """Templates of a guest's data.

    The properties `vcluster.com/user-data-template-config` and
    `vcluster.com/network-data-template-config` name it.
    """

    spec: MachineConfigTemplateSpec
