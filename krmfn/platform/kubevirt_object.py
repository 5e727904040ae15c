"""The KubeVirt object (kubevirt.io/v1), which configures KubeVirt on a cluster.

krmfn reads the few fields that decide which machines KubeVirt takes, and what it does to them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from krmfn.platform.model import Metadata, Model

if TYPE_CHECKING:
    from krmfn.platform.field_types import Text

KIND = "KubeVirt"
API_VERSION = "kubevirt.io/v1"


class _Part(Model, extra="ignore"):
    """A part of an object that others define: other fields than ours are theirs."""


class Developer(_Part):
    """`spec.configuration.developerConfiguration`."""

    feature_gates: list[Text] = []
    """The feature gates that are switched on."""
    disabled_feature_gates: list[Text] = []
    """The feature gates that are switched off although they are on by default."""


class Architecture(_Part):
    """What machines of one architecture get."""

    machine_type: Text = ""
    """The machine type of machines that set none."""


class Architectures(_Part):
    """`spec.configuration.architectureConfiguration`."""

    amd64: Architecture | None = None
    """Machines of amd64."""
    arm64: Architecture | None = None
    """Machines of arm64."""
    s390x: Architecture | None = None
    """Machines of s390x."""


class Configuration(_Part):
    """`spec.configuration`."""

    architecture_configuration: Architectures = Architectures()
    """What machines get, by architecture."""
    machine_type: Text = ""
    """The machine type of machines that set none."""
    developer_configuration: Developer = Developer()
    """Feature gates."""
    vm_rollout_strategy: Literal["LiveUpdate", "Stage"] | None = None
    """What KubeVirt does with a change to a running machine."""


class KubeVirtSpec(_Part):
    """What the cluster's administrator asks for."""

    configuration: Configuration = Configuration()
    """How KubeVirt is configured."""


class KubeVirtStatus(_Part):
    """What KubeVirt says of itself."""

    observed_kube_virt_version: Text = ""
    """The version of KubeVirt that runs."""
    default_architecture: Text = ""
    """The architecture of machines that set none."""


class KubeVirtObject(_Part):
    """The object. An exported one has a status, a declared one has none."""

    metadata: Metadata
    """The object's metadata."""
    spec: KubeVirtSpec = KubeVirtSpec()
    """What the cluster's administrator asks for."""
    status: KubeVirtStatus | None = None
    """What KubeVirt says of itself."""
