"""Files and folders of manifests, read as items with file and line."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import field, replace
from functools import partial
from typing import Any

from krmfn.manifests import yamlio
from krmfn.manifests.folders import CHART, IGNORE_FILE, named_files, visible_folders
from krmfn.manifests.item import Item, element_finder, item_of
from krmfn.manifests.resource_list import yaml_problem
from krmfn.manifests.shapes import ShapeReader
from krmfn.patterns import pattern
from krmfn.problems import (
    Collector,
    FindPosition,
    Inside,
    Origin,
    Path,
    Place,
    Position,
    Problem,
    closest,
    show,
)
from krmfn.records import record

STDIN = "-"
_NO_MANIFEST = f"; if the file is not a manifest, leave it out by a line in {IGNORE_FILE}"
_COMMENTS = pattern(r"\A(#.*\n)+")


@record()
class KnownDocuments:
    """Documents that need no parsing, because their texts are known.

    `texts` gives what each stands for; `recognised` gathers these for the texts that were read.
    Other documents that are as krmfn writes them are read by their shape, and keep their text.
    `says_nothing` is set if there was `{}` or a List without items.
    """

    texts: dict[str, Any]
    recognised: list[Any] = field(default_factory=list)
    says_nothing: bool = False
    _shapes: ShapeReader = field(default_factory=ShapeReader)

    def note(self, data: Any) -> None:
        """Note if a document says that there is nothing."""
        is_list = isinstance(data, dict) and data.get("kind") == "List"
        self.says_nothing |= data == {} or (is_list and data.get("items") == [])

    def items(self, source: bytes, file: str) -> list[Item] | None:
        """Note a file's known documents, and return the items of the others.

        Return None if the file has to be read as a whole.
        """
        try:
            parts = _parts(source)
            unknown = {index: part for index, part in enumerate(parts) if part not in self.texts}
            if not all(part.startswith("apiVersion: ") for part in unknown.values()):
                return None
            read = {index: self._shapes.read(part) for index, part in unknown.items()}
        except ValueError:
            return None
        self.recognised += (self.texts[part] for part in parts if part in self.texts)
        items = []
        for index, data in read.items():
            self.note(data)
            for item in _items(data, file, index, _find_nothing):
                item.text = parts[index]
                items.append(item)
        return items


def read_paths(
    paths: list[str], inside: str | None = None, known: KnownDocuments | None = None
) -> tuple[list[Item], list[Problem]]:
    """Read every manifest of files and folders; `-` is standard input.

    A folder stands for all files in and below it that are not hidden. With `inside`, the real path
    of a folder, a file that is not below it is an error, wherever links lead. A document without
    kind (Helm values, say) is left out, unless it is a vcluster.yaml that asks for nodes; a v1 List
    counts as its items. A file of nothing but `known` documents is not parsed.
    """
    items: list[Item] = []
    problems = Collector()
    seen: set[str] = set()
    for entry in _entries(paths):
        if isinstance(entry, Problem):
            problems.append(entry)
            continue
        if entry.real in seen:
            continue
        seen.add(entry.real)
        if inside is not None and not entry.real.startswith(inside + os.sep):
            problems.append(_at(entry.name).error("is outside of the repository"))
        else:
            found = _read(entry, known, problems)
            for item in found if entry.is_named else ():
                item.is_named = True
            items += found
    return items, problems


def read_text(source: bytes, name: str) -> tuple[list[Item], list[Problem]]:
    """Read the manifests of a text that another program wrote; `name` stands for their file.

    The items have no lines, since nobody sees the text.
    """
    documents, faults = yamlio.read(source)
    if faults:
        return [], [yaml_problem(_at(name), fault, source) for fault in faults]
    items: list[Item] = []
    for index, document in enumerate(documents):
        items += _items(document.data, name, index, _find_nothing)
    return items, []


@record(frozen=True)
class _File:
    """A file by the name that messages have of it, and by its real path.

    `is_named`: it was named itself, and not found in a folder.
    """

    name: str
    real: str
    is_named: bool = False


def _at(file: str) -> Place:
    """Return a file as the place of a problem."""
    return Place(Origin(file=file, find_position=_find_in_file))


def _entries(paths: list[str]) -> Iterator[_File | Problem]:
    """Yield the files that paths stand for, in order, and what can not be read."""
    for path in paths:
        if path == STDIN:
            yield _File(path, path, is_named=True)
        elif os.path.isdir(path):
            yield from _folder_entries(path)
        else:
            yield _File(path, os.path.realpath(path), is_named=True)


def _folder_entries(path: str) -> Iterator[_File | Problem]:
    """Yield the files in and below a folder, and what can't be read there."""
    errors: list[OSError] = []
    for found in visible_folders(path, errors.append):
        yield from map(_unreadable, errors)
        errors.clear()
        yield from (_file_entry(file, real, path) for file, real in named_files([found]))
    yield from map(_unreadable, errors)


def _file_entry(file: str, real_folder: str, root: str) -> _File | Problem:
    """Return a file in a folder below `root`, or the problem of one that can't be read.

    One is a pipe; another one belongs to a Helm chart.
    """
    if os.path.basename(file) == CHART:
        return _at(file).error(_chart(os.path.dirname(file), root))
    # Reading a pipe would wait for its writer, perhaps for ever.
    if not os.path.isfile(file) and os.path.exists(file):
        return _at(file).error("is not a regular file")
    if os.path.islink(file):
        return _File(file, os.path.realpath(file))
    # The folder is resolved once, and not again for each of its files.
    name = os.path.basename(file)
    return _File(file, os.path.join(real_folder, name))


