"""The kustomizations among the files of a run, and what kustomize does that krmfn does not.

Commands read files as they are. What a kustomization does to them beyond listing them (patches,
labels, other namespaces) only counts if kustomize builds it first (`-k`). The fields are those of
https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Set
from typing import Any

from krmfn.commands.names_component import NAMES_KNOWN, OWN_COMPONENT
from krmfn.kubevirt.vm_paths import get
from krmfn.manifests import yamlio
from krmfn.manifests.folders import has_ignore_file, visible_folders, yaml_files
from krmfn.nodes.virtual_clusters import LABEL
from krmfn.platform.config import KIND
from krmfn.problems import Code, Origin, Place, Problem, listed
from krmfn.records import record

NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_GROUP = "kustomize.config.k8s.io/"
# These list files, or name fields for other transformations: alone they change nothing.
_LISTS = ("resources", "bases", "components")
_FUNCTIONS = ("transformers", "generators")
_HARMLESS = ("apiVersion", "kind", "metadata", "sortOptions", "configurations", "crds", "openapi")
# A file that has none of these is not krmfn's business.
_OURS = ("loft.sh/", "krmfn.dev/")
_KINDS = ("NodeProvider", "NodeClaim")


@record(frozen=True)
class Kustomization:
    """One kustomization file: its name in messages, its folder, and its fields."""

    file: str
    folder: str
    data: dict[str, Any]

    @property
    def place(self) -> Place:
        """The file as the place of a problem."""
        return Place(Origin(file=self.file))

    def entries(self, name: str) -> list[str]:
        """Return the entries of one of its lists: paths, URLs, or whole configs as text."""
        values = self.data.get(name)
        listing = values if isinstance(values, list) else []
        return [value for value in listing if isinstance(value, str) and value]

    def path(self, entry: str) -> str:
        """Return the path that an entry stands for, if it is one."""
        return os.path.normpath(os.path.join(self.folder, entry))

    def below(self, entry: str) -> Kustomization | None:
        """Return the kustomization in the folder that an entry names, None if there is none."""
        path = self.path(entry)
        return read_kustomization(path) if os.path.isdir(path) else None

    def tree(self) -> list[Kustomization]:
        """Return this kustomization and those that it lists, directly or not, each once."""
        found: dict[str, Kustomization] = {}
        waiting = [self]
        while waiting:
            one = waiting.pop(0)
            if found.setdefault(os.path.realpath(one.folder), one) is one:
                waiting += filter(None, map(one.below, one.listed()))
        return list(found.values())

    def files(self) -> list[str]:
        """Return the local files that it lists, directly or not."""
        return [path for path in self.paths() if os.path.isfile(path)]

    def paths(self) -> dict[str, None]:
        """Return the paths of all entries, of this kustomization and of those that it lists."""
        return {one.path(entry): None for one in self.tree() for entry in one.listed()}

    def folders(self) -> list[str]:
        """Return its folder and those that it lists, directly or not."""
        return [one.folder for one in self.tree()]

    def listed(self) -> list[str]:
        """Return the entries that may name a file or a folder."""
        names = (*_LISTS, *_FUNCTIONS, "validators")
        return [entry for name in names for entry in self.entries(name) if "\n" not in entry]

    def beyond_lists(self, roots: list[str], kept: Set[str] | None = None) -> list[str]:
        """Return the fields by which kustomize does more than read the files below `roots`.

        `kept` are the real paths there that a .krmignore does not leave out, None if there is no
        such file.
        """
        known = (*_HARMLESS, *_LISTS, *_FUNCTIONS)
        fields = [name for name, value in self.data.items() if value and name not in known]
        reals = tuple(f"{os.path.realpath(root)}{os.sep}" for root in roots)
        resolved = _RealPaths()
        for name in ("resources", "bases"):
            found = [self._read_path(entry, reals, resolved) for entry in self.entries(name)]
            if any(path is None or (path and kept and path not in kept) for path in found):
                fields.append(name)
        if any(not self._is_names_only(entry) for entry in self.entries("components")):
            fields.append("components")
        for name in _FUNCTIONS:
            if not all(self._is_config(entry) for entry in self.entries(name)):
                fields.append(name)
        return fields

    def _read_path(self, entry: str, roots: tuple[str, ...], resolved: _RealPaths) -> str | None:
        """Return the real path of what an entry names, "" if it is missing.

        Return None if it is below none of the roots, which are real paths that end with a slash,
        or hidden.
        """
        path = self.path(entry)
        if not os.path.exists(path):
            return None if _is_remote(entry) else ""
        if any(part.startswith(".") and part.strip(".") for part in entry.split("/")):
            return None
        real = resolved.of(path)
        return real if f"{real}{os.sep}".startswith(roots) else None

    def _is_config(self, entry: str) -> bool:
        """Tell whether an entry names a file with a config of krmfn, and nothing else."""
        path = self.path(entry)
        if "\n" in entry:
            return False
        if not os.path.exists(path):
            return not _is_remote(entry)
        return os.path.isfile(path) and all(map(_calls_krmfn, filter(None, _documents(path))))

    def _is_names_only(self, entry: str) -> bool:
        """Tell whether a component only says which fields hold names, as krmfn's own does."""
        below = self.below(entry)
        if below is None:
            return OWN_COMPONENT in entry
        patches = str(below.data.get("patches", NAMES_KNOWN))
        fields = [name for name in below.beyond_lists([below.folder]) if name != "patches"]
        return not fields and NAMES_KNOWN in patches


