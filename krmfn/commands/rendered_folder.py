"""`krmfn render -o DIR`: the machines as files to commit, one a claim, by cluster.

They are for Flux, or for Argo CD without a plugin. Each file begins with a line that names its
owner. Files without that line are left alone; one that stands where krmfn wants to write is an
error. Beside the machines stands what kustomize has to know of them to rename them.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from krmfn.commands.declared import declared
from krmfn.commands.outcome import Declared, Inputs, applied_with
from krmfn.commands.reply import DONE, STALE, Reply, refused
from krmfn.commands.stale_files import difference
from krmfn.manifests import yamlio
from krmfn.nodes.build import Build
from krmfn.problems import Code, Collector, Origin, Place, Problem, listed

# The path keeps a file of one output folder apart from those of another that encloses it.
_HEAD = "# Written by krmfn for {owner} as {file}; the next run overwrites it.\n"
_KUSTOMIZATION = "kustomization.yaml"
# No claim has such a name.
_OTHERS = "_others.yaml"
_NAMES = Path(__file__).with_name("kubevirt-names.yaml")
_RESOURCES = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n"
_CONFIGURATIONS = f"configurations:\n- {_NAMES.name}\n"


def write(
    paths: list[str],
    config: str | None,
    folder: str,
    check: bool = False,
    plaintext: bool = False,
    kustomization: str | None = None,
    everything: bool = False,
) -> Reply:
    """Make the folder what files, or a kustomization, declare.

    With `check`, write nothing, but show as a unified diff what would change, and answer with code
    4 if anything would. `plaintext` allows files that hold the join token. With `everything`, the
    manifests that are not krmfn's business are in a file of their own.

    Each file is written under another name and renamed, the kustomizations come last, and only
    then the files of removed claims go. Whenever the run is cut off, every file is whole, and the
    next run finishes.
    """
    outcome = declared(Inputs(paths, config, kustomization), several_clusters=True)
    if isinstance(outcome, Reply):
        return outcome
    problems = outcome.problems
    others = _others(outcome, everything, plaintext, problems)
    wanted = _wanted(outcome.built, others)
    problems += _unplaced(outcome)
    if not plaintext:
        problems += _token_problems(outcome.built)
    present = _present(folder, outcome.built.owner, wanted, problems)
    if problems.has_errors:
        return refused(problems)
    changed = [file for file, text in wanted.items() if present.get(file) != text]
    gone = sorted(present.keys() - wanted.keys())
    if check:
        return _checked(folder, wanted, present, [*changed, *gone], problems)
    try:
        for file in changed:
            _put(os.path.join(folder, file), wanted[file])
        for file in gone:
            _remove(folder, file)
    except OSError as error:
        return refused([*problems, _unwritable(error, folder)])
    removed = "".join(f"removed {os.path.join(folder, file)}\n" for file in gone)
    same = len(wanted) - len(changed)
    counts = f"{len(changed)} written, {len(gone)} removed, {same} unchanged"
    return Reply(f"{removed}{folder}: {counts}\n", problems, DONE)


def _others(outcome: Declared, everything: bool, plaintext: bool, problems: Collector) -> list[str]:
    """Return the texts of other manifests, if they are to be written, else tell of them."""
    others = applied_with(outcome)
    if not others:
        return []
    names = listed(sorted(str(item.origin.resource) for item in others))
    if not everything:
        message = f"other manifests are not written: {names}; --all writes them too"
        problems.append(Place().notice(message, Code.LEFT_OUT))
        return []
    clusters = sorted({one.machines.cluster for one in outcome.built.objects})
    if len(clusters) > 1:
        message = f"--all: nothing says to which of {listed(clusters)} these belong: {names}"
        problems.append(Place().error(message))
    for item in others:
        if item.kind == "Secret" and "sops" not in item.data and not plaintext:
            advice = "encrypt it, leave it out, or use --allow-plaintext-token"
            message = f"would be in the files that are written; {advice}"
            problems.append(item.place.error(message, Code.PLAINTEXT_TOKEN))
    return [yamlio.dump(item.data) for item in others]


def _wanted(built: Build, others: list[str]) -> dict[str, str]:
    """Return the files by their paths in the folder, in the order in which to write them.

    A file that lists others comes after them. `others` are other manifests.
    """
    parts: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for rendered in built.objects:
        parts[rendered.machines.cluster][f"{rendered.file}.yaml"].append(rendered.text)
    clusters = sorted(parts)
    if others and clusters:
        parts[clusters[0]][_OTHERS] += others
    files: dict[str, str] = {}
    for cluster in clusters:
        for file, texts in parts[cluster].items():
            files[f"{cluster}/{file}"] = "---\n".join(texts)
    for cluster in clusters:
        files[f"{cluster}/{_NAMES.name}"] = _NAMES.read_text()
        files[f"{cluster}/{_KUSTOMIZATION}"] = _kustomization(parts[cluster]) + _CONFIGURATIONS
    if len(clusters) == 1:
        files[_KUSTOMIZATION] = _kustomization(clusters)
    return {file: _head(built.owner, file) + text for file, text in files.items()}


def _head(owner: str, file: str) -> str:
    """Write the first line of a file."""
    return _HEAD.format(owner=owner, file=file)


def _kustomization(resources: Iterable[str]) -> str:
    """Write a kustomization that lists resources."""
    listed = [f"- {name}\n" for name in sorted(resources)]
    return _RESOURCES + "".join(listed)


def _unplaced(outcome: Declared) -> Iterator[Problem]:
    """Yield an error for each machine that can't have a file of its own."""
    for rendered in outcome.unknown:
        message = "was not rendered in this run, so that its KubeVirt cluster is not known"
        name = f"machine {rendered.namespace}/{rendered.name}"
        yield Place().error(f"{name} {message}; -o writes files for what krmfn renders")
    for claim in outcome.machines.values():
        if f"{claim.name}.yaml" in (_NAMES.name, _KUSTOMIZATION):
            message = f"is a node named {claim.name}, and -o writes a file of its own of that name"
            yield claim.request.at.error(f"{message}; give it another name")


