"""Pictures of restitution in tissue, and of the vulnerable window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

from cardiosim.output.protocol_plots import INTERVALS
from cardiosim.output.style import (
    COLOURS,
    GREY,
    INK,
    POTENTIAL,
    V_LABEL,
    picture,
    thinned,
)

MAP_PIXELS = (400, 500)  # positions, times


@dataclass(frozen=True)
class RestitutionCurve:
    """One protocol at one place, in the order of its intervals.

    Attributes:
        rests: diastolic intervals, ms, shape (n,).
        durations: ms, shape (n,).
        velocities: m/s, shape (n,); empty where another curve has them.
        alternating: shape (n,).
        before: rests and durations of the beat before, ms, shape (2, n); drawn where
            the two alternate.
    """

    rests: NDArray
    durations: NDArray
    velocities: NDArray
    alternating: NDArray
    before: NDArray


def tissue_restitution_figure(
    curves: Mapping[str, RestitutionCurve],
    path: str | Path,
    *,
    duration: str = "APD90",
    title: str = "",
) -> None:
    """Duration and velocity over the rest before them, with the line of slope 1.

    Args:
        curves: by label.
        path: PNG file to write.
        duration: which it is.
        title: text above the curves.
    """
    with picture(path, 7.0, 3.3) as figure:
        left, right = figure.subplots(1, 2)
        for k, (label, curve) in enumerate(curves.items()):
            colour = COLOURS[k % len(COLOURS)]
            style = {"color": colour, "marker": ".", "ms": 4, "lw": 0.9}
            left.plot(curve.rests, curve.durations, label=label, **style)
            odd = curve.alternating
            if odd.any():
                left.plot(
                    *curve.before[:, odd],
                    ls="none",
                    marker="o",
                    ms=3.5,
                    mfc="none",
                    color=colour,
                    label=f"{label}, beat before (alternans)",
                )
            if curve.velocities.size:
                right.plot(curve.rests, curve.velocities, label=label, **style)
        _slope_one(left, list(curves.values()))
        left.set(xlabel=INTERVALS["DI"], ylabel=f"{duration} (ms)")
        right.set(xlabel=INTERVALS["DI"], ylabel="conduction velocity (m/s)")
        right.set_ylim(bottom=0.0)
        figure.suptitle(title, fontsize=9, x=0.01, ha="left")
        left.legend(loc="lower right")


def _slope_one(axes: Axes, curves: Sequence[RestitutionCurve]) -> None:
    """A line of slope 1 through the shortest rest that has a duration."""
    found = [
        (rest, duration)
        for curve in curves
        for rest, duration in zip(curve.rests, curve.durations, strict=True)
        if np.isfinite(rest) and np.isfinite(duration)
    ]
    if not found:
        return
    x, y = min(found)
    limits = axes.get_xlim(), axes.get_ylim()
    axes.axline((x, y), slope=1.0, color=GREY, lw=0.9, ls=(0, (4, 3)), label="slope 1")
    axes.set(xlim=limits[0], ylim=limits[1])


def vulnerable_window_figure(
    x: ArrayLike,
    trials: Mapping[str, tuple[ArrayLike, ArrayLike, float]],
    site: tuple[float, float],
    path: str | Path,
    *,
    title: str = "",
) -> None:
    """V over position and time of some trials side by side.

    Args:
        x: increasing positions along the cable, mm, shape (n_nodes,).
        trials: label -> times since S1, ms, shape (n_times,), V, mV, shape (n_times,
            n_nodes), and the time of S2, ms.
        site: of S2, from and to, mm.
        path: PNG file to write.
        title: text above the maps.
    """
    x = np.asarray(x, dtype=float)
    with picture(path, 2.35 * len(trials) + 0.7, 3.2) as figure:
        places = figure.subplots(1, len(trials), sharey=True, squeeze=False)[0]
        drawn = None
        for axes, (label, (times, V, s2)) in zip(places, trials.items(), strict=True):
            times, V = np.asarray(times, dtype=float), np.asarray(V, dtype=float)
            i, k = thinned(x.size, MAP_PIXELS[0]), thinned(times.size, MAP_PIXELS[1])
            drawn = axes.pcolormesh(
                times[k],
                x[i],
                V[np.ix_(k, i)].T,
                cmap=POTENTIAL,
                shading="nearest",
                vmin=-90.0,
                vmax=40.0,
            )
            axes.plot([s2, s2], site, color=COLOURS[1], lw=3.0, solid_capstyle="butt")
            axes.set_title(label, color=INK)
            axes.set_xlabel("time after S1 (ms)")
        places[0].set_ylabel("position x (mm)")
        bar = figure.colorbar(drawn, ax=list(places), pad=0.02, aspect=24)
        bar.set_label(V_LABEL)
        bar.outline.set_visible(False)
        figure.suptitle(title, fontsize=9, x=0.01, ha="left")
