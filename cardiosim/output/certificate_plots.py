"""Pictures of a certificate: a surrogate over the equations, and the difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

UPSTROKE = 6.0  # ms after the stimulus that are shown enlarged
MARKERS = ("o", "x", "s", "^")
DASHED = (0, (4, 2))


def overlay_figure(
    times: ArrayLike,
    reference: tuple[str, ArrayLike],
    traces: Mapping[str, ArrayLike],
    path: str | Path,
    *,
    title: str = "",
) -> None:
    """One beat by several hands, its upstroke enlarged, and their differences.

    Args:
        times: ms since the stimulus, shape (n_times,).
        reference: label and V, mV, shape (n_times,).
        traces: label -> the same of the others; the last is drawn on top.
        path: PNG file to write.
        title: text above.
    """
    times = np.asarray(times, dtype=float)
    label, expected = reference[0], _trace(reference[1], times, reference[0])
    traces = {name: _trace(V, times, name) for name, V in traces.items()}
    colours = dict(zip(traces, line_colours(len(traces)), strict=True))
    with picture(path, 7.2, 4.4) as figure:
        whole, early = figure.subplots(
            2, 2, height_ratios=(2.2, 1), width_ratios=(1.7, 1), sharex="col"
        ).T
        for (above, below), span in ((whole, times[-1]), (early, UPSTROKE)):
            shown = times <= span
            above.plot(times[shown], expected[shown], color=INK, lw=2.6, alpha=0.4)
            for name, V in traces.items():
                style = {"color": colours[name], "lw": 1.1}
                above.plot(times[shown], V[shown], ls=DASHED, **style)
                below.plot(times[shown], (V - expected)[shown], **style)
            below.axhline(0.0, color=GREY, lw=0.7)
            below.set_xlabel(TIME)
        lines = whole[0].get_lines()
        for line, name in zip(lines, (label, *traces), strict=True):
            line.set_label(name)
        whole[0].legend(loc="upper right")
        whole[0].set(ylabel=V_LABEL, title=title)
        whole[1].set(ylabel="difference (mV)")
        early[0].set(title="upstroke")


def family_figure(
    times: ArrayLike,
    reference: ArrayLike,
    surrogate: ArrayLike,
    labels: Sequence[str],
    path: str | Path,
    *,
    quantity: str = V_LABEL,
    title: str = "",
) -> None:
    """Traces of a family by the equations and by a surrogate, and the difference.

    Args:
        times: ms, shape (n_times,).
        reference: shape (n_times, n_members).
        surrogate: of that shape.
        labels: one a member.
        path: PNG file to write.
        quantity: what it is, with its unit.
        title: text above.
    """
    times, expected, found = (
        np.asarray(a, dtype=float) for a in (times, reference, surrogate)
    )
    shape = (times.size, len(labels))
    if expected.shape != shape or found.shape != shape:
        raise ValueError(
            f"families have shapes {expected.shape} and {found.shape}; expected "
            f"(n_times, n_members) = {shape} twice"
        )
    unit = quantity.rpartition("(")[2].rstrip(")")
    few = len(labels) <= len(COLOURS)
    colours = (
        COLOURS[: len(labels)] if few else POTENTIAL(np.linspace(0, 0.7, len(labels)))
    )
    with picture(path, 6.8, 4.2) as figure:
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2.4, 1))
        for k, colour in enumerate(colours):
            above.plot(times, expected[:, k], color=colour, lw=2.2, alpha=0.4)
            above.plot(
                times, found[:, k], color=colour, lw=1.0, ls=DASHED, label=labels[k]
            )
            below.plot(times, (found - expected)[:, k], color=colour, lw=0.9)
        below.axhline(0.0, color=GREY, lw=0.7)
        above.set(ylabel=quantity, title=title)
        below.set(xlabel=TIME, ylabel=f"difference ({unit})", xlim=times[[0, -1]])
        figure.legend(loc="outside right upper", title="broad: reference")
        figure.align_ylabels([above, below])


def velocity_error_figure(
    pairs: Sequence[tuple[float, float]],
    errors: Mapping[str, ArrayLike],
    path: str | Path,
    *,
    bound: float | None = None,
    title: str = "",
    quantity: str = "deviation of CV (%)",
) -> None:
    """Errors of velocity over dx, a panel a diffusivity.

    Args:
        pairs: dx, mm, and D, mm2/ms, of each cable.
        errors: label -> %, shape (n_cables,); NaN where there is no wave.
        path: PNG file to write.
        bound: %, drawn on both sides of zero.
        title: text above.
        quantity: what the errors are.
    """
    dx, D = (np.array(part) for part in zip(*pairs, strict=True))
    values = {name: np.asarray(e, dtype=float) for name, e in errors.items()}
    for name, e in values.items():
        if e.shape != dx.shape:
            raise ValueError(
                f"{name} has {e.size} errors for {dx.size} cables; expected one each"
            )
    diffusivities = np.unique(D)
    colours = dict(zip(values, line_colours(len(values)), strict=True))
    width = max(6.0, 1.8 * diffusivities.size + 0.8)
    with picture(path, width, 3.2) as figure:
        panels = figure.subplots(1, diffusivities.size, sharey=True, squeeze=False)[0]
        for axes, diffusivity in zip(panels, diffusivities, strict=True):
            chosen = np.flatnonzero(D == diffusivity)
            chosen = chosen[np.argsort(dx[chosen])]
            for k, (name, e) in enumerate(values.items()):
                style = {"marker": MARKERS[k % len(MARKERS)], "mfc": "none", "ms": 6}
                axes.plot(
                    dx[chosen], e[chosen], color=colours[name], label=name, **style
                )
            _limits(axes, bound)
            axes.set(xlabel="dx (mm)", title=f"D = {diffusivity:g} mm\u00b2/ms")
            axes.set_xticks(dx[chosen])
            axes.margins(x=0.12)
        panels[0].set_ylabel(quantity)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
        if title:
            figure.suptitle(title, fontsize=9, x=0.01, ha="left")


def velocity_restitution_figure(
    intervals: ArrayLike,
    reference: ArrayLike,
    surrogate: ArrayLike,
    labels: Sequence[str],
    path: str | Path,
    *,
    title: str = "",
) -> None:
    """Velocity of a premature wave over its interval, one curve a cable.

    Args:
        intervals: ms, shape (n_intervals,).
        reference: m/s, shape (n_intervals, n_cables): lines.
        surrogate: of that shape: rings.
        labels: one a cable.
        path: PNG file to write.
        title: text above.
    """
    x, expected, found = (
        np.asarray(a, dtype=float) for a in (intervals, reference, surrogate)
    )
    colours = POTENTIAL(np.linspace(0.0, 0.7, len(labels)))
    with picture(path, 6.4, 3.8) as figure:
        axes = figure.add_subplot()
        for k, colour in enumerate(colours):
            axes.plot(x, expected[:, k], color=colour, lw=1.2, label=labels[k])
            axes.plot(x, found[:, k], "o", color=colour, ms=4.5, mfc="none")
        axes.set(
            xlabel="coupling interval CI (ms)",
            ylabel="conduction velocity (m/s)",
            title=title,
        )
        figure.legend(
            loc="outside right upper", title="line: exact map\nring: surrogate"
        )


def _limits(axes: Axes, bound: float | None) -> None:
    axes.axhline(0.0, color=GREY, lw=0.7)
    if bound is not None:
        axes.axhspan(-bound, bound, color=GREY, alpha=0.13, lw=0)


def _trace(V: ArrayLike, times: NDArray, label: str) -> NDArray:
    V = np.asarray(V, dtype=float)
    if V.shape != times.shape or times.ndim != 1:
        raise ValueError(
            f"{label} has shape {V.shape} and times {times.shape}; expected one "
            "trace, (n_times,)"
        )
    return V
