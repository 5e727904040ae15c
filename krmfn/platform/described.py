"""What the objects share that properties, claims and pools name (management.loft.sh/v1).

The fields are those of loft-sh/api `pkg/apis/storage/v1`. `displayName`, `description`, `owner`,
`access` and `status` do not affect machines.
"""

from __future__ import annotations

from typing import Any

from krmfn.platform.model import Metadata, Model, Text


class DescribedSpec(Model):
    """The fields that all specs have."""

    display_name: Text = ""
    description: Text = ""
    owner: Any = None
    access: Any = None


class DescribedObject(Model):
    """The fields that all objects have beside their `spec`."""

    api_version: Text
    kind: Text
    metadata: Metadata
    status: Any = None
