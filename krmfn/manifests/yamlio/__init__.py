"""YAML: read as kustomize reads, write so that every YAML reader reads back the same strings."""

from krmfn.manifests.yamlio.document import Document, Fault, Span
from krmfn.manifests.yamlio.lines import find_position
from krmfn.manifests.yamlio.reader import LARGEST_INPUT, read
from krmfn.manifests.yamlio.resolve import Timestamp, resolve
from krmfn.manifests.yamlio.writer import Hole, Template, dump, scalar

__all__ = [
    "LARGEST_INPUT",
    "Document",
    "Fault",
    "Hole",
    "Span",
    "Template",
    "Timestamp",
    "dump",
    "find_position",
    "read",
    "resolve",
    "scalar",
]
