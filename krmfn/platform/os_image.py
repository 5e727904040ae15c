"""OSImage (management.loft.sh/v1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from krmfn.platform.described import DescribedObject, DescribedSpec

if TYPE_CHECKING:
    from krmfn.platform.field_types import Filled, Text


class OSImageSpec(DescribedSpec):
    """Properties that an image adds to a claim's."""

    properties: dict[Filled, Text] = {}
    """The properties that are added to those of a claim, such as `kubevirt.vcluster.com/image-url`.
    """


class OSImage(DescribedObject):
    """An image, named by the property `vcluster.com/os-image`."""

    spec: OSImageSpec
    """The image."""
