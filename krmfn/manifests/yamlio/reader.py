"""Read YAML as kustomize (go-yaml v3) reads it.

Values share structure where the text has aliases: treat what was read as constant.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import yaml

from krmfn.manifests.yamlio.composer import Composer
from krmfn.manifests.yamlio.document import Document, Fault
from krmfn.manifests.yamlio.resolve import resolve

LARGEST_INPUT = 256 * 2**20
_MIB = 2**20


def read(
    source: bytes | str, depth: int = 0, resolver: Callable[[str], Any] = resolve
) -> tuple[list[Document], list[Fault]]:
    """Read every document of a stream, with the spans of its outer `depth` levels of collections.

    `resolver` gives the values of plain scalars that are not empty, for text that is for another
    reader than kustomize. Faults come all together, as far as the text can be read on after one.
    If there are faults, do not use the documents.
    """
    try:
        text = source if isinstance(source, str) else source.decode()
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        line = before.count(b"\n") + 1
        column = len(before) - before.rfind(b"\n")
        return [], [Fault("is not valid UTF-8", line, column)]
    if len(text) > LARGEST_INPUT:
        return [], [Fault(f"is larger than {LARGEST_INPUT // _MIB} MiB", 1, 1)]
    documents: list[Document] = []
    faults: list[Fault] = []
    try:
        composer = Composer(text.removeprefix("\ufeff"), depth, resolver, faults)
        documents.extend(composer.documents())
    except Fault as fault:
        faults.append(fault)
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        faults.append(_fault_of(error))
    return documents, faults


def _fault_of(error: Exception) -> Fault:
    """Turn an error of PyYAML or its scanner into a fault."""
    if not isinstance(error, yaml.MarkedYAMLError):
        reason = getattr(error, "reason", "unreadable characters")
        return Fault(f"is not YAML: {reason}", 1, 1)
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    return Fault(f"is not YAML: {error.problem}", line + 1, column + 1)
