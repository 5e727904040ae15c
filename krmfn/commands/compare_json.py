"""The plan of a change for programs.

The JSON form, a MachineChanges: `changes` [{kind, namespace, name, verdict, cause, fields [{path,
old, new, verdict, why, cause}]}] of all objects that change (of a machine that is deleted also
dataVolumes, virtualCluster, provider, nodeType and pool, as of a claim in a NodePlan),
`summary` {verdict: number of machines}, `secrets` the same of Secrets that change by themselves,
`totals` and `peak` [{cluster, namespace, virtualMachines, off, resources}]
after the change and while machines that it deletes still exist, `budgets` [{cluster, namespace,
budget, resource, used, peak, hard}]. Values of Secrets are null there,
but for an endpoint, labels and taints of the join, and shown nowhere.
"""

from __future__ import annotations

from typing import Any

from krmfn.commands.compare_report import Changed, Compared, counts, machine_verdicts, shown
from krmfn.commands.json_form import document
from krmfn.problems import redacted


def as_document(compared: Compared) -> dict[str, Any]:
    """Return the plan for programs, a MachineChanges."""
    changes = compared.changes
    entries = [_entry(change) for change in changes if change.verdict != "unchanged"]
    fields = {
        "changes": entries,
        "summary": counts(machine_verdicts(changes)),
        "secrets": counts([one.verdict for one in shown(changes) if not one.is_machine]),
        "totals": [total.row for total in compared.totals],
        "peak": [total.row for total in compared.peak],
        "budgets": [budget.row for budget in compared.budgets],
    }
    return document("MachineChanges", fields)


def _entry(change: Changed) -> dict[str, Any]:
    """Write what becomes of one object."""
    rows = []
    for field_change, cause in zip(change.fields, change.causes, strict=True):
        row = {
            "path": redacted(field_change.text),
            "old": _redacted(field_change.old),
            "new": _redacted(field_change.new),
            "verdict": field_change.verdict,
            "why": redacted(field_change.why),
            "cause": redacted(cause),
        }
        rows.append(row)
    entry: dict[str, Any] = {
        **change.key._asdict(),
        "verdict": change.verdict,
        "fields": rows,
    }
    if change.cause:
        entry["cause"] = change.cause
    entry.update(change.origin)
    if change.data_volumes:
        entry["dataVolumes"] = change.data_volumes
    if change.verdict == "delete" and change.users:
        entry["usedBy"] = [user.name for user in change.users]
    return entry


def _redacted(value: Any) -> Any:
    """Redact all texts in a value."""
    if isinstance(value, dict):
        return {redacted(str(key)): _redacted(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_redacted(child) for child in value]
    if isinstance(value, str):
        return redacted(value)
    return value
