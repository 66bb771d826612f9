"""Pictures of a run, in one style; small PNG files, axes with units.

Figures are drawn on matplotlib's Agg canvas without pyplot: no display, no global
figure list, safe in threads and in a run without a terminal.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from cardiosim.measure.action_potential import ActionPotential

INK = "#2b2f36"
GREY = "#8a9099"
COLOURS = ("#3b6b8f", "#c2704a", "#5f8f6b", "#8a6a9c", "#b59a45", "#7d8790")
DPI = 150
STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlecolor": INK,
    "text.color": INK,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "lines.linewidth": 1.2,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "axes.prop_cycle": matplotlib.cycler(color=COLOURS),
    "savefig.facecolor": "white",
}
# Lightness rises evenly from rest to peak, so that it reads in grey as well.
POTENTIAL = LinearSegmentedColormap.from_list(
    "potential", ["#1f2f46", "#3b6b8f", "#8fb0b8", "#e3d9c3", "#f4efe4"]
)
# More samples than the picture has pixels only make the file larger.
MAP_PIXELS = (500, 900)  # positions, times


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

    Args:
        x: increasing node positions along the cable, mm, shape (n_nodes,).
        times: sample times, ms, shape (n_times,).
        V: membrane potential, mV, shape (n_times, n_nodes).
        lat: activation time of each node, ms, shape (n_nodes,); NaN for none.
        cv: measured conduction velocity, m/s; NaN draws no line and says so.
        path: PNG file to write.
        start: fraction of the cable where the measurement begins.
        stop: fraction where it ends.
        title: text above the map.
    """
    x, times, V, lat = (np.asarray(a, dtype=float) for a in (x, times, V, lat))
    if V.shape != (times.size, x.size) or lat.shape != x.shape:
        raise ValueError(
            f"V has shape {V.shape} and lat {lat.shape}; expected (n_times, n_nodes) "
            f"= {(times.size, x.size)} and ({x.size},)"
        )
    if times.size < 2:
        raise ValueError(
            f"{times.size} sample of V is no map; record V at two times or more"
        )
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.0, 3.4), layout="constrained")
        axes = figure.add_subplot()
        i = _thinned(x.size, MAP_PIXELS[0])
        k = _thinned(times.size, MAP_PIXELS[1])
        image = axes.pcolormesh(
            times[k], x[i], V[np.ix_(k, i)].T, cmap=POTENTIAL, shading="nearest"
        )
        bar = figure.colorbar(image, ax=axes, pad=0.02, aspect=28)
        bar.set_label("membrane potential V (mV)")
        bar.outline.set_visible(False)
        axes.plot(lat, x, color=COLOURS[1], lw=1.4, label="activation (LAT)")
        _draw_velocity(axes, x, lat, cv, start, stop)
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
        _save(figure, path)


def _draw_velocity(
    axes: Axes, x: NDArray, lat: NDArray, cv: float, start: float, stop: float
) -> None:
    """Line of slope CV from the activation at x0, over the measured part."""
    if not np.isfinite(cv):
        axes.plot([], [], " ", label="no conduction velocity")
        return
    x0, x1 = (x[0] + fraction * (x[-1] - x[0]) for fraction in (start, stop))
    t0 = np.interp(x0, x, lat)
    axes.plot(
        [t0, t0 + (x1 - x0) / cv],
        [x0, x1],
        color="white",
        ls=(0, (4, 3)),
        lw=1.2,
        marker="o",
        ms=3.5,
        label=f"CV {cv:.3f} m/s",
    )


def voltage_traces(
    times: ArrayLike,
    V: ArrayLike,
    labels: Sequence[str],
    path: str | Path,
    *,
    ylabel: str = "membrane potential V (mV)",
    title: str = "",
) -> None:
    """Traces at some nodes, one colour each, from dark to light with the order.

    Args:
        times: ms, shape (n_times,).
        V: mV, shape (n_times, n_probes).
        labels: one a probe, such as "x = 5 mm".
        path: PNG file to write.
        ylabel: quantity and unit, when it is not V.
        title: text above the traces.
    """
    times, V = np.asarray(times, dtype=float), np.asarray(V, dtype=float)
    if V.shape != (times.size, len(labels)):
        raise ValueError(
            f"V has shape {V.shape}; expected (n_times, n_probes) = "
            f"{(times.size, len(labels))}, one label a probe"
        )
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.0, 3.0), layout="constrained")
        axes = figure.add_subplot()
        colours = POTENTIAL(np.linspace(0.0, 0.62, len(labels)))
        for trace, label, colour in zip(V.T, labels, colours, strict=True):
            axes.plot(times, trace, color=colour, label=label)
        axes.set(
            xlabel="time t (ms)",
            ylabel=ylabel,
            xlim=(times[0], times[-1]),
            title=title,
        )
        axes.margins(y=0.06)
        figure.legend(loc="outside right upper")
        _save(figure, path)


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
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.8, 3.0), layout="constrained")
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
            f"dV/dt max\n{beat.dvdt_max:.0f} mV/ms",
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
        _save(figure, path)


def _thinned(count: int, pixels: int) -> NDArray:
    """Indices of at most `pixels` of `count` samples, first and last included."""
    return np.unique(np.linspace(0, count - 1, min(count, pixels)).round().astype(int))


def _save(figure: Figure, path: str | Path) -> None:
    FigureCanvasAgg(figure)
    figure.savefig(path, format="png", dpi=DPI)
