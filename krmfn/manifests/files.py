"""Files and folders of manifests, read as items with file and line."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from krmfn.manifests import yamlio
from krmfn.manifests.by_shape import Alike
from krmfn.manifests.item import Item, item_of
from krmfn.manifests.resource_list import yaml_problem
from krmfn.problems import Origin, Path, Place, Problem, nearest

_ENDINGS = (".yaml", ".yml", ".json")
STDIN = "-"
_COMMENTS = re.compile(r"\A(#.*\n)+")


def read_paths(
    paths: list[str], inside: str | None = None, known: Known | None = None
) -> tuple[list[Item], list[Problem]]:
    """Every manifest of the files, and of the folders and all below them that are not hidden; `-` is standard input.

    With `inside`, the real path of a folder, a file that is not below it is an error, whatever links lead there. A document without kind
    (Helm values, say) is no manifest and left out; a v1 List counts as its items. A file of nothing but `known` documents is not parsed.
    """
    items: list[Item] = []
    problems: list[Problem] = []
    seen: set[str] = set()
    for path in paths:
        for file, real in _files(path, problems):
            if real in seen:
                continue
            seen.add(real)
            if inside is not None and not real.startswith(inside + os.sep):
                problems.append(Place(Origin(file=file)).error("is outside of the repository"))
                continue
            found, wrong = _read(file, known)
            items += found
            problems += wrong
    return items, problems


def _files(path: str, problems: list[Problem]) -> Iterator[tuple[str, str]]:
    """The files, each with its real path."""
    if path == STDIN or not os.path.isdir(path):
        yield path, path if path == STDIN else os.path.realpath(path)
        return

    def unreadable(error: OSError) -> None:
        problems.append(
            Place(Origin(file=os.path.normpath(error.filename))).error(
                f"can't be read: {error.strerror}"
            )
        )

    seen = set()
    for folder, folders, files in os.walk(path, onerror=unreadable, followlinks=True):
        # A link to a folder is followed, once: two may point at each other.
        real = os.path.realpath(folder)
        folders[:] = (
            sorted(name for name in folders if not name.startswith(".")) if real not in seen else []
        )
        seen.add(real)
        for name in sorted(files):
            file = os.path.normpath(os.path.join(folder, name))
            if not name.lower().endswith(_ENDINGS) or name.startswith("."):
                continue
            # A pipe would be waited for.
            if not os.path.isfile(file) and os.path.exists(file):
                problems.append(Place(Origin(file=file)).error("is no regular file"))
            else:
                yield (
                    file,
                    os.path.realpath(file) if os.path.islink(file) else os.path.join(real, name),
                )


@dataclass(slots=True)
class Known:
    """Texts of documents whose meaning is known, each with what it stands for, and those of them that were found.

    `no_items`: a List without items was read, or `{}`, which says that there is nothing.

    Other documents, where they are as krmfn writes them, are read by their shape, and keep their text.
    """

    texts: dict[str, Any]
    found: list[Any] = field(default_factory=list)
    no_items: bool = False
    alike: Alike = field(default_factory=Alike)

    def note(self, data: Any) -> None:
        """Note whether a document says that there is nothing."""
        self.no_items |= data == {} or (
            isinstance(data, dict) and (data.get("kind"), data.get("items")) == ("List", [])
        )

    def items(self, source: bytes, file: str) -> list[Item] | None:
        """The items of a file's unknown documents, None where it has to be read as a whole."""
        try:
            parts = [
                f"{part}\n"
                for part in _COMMENTS.sub("", source.decode()).removesuffix("\n").split("\n---\n")
            ]
            unknown = [(index, part) for index, part in enumerate(parts) if part not in self.texts]
            if not all(part.startswith("apiVersion: ") for _, part in unknown):
                return None
            read = [(index, part, self.alike.read(part)) for index, part in unknown]
        except ValueError:
            return None
        self.found += (self.texts[part] for part in parts if part in self.texts)
        for _, _, data in read:
            self.note(data)
        items = [(part, _items(data, file, index, lambda path: None)) for index, part, data in read]
        for part, found in items:
            for item in found:
                item.text = part
        return [item for _, found in items for item in found]


def _bytes(file: str) -> bytes:
    with open(file, "rb") as stream:
        return stream.read()


def _read(file: str, known: Known | None = None) -> tuple[list[Item], list[Problem]]:
    place = Place(Origin(file="standard input" if file == STDIN else file))
    try:
        if file == STDIN and sys.stdin is None:
            return [], [place.error("is closed")]
        source = sys.stdin.buffer.read() if file == STDIN else _bytes(file)
    except OSError as error:
        return [], [place.error(f"can't be read: {error.strerror}")]
    if known and (written := known.items(source, place.origin.file or "")) is not None:
        return written, []
    documents, faults = yamlio.read(source)
    if faults:
        return [], [yaml_problem(place, fault) for fault in faults]
    items = []
    text = source.decode()
    problems = []
    for index, document in enumerate(documents):
        line = partial(yamlio.find_line, text, index)
        items += _items(document.data, place.origin.file or "", index, line)
        if known:
            known.note(document.data)
        if (
            isinstance(document.data, dict)
            and "apiVersion" in document.data
            and not isinstance(document.data.get("kind"), str)
        ):
            problems.append(
                place.error(
                    f"line {document.line}: has an apiVersion, but no kind{nearest('kind', map(str, document.data))}"
                )
            )
    return items, problems


def _items(
    data: Any, file: str, index: int, line: Callable[[tuple[str | int, ...]], int | None]
) -> list[Item]:
    if not isinstance(data, dict) or not isinstance(data.get("kind"), str):
        return []
    listed = data.get("items")
    if data["kind"] == "List" and data.get("apiVersion") == "v1" and isinstance(listed, list):
        return [
            item_of(value, file, index, partial(_line_in_list, line, number))
            for number, value in enumerate(listed)
            if isinstance(value, dict)
        ]
    return [item_of(data, file, index, line)]


def _line_in_list(line: Callable[[Path], int | None], number: int, path: Path) -> int | None:
    """Find the line of a field in an element of a v1 List."""
    return line(("items", number, *path))
