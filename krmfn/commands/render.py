"""`krmfn render`: the machines and Secrets that files declare, as manifests on standard output."""

from __future__ import annotations

from krmfn.commands.declared import declared, foreign
from krmfn.commands.reply import DONE, Reply
from krmfn.manifests import yamlio
from krmfn.problems import report


def render(paths: list[str], config_file: str | None = None, everything: bool = False) -> Reply:
    """Print the objects of the files as manifests.

    With `everything`, the manifests among the files that are not krmfn's business come first.
    """
    outcome = declared(paths, config_file)
    if isinstance(outcome, Reply):
        return outcome
    texts: list[str] = []
    if everything:
        others = foreign(outcome.others, outcome.built)
        texts += [yamlio.dump(item.data) for item in others]
    texts += [rendered.text for rendered in outcome.built.objects]
    return Reply("---\n".join(texts), report(outcome.problems), DONE)
