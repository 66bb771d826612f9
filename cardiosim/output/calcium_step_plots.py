"""Pictures of a calcium step: beats of the equations and of the hybrid, and rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from cardiosim.output.style import COLOURS, GREY, INK, TIME, picture

EQUATIONS = {"color": INK, "lw": 2.4, "alpha": 0.4}
HYBRID = {"color": COLOURS[1], "lw": 1.2}
SHOWN = 700.0  # ms of a beat
MARK = 1.0  # ms, within which the APD90 should be
ROWS = {
    "V": ("V (mV)", 1.0),
    "Ca_ss": ("subspace Ca (µM)", 1e3),
    "load": ("SR load (amol)", 1.0),
}


def calcium_beats_figure(
    beats: Mapping[str, tuple[ArrayLike, Mapping[str, ArrayLike]]],
    labels: Sequence[str],
    path: Path,
) -> None:
    """A late beat at some rates: V, subspace calcium, calcium of the reticulum.

    Args:
        beats: by title: times, ms, (n_times,), and V (mV), Ca_ss (mM) and load (amol),
            (n_times, 2) each, of the equations and of the hybrid.
        labels: of the two.
        path: PNG file to write.
    """
    with picture(path, 2.4 * len(beats) + 0.6, 5.4) as figure:
        grid = figure.subplots(
            len(ROWS), len(beats), sharex="col", sharey="row", squeeze=False
        )
        for column, (title, (times, values)) in zip(grid.T, beats.items(), strict=True):
            shown = np.asarray(times) < SHOWN
            for axes, (name, (_, factor)) in zip(column, ROWS.items(), strict=True):
                full, hybrid = factor * np.asarray(values[name])[shown].T
                axes.plot(times[shown], full, label=labels[0], **EQUATIONS)
                axes.plot(times[shown], hybrid, label=labels[1], **HYBRID)
            column[0].set_title(f"beat at {title}")
            column[-1].set_xlabel(TIME)
        for axes, (text, _) in zip(grid[:, 0], ROWS.values(), strict=True):
            axes.set_ylabel(text)
        grid[0, 0].legend(loc="upper right")


def calcium_rates_figure(
    rates: Mapping[str, ArrayLike], premature: Mapping[str, ArrayLike], path: Path
) -> None:
    """Restitution of equations and hybrid, and by how much they differ.

    Args:
        rates: cycle_length, apd90, apd90_hybrid and difference_largest, ms.
        premature: basic, interval, apd90, apd90_hybrid and difference, ms.
        path: PNG file to write.
    """
    rates = {n: np.asarray(v) for n, v in rates.items()}
    premature = {n: np.asarray(v) for n, v in premature.items()}
    with picture(path, 7.2, 4.6) as figure:
        top, bottom = figure.subplots(2, 2, sharex="col", height_ratios=(3, 2))
        x = rates["cycle_length"]
        top[0].plot(x, rates["apd90"], "o-", ms=5, label="equations", **EQUATIONS)
        top[0].plot(x, rates["apd90_hybrid"], "o-", ms=3, label="hybrid", **HYBRID)
        bottom[0].plot(x, rates["difference_largest"], "o-", ms=3, **HYBRID)
        top[0].set(title="constant rates, last beat", ylabel="APD90 (ms)")
        bottom[0].set(xlabel="cycle length (ms)", ylabel="hybrid - equations (ms)")
        for k, basic in enumerate(np.unique(premature["basic"])):
            own = premature["basic"] == basic
            x, line = premature["interval"][own], "-" if k == 0 else "--"
            label = f"after {basic:g} ms"
            style = {"ls": line, "marker": "o"}
            top[1].plot(x, premature["apd90"][own], ms=5, **style, **EQUATIONS)
            hybrid = premature["apd90_hybrid"][own]
            top[1].plot(x, hybrid, ms=3, label=label, **style, **HYBRID)
            bottom[1].plot(x, premature["difference"][own], ms=3, **style, **HYBRID)
        top[1].set(title="premature beats")
        bottom[1].set(xlabel="coupling interval (ms)")
        for axes in bottom:
            axes.axhspan(-MARK, MARK, color=GREY, alpha=0.15, lw=0)
            axes.axhline(0.0, color=GREY, lw=0.5)
        for axes in top:
            axes.legend(loc="lower right")
