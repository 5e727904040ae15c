"""What the objects share that properties, claims and pools name (management.loft.sh/v1).

The fields are those of loft-sh/api `pkg/apis/storage/v1`. `displayName`, `description`, `owner`,
`access` and `status` do not affect machines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from krmfn.platform.model import Metadata, Model

if TYPE_CHECKING:
    from krmfn.platform.field_types import Text


class DescribedSpec(Model):
    """The fields that all specs have."""

    display_name: Text = ""
    """The name that the Platform shows."""
    description: Text = ""
    """The text that the Platform shows."""
    owner: Any = None
    """The user or team that owns the object on the Platform."""
    access: Any = None
    """Who may use the object on the Platform."""


class DescribedObject(Model):
    """The fields that all objects have beside their `spec`."""

    api_version: Text
    """The Platform's API group, in one of two versions."""
    kind: Text
    """What the document is."""
    metadata: Metadata
    """The object's metadata."""
    status: Any = None
    """What the Platform says of the object; krmfn does not read it."""
