"""Write what krmfn knows of KubeVirt's versions: `python tools/kubevirt_data.py PROGRAM…`.

The programs are the judge (tests/oracles), built with one version of KubeVirt each, the oldest
first. Of their schemas, this makes one in which a node tells since which version it has a field
(`since`) and before which a field was required (`requiredBefore`). Whatever else differs between
versions has no place in it, and is an error.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "krmfn" / "kubevirt"
_LINKS = ("items", "values")
# As KubeVirt's own words for them are long.
_STAGES = {"General Availability": "GA"}
Node = dict[str, Any]


def _ask(program: str, command: str, values: list[str] | None = None) -> Any:
    """Return the document that a program prints, or its answers to values."""
    lines = "".join(json.dumps(value) + "\n" for value in values or ())
    done = subprocess.run(
        [program, command], input=lines, capture_output=True, text=True, check=True
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return answers[0] if values is None else answers


class _Merge:
    """Several schemas, the oldest first, that become one."""

    def __init__(self, documents: list[Node]) -> None:
        self._documents = documents
        self.versions = [
            ".".join(doc["version"].removeprefix("v").split(".")[:2]) for doc in documents
        ]
        self.nodes: list[Node] = []
        self._known: dict[str, int] = {}
        self._merged: dict[tuple[int | None, ...], int] = {}

    def node(self, numbers: tuple[int | None, ...]) -> int:
        """Merge one node of all versions, None where a version lacks it; return its number."""
        if numbers not in self._merged:
            self._merged[numbers] = self._add(self._node(numbers))
        return self._merged[numbers]

    def _add(self, node: Node) -> int:
        text = json.dumps(node, sort_keys=True)
        if text not in self._known:
            self._known[text] = len(self.nodes)
            self.nodes.append(node)
        return self._known[text]

    def _node(self, numbers: tuple[int | None, ...]) -> Node:
        given = [
            None if number is None else document["nodes"][number]
            for document, number in zip(self._documents, numbers, strict=True)
        ]
        present = [node for node in given if node is not None]
        newest = present[-1]
        for key in set().union(*present) - {"fields", "required", *_LINKS}:
            if any(node.get(key) != newest.get(key) for node in present):
                raise SystemExit(f"{key} differs between versions: {[n.get(key) for n in present]}")
        merged = {key: value for key, value in newest.items() if key not in ("fields", *_LINKS)}
        for key in _LINKS:
            if key in newest:
                merged[key] = self.node(tuple(node and node.get(key) for node in given))
        if "fields" in newest:
            merged["fields"] = {}
            for name in sorted(newest["fields"]):
                child = tuple(node and node.get("fields", {}).get(name) for node in given)
                merged["fields"][name] = self.node(child)
            merged |= self._history(given, newest)
        return merged

    def _history(self, given: list[Node | None], newest: Node) -> Node:
        """Tell since when a node has its fields, and before when it required them."""
        since, required_before = {}, {}
        was_there = [node for node in given if node is not None]
        first = given.index(was_there[0])
        for name in sorted(newest["fields"]):
            has = [node is not None and name in node.get("fields", {}) for node in given]
            if has[first:] != sorted(has[first:]):
                raise SystemExit(f"{name} comes and goes: {has}")
            if has.index(True) > first:
                since[name] = self.versions[has.index(True)]
            needed = [
                node is not None and name in node.get("required", ()) for node in given[first:]
            ]
            if any(needed) and not needed[-1]:
                if needed != sorted(needed, reverse=True):
                    raise SystemExit(f"{name} is required now and then: {needed}")
                required_before[name] = self.versions[first + needed.index(False)]
        for node in was_there:
            gone = node.get("fields", {}).keys() - newest["fields"].keys()
            if gone:
                raise SystemExit(f"removed, which the merged schema can't tell: {gone}")
        history = {"since": since, "requiredBefore": required_before}
        return {key: value for key, value in history.items() if value}


def main(programs: list[str]) -> None:
    """Write schema.json and gates.json."""
    documents = [_ask(program, "schema") for program in programs]
    merge = _Merge(documents)
    root = merge.node(tuple(document["root"] for document in documents))
    _write("schema.json", {"version": documents[-1]["version"], "root": root, "nodes": merge.nodes})
    names = _ask(programs[-1], "gates")
    stages = [_ask(program, "gate", names) for program in programs]
    by_name = {
        name: [_STAGES.get(stage, stage) for stage in of_name]
        for name, of_name in zip(names, zip(*stages, strict=True), strict=True)
    }
    releases = [document["version"] for document in documents]
    _write("gates.json", {"versions": merge.versions, "releases": releases, "gates": by_name})


def _write(name: str, document: Any) -> None:
    (FOLDER / name).write_text(json.dumps(document, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
