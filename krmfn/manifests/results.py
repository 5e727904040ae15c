"""Results of a KRM function: problems in the form that orchestrators show."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from typing import Any

from krmfn.problems import Problem, Severity, path_text, ranked, redacted
from krmfn.records import record


@record(frozen=True)
class ResourceRef:
    """The object that a result is about."""

    apiVersion: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""


@record(frozen=True)
class Field:
    """The field that a result is about, as a path in dots and brackets."""

    path: str


@record(frozen=True)
class File:
    """The file, relative to the package, and the index of the document in it."""

    path: str
    index: int = 0


@record(frozen=True)
class Result:
    """One problem, as orchestrators show it. `tags.code` is its code."""

    message: str
    severity: Severity
    resourceRef: ResourceRef | None = None
    field: Field | None = None
    file: File | None = None
    tags: dict[str, str] | None = None


def result_of(problem: Problem) -> Result:
    """Turn a problem into a result."""
    origin, path = problem.place.origin, problem.place.path
    resource, reference = origin.resource, None
    if resource:
        reference = ResourceRef(
            apiVersion=redacted(resource.api_version),
            kind=redacted(resource.kind),
            namespace=redacted(resource.namespace),
            name=redacted(resource.name),
        )
    return Result(
        message=problem.text_in_field,
        severity=problem.severity,
        resourceRef=reference,
        field=Field(redacted(path_text(path))) if path else None,
        file=File(redacted(file), origin.index or 0) if (file := problem.place.file) else None,
        tags={"code": str(problem.code)},
    )


def as_data(value: Any) -> Any:
    """Turn a result into mappings and texts, without its empty parts."""
    if not is_dataclass(value):
        return value
    parts = {part.name: as_data(getattr(value, part.name)) for part in fields(value)}
    return {name: part for name, part in parts.items() if part}


def numbered_results(problems: Iterable[Problem]) -> list[dict[str, Any]]:
    """Turn problems into results for programs, errors first, with lines and columns."""
    results = []
    for problem in ranked(problems):
        result = as_data(result_of(problem))
        if problem.position:
            result["line"], result["column"] = problem.position
        results.append(result)
    return results
