"""The Platform's objects among the items of a run."""

from __future__ import annotations

from krmfn.manifests.index import Index
from krmfn.manifests.item import Item
from krmfn.platform.model import PLATFORM
from krmfn.problems import Collector, show


def platform_items(index: Index, kind: str, problems: Collector) -> list[Item]:
    """Return the Platform's objects of a kind.

    Objects of other API groups are left alone: Karpenter, for one, has NodeClaims too. A kind
    in other letters, a list of the kind, and another version of the group are errors.
    """
    for other in index.kinds:
        if other != kind and other.lower() in (kind.lower(), f"{kind}list".lower()):
            for item in index.of_kind(other):
                if item.api_version in PLATFORM:
                    message = f"is {show(other)}; krmfn reads single objects of kind {kind}"
                    problems.append(item.place.field("kind").error(message))
    items = []
    for item in index.of_kind(kind):
        if item.api_version in PLATFORM:
            items.append(item)
        elif item.group.endswith("loft.sh"):
            message = f"is {show(item.api_version)}; krmfn reads {' and '.join(PLATFORM)}"
            problems.append(item.place.field("apiVersion").error(message))
    return items
