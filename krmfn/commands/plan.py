"""`krmfn plan`: the Platform's tables of node types and node claims, and the machines' totals.

The JSON form (`-o json`) has quantities as canonical strings, and null for no limit, no namespace
and no pool:
`nodeTypes` [{name, fullName, provider, cluster, available, total, cost, resources, phase}],
`claims` [{namespace, name, status, virtualCluster, nodeType, provider, pool,
machine: {cluster, namespace, name}}],
`totals` [{cluster, namespace, virtualMachines, off, resources}],
`budgets` [{cluster, namespace, budget, resource, used, hard}].
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from krmfn.commands.declared import declared
from krmfn.commands.json_form import document, json_text
from krmfn.commands.outcome import Declared, Inputs
from krmfn.commands.reply import DONE, Reply, refused
from krmfn.commands.screen import Screen
from krmfn.commands.tables import budgets_table, sums_table, table
from krmfn.nodes.budgets import Budget, budgets
from krmfn.nodes.build import Build
from krmfn.nodes.render import Rendered
from krmfn.problems import Collector

_TYPES_HEAD = ["NAME", "AVAILABLE", "TOTAL", "PROVIDER", "COST", "PHASE"]
_CLAIMS_HEAD = ["NAMESPACE", "NAME", "STATUS", "VCLUSTER", "NODETYPE", "VM"]
# A claim's machine has its name, so the machine's column gives way first.
_YIELDING = (5, 3, 4)


def plan(
    paths: list[str],
    config: str | None,
    form: str,
    screen: Screen | None = None,
    kustomization: str | None = None,
) -> Reply:
    """Show the plan of files, or of a kustomization, in a form: text, json or html."""
    outcome = declared(Inputs(paths, config, kustomization), several_clusters=True)
    if isinstance(outcome, Reply):
        return outcome
    problems = Collector(outcome.problems)
    rows = budgets(outcome.built, outcome.others, [], problems)
    if problems.has_errors:
        return refused(problems)
    if form == "text":
        text = as_text(outcome, rows, screen)
    elif form == "json":
        text = json_text(as_document(outcome, rows))
    else:
        # Imported by need: other forms do without it.
        from krmfn.commands.plan_page import as_page

        text = as_page(as_document(outcome, rows), None, problems)
    return Reply(text, problems, DONE)


def node_types(built: Build) -> list[dict[str, Any]]:
    """Make a row for each node type, with how many nodes of it are left."""
    claimed = Counter(claim.offer.full_name for claim in built.claims)
    rows = []
    for offer in built.node_types:
        total = offer.max_capacity or None
        resources = {name: str(offer.resources[name]) for name in sorted(offer.resources)}
        row = {
            "name": offer.name,
            "fullName": offer.full_name,
            "provider": offer.provider.metadata.name,
            "cluster": offer.cluster,
            "available": total and total - claimed[offer.full_name],
            "total": total,
            "cost": offer.cost,
            "resources": resources,
            "phase": "Available",
        }
        rows.append(row)
    return rows


def claims(outcome: Declared) -> list[dict[str, Any]]:
    """Make a row for each claim, with its machine."""
    rows = []
    for key, claim in outcome.machines.items():
        machine = {"cluster": claim.cluster, "namespace": key.namespace, "name": key.name}
        row = {
            "namespace": claim.request.namespace,
            "name": claim.name,
            "status": claim.status,
            "virtualCluster": claim.tenant.spec.name,
            "nodeType": claim.offer.name or "",
            "provider": claim.offer.provider.metadata.name,
            "pool": claim.pool,
            "machine": machine,
        }
        rows.append(row)
    return rows + [_unknown(each) for each in outcome.unknown]


def _unknown(rendered: Rendered) -> dict[str, Any]:
    """Make a row for a machine of which only the marks are known, not the inputs."""
    marks = rendered.machines
    machine = {"cluster": None, "namespace": rendered.namespace, "name": rendered.name}
    return {
        "namespace": None,
        "name": rendered.claim or rendered.name,
        "status": "Rendered",
        "virtualCluster": marks.virtual_cluster,
        "nodeType": marks.node_type or "",
        "provider": marks.provider,
        "pool": marks.pool,
        "machine": machine,
    }


def as_document(outcome: Declared, rows: list[Budget]) -> dict[str, Any]:
    """Return the plan for programs, a NodePlan; `rows` are the budgets."""
    limits = []
    for budget in rows:
        row = budget.row
        del row["peak"]
        limits.append(row)
    fields = {
        "nodeTypes": node_types(outcome.built),
        "claims": claims(outcome),
        "totals": [total.row for total in outcome.totals],
        "budgets": limits,
    }
    return document("NodePlan", fields)


def as_text(outcome: Declared, rows: list[Budget], screen: Screen | None = None) -> str:
    """Write the plan for people: tables that fit their screen.

    `rows` are the budgets; there is a table of the quotas among them, if there are any.
    """
    tables = [
        _types_table(outcome.built, screen),
        _claims_table(outcome, screen),
        sums_table(outcome.totals, screen),
    ]
    quotas = [budget for budget in rows if budget.namespace]
    if quotas:
        tables.append(budgets_table(quotas, screen))
    return "\n".join(tables)


def _types_table(built: Build, screen: Screen | None) -> str:
    """Write the table of node types."""
    lines = [_TYPES_HEAD]
    for row in node_types(built):
        line = [
            row["name"],
            _count(row["available"]),
            _count(row["total"]),
            row["provider"],
            str(row["cost"]),
            row["phase"],
        ]
        lines.append(line)
    return table(lines, screen)


def _claims_table(outcome: Declared, screen: Screen | None) -> str:
    """Write the table of claims."""
    lines = [_CLAIMS_HEAD]
    for row in claims(outcome):
        machine = row["machine"]
        line = [
            row["namespace"] or "-",
            row["name"],
            row["status"],
            row["virtualCluster"],
            row["nodeType"],
            f"{machine['namespace']}/{machine['name']}",
        ]
        lines.append(line)
    return table(lines, screen, _YIELDING)


def _count(value: int | None) -> str:
    """Write a number, "-" if it is not known."""
    return "-" if value is None else str(value)
