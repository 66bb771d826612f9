"""Pictures of electrograms: the traces of a catheter, one above the other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

from cardiosim.output.style import COLOURS, GREY, INK, TIME, picture, thinned

MOST_TRACES = 24  # in a panel; of more, so many are drawn
APART = 1.05  # of the largest excursion of two neighbours


def electrograms_figure(
    times: ArrayLike,
    unipolar: ArrayLike,
    names: Sequence[str],
    path: str | Path,
    *,
    bipolar: ArrayLike | None = None,
    pair_names: Sequence[str] = (),
    activation: ArrayLike | None = None,
    recovery: ArrayLike | None = None,
    title: str = "",
) -> None:
    """Unipolar electrograms, and bipolar ones beside them, stacked to one scale.

    Args:
        times: ms, shape (n_times,).
        unipolar: mV, shape (n_times, n_electrodes).
        names: of the electrodes.
        path: PNG file to write.
        bipolar: mV, shape (n_times, n_pairs); None draws no second panel.
        pair_names: of the pairs.
        activation: ms, shape (n_beats, n_electrodes), marked on the traces; NaN where
            there is none.
        recovery: ms, likewise.
        title: text above.
    """
    times, unipolar = np.asarray(times, float), np.asarray(unipolar, float)
    panels = [("unipolar", unipolar, list(names))]
    if bipolar is not None and np.size(bipolar):
        panels.append(("bipolar", np.asarray(bipolar, float), list(pair_names)))
    for kind, traces, labels in panels:
        if traces.shape != (times.size, len(labels)):
            raise ValueError(
                f"{kind} electrograms have shape {traces.shape}; expected (n_times, "
                f"n) = {(times.size, len(labels))}, one name each"
            )
    drawn = [thinned(len(labels), MOST_TRACES) for _, _, labels in panels]
    rows = max(map(len, drawn))
    width = 3.8 * len(panels) + 0.6
    with picture(path, width, 1.3 + 0.26 * max(rows, 6)) as figure:
        every = figure.subplots(1, len(panels), squeeze=False)[0]
        for axes, (kind, traces, labels), few in zip(every, panels, drawn, strict=True):
            levels = _stack(axes, times, traces[:, few], [labels[k] for k in few])
            axes.set_title(f"{kind}{_left_out(len(labels), len(few))}")
            if kind != "unipolar":
                continue
            for marks, colour, what in (
                (activation, COLOURS[1], "activation: steepest fall"),
                (recovery, COLOURS[2], "recovery: steepest rise of the T wave"),
            ):
                _mark(axes, times, traces[:, few], levels, marks, few, colour, what)
        every[0].set_ylabel("electrode")
        if title:
            figure.suptitle(title, x=0.01, ha="left", fontsize=9, color=INK)
        handles = every[0].get_legend_handles_labels()[0]
        if handles:
            figure.legend(handles=handles, loc="outside lower left", ncols=2)


def _stack(
    axes: Axes, times: NDArray, traces: NDArray, labels: Sequence[str]
) -> NDArray:
    """Draw traces from top to bottom with a scale; returns the level of each."""
    largest = float(np.ptp(traces, axis=0).max(initial=0.0)) or 1.0
    step = APART * largest if len(labels) > 1 else largest
    levels = -step * np.arange(len(labels))
    for trace, level in zip(traces.T, levels, strict=True):
        axes.plot(times, trace + level, color=COLOURS[0], lw=0.9)
    unit = _round_below(0.8 * largest)
    right = times[-1] + 0.03 * (times[-1] - times[0])
    axes.plot([right, right], [levels[-1], levels[-1] + unit], color=INK, lw=1.6)
    axes.text(right, levels[-1] + unit, f" {unit:g} mV", ha="center", va="bottom")
    axes.set(
        xlabel=TIME,
        xlim=(times[0], times[-1] + 0.07 * (times[-1] - times[0])),
        yticks=levels,
        yticklabels=labels,
    )
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.margins(y=0.02)
    for level in levels:
        axes.axhline(level, color=GREY, lw=0.3, zorder=0)
    return levels


def _mark(
    axes: Axes,
    times: NDArray,
    traces: NDArray,
    levels: NDArray,
    marks: ArrayLike | None,
    few: NDArray,
    colour: str,
    what: str,
) -> None:
    """Dots at some times on the traces."""
    marks = np.empty((0, 0)) if marks is None else np.asarray(marks, float)
    if not np.isfinite(marks).any():
        return
    t = marks[:, few]
    at = np.stack(
        [
            np.interp(column, times, trace)
            for column, trace in zip(t.T, traces.T, strict=True)
        ],
        axis=1,
    )
    seen = np.isfinite(t)
    axes.plot(t[seen], (at + levels)[seen], "o", color=colour, ms=2.6, label=what)


def _round_below(value: float) -> float:
    """The largest of 1, 2 and 5 times a power of ten that is not above a value."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(
        max(m for m in (1.0, 2.0, 5.0) if m * power <= value * (1 + 1e-12)) * power
    )


def _left_out(n_all: int, n_drawn: int) -> str:
    return f" ({n_drawn} of {n_all})" if n_drawn < n_all else ""