def _token_problems(built: Build) -> Iterator[Problem]:
    """Yield an error for each virtual cluster whose token would be in the files."""
    tenants = [claim.tenant for claim in built.claims]
    places = [tenant.at for tenant in tenants if tenant.join and tenant.join.token]
    for at in dict.fromkeys(places):
        danger = "would be in the files that are written, for all who read the repository"
        advice = "use delivery: Disk, or --allow-plaintext-token"
        yield at.field("joinToken").error(f"{danger}; {advice}", Code.PLAINTEXT_TOKEN)


def _present(
    folder: str, owner: str, wanted: dict[str, str], problems: Collector
) -> dict[str, str]:
    """Read the files of the folder that an earlier run wrote for this owner.

    What is in this run's way is a problem.
    """
    collected = Collector()
    try:
        collected += _folder_problems(folder, wanted)
        files = sorted({*_files(folder), *wanted})
        present = dict(_readable(folder, owner, files, wanted, collected))
    except OSError as error:
        problems.append(_unwritable(error, folder))
        return {}
    problems += collected
    return present


def _folder_problems(folder: str, wanted: dict[str, str]) -> list[Problem]:
    """Check what would make files land elsewhere, or be counted twice."""
    problems = []
    clusters = {file.partition("/")[0] for file in wanted if "/" in file}
    for cluster in sorted(clusters):
        path = os.path.join(folder, cluster)
        if os.path.islink(path):
            at = _file_place(path)
            problems.append(at.error("is a link; krmfn writes into folders of its own"))
    listing = os.path.join(folder, _KUSTOMIZATION)
    if len(clusters) > 1 and os.path.exists(listing):
        state = "is of the time when there was one cluster, and now there are several"
        message = f"{state}: delete it, and use their folders"
        problems.append(_file_place(listing).error(message))
    return problems


def _readable(
    folder: str, owner: str, files: list[str], wanted: dict[str, str], problems: Collector
) -> Iterator[tuple[str, str]]:
    """Yield the files that begin with this owner's line, with their texts."""
    for file in files:
        path = Path(folder, file)
        is_link = path.is_symlink()
        if not path.exists() and not is_link:
            continue
        text = ""
        if path.is_file() and not is_link:
            text = path.read_bytes().decode(errors="replace")
        if text.startswith(_head(owner, file)):
            yield file, text
        elif file in wanted:
            state = f"is in the way: krmfn did not write it for {owner}"
            message = f"{state}; move it, or give each config a folder"
            problems.append(_file_place(str(path)).error(message))


def _files(folder: str) -> Iterator[str]:
    """Yield the files in the folder that an earlier run may have written."""
    if not os.path.isdir(folder):
        return
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            for inner in os.scandir(entry.path):
                if inner.name.endswith(".yaml"):
                    yield f"{entry.name}/{inner.name}"
        elif entry.name == _KUSTOMIZATION:
            yield entry.name


def _put(path: str, text: str) -> None:
    """Write a file whole or not at all."""
    folder, name = os.path.split(path)
    os.makedirs(folder, exist_ok=True)
    beside = os.path.join(folder, f".{name}.krmfn-tmp")
    try:
        with open(beside, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.replace(beside, path)
    except BaseException:
        if os.path.exists(beside):
            os.unlink(beside)
        raise


def _remove(folder: str, file: str) -> None:
    """Remove a file, and the folder of its cluster once that is empty."""
    path = os.path.join(folder, file)
    os.unlink(path)
    parent = os.path.dirname(path)
    if "/" in file and not os.listdir(parent):
        os.rmdir(parent)


def _unwritable(error: OSError, folder: str) -> Problem:
    """Report a file that could not be read or written."""
    at = _file_place(str(error.filename or folder))
    return at.error(f"can't be written: {error.strerror}; the next run finishes what is left")


def _file_place(path: str) -> Place:
    """Return the place of a file as a whole."""
    return Place(Origin(file=path))


def _checked(
    folder: str,
    wanted: dict[str, str],
    present: dict[str, str],
    stale: list[str],
    problems: Collector,
) -> Reply:
    """Show how the files would change."""
    lines: list[str] = []
    for file in sorted(stale):
        path = os.path.join(folder, file)
        lines += difference(path, present.get(file, ""), wanted.get(file, ""))
    if stale:
        state = f"{len(stale)} of its files differ from what the declarations give"
        message = f"is stale: {state}; run krmfn render with -o {folder}"
        problems.append(_file_place(folder).error(message, Code.STALE))
    return Reply("".join(lines), problems, STALE if stale else DONE)
