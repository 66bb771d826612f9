"""Picture of the tuning of conductivities: velocity over D, and on a finer grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cardiosim.output.style import GREY, INK, line_colours, picture


@dataclass(frozen=True)
class TunedVelocity:
    """One direction.

    Attributes:
        label: of it.
        target: m/s.
        D: of each run, mm2/ms.
        velocities: of each run, m/s.
        finer: velocity of the last D on the finer grid, m/s; NaN if it is not known.
    """

    label: str
    target: float
    D: Sequence[float]
    velocities: Sequence[float]
    finer: float


def velocity_tuning_figure(
    tuned: Sequence[TunedVelocity],
    path: str | Path,
    *,
    tolerance: float,
    title: str = "",
) -> None:
    """Velocity over D beside that of the finer grid; how far off each run was.

    In a continuous strand velocity goes as the root of D, so that one velocity on the
    finer grid gives its curve.

    Args:
        tuned: one a direction.
        path: PNG file to write.
        tolerance: of the velocities, m/s.
        title: text above.
    """
    colours = line_colours(len(tuned))
    with picture(path, 8.0, 3.2) as figure:
        axes = figure.add_subplot(1, 2, 1)
        for one, colour in zip(tuned, colours, strict=True):
            D, velocities = np.array(one.D), np.array(one.velocities)
            axes.axhline(one.target, color=colour, lw=0.7, ls=":")
            axes.plot(D, velocities, "o", ms=4, color=colour, label=one.label)
            if np.isfinite(one.finer):
                span = np.linspace(0.7 * D.min(), 1.1 * D.max(), 100)
                curve = one.finer * np.sqrt(span / D[-1])
                axes.plot(span, curve, color=colour, lw=0.8, alpha=0.7)
                axes.plot(D[-1], one.finer, "D", ms=4, mfc="none", mec=colour)
        style = {"color": GREY, "mfc": "none", "ms": 4, "lw": 0.8}
        axes.plot([], [], "D-", **style, label="finer grid")
        axes.plot([], [], ":", color=INK, lw=0.7, label="wanted")
        axes.set(
            xlabel="diffusivity D (mm2/ms)",
            ylabel="conduction velocity (m/s)",
            title=title,
        )
        axes.legend(loc="best")
        _draw_runs(figure.add_subplot(1, 2, 2), tuned, colours, tolerance)


def _draw_runs(
    axes: object, tuned: Sequence[TunedVelocity], colours: Sequence, tolerance: float
) -> None:
    for one, colour in zip(tuned, colours, strict=True):
        off = np.abs(np.array(one.velocities) - one.target)
        # What is exact to the last digit has no place on a logarithmic axis.
        off = np.maximum(off, 1e-3 * tolerance)
        axes.semilogy(np.arange(1, off.size + 1), off, "o-", ms=4, color=colour)
    axes.axhline(tolerance, color=INK, lw=0.8, ls="--", label="tolerance")
    longest = max(len(one.D) for one in tuned)
    axes.set(
        xlabel="run",
        ylabel="off by (m/s)",
        xticks=np.arange(1, longest + 1),
        xlim=(0.5, longest + 0.5),
    )
    axes.legend(loc="lower left")
