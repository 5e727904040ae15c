"""A hook of MkDocs: the site itself serves what its diagrams and its playground load.

That is Mermaid, Python and krmfn. `make docs-site` installs the first two, at the versions that
tools/site/package-lock.json and uv.lock name. Without them, diagrams stay text and the playground
does not start.
"""

from __future__ import annotations

import io
import logging
import zipfile
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parent.parent
_INSTALLED = ROOT / ".tools" / "site"
_PACKAGES = _INSTALLED / "node_modules"
_PYODIDE = (
    "pyodide.mjs",
    "pyodide.asm.mjs",
    "pyodide.asm.wasm",
    "pyodide-lock.json",
    "python_stdlib.zip",
)
# Those of krmfn's dependencies that the playground needs, as far as they are Python alone.
_LIBRARIES = ("annotated-types", "pydantic", "pyyaml", "typing-extensions", "typing-inspection")
# pydantic's old self, and plugins of type checkers.
_UNUSED = ("pydantic/v1/", "pydantic/mypy.py", "pydantic/_hypothesis_plugin.py")
_EPOCH = (1980, 1, 1, 0, 0, 0)


def on_files(files: Files, config: Any, **_: Any) -> Files:
    """Add what was installed to the files of the site."""
    if not _PACKAGES.exists():
        logging.getLogger("mkdocs.hooks").info("no diagrams and no playground: use make docs-site")
        return files
    playground = "assets/playground"
    copies = {"assets/mermaid.js": _PACKAGES / "@mermaid-js" / "tiny" / "dist" / "mermaid.tiny.js"}
    copies |= {f"{playground}/pyodide/{name}": _PACKAGES / "pyodide" / name for name in _PYODIDE}
    for uri, path in copies.items():
        files.append(File.generated(config, uri, abs_src_path=str(path)))
    files.append(File.generated(config, f"{playground}/krmfn.zip", content=_archive()))
    return files


def _archive() -> bytes:
    """Pack krmfn and the libraries that it needs, as a browser's Python imports them."""
    contents = dict(sorted([*_krmfn(), *_libraries(), *_compiled()]))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in contents.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _krmfn() -> Iterator[tuple[str, bytes]]:
    """Yield the files of krmfn's package, of this checkout."""
    for path in (ROOT / "krmfn").rglob("*"):
        if path.is_file() and path.suffix != ".pyc":
            yield str(path.relative_to(ROOT)), path.read_bytes()


def _libraries() -> Iterator[tuple[str, bytes]]:
    """Yield the Python files and licences of the libraries, as uv.lock made them be installed."""
    for name in _LIBRARIES:
        for path in distribution(name).files or ():
            uri = path.as_posix()
            is_needed = path.suffix == ".py" or ".dist-info/licenses/" in uri
            if is_needed and not uri.startswith(_UNUSED):
                yield uri, path.read_binary()


def _compiled() -> Iterator[tuple[str, bytes]]:
    """Yield the files of pydantic's core, of the wheel for browsers."""
    [wheel] = (_INSTALLED / "wheels").glob("pydantic_core-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if not name.endswith((".pyi", ".json", "RECORD")):
                yield name, archive.read(name)
