"""The objects that properties, claims and pools name, by kind and name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from krmfn.manifests.index import Index
from krmfn.manifests.item import Item
from krmfn.platform.model import PLATFORM
from krmfn.platform.validation import validate
from krmfn.problems import Code, Collector, Place, listed, nearest, show

if TYPE_CHECKING:
    from krmfn.platform.described import DescribedObject

# Their models are imported by need: most runs have none of them.
KINDS = ("OSImage", "SSHKey", "NodeProfile", "NodeEnvironment", "MachineConfigTemplate")
Named = TypeVar("Named", bound="DescribedObject")


class NamedObjects:
    """The objects of a run that others name. Each is read at its first use."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._read: dict[Item, Any] = {}

    def find(
        self,
        kind: type[Named],
        name: str,
        at: Place,
        namespace: str | None,
        problems: Collector,
    ) -> tuple[Named | None, Place]:
        """Return the object of a name, and the place of its spec.

        `at` is the field that names it; if there is no such object, the error there lists those
        that exist. Only NodeEnvironments have namespaces: `namespace` is the claim's, if known.
        """
        candidates = _of_platform(self._index.named(kind.__name__, name))
        if kind.__name__ == "NodeEnvironment" and namespace:
            near = ("", namespace)
            candidates = [item for item in candidates if item.namespace in near]
        if len(candidates) != 1:
            reason = f"there {len(candidates)} times"
            if not candidates:
                reason = self._missing(kind.__name__, name)
            code = Code.INVALID if candidates else Code.MISSING_OBJECT
            message = f"names {kind.__name__} {show(name)}, which is {reason}"
            problems.append(at.error(message, code))
            return None, at
        [item] = candidates
        if item not in self._read:
            # Its problems are reported once, whoever names it.
            self._read[item] = validate(kind, item.data, item.place, problems)
        return self._read[item], item.place.field("spec")

    def _missing(self, kind: str, name: str) -> str:
        """Describe an object that is not among the items, and name those that are."""
        items = _of_platform(self._index.of_kind(kind))
        known = sorted({item.name for item in items})
        if not known:
            return f"not among the items; there is no {kind} at all"
        verb = "are" if len(known) > 1 else "is"
        hint = nearest(name, known)
        return f"not among the items; there {verb} {listed(known)}{hint}"


def _of_platform(items: list[Item]) -> list[Item]:
    """Return the items of the Platform's API group."""
    return [item for item in items if item.api_version in PLATFORM]
