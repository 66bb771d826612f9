"""What a certificate says: rows with pass marks, tables, and curves to draw."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

PASS, FAIL, NOT_APPLICABLE, NONE = "pass", "fail", "does not apply", ""


@dataclass(frozen=True)
class Row:
    """One number of a certificate and what it is compared with.

    Attributes:
        quantity: what was measured.
        unit: of value and reference; "1" without dimension.
        value: of the surrogate; NaN where there is none.
        reference: of the equations.
        deviation: value minus reference, in `deviation_unit`.
        deviation_unit: that of the value, or "%".
        tolerance: largest size of the deviation that passes; NaN without.
        mark: PASS, FAIL, NOT_APPLICABLE, or NONE for information.
        paper: what Sanchez & Loewe 2025 print for it, "" where they print nothing.
        note: what else there is to know.
    """

    quantity: str
    unit: str = "1"
    value: float = math.nan
    reference: float = math.nan
    deviation: float = math.nan
    deviation_unit: str = ""
    tolerance: float = math.nan
    mark: str = NONE
    paper: str = ""
    note: str = ""


@dataclass(frozen=True)
class Grid:
    """A table without marks.

    Attributes:
        title: what it shows.
        columns: name and unit of each, "" without one.
        rows: texts and numbers.
        note: what the reader has to know.
    """

    title: str
    columns: Sequence[tuple[str, str]]
    rows: Sequence[Sequence[Any]]
    note: str = ""


@dataclass(frozen=True)
class Part:
    """One experiment of a certificate.

    Attributes:
        name: of the part, for programs.
        title: for readers.
        text: how it was measured.
        rows: numbers with marks.
        grids: more tables.
        curves: what is to be drawn, by the name of the picture.
    """

    name: str
    title: str
    text: Sequence[str] = ()
    rows: Sequence[Row] = ()
    grids: Sequence[Grid] = ()
    curves: Mapping[str, Any] = field(default_factory=dict)


def compared(
    quantity: str,
    unit: str,
    value: float,
    reference: float,
    tolerance: float = math.nan,
    *,
    relative: bool = False,
    paper: str = "",
    note: str = "",
) -> Row:
    """A number beside the one that it should be.

    Where neither exists (no answer, no wave, in both) the surrogate does what the
    equations do, which passes; where only one exists it fails.

    Args:
        tolerance: of the deviation; NaN marks nothing.
        relative: whether the deviation is in percent of the reference.
        quantity, unit, value, reference, paper, note: as of `Row`.
    """
    value, reference = float(value), float(reference)
    deviation = value - reference
    if relative:
        deviation *= 100.0 / abs(reference) if reference else math.nan
    mark = NONE
    if not math.isnan(tolerance):
        if math.isnan(value) and math.isnan(reference):
            mark, note = PASS, _joined(note, "none in either")
        else:
            mark = PASS if abs(deviation) <= tolerance else FAIL
    unit_of_deviation = "%" if relative else unit
    return Row(
        quantity,
        unit,
        value,
        reference,
        deviation,
        unit_of_deviation,
        tolerance,
        mark,
        paper,
        note,
    )


def bounded(
    quantity: str,
    unit: str,
    value: float,
    largest: float,
    *,
    paper: str = "",
    note: str = "",
) -> Row:
    """A measure of error that must not exceed a bound."""
    value = float(value)
    mark = PASS if abs(value) <= largest else FAIL
    return Row(
        quantity,
        unit,
        value,
        deviation=value,
        deviation_unit=unit,
        tolerance=largest,
        mark=mark,
        paper=paper,
        note=note,
    )


def required(quantity: str, is_so: bool, note: str = "", paper: str = "") -> Row:
    """Something that has to be so."""
    return Row(quantity, mark=PASS if is_so else FAIL, note=note, paper=paper)


def told(
    quantity: str, unit: str, value: float, *, paper: str = "", note: str = ""
) -> Row:
    """A number without mark."""
    return Row(quantity, unit, float(value), paper=paper, note=note)


def does_not_apply(quantity: str, why: str, paper: str = "") -> Row:
    """A row that says why there is no number."""
    return Row(quantity, mark=NOT_APPLICABLE, note=why, paper=paper)


def failed(quantity: str, why: object, paper: str = "") -> Row:
    """A row that says why the surrogate has no number."""
    reason = " ".join(str(why).split())
    return Row(quantity, mark=FAIL, note=reason, paper=paper)


def worst(deviations: Sequence[float]) -> float:
    """Deviation of the largest size; NaN as soon as one of them is."""
    values = [float(d) for d in deviations]
    if not values or any(math.isnan(v) for v in values):
        return math.nan
    return max(values, key=abs)


def _joined(*notes: str) -> str:
    return "; ".join(note for note in notes if note)
