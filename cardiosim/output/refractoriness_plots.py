"""Pictures of refractoriness: which S2 are answered, and the period over the rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cardiosim.output.style import COLOURS, GREY, INK, V_LABEL, picture


def refractory_figure(
    times: ArrayLike,
    V: Mapping[str, NDArray],
    bracket: tuple[float, float],
    path: str | Path,
    *,
    intervals: ArrayLike = (),
    velocities: ArrayLike = (),
    s1_velocity: float = np.nan,
    title: str = "",
) -> None:
    """V after S2 at the two ends of the bracket; velocity of S2, if there is any.

    Args:
        times: since S2, ms, shape (n_times,).
        V: by label, which begins with the interval, mV, shape (n_times,).
        bracket: longest interval that fails and shortest that is answered, ms.
        path: PNG file to write.
        intervals: of premature beats, ms, shape (n,).
        velocities: of theirs, m/s; NaN where S2 was not conducted.
        s1_velocity: m/s.
        title: text above the pictures.
    """
    intervals, velocities = np.asarray(intervals), np.asarray(velocities)
    has_velocities = bool(np.isfinite(velocities).any())
    with picture(path, 8.0 if has_velocities else 5.0, 3.2) as figure:
        columns = 2 if has_velocities else 1
        axes = figure.add_subplot(1, columns, 1)
        fails, answers = (f"{end:g} ms" for end in bracket)
        for label, trace in V.items():
            begins = label.split(",")[0]
            colour = COLOURS[1] if begins == answers else GREY
            style = "-" if "remote" in label or "," not in label else ":"
            said = {fails: "fails", answers: "is answered"}.get(begins, "")
            axes.plot(times, trace, style, color=colour, label=f"{label}: S2 {said}")
        axes.set(xlabel="time since S2 (ms)", ylabel=V_LABEL, title=title)
        if V:
            axes.legend(  # below: V may be anywhere above
                loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2, fontsize=7
            )
        if has_velocities:
            _draw_velocities(
                figure.add_subplot(1, 2, 2), intervals, velocities, bracket, s1_velocity
            )


def _draw_velocities(
    axes: object,
    intervals: NDArray,
    velocities: NDArray,
    bracket: tuple[float, float],
    s1_velocity: float,
) -> None:
    order = np.argsort(intervals)
    known = intervals[np.isfinite(velocities)]
    begin = bracket[0] - 0.1 * (known.max() - bracket[0])
    axes.axvspan(begin, bracket[0], color=COLOURS[4], alpha=0.4, lw=0, label="S2 fails")
    axes.plot(intervals[order], velocities[order], "o-", ms=4, label="S2")
    if np.isfinite(s1_velocity):
        axes.axhline(s1_velocity, color=INK, lw=0.8, ls="--", label="S1")
    axes.set(
        xlabel="S1-S2 interval (ms)", ylabel="conduction velocity (m/s)", ylim=(0, None)
    )
    axes.legend(loc="lower right")


def erp_restitution_figure(
    bcl: ArrayLike,
    fails: ArrayLike,
    answers: ArrayLike,
    path: str | Path,
    *,
    title: str = "",
    labels: Sequence[str] = (),
) -> None:
    """Refractory period over the cycle length of S1.

    Args:
        bcl: ms, shape (n,).
        fails: longest intervals that fail, ms, shape (n,).
        answers: shortest that are answered, ms.
        path: PNG file to write.
        title: text above.
        labels: of the points, such as a velocity; none by default.
    """
    bcl, fails, answers = (np.asarray(a, dtype=float) for a in (bcl, fails, answers))
    order = np.argsort(bcl)
    with picture(path, 5.0, 3.2) as figure:
        axes = figure.add_subplot()
        axes.plot(bcl[order], fails[order], "o-", ms=4, label="longest that fails")
        axes.plot(
            bcl[order], answers[order], "^:", ms=4, label="shortest that is answered"
        )
        for x, y, label in zip(bcl, answers, labels, strict=False):
            axes.annotate(label, (x, y), xytext=(0, 6), textcoords="offset points")
        axes.set(
            xlabel="cycle length of S1 (ms)",
            ylabel="S1-S2 interval (ms)",
            title=title,
        )
        axes.legend(loc="lower right")
