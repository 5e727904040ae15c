"""`krmfn render -o DIR`: the machines as files to commit, one a claim, by cluster, for Flux or for Argo CD without a plugin.

Each file begins with a line that says whose it is. Files without that line are left alone; one that stands where krmfn wants to write
is an error.
"""

from __future__ import annotations

import base64
import binascii
import difflib
import os
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from krmfn.commands.declared import Declared, declared
from krmfn.commands.reply import DONE, PROBLEMS, STALE, Reply
from krmfn.nodes.build import Build
from krmfn.problems import Code, Origin, Place, Problem, masked_lines, report

# The path is in it so that a file of one output folder is not taken for one of another that is around it.
_HEAD = "# Written by krmfn for {owner} as {file}; the next run overwrites it.\n"
_KUSTOMIZATION = "kustomization.yaml"
_DATA = re.compile(r"^  (userdata|networkdata): ([A-Za-z0-9+/=]+)$")


def write(
    paths: list[str], config: str | None, folder: str, check: bool = False, plaintext: bool = False
) -> Reply:
    """Make the folder what the files declare; with `check`, tell as a unified diff what would change, and with code 4 that something would.

    `plaintext` allows files that hold the join token. Files are written beside and renamed, the kustomization after them, and those of
    claims that are gone are removed last: whenever it ends, every file is whole, and the next run finishes.
    """
    found = declared(paths, config, several_clusters=True)
    if isinstance(found, Reply):
        return found
    wanted = _wanted(found.built)
    problems = [*found.problems, *_token_problems(found, plaintext)]
    try:
        present, wrong = _present(folder, found.built.owner, wanted)
    except OSError as error:
        present, wrong = {}, [_unwritable(error, folder)]
    problems += wrong
    if any(problem.severity == "error" for problem in problems):
        return Reply("", report(problems), PROBLEMS)
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
        return Reply("", report([*problems, _unwritable(error, folder)]), PROBLEMS)
    removed = "".join(f"removed {os.path.join(folder, file)}\n" for file in gone)
    same = len(wanted) - len(changed)
    return Reply(
        f"{removed}{folder}: {len(changed)} written, {len(gone)} removed, {same} unchanged\n",
        report(problems),
        DONE,
    )


def _wanted(built: Build) -> dict[str, str]:
    """The files by their paths in the folder, in the order in which they are written: what lists others comes after them."""
    texts: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for made in built.objects:
        texts[made.group.cluster][f"{made.claim}.yaml"].append(made.text)
    files = {
        f"{cluster}/{file}": "---\n".join(parts)
        for cluster, named in sorted(texts.items())
        for file, parts in named.items()
    }
    files |= {
        f"{cluster}/{_KUSTOMIZATION}": _kustomization(named)
        for cluster, named in sorted(texts.items())
    }
    if len(texts) == 1:
        files[_KUSTOMIZATION] = _kustomization(texts)
    return {file: _HEAD.format(owner=built.owner, file=file) + text for file, text in files.items()}


def _kustomization(resources: dict[str, dict[str, list[str]]] | dict[str, list[str]]) -> str:
    listed = "".join(f"- {name}\n" for name in sorted(resources))
    return f"apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n{listed}"


def _token_problems(found: Declared, plaintext: bool) -> Iterator[Problem]:
    told = set()
    for claim in found.built.claims:
        tenant = claim.tenant
        if not plaintext and tenant.join and tenant.join.token and id(tenant) not in told:
            told.add(id(tenant))
            text = "would be in the files that are written, for all who read the repository; use delivery: Disk, or --allow-plaintext-token"
            yield tenant.at.field("joinToken").error(text, Code.PLAINTEXT_TOKEN)


def _present(
    folder: str, owner: str, wanted: dict[str, str]
) -> tuple[dict[str, str], list[Problem]]:
    """The files in the folder that an earlier run for this owner wrote, and what stands in the way of this one's."""
    problems: list[Problem] = []
    present: dict[str, str] = {}
    clusters = {file.partition("/")[0] for file in wanted if "/" in file}
    for cluster in sorted(clusters):
        at = Place(Origin(file=os.path.join(folder, cluster)))
        if os.path.islink(os.path.join(folder, cluster)):
            problems.append(at.error("is a link; krmfn writes into folders of its own"))
    if len(clusters) > 1 and os.path.exists(os.path.join(folder, _KUSTOMIZATION)):
        text = "is of the time when there was one cluster, and now there are several: delete it, and use their folders"
        problems.append(Place(Origin(file=os.path.join(folder, _KUSTOMIZATION))).error(text))
    for file in sorted({*_files(folder), *wanted}):
        path = Path(folder, file)
        if not path.exists() and not path.is_symlink():
            continue
        text = (
            path.read_bytes().decode(errors="replace")
            if path.is_file() and not path.is_symlink()
            else ""
        )
        if text.startswith(_HEAD.format(owner=owner, file=file)):
            present[file] = text
        elif file in wanted:
            at = Place(Origin(file=str(path)))
            problems.append(
                at.error(
                    f"is in the way: it is no file that krmfn wrote for {owner}; move it, or give each config a folder"
                )
            )
    return present, problems


def _files(folder: str) -> Iterator[str]:
    if not os.path.isdir(folder):
        return
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from (
                f"{entry.name}/{inner.name}"
                for inner in os.scandir(entry.path)
                if inner.name.endswith(".yaml")
            )
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
    path = os.path.join(folder, file)
    os.unlink(path)
    if "/" in file and not os.listdir(os.path.dirname(path)):
        os.rmdir(os.path.dirname(path))


def _unwritable(error: OSError, folder: str) -> Problem:
    return Place(Origin(file=str(error.filename or folder))).error(
        f"can't be written: {error.strerror}; the next run finishes what is left"
    )


def _checked(
    folder: str,
    wanted: dict[str, str],
    present: dict[str, str],
    stale: list[str],
    problems: list[Problem],
) -> Reply:
    lines: list[str] = []
    for file in sorted(stale):
        path = os.path.join(folder, file)
        old, new = (_shown(texts.get(file, "")) for texts in (present, wanted))
        before, after = (f"a/{path}" if old else "/dev/null"), (f"b/{path}" if new else "/dev/null")
        lines += difflib.unified_diff(old, new, before, after)
    if stale:
        text = f"is stale: {len(stale)} of its files differ from what the declarations give; run krmfn render with -o {folder}"
        problems = [*problems, Place(Origin(file=folder)).error(text, Code.STALE)]
    return Reply("".join(lines), report(problems), STALE if stale else DONE)


def _shown(text: str) -> list[str]:
    """The lines of a file as a diff shows them: user data in clear, tokens masked."""
    lines: list[str] = []
    for line in text.splitlines():
        match = _DATA.match(line)
        inner = _decoded(match[2]) if match else None
        lines += (
            [line]
            if match is None or inner is None
            else [f"  {match[1]}: (base64 of)", *(f"    {each}" for each in inner)]
        )
    return [f"{line}\n" for line in masked_lines("\n".join(lines))]


def _decoded(text: str) -> list[str] | None:
    try:
        return base64.b64decode(text, validate=True).decode().splitlines()
    except (binascii.Error, UnicodeDecodeError):
        return None
