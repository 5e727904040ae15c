"""The KubeVirt object (kubevirt.io/v1), which configures KubeVirt on a cluster.

krmfn reads the few fields that decide which machines KubeVirt takes, and what it does to them.
"""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from krmfn.platform.model import Metadata, Model, Text

KIND = "KubeVirt"
API_VERSION = "kubevirt.io/v1"


class _Part(Model):
    """A part of an object that others define: other fields than ours are theirs."""

    model_config = ConfigDict(extra="ignore")


class Developer(_Part):
    """`spec.configuration.developerConfiguration`."""

    feature_gates: list[Text] = Field(default_factory=list)
    disabled_feature_gates: list[Text] = Field(default_factory=list)


class Architecture(_Part):
    """What machines of one architecture get."""

    machine_type: Text = ""


class Architectures(_Part):
    """`spec.configuration.architectureConfiguration`."""

    amd64: Architecture | None = None
    arm64: Architecture | None = None
    s390x: Architecture | None = None


class Configuration(_Part):
    """`spec.configuration`."""

    architecture_configuration: Architectures = Field(default_factory=lambda: Architectures())
    machine_type: Text = ""
    developer_configuration: Developer = Field(default_factory=lambda: Developer())
    vm_rollout_strategy: Literal["LiveUpdate", "Stage"] | None = None


class KubeVirtSpec(_Part):
    """What the cluster's administrator asks for."""

    configuration: Configuration = Field(default_factory=lambda: Configuration())


class KubeVirtStatus(_Part):
    """What KubeVirt says of itself."""

    observed_kube_virt_version: Text = Field("", alias="observedKubeVirtVersion")
    default_architecture: Text = ""


class KubeVirtObject(_Part):
    """The object. An exported one has a status, a declared one has none."""

    metadata: Metadata
    spec: KubeVirtSpec = Field(default_factory=lambda: KubeVirtSpec())
    status: KubeVirtStatus | None = None
