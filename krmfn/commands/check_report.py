"""What `krmfn check` found, as text, JSON, JUnit's XML or GitHub's annotations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from xml.sax.saxutils import escape, quoteattr

from krmfn.commands.json_form import document, json_text
from krmfn.manifests.results import numbered_results
from krmfn.problems import Origin, Problem, counted, ranked, redacted
from krmfn.records import record

# The names that GitHub has for severities.
_LEVELS = {"error": "error", "warning": "warning", "info": "notice"}


@record(frozen=True)
class Checked:
    """The machines with what was found in each, what is wrong beside them, and how many others."""

    machines: list[tuple[Origin, list[Problem]]]
    problems: list[Problem]
    others: int

    @property
    def all_problems(self) -> list[Problem]:
        """All problems, in the order of the machines."""
        return [*self.problems, *(one for _, found in self.machines for one in found)]

    @property
    def has_errors(self) -> bool:
        """Whether anything was found that a cluster refuses, or that could not be checked."""
        return any(problem.is_error for problem in self.all_problems)

    @property
    def summary(self) -> str:
        """One line that sums up."""
        wrong = sum(any(one.is_error for one in found) for _, found in self.machines)
        warnings = sum(not problem.is_error for problem in self.all_problems)
        parts = [
            f"{counted(len(self.machines), 'virtual machine')} checked",
            f"{wrong} refused",
            counted(warnings, "warning"),
        ]
        if self.others:
            parts.append(f"{counted(self.others, 'other object')} left alone")
        return ", ".join(parts)


def _text(checked: Checked) -> str:
    """Return the summary alone: the problems go to standard error."""
    return f"{checked.summary}\n"


def _json(checked: Checked) -> str:
    """Return the problems as the results of a KRM function, with line numbers."""
    fields = {
        "machines": len(checked.machines),
        "others": checked.others,
        "results": numbered_results(checked.all_problems),
    }
    return json_text(document("CheckReport", fields))


def _junit(checked: Checked) -> str:
    """Return a test case for each machine, in the form that CI systems show."""
    cases = list(_cases(checked))
    failures = sum("<failure" in case for case in cases)
    head = f'<testsuite name="krmfn check" tests="{len(cases)}" failures="{failures}">'
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', head, *cases, "</testsuite>"]
    return "\n".join(lines) + "\n"


def _cases(checked: Checked) -> Iterator[str]:
    """Yield the test cases: one for each machine, and one for each problem beside them."""
    for problem in checked.problems:
        yield _case("krmfn", problem.place.origin.file or "files", [problem])
    for origin, found in checked.machines:
        yield _case(origin.file or "", str(origin.resource), found)


def _case(file: str, name: str, found: list[Problem]) -> str:
    """Return one test case. Warnings are its output."""
    head = f"  <testcase classname={quoteattr(redacted(file))} name={quoteattr(redacted(name))}"
    errors = [str(problem) for problem in found if problem.is_error]
    others = [str(problem) for problem in found if not problem.is_error]
    inner = ""
    if errors:
        message = quoteattr(f"{counted(len(errors), 'error')}")
        inner += f"\n    <failure message={message}>{escape(chr(10).join(errors))}</failure>"
    if others:
        inner += f"\n    <system-out>{escape(chr(10).join(others))}</system-out>"
    return f"{head}>{inner}\n  </testcase>" if inner else f"{head}/>"


def _github(checked: Checked) -> str:
    """Return workflow commands, which GitHub shows at the lines of a pull request."""
    lines = []
    for problem in ranked(checked.all_problems):
        file = problem.place.origin.file
        line, column = map(str, problem.position or ("", ""))
        place = {"file": file or "", "line": line, "col": column, "title": "krmfn check"}
        keys = ",".join(f"{key}={_property(value)}" for key, value in place.items() if value)
        lines.append(f"::{_LEVELS[problem.severity]} {keys}::{_data(problem.sentence)}")
    return "\n".join([*lines, checked.summary]) + "\n"


def _data(text: str) -> str:
    """Escape the message of a workflow command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """Escape a property of a workflow command."""
    return _data(redacted(text)).replace(":", "%3A").replace(",", "%2C")


FORMS: dict[str, Callable[[Checked], str]] = {
    "text": _text,
    "json": _json,
    "junit": _junit,
    "github": _github,
}
