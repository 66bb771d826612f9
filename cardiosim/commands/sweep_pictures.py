"""Pictures of a sweep: the beats of its cells, and numbers over what was varied."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from cardiosim.output.sweep_folder import SweepFolder

MOST_LABELLED_CELLS = 12  # beyond, beats are drawn as a population
MOST_PANELS = 3
SAME = 1e-6  # relative; numbers that vary less are not drawn
# Numbers that are worth a panel, in this order; then whatever the table has.
_FIRST = ("conduction_velocity", "apd90", "apd50", "resting_potential", "dvdt_max")


def draw_sweep(folder: SweepFolder, title: str) -> list[str]:
    """Draw what the table holds; returns the names of the files."""
    drawn = []
    axis = _axis(folder)
    if axis is not None:
        drawn += _draw_numbers(folder, axis, title)
    kept = folder.beats()
    if kept is not None:
        times, V = kept
        whole = np.isfinite(V).all(axis=0)
        if whole.any():
            drawn += _draw_beats(folder, times, V, whole, title)
    return drawn


def _axis(folder: SweepFolder) -> NDArray[np.float64] | None:
    """Values of the one key that is varied, if they are different numbers."""
    if len(folder.keys) != 1 or len(folder.samples) < 2:
        return None
    values = [sample[0] for sample in folder.samples]
    if not all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        return None
    return np.array(values, dtype=float) if len(set(values)) == len(values) else None


def _draw_numbers(
    folder: SweepFolder, axis: NDArray[np.float64], title: str
) -> list[str]:
    from cardiosim.output.sweep_plots import numbers_figure

    known = dict.fromkeys(n for row in folder.rows.values() for n in row.numbers)
    names = [n for n in _FIRST if n in known] or list(known)
    columns = {name: folder.column(name) for name in names}
    columns = {n: c for n, c in columns.items() if _varies(c[np.isfinite(c)])}
    shown = dict(list(columns.items())[:MOST_PANELS])
    if not shown:
        return []
    path = folder.results.path / "numbers.png"
    numbers_figure(axis, folder.keys[0], shown, folder.units, path, title=title)
    return [path.name]


def _varies(values: NDArray[np.float64]) -> bool:
    """Whether there is more to see than rounding."""
    return len(values) > 1 and np.ptp(values) > SAME * np.abs(values).max()


def _draw_beats(
    folder: SweepFolder,
    times: NDArray[np.float64],
    V: NDArray[np.float64],
    whole: NDArray[np.bool_],
    title: str,
) -> list[str]:
    from cardiosim.output.cell_plots import overlay_figure, population_figure

    path = folder.results.path
    cells = np.flatnonzero(whole)
    folder.results.write_traces(
        "last_beat", times, cells, {"V": V[:, whole]}, {"V": "mV"}
    )
    if len(cells) <= MOST_LABELLED_CELLS:
        labels = {_label(folder, cell): (times, V[:, cell]) for cell in cells}
        overlay_figure(labels, path / "last_beats.png", title=title)
        return ["last_beats.png"]
    percent = _longest_duration(folder)
    if percent is None:
        return []
    apd = folder.column(f"apd{percent:g}")[whole]
    population_figure(
        times, V[:, whole], apd, path / "population.png", percent=percent, title=title
    )
    return ["population.png"]


def _label(folder: SweepFolder, cell: int) -> str:
    """What a sample has of its own: the short names of the keys, and the values."""
    return ", ".join(
        f"{_short(key)} {value:g}"
        if isinstance(value, int | float)
        else f"{_short(key)} {value}"
        for key, value in zip(folder.keys, folder.samples[cell], strict=True)
    )


def _short(key: str) -> str:
    """The last name of a key, with the parameter's where it is "scale" or "value"."""
    *above, last = key.split(".")
    return f"{above[-1]} {last}" if above and last in ("scale", "value") else last


def _longest_duration(folder: SweepFolder) -> float | None:
    """The largest percentage of repolarisation that was measured."""
    names = {name for row in folder.rows.values() for name in row.numbers}
    percents = [re.fullmatch(r"apd(\d+(?:\.\d+)?)", name) for name in names]
    return max((float(found[1]) for found in percents if found), default=None)
