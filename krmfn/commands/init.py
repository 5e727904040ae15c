"""`krmfn init DIR`: a working example to start from, as files."""

from __future__ import annotations

import os
from pathlib import Path

from krmfn.commands.reply import DONE, Reply, refused
from krmfn.problems import Origin, Place

_FILES = Path(__file__).parent / "starter"


def write(folder: str) -> Reply:
    """Write the example into a folder, which is created if it does not exist.

    No file that already exists is overwritten.
    """
    sources = sorted(_FILES.glob("*.yaml"))
    targets = [os.path.join(folder, source.name) for source in sources]
    existing = [target for target in targets if os.path.lexists(target)]
    if existing:
        message = "is there already; nothing was written"
        return refused([Place(Origin(file=target)).error(message) for target in existing])
    try:
        os.makedirs(folder, exist_ok=True)
        for source, target in zip(sources, targets, strict=True):
            Path(target).write_text(source.read_text())
    except OSError as error:
        at = Place(Origin(file=error.filename or folder))
        return refused([at.error(f"can't be written: {error.strerror}")])
    written = "".join(f"{target}\n" for target in targets)
    hint = f"krmfn plan {folder}    # shows what it declares"
    return Reply(f"{written}\n{hint}\n", "", DONE)
