"""Tables for people: columns as kubectl prints them."""

from __future__ import annotations

from collections.abc import Sequence

from krmfn.commands.screen import Screen
from krmfn.nodes.budgets import Budget
from krmfn.nodes.needs import STORAGE, Need
from krmfn.nodes.totals import Total
from krmfn.problems import printable

_GAP = "   "
# The least width of a column that gives way first.
_NARROW = 12
_COLUMNS = ("cpu", "memory", STORAGE)


def table(rows: list[list[str]], screen: Screen | None = None, yielding: Sequence[int] = ()) -> str:
    """Write columns three blanks apart; the first row is the head.

    If a line would be longer than the screen is wide, the `yielding` columns shrink first, to 12,
    and then the widest. In a file or pipe nothing shrinks.
    """
    screen = screen or Screen()
    rows = [[printable(cell) for cell in row] for row in rows]
    columns = zip(*rows, strict=True)
    widths = [max(len(cell) for cell in column) for column in columns]
    if screen.columns:
        _shrink(widths, yielding, screen.columns)
    lines = [_line(row, widths) for row in rows]
    lines[0] = screen.styled(lines[0])
    return "\n".join(lines) + "\n"


def _line(row: list[str], widths: list[int]) -> str:
    """Write one row, without blanks at its end."""
    pairs = zip(row, widths, strict=True)
    cells = [_cell(cell, width) for cell, width in pairs]
    return _GAP.join(cells).rstrip()


def _shrink(widths: list[int], yielding: Sequence[int], width: int) -> None:
    """Make columns narrower until they fit.

    `widths` are the columns' own; `yielding` are the numbers of those that shrink first.
    """
    room = width - len(_GAP) * (len(widths) - 1)
    for index in yielding:
        excess = min(sum(widths) - room, widths[index] - _NARROW)
        widths[index] -= max(0, excess)
    while sum(widths) > max(room, len(widths)):
        widest = widths.index(max(widths))
        widths[widest] -= 1


def _cell(text: str, width: int) -> str:
    """Pad a text, or cut it in its middle: names differ at their ends."""
    if len(text) <= width:
        return text.ljust(width)
    left = (width - 1) // 2
    right = width - 1 - left
    return f"{text[:left]}…{text[len(text) - right :]}"


def sums_table(totals: list[Total], screen: Screen | None = None) -> str:
    """Write totals by cluster and namespace; machines that are off are among the others."""
    lines = [["CLUSTER", "NAMESPACE", "VMS", "CPU", "MEMORY", "STORAGE", "OTHER"]]
    for total in totals:
        machines = f"{total.machines} ({total.off} off)" if total.off else str(total.machines)
        line = [total.cluster, total.namespace, machines]
        line += _amounts(total.amounts)
        lines.append(line)
    return table(lines, screen)


def _amounts(amounts: Need) -> list[str]:
    """Write the amounts that have a column each, and the others in one cell."""
    cells = [str(amounts.get(name, "-")) for name in _COLUMNS]
    others = [name for name in sorted(amounts) if name not in _COLUMNS]
    texts = [f"{name} {amounts[name]}" for name in others]
    cells.append(", ".join(texts) or "-")
    return cells


def budgets_table(
    budgets: list[Budget], screen: Screen | None = None, with_peak: bool = False
) -> str:
    """Write budgets with what is used of each, and with what is used at the peak of a change."""
    keys = ["cluster", "namespace", "budget", "resource", "used", "hard"]
    if with_peak:
        keys.insert(-1, "peak")
    lines = [[key.upper() for key in keys]]
    for budget in budgets:
        row = budget.row
        lines.append([row[key] or "-" for key in keys])
    return table(lines, screen)
