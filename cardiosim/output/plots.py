"""Pictures of a run: a wave along a cable, traces at nodes, one beat of a cell.

Small PNG files in one style (style.py), axes with units.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

from cardiosim.measure.action_potential import ActionPotential
from cardiosim.output.style import COLOURS, GREY, INK, POTENTIAL, picture, thinned

# More samples than the picture has pixels only make the file larger.
MAP_PIXELS = (500, 900)  # positions, times
MAX_PANELS_IN_A_COLUMN = 5


def space_time_map(
    x: ArrayLike,
    times: ArrayLike,
    V: ArrayLike,
    lat: ArrayLike,
    cv: float,
    path: str | Path,
    *,
    start: float = 0.25,
    stop: float = 0.75,
    title: str = "",
) -> None:
    """V over position and time, with the activation and the measured velocity.

    Of several beats all activations are drawn; the velocity is that of the first.

    Args:
        x: increasing node positions along the cable, mm, shape (n_nodes,).
        times: sample times, ms, shape (n_times,).
        V: membrane potential, mV, shape (n_times, n_nodes).
        lat: activation times, ms, shape (n_nodes,) or (n_beats, n_nodes); NaN where
            a node did not activate.
        cv: measured conduction velocity of the first beat, m/s; NaN draws no line
            and says so.
        path: PNG file to write.
        start: fraction of the cable where the measurement begins.
        stop: fraction where it ends.
        title: text above the map.
    """
    x, times, V, lat = (np.asarray(a, dtype=float) for a in (x, times, V, lat))
    lat = np.atleast_2d(lat)
    if V.shape != (times.size, x.size) or lat.shape[1:] != x.shape:
        raise ValueError(
            f"V has shape {V.shape} and lat {lat.shape}; expected (n_times, n_nodes) "
            f"= {(times.size, x.size)} and ({x.size},) or (n_beats, {x.size})"
        )
    if times.size < 2:
        raise ValueError(
            f"{times.size} sample of V is no map; record V at two times or more"
        )
    with picture(path, 6.0, 3.4) as figure:
        axes = figure.add_subplot()
        i = thinned(x.size, MAP_PIXELS[0])
        k = thinned(times.size, MAP_PIXELS[1])
        image = axes.pcolormesh(
            times[k], x[i], V[np.ix_(k, i)].T, cmap=POTENTIAL, shading="nearest"
        )
        bar = figure.colorbar(image, ax=axes, pad=0.02, aspect=28)
        bar.set_label("membrane potential V (mV)")
        bar.outline.set_visible(False)
        lat = lat[np.isfinite(lat).any(axis=1)]
        for beat, activation in enumerate(lat):
            label = "" if beat else "activation (LAT)"
            axes.plot(activation, x, color=COLOURS[1], lw=1.4, label=label)
        which = " (beat 1)" if len(lat) > 1 else ""
        if lat.size and np.isfinite(cv):
            _draw_velocity(axes, x, lat[0], cv, (start, stop), which)
        else:
            axes.plot([], [], " ", label=f"no conduction velocity{which}")
        axes.set(
            xlabel="time t (ms)",
            ylabel="position x (mm)",
            xlim=(times[0], times[-1]),
            ylim=(x[0], x[-1]),
            title=title,
        )
        axes.legend(
            loc="lower right",
            frameon=True,
            facecolor="#1f2f46",
            edgecolor="none",
            framealpha=0.75,
            labelcolor="white",
        )


def _draw_velocity(
    axes: Axes, x: NDArray, lat: NDArray, cv: float, part: tuple, which: str
) -> None:
    """Line of slope CV from the activation at x0, over the measured part."""
    x0, x1 = (x[0] + fraction * (x[-1] - x[0]) for fraction in part)
    t0 = np.interp(x0, x, lat)
    axes.plot(
        [t0, t0 + (x1 - x0) / cv],
        [x0, x1],
        color="white",
        ls=(0, (4, 3)),
        lw=1.2,
        marker="o",
        ms=3.5,
        label=f"CV {cv:.3f} m/s{which}",
    )


def traces_figure(
    times: ArrayLike,
    panels: Mapping[str, ArrayLike],
    labels: Sequence[str],
    path: str | Path,
    *,
    title: str = "",
) -> None:
    """Traces at some nodes, a panel a variable, from dark to light with the order.

    Args:
        times: ms, shape (n_times,).
        panels: quantity and unit, such as "membrane potential V (mV)" -> values,
            shape (n_times, n_probes).
        labels: one a probe, such as "x = 5 mm".
        path: PNG file to write.
        title: text above the traces.
    """
    times = np.asarray(times, dtype=float)
    panels = {name: np.asarray(values, dtype=float) for name, values in panels.items()}
    for name, values in panels.items():
        if values.shape != (times.size, len(labels)):
            raise ValueError(
                f"{name} has shape {values.shape}; expected (n_times, n_probes) = "
                f"{(times.size, len(labels))}, one label a probe"
            )
    columns = 1 if len(panels) <= MAX_PANELS_IN_A_COLUMN else 2
    rows = math.ceil(len(panels) / columns)
    size = (6.0 if columns == 1 else 7.6, 3.0 if rows == 1 else 0.6 + 1.4 * rows)
    with picture(path, *size) as figure:
        grid = figure.subplots(rows, columns, sharex=True, squeeze=False).T.ravel()
        colours = POTENTIAL(np.linspace(0.0, 0.62, len(labels)))
        for axes, (name, values) in zip(grid, panels.items(), strict=False):
            for trace, label, colour in zip(values.T, labels, colours, strict=True):
                axes.plot(times, trace, color=colour, label=label)
            axes.set(ylabel=name, xlim=(times[0], times[-1]))
            axes.margins(y=0.06)
        for axes in grid[len(panels) :]:
            axes.set_axis_off()
        for last in sorted({min(rows, len(panels)) - 1, len(panels) - 1}):
            grid[last].set_xlabel("time t (ms)")
            grid[last].tick_params(labelbottom=True)
        grid[0].set_title(title)
        figure.align_ylabels()
        figure.legend(handles=grid[0].get_lines(), loc="outside right upper")


def action_potential_figure(
    times: ArrayLike,
    V: ArrayLike,
    beat: ActionPotential,
    path: str | Path,
    *,
    title: str = "",
) -> None:
    """One beat with its biomarkers: the whole of it, and its upstroke enlarged.

    Args:
        times: ms, shape (n_times,); time is drawn from the beat's stimulus.
        V: mV, shape (n_times,).
        beat: measured from the same trace.
        path: PNG file to write.
        title: text above the figure.
    """
    t = np.asarray(times, dtype=float) - beat.stimulus_start
    V = np.asarray(V, dtype=float)
    if V.shape != t.shape:
        raise ValueError(
            f"V has shape {V.shape} and times {t.shape}; expected one node's trace"
        )
    apd = {p: duration for p, duration in beat.apd.items() if np.isfinite(duration)}
    upstroke = beat.dvdt_max_time - beat.stimulus_start
    stimulus_end = beat.stimulus_end - beat.stimulus_start
    last = upstroke + 1.5 * max(apd.values(), default=100.0)
    with picture(path, 6.8, 3.0) as figure:
        whole, near = figure.subplots(1, 2, width_ratios=(1.7, 1), sharey=True)
        for axes, span in (
            (whole, (-0.04 * last, min(last, t[-1]))),
            (near, (-1.0, max(stimulus_end, upstroke) + 4.0)),
        ):
            axes.plot(t, V, color=COLOURS[0])
            axes.set(xlim=span, xlabel="time after stimulus start (ms)")
            axes.margins(y=0.1)
        for percent, duration in apd.items():
            level = beat.peak - percent / 100.0 * beat.amplitude
            whole.annotate(
                "",
                (upstroke, level),
                (upstroke + duration, level),
                arrowprops={"arrowstyle": "<->", "color": COLOURS[1], "lw": 0.9},
            )
            whole.text(
                upstroke + duration + 0.015 * last,
                level,
                f"APD{percent:g}  {duration:.1f} ms",
                va="bottom",
                color=COLOURS[1],
            )
        whole.axhline(beat.resting_potential, color=GREY, lw=0.7, ls=(0, (4, 3)))
        whole.text(
            0.99,
            beat.resting_potential,
            f"rest {beat.resting_potential:.1f} mV",
            transform=whole.get_yaxis_transform(),
            ha="right",
            va="top",
        )
        near.axvspan(0.0, stimulus_end, color=COLOURS[4], alpha=0.2, lw=0)
        near.text(stimulus_end / 2.0, beat.peak, "stimulus", ha="center")
        V_upstroke = np.interp(upstroke, t, V)
        near.plot(upstroke, V_upstroke, "o", color=COLOURS[1], ms=4)
        near.annotate(
            f"dV/dt max\n{beat.dvdt_max:.0f} V/s",
            (upstroke, V_upstroke),
            (8, -6),
            textcoords="offset points",
            va="top",
            color=COLOURS[1],
        )
        near.plot(beat.peak_time - beat.stimulus_start, beat.peak, "o", color=INK, ms=4)
        near.annotate(
            f"peak {beat.peak:.1f} mV",
            (beat.peak_time - beat.stimulus_start, beat.peak),
            (6, 4),
            textcoords="offset points",
        )
        whole.set_ylabel("membrane potential V (mV)")
        whole.set_title(title)
