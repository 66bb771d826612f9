"""CSV tables of results in a report: as they are, and two of one name compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from cardiosim.commands.report_contents import Contents
from cardiosim.commands.report_numbers import unit_text
from cardiosim.measure.differences import map_difference
from cardiosim.output.report import Column, Table

MOST_ROWS, FIRST_ROWS = 60, 10  # of a table; of a longer one


def kept_tables(contents: Contents) -> list[Table]:
    """The tables that a protocol, a sweep or a command has left as CSV."""
    tables = []
    for file, (values, units) in contents.tables.items():
        names = list(values)
        rows = list(zip(*(values[name].tolist() for name in names), strict=True))
        note = ""
        if len(rows) > MOST_ROWS:
            note = f"The first {FIRST_ROWS} of {len(rows)} rows; all are in {file}."
            rows = rows[:FIRST_ROWS]
        columns = [Column(name, unit_text(units[name]), 6) for name in names]
        tables.append(Table(file, columns, rows, note))
    return tables


def compared_tables(called: Sequence[str], runs: Sequence[Contents]) -> Table | None:
    """Differences between columns of tables that two folders have under one name.

    Rows are paired by their first column, which has to be numbers, each of them once.
    """
    first, second = runs
    rows = []
    for file in [name for name in first.tables if name in second.tables]:
        (one, units), (two, _) = first.tables[file], second.tables[file]
        key = next(iter(one), None)
        if key is None or not (_is_key(one, key) and _is_key(two, key)):
            continue
        _, at_one, at_two = np.intersect1d(one[key], two[key], return_indices=True)
        for name in [n for n in one if n in two and n != key]:
            if not (_is_numeric(one[name]) and _is_numeric(two[name])):
                continue
            apart = map_difference(one[name][at_one], two[name][at_two])
            if not apart.common:
                continue
            unit = unit_text(units[name])
            place = f"{key} {one[key][at_one][apart.node]:g} {unit_text(units[key])}"
            rows.append(
                (
                    *(file, name, unit, apart.common, apart.mean),
                    *(apart.root_mean_square, apart.largest, place.strip()),
                )
            )
    if not rows:
        return None
    columns = (
        *("table", "column", "unit", "rows with both"),
        Column("mean difference", digits=3),
        Column("root mean square", digits=3),
        Column("largest", digits=3),
        "at",
    )
    return Table(f"Tables: {called[1]} less {called[0]}", columns, rows)


def _is_numeric(values: NDArray) -> bool:
    return values.dtype.kind == "f"


def _is_key(table: Mapping[str, NDArray], name: str) -> bool:
    values = table[name]
    return _is_numeric(values) and np.unique(values).size == values.size > 0
