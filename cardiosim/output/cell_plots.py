"""Pictures of single cells: action potentials, currents, gates, a population."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from cardiosim.output.style import (
    COLOURS,
    GREY,
    INK,
    V_LABEL,
    line_colours,
    picture,
    thinned,
)

SINCE_STIMULUS = "time after stimulus start (ms)"
COLUMNS = 3  # of small multiples
LINES_IN_A_PANEL = 4
LEAD = 0.03  # of the time that is shown, before the stimulus
SMALL_GATE = 0.2  # a gate that stays below would be a line along the axis
SPAGHETTI_SAMPLES = 700  # of one trace: as many as the panel has pixels
BAND = (5.0, 95.0)  # percentiles
MOST_BINS = 50  # of the histogram, however far out a cell lies


def overlay_figure(
    traces: Mapping[str, tuple[ArrayLike, ArrayLike]],
    path: str | Path,
    *,
    start: float | Mapping[str, float] = 0.0,
    stop: float | None = None,
    quantity: str = V_LABEL,
    title: str = "",
) -> None:
    """Traces of several cells over each other, aligned at their stimuli.

    Args:
        traces: label -> times, ms, and V, mV, of shape (n_times,) each.
        path: PNG file to write.
        start: when the stimulus begins, ms; one, or one a label.
        stop: time after the stimulus until which to draw, ms; to the end if None.
        quantity: what is drawn, with its unit, if it is not V.
        title: text above the traces.
    """
    starts = dict(start) if isinstance(start, Mapping) else dict.fromkeys(traces, start)
    aligned = {}
    for label, (times, V) in traces.items():
        if label not in starts:
            raise ValueError(
                f"no stimulus start for {label!r}; there are starts for "
                f"{', '.join(map(repr, starts)) or 'none'}"
            )
        times, V = _one_node(times, V, label)
        aligned[label] = times - starts[label], V
    last = max((t[-1] for t, _ in aligned.values()), default=0.0)
    last = last if stop is None else min(stop, last)
    with picture(path, 6.0, 3.2) as figure:
        axes = figure.add_subplot()
        colours = line_colours(len(aligned))
        for (label, (t, V)), colour in zip(aligned.items(), colours, strict=True):
            axes.plot(t, V, color=colour, label=label)
        axes.set(
            xlabel=SINCE_STIMULUS,
            ylabel=quantity,
            xlim=(-LEAD * last, last),
            title=title,
        )
        axes.margins(y=0.06)
        axes.legend(loc="upper right")


def currents_figure(
    times: ArrayLike,
    currents: Mapping[str, ArrayLike],
    path: str | Path,
    *,
    V: ArrayLike | None = None,
    start: float = 0.0,
    stop: float | None = None,
    unit: str = "A/F",
    time: str = SINCE_STIMULUS,
    title: str = "",
) -> None:
    """Membrane currents of one beat: V, and a panel a current, each on its own scale.

    Args:
        times: ms, shape (n_times,).
        currents: name, such as "ina.i_Na" -> values, shape (n_times,).
        path: PNG file to write.
        V: mV, shape (n_times,); drawn in the first panel.
        start: when the stimulus begins, ms.
        stop: time after the stimulus until which to draw, ms; to the end if None.
        unit: of the currents.
        time: what the times are, for their axis.
        title: text above the panels.
    """
    panels = {_short(name, currents): {"": values} for name, values in currents.items()}
    _small_multiples(
        times, panels, path, V, start, stop, time, title, f"membrane currents ({unit})"
    )


def gates_figure(
    times: ArrayLike,
    gates: Mapping[str, ArrayLike],
    path: str | Path,
    *,
    V: ArrayLike | None = None,
    start: float = 0.0,
    stop: float | None = None,
    time: str = SINCE_STIMULUS,
    title: str = "",
) -> None:
    """Gates of one beat, those of a current in one panel, and V before them.

    Args:
        times: ms, shape (n_times,).
        gates: qualified name, such as "ina.m" -> values, shape (n_times,).
        path, V, start, stop, time, title: as of `currents_figure`.
    """
    components: dict[str, dict[str, ArrayLike]] = {}
    for name, values in gates.items():
        component, _, gate = name.rpartition(".")
        components.setdefault(component, {})[gate] = values
    panels = {}
    for component, lines in components.items():
        for k, names in enumerate(_few(list(lines))):
            # The key tells panels of one component apart, and is shown without it.
            panels[component + " " * k] = {gate: lines[gate] for gate in names}
    _small_multiples(
        times, panels, path, V, start, stop, time, title, "gating variables", gates=True
    )


def _few(names: list[str]) -> list[list[str]]:
    """Names in groups of few: all, or those that end alike ("o_ss", "c_ss")."""
    alike: dict[str, list[str]] = {}
    for name in names:
        ending = name.rpartition("_")[2] if len(names) > LINES_IN_A_PANEL else ""
        alike.setdefault(ending, []).append(name)
    if max(map(len, alike.values())) == 1:
        alike = {"": names}
    return [
        group[k : k + LINES_IN_A_PANEL]
        for group in alike.values()
        for k in range(0, len(group), LINES_IN_A_PANEL)
    ]


def _small_multiples(
    times: ArrayLike,
    panels: Mapping[str, Mapping[str, ArrayLike]],
    path: str | Path,
    V: ArrayLike | None,
    start: float,
    stop: float | None,
    time: str,
    title: str,
    quantity: str,
    gates: bool = False,
) -> None:
    """A grid of small axes with one time axis; V first, in grey."""
    if not panels:
        raise ValueError(f"there are no {quantity} to draw; record some")
    times = np.asarray(times, dtype=float)
    for name, lines in panels.items():
        for line, values in lines.items():
            _one_node(times, values, f"{name} {line}".strip())
    t = times - start
    last = t[-1] if stop is None else min(stop, t[-1])
    # Some rest before, so that what is over in a millisecond stands off the axis.
    shown = (t >= -LEAD * last) & (t <= last)
    count = len(panels) + (V is not None)
    columns = min(COLUMNS, math.ceil(math.sqrt(count)))
    rows = math.ceil(count / columns)
    size = max(3.6, 2.2 * columns + 0.6), max(2.2, 0.55 + 1.15 * rows)
    with picture(path, *size) as figure:
        grid = figure.subplots(rows, columns, sharex=True, squeeze=False).ravel()
        used = iter(grid)
        if V is not None:
            axes = next(used)
            axes.plot(t[shown], _one_node(times, V, "V")[1][shown], color=INK)
            axes.set_title("V (mV)", color=INK)
        for (name, lines), axes in zip(panels.items(), used, strict=False):
            for (line, values), colour in zip(
                lines.items(), line_colours(len(lines)), strict=True
            ):
                values = np.asarray(values, dtype=float)
                axes.plot(t[shown], values[shown], color=colour, label=line, lw=1.0)
            axes.set_title(name)
            largest = max(np.max(np.asarray(v)[shown]) for v in lines.values())
            if gates and largest > SMALL_GATE:
                axes.set_ylim(-0.04, 1.04)
            if any(lines):
                _legend_beside(axes)
        _tidy(figure, grid, count, columns, t[shown])
        figure.supylabel(quantity, fontsize=9)
        figure.supxlabel(time, fontsize=9)
        figure.suptitle(title, fontsize=9, x=0.01, ha="left")


def _legend_beside(axes: Axes) -> None:
    axes.legend(
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
        handlelength=0.8,
        handletextpad=0.4,
        borderaxespad=0.2,
        labelspacing=0.25,
    )


def _tidy(figure: Figure, grid: NDArray, count: int, columns: int, t: NDArray) -> None:
    """No empty axes, the ticks of time under the last panel of each column."""
    for axes in grid[count:]:
        axes.set_axis_off()
    for axes in grid[max(0, count - columns) : count]:
        axes.tick_params(labelbottom=True)
    for axes in grid[:count]:
        axes.set_xlim(t[0], t[-1])
        axes.locator_params(axis="x", nbins=4)
        axes.locator_params(axis="y", nbins=4)


def population_figure(
    times: ArrayLike,
    V: ArrayLike,
    apd: ArrayLike,
    path: str | Path,
    *,
    start: float = 0.0,
    stop: float | None = None,
    percent: float = 90,
    title: str = "",
) -> None:
    """One beat of many cells: every trace, their median and band, and their APDs.

    Args:
        times: ms, shape (n_times,).
        V: mV, shape (n_times, n_cells).
        apd: action potential durations, ms, shape (n_cells,); NaN where there is
            none: those cells are drawn, and counted apart.
        path: PNG file to write.
        start: when the stimulus begins, ms.
        stop: time after the stimulus until which to draw, ms; to the end if None.
        percent: of repolarisation, that of the APDs.
        title: text above the traces.
    """
    times, V, apd = (np.asarray(a) for a in (times, V, apd))
    if V.ndim != 2 or V.shape != (times.size, apd.size) or not apd.size:
        raise ValueError(
            f"V has shape {V.shape}, times {times.shape} and apd {apd.shape}; expected "
            "(n_times, n_cells), (n_times,) and (n_cells,)"
        )
    t = times - start
    shown = np.flatnonzero((t >= 0.0) & (t <= (np.inf if stop is None else stop)))
    shown = shown[thinned(shown.size, SPAGHETTI_SAMPLES)]
    t, V = t[shown], np.asarray(V[shown], dtype=float)
    with picture(path, 6.8, 3.1) as figure:
        traces, histogram = figure.subplots(1, 2, width_ratios=(1.9, 1))
        # So many lines are grey where they are few and dark where they are many.
        lines = np.stack([np.broadcast_to(t[:, None], V.shape), V], axis=-1)
        alpha = min(0.6, max(0.05, 12.0 / apd.size))
        traces.add_collection(
            LineCollection(
                lines.transpose(1, 0, 2), colors=GREY, alpha=alpha, linewidths=0.5
            )
        )
        low, median, high = np.nanpercentile(V, (BAND[0], 50.0, BAND[1]), axis=1)
        traces.fill_between(
            t,
            low,
            high,
            color=COLOURS[0],
            alpha=0.25,
            lw=0,
            label=f"{BAND[0]:g} to {BAND[1]:g} %",
        )
        traces.plot(t, median, color=COLOURS[0], lw=1.6, label="median")
        for edge in (low, high):
            traces.plot(t, edge, color=COLOURS[0], lw=0.7)
        traces.plot([], [], color=GREY, lw=0.8, label=f"{apd.size} cells")
        traces.autoscale_view()
        traces.set(
            xlabel=SINCE_STIMULUS,
            ylabel=V_LABEL,
            xlim=(t[0], t[-1]),
            title=title,
        )
        traces.legend(loc="upper right")
        _draw_histogram(histogram, apd, percent)


def _draw_histogram(axes: Axes, apd: NDArray, percent: float) -> None:
    measured = apd[np.isfinite(apd)]
    axes.set(xlabel=f"APD{percent:g} (ms)", ylabel="cells")
    said = []
    if measured.size:
        low, median, high = np.percentile(measured, (BAND[0], 50.0, BAND[1]))
        said.append(f"median {median:.0f} ms")
        said.append(f"{BAND[0]:g} to {BAND[1]:g} %: {low:.0f} to {high:.0f} ms")
        bins = min(MOST_BINS, np.histogram_bin_edges(measured, "auto").size - 1)
        axes.hist(measured, bins=bins, color=COLOURS[0], alpha=0.35)
        for value in (low, high):
            axes.axvline(value, color=COLOURS[0], lw=0.8, ls=(0, (4, 3)))
        axes.axvline(median, color=COLOURS[0], lw=1.6)
    missing = apd.size - measured.size
    if missing:
        said.append(f"{missing} of {apd.size} without APD{percent:g}")
    axes.set_title("\n".join(said), fontsize=8)


def _short(name: str, among: Mapping[str, object]) -> str:
    """A name without its component, where that leaves it the only one."""
    last = name.rpartition(".")[2]
    alike = [other for other in among if other.rpartition(".")[2] == last]
    return last if len(alike) == 1 else name


def _one_node(
    times: ArrayLike, values: ArrayLike, label: str
) -> tuple[NDArray, NDArray]:
    times = np.asarray(times, dtype=float)
    values = np.asarray(values, dtype=float)
    if times.ndim != 1 or values.shape != times.shape or times.size < 2:
        raise ValueError(
            f"{label} has shape {values.shape} and its times {times.shape}; expected "
            "one node's trace, (n_times,), of two samples or more"
        )
    return times, values
