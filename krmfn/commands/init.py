"""`krmfn init DIR`: a working example to start from, as files."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

from krmfn.commands.reply import DONE, USAGE, Reply, refused
from krmfn.guest.endpoint import endpoint_url
from krmfn.kubernetes import names
from krmfn.manifests import yamlio
from krmfn.patterns import pattern
from krmfn.problems import Collector, Origin, Place, Problem, printable
from krmfn.records import record

_FILES = Path(__file__).parent / "starter"
# Where the example has which name.
_NAMES = pattern(
    r"(?P<endpoint>tenant-1\.example\.com:443)|(?P<virtual_cluster>tenant-1)"
    r"|(?P<cluster>kubevirt-1)|(?P<namespace>(?<=namespace: )machines|(?<=-n )machines)"
)
_TENANT = "tenant-1"
_NEXT = (
    ("krmfn plan {}", "shows what it declares"),
    ("krmfn render {}", "prints the machines and Secrets"),
    ("krmfn render {} -o rendered", "writes them as files, to commit"),
)


@record(frozen=True)
class Names:
    """The names in the example: those of a user's own clusters, or the example's.

    `cluster` is the KubeVirt cluster, `namespace` the machines' there. Without an `endpoint`, it
    is made of the virtual cluster's name.
    """

    virtual_cluster: str = _TENANT
    endpoint: str | None = None
    cluster: str = "kubevirt-1"
    namespace: str = "machines"

    def problems(self) -> list[Problem]:
        """Return what is wrong with the names, by option."""
        url = Collector()
        endpoint_url(self._value("endpoint"), Place(), url)
        faults = [
            ("virtual-cluster", self._name_problem()),
            ("endpoint", "".join(problem.message for problem in url)),
            ("cluster", names.subdomain(self.cluster)),
            ("namespace", names.dns_label(self.namespace)),
        ]
        return [Place().error(f"--{option} {fault}") for option, fault in faults if fault]

    def _name_problem(self) -> str:
        """Return what is wrong with the virtual cluster's name: its nodes' names begin with it."""
        if problem := names.dns_label(self.virtual_cluster):
            return problem
        if names.dns_label(f"{self.virtual_cluster}-workers-0"):
            most = names.LONGEST_LABEL - len("-workers-0")
            return f"is too long for the names of its nodes; must be at most {most} characters"
        return self._taken()

    def _taken(self) -> str:
        """Return what is wrong if the virtual cluster's file has the name of another file."""
        is_taken = (_FILES / f"{self.virtual_cluster}.yaml").exists()
        is_own = self.virtual_cluster == _TENANT
        return "names a file that the example has already" if is_taken and not is_own else ""

    def put_into(self, text: str) -> str:
        """Return a text of the example with these names."""

        def put(match: re.Match[str]) -> str:
            value = self._value(str(match.lastgroup))
            is_whole = match.string[: match.start()].endswith(": ")
            is_whole = is_whole and match.string[match.end() :].startswith("\n")
            # A name such as 1 or "true" would be read as something else than a name.
            return yamlio.scalar(value) if is_whole else value

        return _NAMES.sub(put, text)

    def _value(self, name: str) -> str:
        """Return one of the names."""
        return str(getattr(self, name) or f"{self.virtual_cluster}.example.com:443")


def write(folder: str, given: Names | None = None) -> Reply:
    """Write the example into a folder, which is created if it does not exist.

    No file that already exists is overwritten.
    """
    given = given or Names()
    if faults := given.problems():
        return refused(faults, USAGE)
    sources = sorted(_FILES.glob("*.yaml"))
    targets = [os.path.join(folder, given.put_into(source.name)) for source in sources]
    existing = [target for target in targets if os.path.lexists(target)]
    if existing:
        message = "already exists; nothing was written"
        return refused([Place(Origin(file=target)).error(message) for target in existing])
    try:
        os.makedirs(folder, exist_ok=True)
        for source, target in zip(sources, targets, strict=True):
            Path(target).write_text(given.put_into(source.read_text()))
    except OSError as error:
        at = Place(Origin(file=error.filename or folder))
        return refused([at.error(f"can't be written: {error.strerror}")])
    written = "".join(f"{printable(target)}\n" for target in targets)
    return Reply(f"{written}\n{_next_commands(folder)}", [], DONE)


def _next_commands(folder: str) -> str:
    """Return the commands to go on with, each with what it does."""
    path = f"./{folder}" if folder.startswith("-") else folder
    word = shlex.quote(path) if path.isprintable() else "DIR"
    commands = [(command.format(word), purpose) for command, purpose in _NEXT]
    width = max(len(command) for command, _ in commands)
    lines = [f"  {command:<{width}}   # {purpose}\n" for command, purpose in commands]
    return "Next:\n" + "".join(lines)
