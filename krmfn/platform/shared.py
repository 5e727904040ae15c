"""What claims and pools name: OSImage, SSHKey, NodeProfile, NodeEnvironment and MachineConfigTemplate (management.loft.sh/v1).

The fields are those of loft-sh/api `pkg/apis/storage/v1`; `displayName`, `description`, `owner`, `access` and `status` shape no machine.
"""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import Field

from krmfn.platform.model import Annotations, Filled, Labels, Metadata, Model, Taint, Text


class _Described(Model):
    """What the specs of all of them have."""

    display_name: Text = ""
    description: Text = ""
    owner: Any = None
    access: Any = None


class _Object(Model):
    api_version: Text
    kind: Text
    metadata: Metadata
    status: Any = None


class OSImageSpec(_Described):
    """Properties that an image adds to a claim's."""

    properties: dict[Filled, Text] = Field(default_factory=dict)


class OSImage(_Object):
    """An image, named by the property `vcluster.com/os-image`."""

    spec: OSImageSpec


class SSHKeySpec(_Described):
    """A public key as an `authorized_keys` file has it."""

    public_key: Filled


class SSHKey(_Object):
    """A key that may log in, named by the property `vcluster.com/ssh-keys`."""

    spec: SSHKeySpec


class NodeProfileSpec(_Described):
    """How a node is registered."""

    taints: list[Taint] = Field(default_factory=list)
    startup_taints: list[Taint] = Field(default_factory=list)
    node_labels: Labels = Field(default_factory=dict)
    node_annotations: Annotations = Field(default_factory=dict)


class NodeProfile(_Object):
    """Settings of nodes, named by a claim's `profileRef`, a pool's `profile` or `privateNodes.defaultProfile`."""

    spec: NodeProfileSpec


class NodeEnvironmentSpec(_Described):
    """Properties that the claims of a virtual cluster share."""

    properties: dict[Filled, Text] = Field(default_factory=dict)
    provider_ref: Text = ""
    v_cluster_ref: Text = ""
    control_plane: bool = False


class NodeEnvironment(_Object):
    """An environment, named by the property `vcluster.com/network-environment` or a claim's `environmentRef`."""

    spec: NodeEnvironmentSpec


class MachineConfigTemplateSpec(_Described):
    """Go templates of user data and network data."""

    cloud_init_template: Text = ""
    network_data_template: Text = ""


class MachineConfigTemplate(_Object):
    """Templates, named by `vcluster.com/user-data-template-config` and `vcluster.com/network-data-template-config`."""

    spec: MachineConfigTemplateSpec


Shared = TypeVar("Shared", OSImage, SSHKey, NodeProfile, NodeEnvironment, MachineConfigTemplate)
KINDS: tuple[type[Any], ...] = (
    OSImage,
    SSHKey,
    NodeProfile,
    NodeEnvironment,
    MachineConfigTemplate,
)
