"""YAML: read as kustomize reads, write so that every YAML reader reads back the same strings."""

from krmfn.yamlio.reader import Document, Fault, Span, Timestamp, find_line, read, resolve
from krmfn.yamlio.writer import Hole, Template, dump, scalar

__all__ = ["Document", "Fault", "Hole", "Span", "Template", "Timestamp", "dump", "find_line", "read", "resolve", "scalar"]
