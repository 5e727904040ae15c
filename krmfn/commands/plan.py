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
from krmfn.commands.json_form import json_text
from krmfn.commands.reply import DONE, Reply, refused
from krmfn.commands.tables import budgets_table, sums_table, table
from krmfn.nodes.budgets import Budget, budgets
from krmfn.nodes.build import Build
from krmfn.nodes.totals import totals
from krmfn.problems import Collector, report

_TYPES_HEAD = ["NAME", "AVAILABLE", "TOTAL", "PROVIDER", "COST", "PHASE"]
_CLAIMS_HEAD = ["NAMESPACE", "NAME", "STATUS", "VCLUSTER", "NODETYPE", "VM"]
# A claim's machine has its name, so the machine's column gives way first.
_YIELDING = (5, 3, 4)


def plan(paths: list[str], config: str | None, for_programs: bool, bold: bool = False) -> Reply:
    """Show the plan of what files declare: as JSON for programs, else as text."""
    outcome = declared(paths, config, several_clusters=True)
    if isinstance(outcome, Reply):
        return outcome
    built = outcome.built
    problems = Collector(outcome.problems)
    rows = budgets(built, outcome.others, [], problems)
    if problems.has_errors:
        return refused(problems)
    text = as_json(built, rows) if for_programs else as_text(built, rows, bold)
    return Reply(text, report(problems), DONE)


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


def claims(built: Build) -> list[dict[str, Any]]:
    """Make a row for each claim, with its machine."""
    rows = []
    for claim in built.claims:
        machine = {
            "cluster": claim.cluster,
            "namespace": claim.namespace,
            "name": claim.name,
        }
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
    return rows


def as_json(built: Build, rows: list[Budget]) -> str:
    """Write the plan for programs; `rows` are the budgets."""
    limits = []
    for budget in rows:
        row = budget.row
        del row["peak"]
        limits.append(row)
    fields = {
        "nodeTypes": node_types(built),
        "claims": claims(built),
        "totals": [total.row for total in totals(built)],
        "budgets": limits,
    }
    return json_text("NodePlan", fields)


def as_text(built: Build, rows: list[Budget], bold: bool = False) -> str:
    """Write the plan for people: tables of at most 100 columns, with bold heads on a terminal.

    `rows` are the budgets; there is a table of the quotas among them, if there are any.
    """
    tables = [
        _types_table(built, bold),
        _claims_table(built, bold),
        sums_table(totals(built), bold),
    ]
    quotas = [budget for budget in rows if budget.namespace]
    if quotas:
        tables.append(budgets_table(quotas, bold))
    return "\n".join(tables)


def _types_table(built: Build, bold: bool) -> str:
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
    return table(lines, bold)


def _claims_table(built: Build, bold: bool) -> str:
    """Write the table of claims."""
    lines = [_CLAIMS_HEAD]
    for row in claims(built):
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
    return table(lines, bold, _YIELDING)


def _count(value: int | None) -> str:
    """Write a number, "-" if it is not known."""
    return "-" if value is None else str(value)
