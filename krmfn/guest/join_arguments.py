"""Flags for the vendor's join script, from the list in its documentation.

Source: vCluster's documentation of private nodes, "Join" (the table of flags).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from krmfn.kubernetes import names
from krmfn.problems import Collector, Place, Problem, nearest, show

# Whether a flag takes a value.
_FLAGS = {
    "--kubernetes-version": True,
    "--repository-url": True,
    "--binaries-dir": True,
    "--cni-binaries-dir": True,
    "--bundle-path": True,
    "--skip-reset": False,
}
_REFUSED = {
    "--node-name": "krmfn names the node after its claim",
    "--force-join": "krmfn always passes it",
    "--reset-only": "the node would never join",
    "--skip-join": "the node would never join",
}


def join_arguments(arguments: Sequence[str], at: Place, problems: Collector) -> tuple[str, ...]:
    """Check the flags at `at`, and return them as words: `--flag=value` becomes two."""
    words: list[str] = []
    found = Collector()
    for index, argument in enumerate(arguments):
        flag, equals, value = argument.partition("=")
        words += [flag, value] if equals and flag.startswith("--") else [argument]
        if fault := names.kubelet_value(argument):
            found.append(at.field(index).error(fault))
    if not found:
        found += _flag_problems(words, at)
    problems += found
    return () if found else tuple(words)


def _flag_problems(words: Sequence[str], at: Place) -> Iterator[Problem]:
    """Yield flags that are not known or wrongly used, and those that krmfn sets itself."""
    seen = set()
    rest = list(words)
    while rest:
        flag = rest.pop(0)
        value = rest.pop(0) if rest and not rest[0].startswith("--") else None
        if flag in _REFUSED:
            yield at.error(f"has {flag}: {_REFUSED[flag]}")
        elif flag not in _FLAGS:
            known = f"known are {', '.join(_FLAGS)}{nearest(flag, _FLAGS)}"
            yield at.error(f"has {show(flag)}, no flag of the join script; {known}")
        elif flag in seen:
            yield at.error(f"has {flag} twice")
        elif _FLAGS[flag] != (value is not None):
            fault = "without its value" if _FLAGS[flag] else "with a value"
            yield at.error(f"has {flag} {fault}")
        elif value and flag == "--repository-url":
            yield from _url_problems(value, at)
        seen.add(flag)


def _url_problems(url: str, at: Place) -> Iterator[Problem]:
    """Yield what is wrong with the URL of programs that will run as root."""
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        yield at.error("has a --repository-url that is not an https URL")
    elif parts.username is not None:
        yield at.error("has a --repository-url with a user name, which all nodes could read")