def _chart(folder: str, root: str) -> str:
    """Say that a folder is a Helm chart, and how to leave it out."""
    message = "belongs to a Helm chart, whose templates are not manifests; "
    inside = os.path.relpath(folder, root)
    if inside == os.curdir:
        return f"{message}name the files to read, instead of the folder"
    ignore = os.path.normpath(os.path.join(root, IGNORE_FILE))
    inside = re.sub(r"^[#!]|[\\*?\[]", r"\\\g<0>", inside)
    return f"{message}leave it out with a line {inside}/ in {ignore}"


def _unreadable(error: OSError) -> Problem:
    """Turn an error of the file system into a problem."""
    return _at(os.path.normpath(error.filename)).error(f"can't be read: {error.strerror}")


def _read(entry: _File, known: KnownDocuments | None, problems: Collector) -> list[Item]:
    """Read the items of one file."""
    file, is_named = entry.name, entry.is_named
    name = "standard input" if file == STDIN else file
    source = _content(file, _at(name), problems)
    if source is None:
        return []
    recognised = known.items(source, name) if known else None
    if recognised is not None:
        return recognised
    documents, faults = yamlio.read(source)
    if faults:
        hint = "" if is_named or b"apiVersion" in source else _NO_MANIFEST
        faulty = (yaml_problem(_at(name), fault, source) for fault in faults)
        problems += (replace(problem, message=problem.message + hint) for problem in faulty)
        return []
    text = source.decode()
    items = []
    for index, document in enumerate(documents):
        find = partial(yamlio.find_position, text, index)
        items += _items(document.data, name, index, find)
        if known:
            known.note(document.data)
        problems += _kind_problems(document, Place(Origin(file=name, find_position=find)))
    return items


def _content(file: str, at: Place, problems: Collector) -> bytes | None:
    """Read a file, or report why it can not be read and return None."""
    try:
        if file != STDIN:
            with open(file, "rb") as stream:
                return stream.read()
        # Python sets it to None if the caller closed it.
        if sys.stdin is not None:
            return sys.stdin.buffer.read()
        problems.append(at.error("is closed"))
    except OSError as error:
        problems.append(at.error(f"can't be read: {error.strerror}"))
    return None


def _parts(source: bytes) -> list[str]:
    """Split a file at its document markers, as krmfn writes them.

    Raises:
        ValueError: The file is not UTF-8.
    """
    text = _COMMENTS.sub("", source.decode())
    return [f"{part}\n" for part in text.removesuffix("\n").split("\n---\n")]


def _kind_problems(document: yamlio.Document, at: Place) -> Iterator[Problem]:
    """Yield a problem for a manifest that has lost its kind."""
    data = document.data
    if _has_lost_kind(data):
        here = _at(at.origin.file or "").within(Inside(document.line, 1, ""))
        yield here.error(_no_kind(data))
    elements = _elements(data)
    for number, element in enumerate(elements or ()):
        where = at.field("items", number)
        if not isinstance(element, dict):
            yield where.error(f"is {show(element)}; must be an object")
        elif _has_lost_kind(element):
            yield where.error(_no_kind(element))


def _has_lost_kind(data: Any) -> bool:
    """Tell whether data is a manifest by its apiVersion alone."""
    is_manifest = isinstance(data, dict) and "apiVersion" in data
    return is_manifest and not isinstance(data.get("kind"), str)


def _no_kind(data: dict[str, Any]) -> str:
    """Say that a manifest has no kind, and which key may be meant to be it."""
    typo = closest("kind", (str(key) for key in data if key != "kind"))
    hint = f"; write kind instead of {show(typo)}" if typo else ""
    return f"has an apiVersion, but no kind{hint}"


def _elements(data: Any) -> list[Any] | None:
    """Return the elements of a v1 List, None of anything else."""
    is_list = isinstance(data, dict) and data.get("kind") == "List"
    elements = data.get("items") if is_list and data.get("apiVersion") == "v1" else None
    return elements if isinstance(elements, list) else None


def _items(data: Any, file: str, index: int, find: FindPosition) -> list[Item]:
    """Return the items of a document: one, those of a v1 List, or none that krmfn knows."""
    if not isinstance(data, dict):
        return []
    if not isinstance(data.get("kind"), str):
        return [Item(data, Origin(None, file, index, find))] if _asks_for_nodes(data) else []
    elements = _elements(data)
    if elements is None:
        return [item_of(data, file, index, find)]
    items = []
    for number, element in enumerate(elements):
        if isinstance(element, dict):
            items.append(item_of(element, file, index, element_finder(find, number)))
    return items


def _asks_for_nodes(data: dict[str, Any]) -> bool:
    """Tell whether a document without kind is a vcluster.yaml that asks for nodes."""
    nodes = data.get("privateNodes")
    return "apiVersion" not in data and isinstance(nodes, dict) and bool(nodes.get("autoNodes"))


def _find_nothing(path: Path, inside: Inside | None) -> Position | None:
    """Find no field, in a text that nobody sees or that has no problems."""
    return None


def _find_in_file(path: Path, inside: Inside | None) -> Position | None:
    """Find a position in a file, which is all that is known of what can't be read."""
    return (inside.line, inside.column) if inside else None
