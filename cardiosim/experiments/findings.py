"""What an experiment found: numbers, tables and curves, before they are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray


@dataclass(frozen=True)
class Column:
    """One column of a table."""

    unit: str  # "1" without dimension
    values: NDArray | list  # (n_rows,)


@dataclass(frozen=True)
class Traces:
    """Variables of some cells over time.

    Attributes:
        times: ms, shape (n_times,).
        values: by variable, shape (n_times, n_cells).
        units: by variable.
        labels: of the cells, for legends.
    """

    times: NDArray
    values: Mapping[str, NDArray]
    units: Mapping[str, str]
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Findings:
    """Result of one protocol.

    Attributes:
        numbers: name -> value, unit, definition; the summary.
        tables: name -> column -> values; each becomes a CSV file.
        traces: name -> traces to keep.
        notes: what the user should know, one line each.
    """

    numbers: Mapping[str, Mapping[str, Any]]
    tables: Mapping[str, Mapping[str, Column]] = field(default_factory=dict)
    traces: Mapping[str, Traces] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def entry(value: float, unit: str, definition: str) -> dict[str, Any]:
    """A number of the summary."""
    return {"value": float(value), "unit": unit, "definition": definition}
