"""What can go wrong: problems with their places and codes, and the words that messages share."""

from krmfn.problems.codes import Code, RuleCode
from krmfn.problems.follow_ons import without_absences, without_follow_ons
from krmfn.problems.problem import (
    FindPosition,
    Inside,
    Origin,
    Place,
    Position,
    Problem,
    Resource,
    Severity,
)
from krmfn.problems.redaction import masked_lines, printable, redacted
from krmfn.problems.report import Collector, errors, limited, ranked, report
from krmfn.problems.wording import Path, closest, counted, listed, nearest, path_text, plain, show

__all__ = [
    "Code",
    "Collector",
    "FindPosition",
    "Inside",
    "Origin",
    "Path",
    "Place",
    "Position",
    "Problem",
    "Resource",
    "RuleCode",
    "Severity",
    "closest",
    "counted",
    "errors",
    "limited",
    "listed",
    "masked_lines",
    "nearest",
    "path_text",
    "plain",
    "printable",
    "ranked",
    "redacted",
    "report",
    "show",
    "without_absences",
    "without_follow_ons",
]
