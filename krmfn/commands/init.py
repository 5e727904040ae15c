"""`krmfn init DIR`: a working example to start from, as files."""

from __future__ import annotations

import os
from pathlib import Path

from krmfn.commands.reply import DONE, PROBLEMS, Reply
from krmfn.problems import Origin, Place, report

_FILES = Path(__file__).parent / "starter"


def write(folder: str) -> Reply:
    """Write the example into a folder, which is made where it is missing; a file that is there already is never overwritten."""
    files = sorted(_FILES.glob("*.yaml"))
    there = [
        os.path.join(folder, file.name)
        for file in files
        if os.path.lexists(os.path.join(folder, file.name))
    ]
    if there:
        return Reply(
            "",
            report(
                [
                    Place(Origin(file=file)).error("is there already; nothing was written")
                    for file in there
                ]
            ),
            PROBLEMS,
        )
    try:
        os.makedirs(folder, exist_ok=True)
        for file in files:
            Path(folder, file.name).write_text(file.read_text())
    except OSError as error:
        return Reply(
            "",
            report(
                [
                    Place(Origin(file=error.filename or folder)).error(
                        f"can't be written: {error.strerror}"
                    )
                ]
            ),
            PROBLEMS,
        )
    written = "".join(f"{os.path.join(folder, file.name)}\n" for file in files)
    return Reply(f"{written}\nkrmfn plan {folder}    # shows what it declares\n", "", DONE)
