"""Tables of results as CSV: one header line, units in brackets, NaN as nothing.

interval (ms),apd90 (ms),answered
300,171.2,1
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cardiosim.whole_file import whole_file


def write_table(
    path: Path, columns: Mapping[str, Sequence], units: Mapping[str, str]
) -> None:
    """Write a table.

    Args:
        path: of the file, which is replaced as a whole.
        columns: by name, all of the same length.
        units: by name of the column; "1" or nothing for numbers without one.

    Raises:
        ValueError: columns of different lengths.
    """
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"columns of {path.name} differ in length: {lengths}")
    with whole_file(path) as partial, open(partial, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_heading(name, units.get(name, "1")) for name in columns)
        writer.writerows(
            [_cell(value) for value in row]
            for row in zip(*columns.values(), strict=True)
        )


def read_table(path: Path) -> tuple[dict[str, NDArray], dict[str, str]]:
    """Columns and units of a table; nothing is NaN, text stays text."""
    with open(path, newline="") as file:
        header, *rows = csv.reader(file)
    names = [heading.partition(" (")[0] for heading in header]
    units = [heading.partition(" (")[2].rstrip(")") or "1" for heading in header]
    columns = zip(*rows, strict=True) if rows else ([] for _ in names)
    values = {n: _numbers(list(c)) for n, c in zip(names, columns, strict=True)}
    return values, dict(zip(names, units, strict=True))


def _heading(name: str, unit: str) -> str:
    return name if unit == "1" else f"{name} ({unit})"


def _cell(value: object) -> str:
    if isinstance(value, float | np.floating):
        return "" if math.isnan(value) else f"{float(value):.10g}"
    return str(value)


def _numbers(column: list[str]) -> NDArray:
    try:
        return np.array([float(text) if text else math.nan for text in column])
    except ValueError:
        return np.array(column)
