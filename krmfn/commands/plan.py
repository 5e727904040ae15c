"""`krmfn plan`: the tables that the Platform prints of node types and node claims, and what the machines add up to.

The JSON form (`-o json`), quantities as canonical strings, null for no limit, no namespace and no pool:
`nodeTypes` [{name, fullName, provider, cluster, available, total, cost, resources, phase}],
`claims` [{namespace, name, status, virtualCluster, nodeType, provider, pool, machine: {cluster, namespace, name}}],
`totals` [{cluster, namespace, virtualMachines, resources}],
`budgets` [{cluster, namespace, budget, resource, used, hard}].
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import Any

from krmfn.commands.declared import declared
from krmfn.commands.reply import DONE, PROBLEMS, Reply
from krmfn.kubernetes.quantity import Quantity
from krmfn.machine.prototype import Prototype
from krmfn.nodes.budgets import STORAGE, budgets, storage
from krmfn.nodes.build import Build
from krmfn.nodes.claims import Claim
from krmfn.nodes.node_types import Offer
from krmfn.problems import errors, report

WIDTH = 100
_NARROW = 12


def plan(paths: list[str], config: str | None, for_programs: bool, bold: bool = False) -> Reply:
    """The plan of what files declare: as JSON, else as text."""
    found = declared(paths, config, several_clusters=True)
    if isinstance(found, Reply):
        return found
    rows, over = budgets(found.built, found.others, [])
    problems = [*found.problems, *over]
    if errors(over):
        return Reply("", report(problems), PROBLEMS)
    return Reply(
        as_json(found.built, rows) if for_programs else as_text(found.built, rows, bold),
        report(problems),
        DONE,
    )


def node_types(built: Build) -> list[dict[str, Any]]:
    """The node types with what is left of them."""
    claimed = Counter(claim.offer.full_name for claim in built.claims)
    return [
        {
            "name": offer.name,
            "fullName": offer.full_name,
            "provider": offer.provider.metadata.name,
            "cluster": cluster_of(offer),
            "available": offer.node_type.max_capacity - claimed[offer.full_name]
            if offer.node_type.max_capacity
            else None,
            "total": offer.node_type.max_capacity or None,
            "cost": offer.cost,
            "resources": {name: str(amount) for name, amount in sorted(offer.resources.items())},
            "phase": "Available",
        }
        for offer in built.node_types
    ]


def claims(built: Build) -> list[dict[str, Any]]:
    """The claims with what they become."""
    return [
        {
            "namespace": claim.request.namespace,
            "name": claim.name,
            "status": "Off" if claim.request.asked.off else "Rendered",
            "virtualCluster": claim.tenant.spec.name,
            "nodeType": claim.offer.name,
            "provider": claim.offer.provider.metadata.name,
            "pool": claim.request.asked.pool or None,
            "machine": {
                "cluster": cluster_of(claim.offer),
                "namespace": claim.namespace,
                "name": claim.name,
            },
        }
        for claim in built.claims
    ]


def totals(built: Build) -> list[dict[str, Any]]:
    """What the machines ask of each cluster and namespace; one that is switched off counts, since it can be switched on."""
    sums: dict[tuple[str, str], dict[str, Quantity]] = defaultdict(dict)
    count: Counter[tuple[str, str]] = Counter()
    sizes: dict[tuple[str, int], dict[str, Quantity]] = {}
    for claim in built.claims:
        key = (cluster_of(claim.offer), claim.namespace)
        count[key] += 1
        if claim.node is None:
            continue
        made = (claim.offer.full_name, id(claim.node.prototype))
        if made not in sizes:
            sizes[made] = _size(claim, claim.node.prototype)
        for name, amount in sizes[made].items():
            sums[key][name] = sums[key][name] + amount if name in sums[key] else amount
    return [
        {
            "cluster": cluster,
            "namespace": namespace,
            "virtualMachines": count[cluster, namespace],
            "resources": {
                name: str(amount) for name, amount in sorted(sums[cluster, namespace].items())
            },
        }
        for cluster, namespace in sorted(count)
    ]


def as_json(built: Build, rows: list[dict[str, Any]]) -> str:
    """The plan for programs; `rows` are the budgets."""
    limits = [{key: value for key, value in row.items() if key != "peak"} for row in rows]
    document = {
        "nodeTypes": node_types(built),
        "claims": claims(built),
        "totals": totals(built),
        "budgets": limits,
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def as_text(built: Build, rows: list[dict[str, Any]], bold: bool = False) -> str:
    """The plan for people: three tables of at most 100 columns, their heads bold on a terminal, and one of the quotas if there are any."""
    types = [["NAME", "AVAILABLE", "TOTAL", "PROVIDER", "COST", "PHASE"]]
    for row in node_types(built):
        types.append(
            [
                row["name"],
                _count(row["available"]),
                _count(row["total"]),
                row["provider"],
                str(row["cost"]),
                row["phase"],
            ]
        )
    listed = [["NAMESPACE", "NAME", "STATUS", "VCLUSTER", "NODETYPE", "VM"]]
    for row in claims(built):
        machine = f"{row['machine']['namespace']}/{row['machine']['name']}"
        listed.append(
            [
                row["namespace"] or "-",
                row["name"],
                row["status"],
                row["virtualCluster"],
                row["nodeType"],
                machine,
            ]
        )
    # A claim's machine has its name: there the last column gives way first.
    shown = [
        table(types, bold),
        table(listed, bold, yielding=(5, 3, 4)),
        sums_table(totals(built), bold),
    ]
    quotas = [row for row in rows if row["namespace"]]
    return "\n".join([*shown, budgets_table(quotas, bold)] if quotas else shown)


def sums_table(rows: list[dict[str, Any]], bold: bool = False) -> str:
    """Totals by cluster and namespace."""
    sums = [["CLUSTER", "NAMESPACE", "VMS", "CPU", "MEMORY", "STORAGE", "OTHER"]]
    for row in rows:
        amounts = [row["resources"].get(name, "-") for name in ("cpu", "memory", STORAGE)]
        sums.append(
            [row["cluster"], row["namespace"], str(row["virtualMachines"]), *amounts, _rest(row)]
        )
    return table(sums, bold)


def budgets_table(rows: list[dict[str, Any]], bold: bool = False, with_peak: bool = False) -> str:
    """Budgets with what is asked of them, and with what is asked at the peak of a change."""
    keys = [
        "cluster",
        "namespace",
        "budget",
        "resource",
        "used",
        *(["peak"] if with_peak else []),
        "hard",
    ]
    return table(
        [[key.upper() for key in keys], *([row[key] or "-" for key in keys] for row in rows)], bold
    )


def table(
    rows: list[list[str]],
    bold: bool = False,
    yielding: tuple[int, ...] = (),
    width: int | None = WIDTH,
) -> str:
    """Columns as kubectl prints them, three blanks apart, the head first.

    Where a line would be longer than `width` columns, the `yielding` ones shrink first, to 12, and then the widest.
    """
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    for index in yielding if width else ():
        excess = sum(widths) + 3 * (len(widths) - 1) - WIDTH
        widths[index] -= max(0, min(excess, widths[index] - _NARROW))
    while width and sum(widths) + 3 * (len(widths) - 1) > width:
        widths[widths.index(max(widths))] -= 1
    lines = [
        "   ".join(_cell(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    if bold:
        lines[0] = f"\x1b[1m{lines[0]}\x1b[0m"
    return "\n".join(lines) + "\n"


def _cell(text: str, width: int) -> str:
    """The text cut in its middle: names differ at their ends."""
    if len(text) <= width:
        return text.ljust(width)
    left = (width - 1) // 2
    return f"{text[:left]}…{text[len(text) - (width - 1 - left) :]}"


def _count(value: int | None) -> str:
    return "-" if value is None else str(value)


def _rest(row: dict[str, Any]) -> str:
    others = [
        f"{name} {amount}"
        for name, amount in row["resources"].items()
        if name not in ("cpu", "memory", STORAGE)
    ]
    return ", ".join(others) or "-"


def cluster_of(offer: Offer) -> str:
    """The KubeVirt cluster of a node type's provider."""
    kubevirt = offer.provider.spec.kube_virt
    return kubevirt.cluster_ref.cluster if kubevirt else ""


def _size(claim: Claim, prototype: Prototype) -> dict[str, Quantity]:
    """What one machine asks for: its node type's resources and the storage of its DataVolumes."""
    stored = storage(prototype.vm)
    return claim.offer.resources | ({STORAGE: stored} if stored else {})