class _RealPaths:
    """Resolves paths; each folder once, since a kustomization may list thousands of its files."""

    def __init__(self) -> None:
        self._folders: dict[str, str] = {}

    def of(self, path: str) -> str:
        """Return the real path."""
        if os.path.islink(path):
            return os.path.realpath(path)
        folder, name = os.path.split(path)
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder)
        return os.path.normpath(os.path.join(self._folders[folder], name))


def read_kustomization(folder: str) -> Kustomization | None:
    """Read the kustomization of a folder, None if it has none that can be read."""
    for name in NAMES:
        file = os.path.normpath(os.path.join(folder, name))
        if not os.path.isfile(file):
            continue
        documents = _documents(file)
        data = documents[0] if len(documents) == 1 else None
        if isinstance(data, dict) and str(data.get("apiVersion", _GROUP)).startswith(_GROUP):
            return Kustomization(file, os.path.normpath(folder), data)
    return None


def ignored(paths: list[str]) -> Iterator[tuple[Kustomization, str]]:
    """Yield the kustomizations below paths that do more than list files, and what they do.

    Those of other programs, which list nothing that krmfn reads, are left out.
    """
    folders = list(_folders(paths))
    kept = _kept(paths, folders) if any(map(has_ignore_file, folders)) else None
    for folder in folders:
        kustomization = read_kustomization(folder)
        if kustomization is None:
            continue
        fields = kustomization.beyond_lists(paths, kept)
        what = f"does more than list files ({listed(fields)})" if fields else ""
        if not fields and any(os.path.realpath(folder) == os.path.realpath(p) for p in paths):
            missing = _unlisted(kustomization)
            what = f"does not list {listed(missing)}" if missing else ""
        if what and any(_is_ours(file) for file in kustomization.files()):
            yield kustomization, what


def ignored_warnings(paths: list[str], remedy: str = "use -k {}") -> Iterator[Problem]:
    """Warn of kustomizations of which only the files are read.

    The remedy gets a kustomization's folder in the place of its braces.
    """
    for kustomization, what in ignored(paths):
        advice = f"{remedy.format(kustomization.folder)} for what kustomize builds"
        message = f"{what}, which counts for kustomize alone; {advice}"
        warning = kustomization.place.warning(message, Code.KUSTOMIZATION_IGNORED)
        # What is missing, or has another name, is an error further on.
        yield warning.leading()


def ignored_errors(paths: list[str], inside: str) -> Iterator[Problem]:
    """Report the same as errors, for Argo CD, which applies what comes out.

    What is not `inside`, the real path of a folder, is not looked at.
    """
    paths = [path for path in paths if f"{os.path.realpath(path)}/".startswith(f"{inside}/")]
    for kustomization, what in ignored(paths):
        remedy = "use the plugin krmfn-kustomize, which runs krmfn generate -k ."
        message = f"{what}, which counts for kustomize alone; {remedy}"
        yield kustomization.place.error(message)


def _folders(paths: list[str]) -> Iterator[str]:
    """Yield the folders in and below paths that are not hidden, each once."""
    seen: set[str] = set()
    for path in paths:
        for folder, real, _ in visible_folders(path):
            if real not in seen:
                yield folder
            seen.add(real)


def _kept(paths: list[str], folders: list[str]) -> set[str]:
    """Return the real paths of the files in and below paths that are read, and of the folders."""
    files = (os.path.realpath(file) for path in paths for file in yaml_files(path))
    return {*files, *map(os.path.realpath, folders)}


def _unlisted(kustomization: Kustomization) -> list[str]:
    """Return the files with declarations below a kustomization that it does not list."""
    known = kustomization.paths()
    others = [file for file in yaml_files(kustomization.folder) if file not in known]
    missing = [file for file in others if _declares(file)]
    # The same file may be listed by way of a link.
    found = {os.path.realpath(file) for file in known} if missing else set()
    left_out = [file for file in missing if os.path.realpath(file) not in found]
    return [os.path.relpath(file, kustomization.folder) for file in left_out]


def _declares(file: str) -> bool:
    """Tell whether a file holds a node provider, a node claim or a virtual cluster's values."""
    documents = _documents(file) if _is_ours(file) else []
    for one in documents:
        labels = get(one, ("metadata", "labels"))
        has_values = isinstance(labels, dict) and LABEL in labels
        if isinstance(one, dict) and (one.get("kind") in _KINDS or has_values):
            return True
    return False


def _is_remote(entry: str) -> bool:
    """Tell whether an entry names something that kustomize fetches, and not a file."""
    return ":" in entry or "?" in entry or entry.startswith("github.com/")


def _calls_krmfn(data: Any) -> bool:
    """Tell whether a function's config is one of krmfn: a KubeVirtNodes, or its flat form."""
    if not isinstance(data, dict):
        return False
    is_flat = data.get("kind") == "ConfigMap" and "endpoint" in (data.get("data") or {})
    return data.get("kind") == KIND or is_flat


def _is_ours(file: str) -> bool:
    """Tell whether a file names the Platform or krmfn."""
    text = _text(file)
    return any(mark in text for mark in _OURS)


def _documents(file: str) -> list[Any]:
    """Read the documents of a file; there are none in one that can't be read."""
    text = _text(file)
    documents, faults = yamlio.read(text) if text else ([], [])
    return [] if faults else [document.data for document in documents]


def _text(file: str) -> str:
    """Read a file, "" if it can't be read: whoever reads its manifests says so."""
    try:
        # Reading a pipe would wait for its writer, perhaps for ever.
        if not os.path.isfile(file):
            return ""
        with open(file, encoding="utf-8") as stream:
            return stream.read()
    except (OSError, ValueError):
        return ""
