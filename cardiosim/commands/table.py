"""Plain tables: the same on a terminal, in a log and in a file."""

from __future__ import annotations

import math
from collections.abc import Sequence

import typer


def show_table(
    header: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()
) -> None:
    """Write a table to stdout; the columns in `numbers` are set flush right."""
    table = [tuple(header), *(tuple(row) for row in rows)]
    widths = [max(len(row[i]) for row in table) for i in range(len(header))]
    for row in table:
        cells = [
            cell.rjust(width) if i in numbers else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        typer.echo("  ".join(cells).rstrip())


def show_summary(summary: dict[str, dict]) -> None:
    """Write name, value and unit of each number."""
    rows = [
        (name, number(entry["value"]), _unit(entry["unit"]), entry["definition"])
        for name, entry in summary.items()
    ]
    show_table(("quantity", "value", "unit", "what it is"), rows, numbers=(1,))


def number(value: object) -> str:
    """A number as a reader wants it: six significant digits; none for NaN."""
    if isinstance(value, float) and math.isnan(value):
        return "none"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _unit(unit: str) -> str:
    return "" if unit == "1" else unit
