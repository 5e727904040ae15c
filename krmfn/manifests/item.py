"""One object that was read: its data, where it came from, and in a ResourceList its own text."""

from __future__ import annotations

from typing import Any

from krmfn.manifests.yamlio import Span
from krmfn.problems import FindPosition, Inside, Origin, Path, Place, Position, Resource
from krmfn.records import record

LOCAL_CONFIG = "config.kubernetes.io/local-config"
PATH = "config.kubernetes.io/path"
INDEX = "config.kubernetes.io/index"
OLD_PATH = "internal.config.kubernetes.io/path"
_KUSTOMIZE_ID = "kustomize.config.k8s.io/id"
# With `buildMetadata: [originAnnotations]`.
_ORIGIN = "config.kubernetes.io/origin"
_INTERNAL_INDEX = "internal.config.kubernetes.io/index"
_MOST_INDEX_DIGITS = 9
# kustomize would leave a machine with such an annotation out of its build, and kpt would move
# it to another file.
ORCHESTRATORS = (
    "config.kubernetes.io/",
    "internal.config.kubernetes.io/",
    "alpha.config.kubernetes.io/",
    "config.k8s.io/",
    "kustomize.config.k8s.io/",
    "internal.kpt.dev/",
)


@record(eq=False)
class Item:
    """One object that was read. Its data is never changed: aliases may share it.

    Two items are never the same one, even if they have the same content.

    In a block sequence, `text` is whole lines: from the line of its dash, which stands in
    `column`, to the line before the next dash. In a flow sequence it is the item alone.
    `span` is where its data stands in the text that was read, in which `text` starts at `offset`.
    `is_named`: the user named its file, instead of a folder above it.
    """

    data: dict[str, Any]
    origin: Origin
    text: str = ""
    flow: bool = False
    column: int = 0
    offset: int = 0
    span: Span | None = None
    is_named: bool = False

    @property
    def place(self) -> Place:
        """The item as the place of a problem."""
        return Place(self.origin)

    @property
    def _resource(self) -> Resource:
        """The identity that the item was read with."""
        return self.origin.resource or Resource()

    @property
    def is_plain(self) -> bool:
        """Whether it is a document that is no Kubernetes object: a vcluster.yaml."""
        return self.origin.resource is None

    @property
    def kind(self) -> str:
        """The kind, or ""."""
        return self._resource.kind

    @property
    def api_version(self) -> str:
        """The apiVersion, or ""."""
        return self._resource.api_version

    @property
    def group(self) -> str:
        """The API group, or "" for Kubernetes' core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def name(self) -> str:
        """The name, or ""."""
        return self._resource.name

    @property
    def namespace(self) -> str:
        """The namespace, or ""."""
        return self._resource.namespace

    @property
    def metadata(self) -> dict[str, Any]:
        """The metadata, or {}."""
        return _mapping(self.data, "metadata")

    @property
    def annotations(self) -> dict[str, Any]:
        """The annotations, or {}."""
        return _mapping(self.metadata, "annotations")

    @property
    def labels(self) -> dict[str, Any]:
        """The labels, or {}."""
        return _mapping(self.metadata, "labels")

    def element(self, data: dict[str, Any], number: int) -> Item:
        """Make an item of the element of a list object, which has this number among its items."""
        find = self.origin.find_position
        below = find and element_finder(find, number)
        return item_of(data, self.origin.file, self.origin.index, below)

    @property
    def path(self) -> str | None:
        """The file that an orchestrator names in the item's annotations."""
        path = self.annotations.get(PATH, self.annotations.get(OLD_PATH))
        return path if isinstance(path, str) and not self.is_kustomizes else None

    @property
    def manifest(self) -> dict[str, Any]:
        """The data without the annotations that orchestrators set for themselves."""
        annotations = self.annotations
        kept = {key: annotations[key] for key in annotations if not key.startswith(ORCHESTRATORS)}
        if len(kept) == len(annotations):
            return self.data
        metadata = {key: value for key, value in self.metadata.items() if key != "annotations"}
        if kept:
            metadata["annotations"] = kept
        return {**self.data, "metadata": metadata}

    @property
    def is_kustomizes(self) -> bool:
        """Whether kustomize handed it over, which knows no files."""
        return _KUSTOMIZE_ID in self.annotations


def item_of(
    data: dict[str, Any],
    file: str | None = None,
    index: int | None = None,
    find_position: FindPosition | None = None,
) -> Item:
    """Make an item without text, with the identity that its data gives it.

    Without `file` and `index`, they come from the annotations of an orchestrator.
    """
    metadata = _mapping(data, "metadata")
    annotations = _mapping(metadata, "annotations")
    # What kustomize makes of a function's output has paths of files that do not exist.
    if _KUSTOMIZE_ID not in annotations:
        file = file or _text(annotations, PATH) or _text(annotations, OLD_PATH)
    elif origin := _text(annotations, _ORIGIN):
        file = file or _origin_file(origin)
    if index is None:
        index = _whole(_text(annotations, INDEX) or _text(annotations, _INTERNAL_INDEX))
    file = file or None
    resource = Resource(
        api_version=_text(data, "apiVersion"),
        kind=_text(data, "kind"),
        namespace=_text(metadata, "namespace"),
        name=_text(metadata, "name"),
    )
    return Item(data, Origin(resource, file, index, find_position))


def element_finder(find: FindPosition, number: int) -> FindPosition:
    """Make a finder of fields of a list object's element, from one of the whole object's."""

    def find_below(path: Path, inside: Inside | None) -> Position | None:
        return find(("items", number, *path), inside)

    return find_below


def _origin_file(origin: str) -> str:
    """Return the file in kustomize's note of where an object comes from, "" if it names none.

    It has lines such as `path: ../base/nodes.yaml`, relative to the kustomization that is built;
    for a generated object it names the kustomization, and for a remote base the repository.
    """
    pairs = (line.partition(": ") for line in origin.splitlines())
    fields = {key: value for key, _, value in pairs}
    file = fields.get("path") or fields.get("configuredIn", "")
    return f"{fields['repo']}//{file}" if file and fields.get("repo") else file


def _whole(digits: str) -> int | None:
    """Read an index. Return None if it is not a whole number, or far too large."""
    is_whole = digits.isascii() and digits.isdigit()
    if not is_whole or len(digits) > _MOST_INDEX_DIGITS:
        return None
    return int(digits)


def _mapping(data: dict[str, Any], key: str) -> dict[str, Any]:
    """Return a value that is a mapping, else {}."""
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def _text(data: dict[str, Any], key: str) -> str:
    """Return a value that is text, else ""."""
    value = data.get(key)
    return value if isinstance(value, str) else ""
