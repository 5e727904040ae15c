"""What the help of each command ends with: examples, and the page that says more."""

from __future__ import annotations

SITE = "https://krmfn.github.io/krmfn/"
# For each command its page, and examples: what one is for, and the command line.
HELP: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "krmfn": (
        "",
        [
            ("Write an example, and look at it", "krmfn init nodes && krmfn plan nodes"),
            ("Run as a KRM function", "krmfn < resource-list.yaml"),
        ],
    ),
    "render": (
        "flux/",
        [
            ("Print the machines and Secrets", "krmfn render nodes"),
            ("Write them as files, to commit", "krmfn render nodes -o rendered"),
            ("Fail in CI if the files are stale", "krmfn render nodes -o rendered --check"),
            ("Build an overlay with kustomize first", "krmfn render -k overlays/production"),
        ],
    ),
    "plan": (
        "plan/",
        [
            ("Show what the files declare", "krmfn plan nodes"),
            ("Show what a merge would do", "krmfn plan nodes --against rendered"),
            (
                "Fail if it would delete or restart machines",
                "krmfn plan nodes --against rendered --max-deletions 0 --fail-on restart",
            ),
            (
                "Compare with what runs",
                "kubectl get virtualmachines,secrets -A -o yaml --show-managed-fields "
                "| krmfn plan nodes --against -",
            ),
        ],
    ),
    "check": (
        "check/",
        [
            ("Check the machines in a folder", "krmfn check rendered"),
            ("Check what an overlay makes", "kustomize build overlay | krmfn check -"),
            ("Annotate a pull request on GitHub", "krmfn check -o github rendered"),
        ],
    ),
    "explain": (
        "plan/#where-a-field-comes-from",
        [
            ("Show all fields of a machine", "krmfn explain tenant-1-workers-0 -f nodes"),
            (
                "Show where one field comes from",
                "krmfn explain tenant-1-workers-0 spec.template.spec.domain.cpu -f nodes",
            ),
        ],
    ),
    "generate": (
        "argocd/",
        [("Print what the plugin would give Argo CD", "cd nodes && krmfn generate")],
    ),
    "parameters": ("argocd/", [("Print the plugin's parameters", "krmfn parameters")]),
    "schema": (
        "editors/",
        [
            ("Print the schema of any document that krmfn reads", "krmfn schema"),
            (
                "Keep the schema of one kind beside your files",
                "krmfn schema NodeProvider > nodes/.schema.json",
            ),
        ],
    ),
    "init": (
        "quick-start/",
        [
            ("Write an example into the folder nodes", "krmfn init nodes"),
            (
                "Write it for a virtual cluster of yours",
                "krmfn init blue --virtual-cluster blue --endpoint blue.example.com:443",
            ),
        ],
    ),
}
