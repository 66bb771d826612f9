"""Pictures of what single-cell protocols find: restitution, clamp, threshold, fit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

from cardiosim.output.style import (
    COLOURS,
    GREY,
    INK,
    POTENTIAL,
    TIME,
    V_LABEL,
    line_colours,
    picture,
)

Curve = tuple[ArrayLike, ArrayLike]
INTERVALS = {
    "CI": "coupling interval CI (ms)",
    "DI": "diastolic interval DI (ms)",
    "BCL": "basic cycle length BCL (ms)",
}
MARKERS = ("o", "s", "^", "D", "v", "P")


def restitution_figure(
    curves: Mapping[str, Curve],
    path: str | Path,
    *,
    references: Mapping[str, Curve] | None = None,
    interval: str = "CI",
    duration: str = "APD90",
    title: str = "",
) -> None:
    """Action potential duration over the interval before it.

    A curve has gaps where a duration is NaN; those intervals are crossed on the axis.

    Args:
        curves: label -> intervals and durations, ms, shape (n_intervals,) each.
        path: PNG file to write.
        references: label -> the same, of somebody else: drawn as points, in the
            colour of the curve of the same label, grey without one.
        interval: "CI", "DI", "BCL", or a text for the axis.
        duration: which duration it is, such as "APD90" or "APD at -60 mV".
        title: text above the curves.
    """
    curves = {label: _sorted_curve(*curve, label) for label, curve in curves.items()}
    with picture(path, 6.0, 3.4) as figure:
        axes = figure.add_subplot()
        colours = dict(zip(curves, line_colours(len(curves)), strict=True))
        for label, (x, y) in curves.items():
            axes.plot(x, y, color=colours[label], label=label, marker=".", ms=5)
        for k, (label, (x, y)) in enumerate((references or {}).items()):
            x, y = _sorted_curve(x, y, label)
            axes.plot(
                x,
                y,
                ls="none",
                marker=MARKERS[k % len(MARKERS)],
                ms=5,
                mfc="none",
                mec=colours.get(label, GREY),
                mew=1.0,
                label=f"{label}, reference" if label in colours else label,
            )
        silent = [x[np.isnan(y)] for x, y in curves.values()]
        for x, colour in zip(silent, colours.values(), strict=True):
            if x.size:
                _cross(axes, x, colour)
        if any(x.size for x in silent):
            axes.plot([], [], "x", color=INK, ms=5, label="no duration")
        axes.set(
            xlabel=INTERVALS.get(interval, interval),
            ylabel=f"{duration} (ms)",
            title=title,
        )
        axes.margins(y=0.08)
        axes.legend(loc="best")


def _cross(axes: Axes, x: NDArray, colour: object) -> None:
    """Crosses on the lower edge of the axes."""
    axes.plot(
        x,
        np.full(x.size, 0.02),
        "x",
        color=colour,
        ms=5,
        transform=axes.get_xaxis_transform(),
    )


def voltage_clamp_figure(
    times: ArrayLike,
    commands: ArrayLike,
    currents: ArrayLike,
    path: str | Path,
    *,
    potentials: ArrayLike,
    peaks: ArrayLike,
    current: str = "current",
    unit: str = "A/F",
    measure: str = "peak",
    start: float | None = None,
    stop: float | None = None,
    title: str = "",
) -> None:
    """A voltage clamp: the commands, the currents under them, the I-V curve.

    Args:
        times: ms, shape (n_times,).
        commands: V, mV, shape (n_times, n_steps).
        currents: shape (n_times, n_steps).
        path: PNG file to write.
        potentials: V of the test step, mV, shape (n_steps,).
        peaks: what is read from each current, shape (n_steps,).
        current: its name.
        unit: of the currents.
        measure: what the peaks are.
        start: ms, from when on to draw; the begin if None.
        stop: ms, until when.
        title: text above the commands.
    """
    times, commands, currents, potentials, peaks = (
        np.asarray(a, dtype=float)
        for a in (times, commands, currents, potentials, peaks)
    )
    expected = (times.size, potentials.size)
    if {commands.shape, currents.shape} != {expected} or peaks.shape != expected[1:]:
        raise ValueError(
            f"commands have shape {commands.shape}, currents {currents.shape} and "
            f"peaks {peaks.shape}; expected (n_times, n_steps) = {expected} twice and "
            f"{expected[1:]}"
        )
    span = (times[0] if start is None else start, times[-1] if stop is None else stop)
    shown = (times >= span[0]) & (times <= span[1])
    colours = POTENTIAL(np.linspace(0.0, 0.66, potentials.size))
    label = current if unit == "1" else f"{current} ({unit})"
    with picture(path, 6.8, 3.8) as figure:
        halves = figure.add_gridspec(1, 2, width_ratios=(1.35, 1))
        rows = halves[0].subgridspec(2, 1, height_ratios=(1, 2.2))
        command, answer = (figure.add_subplot(row) for row in rows)
        curve = figure.add_subplot(halves[1])
        for V, values, colour in zip(commands.T, currents.T, colours, strict=True):
            command.plot(times[shown], V[shown], color=colour, lw=0.9)
            answer.plot(times[shown], values[shown], color=colour, lw=0.9)
        order = np.argsort(potentials)
        curve.axhline(0.0, color=GREY, lw=0.7)
        curve.plot(potentials[order], peaks[order], color=GREY, lw=0.9, zorder=1)
        curve.scatter(potentials, peaks, c=colours, s=20, zorder=2)
        figure.suptitle(title, fontsize=9, x=0.01, ha="left")
        command.set(ylabel="V (mV)", xlim=span)
        command.tick_params(labelbottom=False)
        answer.set(xlabel=TIME, ylabel=label, xlim=span)
        curve.set(xlabel="test potential (mV)", ylabel=f"{measure} {label}")
        figure.align_ylabels([command, answer])


def strength_duration_figure(
    thresholds: Mapping[str, Curve],
    path: str | Path,
    *,
    laws: Mapping[str, Curve] | None = None,
    rheobase: float | None = None,
    chronaxie: float | None = None,
    title: str = "",
) -> None:
    """Threshold amplitude of a stimulus over its duration.

    Args:
        thresholds: label -> durations, ms, and amplitudes, A/F, shape (n_durations,)
            each; NaN where no amplitude excites.
        path: PNG file to write.
        laws: label -> the same, of a curve that was fitted: drawn as lines.
        rheobase: A/F, marked if given.
        chronaxie: ms, the duration at twice the rheobase; marked if given.
        title: text above the curves.
    """
    points = {
        label: _sorted_curve(*curve, label) for label, curve in thresholds.items()
    }
    laws = {label: _sorted_curve(*law, label) for label, law in (laws or {}).items()}
    with picture(path, 6.0, 3.4) as figure:
        axes = figure.add_subplot()
        axes.set(xscale="log", yscale="log")
        colours = line_colours(len(points))
        for (label, (x, y)), colour in zip(points.items(), colours, strict=True):
            style = {"ls": "none"} if laws else {"lw": 1.2}
            axes.plot(x, y, marker="o", ms=4.5, color=colour, label=label, **style)
        for label, (x, y) in laws.items():
            axes.plot(x, y, color=GREY, lw=1.2, label=label, zorder=1)
        if rheobase is not None:
            axes.axhline(rheobase, color=GREY, lw=0.8, ls=(0, (4, 3)))
            axes.annotate(
                f"rheobase {rheobase:.3g} A/F",
                (0.0, rheobase),
                (6, 3),
                xycoords=axes.get_yaxis_transform(),
                textcoords="offset points",
            )
        if chronaxie is not None and rheobase is not None:
            axes.plot(chronaxie, 2.0 * rheobase, "o", ms=7, mfc="none", mec=COLOURS[1])
            axes.annotate(
                f"chronaxie {chronaxie:.3g} ms",
                (chronaxie, 2.0 * rheobase),
                (9, 3),
                textcoords="offset points",
                color=COLOURS[1],
            )
        for axis in (axes.xaxis, axes.yaxis):
            _plain_decades(axis)
        axes.set(
            xlabel="duration of the stimulus (ms)",
            ylabel="threshold amplitude (A/F)",
            title=title,
        )
        axes.legend(loc="upper right")


def _plain_decades(axis: object) -> None:
    """Numbers such as 20 on a logarithmic axis, instead of powers."""
    from matplotlib.ticker import FuncFormatter, LogLocator

    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(FuncFormatter(lambda value, _: ""))


def fit_figure(
    times: ArrayLike,
    target: ArrayLike,
    fitted: ArrayLike,
    path: str | Path,
    *,
    before: ArrayLike | None = None,
    parameters: Mapping[str, float] | None = None,
    quantity: str = V_LABEL,
    title: str = "",
) -> None:
    """A trace and what was fitted to it, what is left between, and the parameters.

    Args:
        times: ms, shape (n_times,).
        target: mV, shape (n_times,).
        fitted: mV, shape (n_times,).
        path: PNG file to write.
        before: mV, shape (n_times,), with the parameters that the fit began from.
        parameters: name -> fitted value over the published one.
        quantity: what is drawn, with its unit, if it is not V.
        title: text above the traces.
    """
    times, target, fitted = (
        np.asarray(a, dtype=float) for a in (times, target, fitted)
    )
    lines = {"target": target, "fitted": fitted}
    if before is not None:
        lines["before the fit"] = np.asarray(before, dtype=float)
    for label, values in lines.items():
        if values.shape != times.shape or times.ndim != 1:
            raise ValueError(
                f"{label} has shape {values.shape} and times {times.shape}; expected "
                "one node's trace, (n_times,)"
            )
    with picture(path, 6.8 if parameters else 6.0, 3.8) as figure:
        columns = figure.subfigures(1, 2, width_ratios=(1.7, 1)) if parameters else None
        left = figure if columns is None else columns[0]
        traces, rest = left.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        if before is not None:
            traces.plot(times, lines["before the fit"], color=GREY, lw=1.0)
        traces.plot(times, target, color=INK, lw=2.4, alpha=0.45)
        traces.plot(times, fitted, color=COLOURS[1], lw=1.2, ls=(0, (5, 2)))
        named = [
            *(["before the fit"] if before is not None else []),
            "target",
            "fitted",
        ]
        for line, label in zip(traces.get_lines(), named, strict=True):
            line.set_label(label)
        traces.legend(loc="upper right")
        rest.axhline(0.0, color=GREY, lw=0.7)
        rest.plot(times, fitted - target, color=COLOURS[1], lw=0.9)
        traces.set(ylabel=quantity, title=title)
        unit = quantity.rpartition("(")[2].rstrip(")")
        rest.set(
            xlabel=TIME, ylabel=f"fitted minus\ntarget ({unit})", xlim=times[[0, -1]]
        )
        left.align_ylabels()
        if columns is not None:
            _draw_ratios(columns[1].subplots(), parameters)


def _draw_ratios(axes: Axes, parameters: Mapping[str, float]) -> None:
    """Fitted over published, on a logarithmic axis around 1."""
    names, ratios = list(parameters), np.array(list(parameters.values()), dtype=float)
    rows = np.arange(len(names))[::-1]
    axes.axvline(1.0, color=GREY, lw=0.8)
    axes.hlines(rows, 1.0, ratios, color=COLOURS[0], lw=1.2)
    axes.plot(ratios, rows, "o", color=COLOURS[0], ms=5)
    axes.set_xscale("log")
    widest = max(2.0, 1.25 * float(np.exp(np.abs(np.log(ratios)).max())))
    axes.set_xlim(1.0 / widest, widest)
    _plain_decades(axes.xaxis)
    axes.set_yticks(rows, names)
    axes.set_ylim(-0.7, len(names) - 0.3)
    axes.set_xlabel("fitted over published value")


def _sorted_curve(x: ArrayLike, y: ArrayLike, label: str) -> tuple[NDArray, NDArray]:
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(
            f"curve {label!r} has shapes {x.shape} and {y.shape}; expected the same "
            "(n_points,) twice"
        )
    order = np.argsort(x)
    return x[order], y[order]
