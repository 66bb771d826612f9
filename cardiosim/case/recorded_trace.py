"""A membrane potential that somebody recorded: CSV with columns time (ms), V (mV)."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cardiosim.case.read import CaseError

COLUMNS = {"time": "ms", "v": "mV"}
_EXPECTED = "time (ms) and V (mV)"


def read_recorded_trace(
    path: str | Path,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times, ms, and V, mV, of a file with columns time and V, (n_times,) each.

    The units stand behind the names, in brackets; other columns are passed over.

    Raises:
        CaseError: no such file, no such columns, a value that is no finite number, or
            times that do not increase.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            header, *rows = [row for row in csv.reader(file) if row] or [[]]
    except OSError as error:
        raise CaseError(f"{path} cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise CaseError(f"{path} is not CSV: {error}") from None
    found = [_meaning(heading) for heading in header]
    if not set(COLUMNS) <= set(found):
        came = ", ".join(heading.strip() for heading in header)
        raise CaseError(
            f"{path} has the columns {came or '(it is empty)'}; expected {_EXPECTED}: "
            f'write "time (ms),V (mV)" as the first line'
        )
    which = [found.index(name) for name in COLUMNS]
    samples = np.empty((len(rows), 2))
    for number, row in enumerate(rows):
        try:
            samples[number] = [float(row[k]) for k in which]
        except (ValueError, IndexError):
            raise CaseError(
                f"{path}: line {number + 2} is {','.join(row)!r}; expected a number "
                f"in the columns {_EXPECTED}"
            ) from None
    times, V = samples.T
    increasing = len(times) > 1 and (np.diff(times) > 0.0).all()
    if not increasing or not np.isfinite(samples).all():
        raise CaseError(
            f"{path} holds {len(times)} samples; expected two or more, finite, at "
            "increasing times"
        )
    return times, V


def _meaning(heading: str) -> str | None:
    """The column that a heading stands for, if it has the right unit."""
    name, _, unit = heading.strip().partition("(")
    name, unit = name.strip().lower(), unit.rstrip(")").strip()
    return name if unit == COLUMNS.get(name) else None
