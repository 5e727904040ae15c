"""The files in and below a folder that krmfn reads: none that is hidden or left out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from krmfn.manifests.ignore_file import IgnoreFile

# kpt's name for it; its lines are those of a .gitignore.
IGNORE_FILE = ".krmignore"
# A folder with this file is a Helm chart.
CHART = "Chart.yaml"
_ENDINGS = (".yaml", ".yml", ".json")

# The .krmignore files of a folder and of those above it, outer ones first. With each stands its
# folder, which ends with a slash.
_Ignores = tuple[tuple[str, "IgnoreFile"], ...]


def yaml_files(folder: str) -> list[str]:
    """Return what reading a folder reads, by name; some of it may be no regular file."""
    return [name for name, _ in named_files(visible_folders(folder))]


def has_ignore_file(folder: str) -> bool:
    """Tell whether a folder has a file that leaves out others."""
    return os.path.lexists(os.path.join(folder, IGNORE_FILE))


def visible_folders(
    path: str, report: Callable[[OSError], object] | None = None
) -> Iterator[tuple[str, str, list[str]]]:
    """Yield a folder and those below it that are read: name, real path, and its files.

    Of a Helm chart there is only `CHART`, and nothing below. `report` gets the errors of folders
    and .krmignore files that can't be read.
    """
    seen: set[str] = set()
    ignores: dict[str, _Ignores] = {}
    for folder, folders, names in os.walk(path, onerror=report, followlinks=True):
        above = ignores.get(os.path.join(os.path.dirname(folder), ""), ())
        ignored = _with_own(above, folder, names, report)
        # A link to a folder is followed, once: two may point at each other.
        real = os.path.realpath(folder)
        is_leaf = real in seen or CHART in names
        folders[:] = [] if is_leaf else _visible(folders, folder, ignored, True)
        seen.add(real)
        if ignored:
            ignores[os.path.join(folder, "")] = ignored
        files = [CHART] if CHART in names else _visible(names, folder, ignored, False)
        yield folder, real, files


def named_files(folders: Iterable[tuple[str, str, list[str]]]) -> Iterator[tuple[str, str]]:
    """Yield the files of folders that are YAML or JSON by their names, with the real folder."""
    for folder, real, names in folders:
        for name in names:
            if name.lower().endswith(_ENDINGS):
                yield os.path.normpath(os.path.join(folder, name)), real


def _visible(names: list[str], folder: str, ignores: _Ignores, is_folder: bool) -> list[str]:
    """Return the names, of folders or of files, that are neither hidden nor ignored, sorted."""
    shown = sorted(name for name in names if not name.startswith("."))
    if not ignores:
        return shown
    paths = {name: os.path.join(folder, name) for name in shown}
    return [name for name in shown if not _is_ignored(paths[name], ignores, is_folder)]


def _is_ignored(path: str, ignores: _Ignores, is_folder: bool) -> bool:
    """Tell whether to ignore a path: the innermost file that has a line about it decides."""
    for folder, file in reversed(ignores):
        verdict = file.verdict(path.removeprefix(folder), is_folder)
        if verdict is not None:
            return verdict
    return False


def _with_own(
    above: _Ignores,
    folder: str,
    names: list[str],
    report: Callable[[OSError], object] | None,
) -> _Ignores:
    """Return what holds above a folder, with the folder's own .krmignore if it has one."""
    if IGNORE_FILE not in names:
        return above
    # Imported by need: few folders have one, and the start is what most users wait for.
    from krmfn.manifests.ignore_file import IgnoreFile

    try:
        with open(
            os.path.join(folder, IGNORE_FILE), encoding="utf-8-sig", errors="replace", newline=""
        ) as stream:
            text = stream.read()
    except OSError as error:
        if report:
            report(error)
        return above
    return (*above, (os.path.join(folder, ""), IgnoreFile(text)))
