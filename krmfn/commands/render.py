"""`krmfn render`: the machines and Secrets that files declare, as manifests on standard output."""

from __future__ import annotations

from krmfn.commands.declared import declared
from krmfn.commands.outcome import Inputs, foreign
from krmfn.commands.reply import DONE, Reply
from krmfn.manifests import yamlio


def render(
    paths: list[str],
    config_file: str | None = None,
    everything: bool = False,
    kustomization: str | None = None,
) -> Reply:
    """Print the objects of files, or of a kustomization, as manifests.

    With `everything`, the manifests among them that are not krmfn's business come first. If a
    kustomization runs krmfn, all that kustomize printed comes out as it is.
    """
    outcome = declared(Inputs(paths, config_file, kustomization))
    if isinstance(outcome, Reply):
        return outcome
    if outcome.manifests is not None:
        return Reply(outcome.manifests, outcome.problems, DONE)
    texts: list[str] = []
    if everything:
        others = foreign(outcome.others, outcome.built)
        texts += [yamlio.dump(item.data) for item in others]
    texts += [rendered.text for rendered in outcome.built.objects]
    return Reply("---\n".join(texts), outcome.problems, DONE)
