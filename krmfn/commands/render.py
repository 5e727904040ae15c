"""`krmfn render`: the machines and Secrets that files declare, as manifests on standard output."""

from __future__ import annotations

from krmfn.commands.declared import declared, foreign
from krmfn.commands.reply import DONE, Reply
from krmfn.manifests import yamlio
from krmfn.problems import report


def render(paths: list[str], config_file: str | None = None, everything: bool = False) -> Reply:
    """What krmfn makes of the files, as manifests; with `everything`, the foreign manifests among them first."""
    found = declared(paths, config_file)
    if isinstance(found, Reply):
        return found
    others = (
        [yamlio.dump(item.data) for item in foreign(found.others, found.built)]
        if everything
        else []
    )
    return Reply(
        "---\n".join([*others, *(made.text for made in found.built.objects)]),
        report(found.problems),
        DONE,
    )
