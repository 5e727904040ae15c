"""What files declare, built: the way from paths to objects that all commands share."""

from __future__ import annotations

from krmfn.commands.kustomizations import ignored_warnings
from krmfn.commands.outcome import Declared, Inputs, declared_items
from krmfn.commands.reply import Reply
from krmfn.manifests.files import read_paths
from krmfn.problems import Collector


def declared(inputs: Inputs, several_clusters: bool = False) -> Declared | Reply:
    """Build what the inputs declare. If there is an error, return the answer that reports it."""
    if inputs.kustomization is not None:
        # Imported by need: it brings all that starts programs.
        from krmfn.commands.kustomized import kustomized

        return kustomized(inputs.kustomization, inputs, several_clusters)
    problems = Collector()
    items, unreadable = read_paths(inputs.paths, inputs.inside)
    problems += unreadable
    if inputs.inside is None:
        # Argo CD's plugin reports these itself, as errors.
        problems += ignored_warnings(inputs.paths)
    return declared_items(items, items, inputs, several_clusters, problems)
