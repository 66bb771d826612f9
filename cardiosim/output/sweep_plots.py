"""Picture of a sweep over one value: numbers against it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

from cardiosim.output.style import COLOURS, picture

COLUMNS = 3
DECADES = 1.5  # spread of values from which a logarithmic axis reads better


def numbers_figure(
    values: ArrayLike,
    key: str,
    numbers: Mapping[str, ArrayLike],
    units: Mapping[str, str],
    path: str | Path,
    *,
    title: str = "",
) -> None:
    """Numbers over the value that was varied, a panel each.

    Args:
        values: of the key, shape (n_samples,).
        key: what was varied; the label below.
        numbers: name -> shape (n_samples,); NaN where a sample has none.
        units: by name.
        path: PNG file to write.
        title: text above the panels.

    Raises:
        ValueError: no numbers, or not one for each value.
    """
    values = np.asarray(values, dtype=float)
    if not numbers:
        raise ValueError("there are no numbers to draw; measure some")
    columns = {
        name: np.asarray(column, dtype=float) for name, column in numbers.items()
    }
    for name, column in columns.items():
        if values.ndim != 1 or column.shape != values.shape:
            raise ValueError(
                f"{name} has shape {column.shape} and {key} {values.shape}; expected "
                "one number for each value, (n_samples,)"
            )
    order = np.argsort(values)
    across = min(COLUMNS, len(columns))
    down = math.ceil(len(columns) / across)
    with picture(path, 2.3 * across + 0.6, 2.0 * down + 0.6) as figure:
        grid = figure.subplots(down, across, sharex=True, squeeze=False).ravel()
        for axes, (name, column) in zip(grid, columns.items(), strict=False):
            axes.plot(
                values[order], column[order], marker="o", ms=3.5, color=COLOURS[0]
            )
            unit = units.get(name, "1")
            axes.set_title(name if unit in ("", "1") else f"{name} ({unit})")
            axes.locator_params(axis="y", nbins=5)
            axes.ticklabel_format(axis="y", useOffset=False)
        _scale(grid[0], values)
        for axes in grid[len(columns) :]:
            axes.set_axis_off()
        for axes in grid[max(0, len(columns) - across) : len(columns)]:
            axes.tick_params(labelbottom=True)
        figure.supxlabel(key, fontsize=9)
        figure.suptitle(title, fontsize=9, x=0.01, ha="left")


def _scale(axes: Axes, values: NDArray[np.float64]) -> None:
    """A logarithmic axis for values over decades; zero stands left of the smallest."""
    positive = values[values > 0.0]
    if np.any(values < 0.0) or positive.size < 3:
        return
    if math.log10(positive.max() / positive.min()) < DECADES:
        return
    decades = 10.0 ** np.arange(-12, 13)
    ticks = decades[(decades >= positive.min()) & (decades <= positive.max())]
    if positive.size == values.size:
        axes.set_xscale("log")
    else:
        axes.set_xscale("symlog", linthresh=positive.min(), linscale=0.5)
        ticks = np.array([0.0, *ticks])
    if ticks.size > 1:
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
