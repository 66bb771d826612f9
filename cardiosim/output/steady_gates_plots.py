"""Pictures of gates of V alone: the gates, their current, and the beats that follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from cardiosim.output.style import COLOURS, GREY, INK, TIME, V_LABEL, picture

Curve = tuple[ArrayLike, ArrayLike]

EQUATIONS = {"color": INK, "lw": 2.4, "alpha": 0.45}
NETWORK = {"color": COLOURS[1], "lw": 1.2}
UPSTROKE = 15.0  # ms of a beat in which a sodium current flows
WINDOW = (-100.0, 20.0)  # mV, where steady states let a current through
SHOWN = (-10.0, 450.0)  # ms of a beat


def gates_figure(
    gates: Sequence[str],
    V: ArrayLike,
    against_V: Mapping[str, tuple[ArrayLike, ArrayLike]],
    path: Path,
    times: ArrayLike = (),
    in_time: Mapping[str, tuple[ArrayLike, ArrayLike]] | None = None,
) -> None:
    """Gates against V, and over a beat of the equations.

    Args:
        gates: names.
        V: mV, (n,).
        against_V: of the equations (steady states) and of the network, (n,) each.
        path: PNG file to write.
        times: ms, (n_times,).
        in_time: gates of the equations, and the network's at the same V, (n_times,)
            each; None leaves that row out.
    """
    rows = 1 if in_time is None else 2
    with picture(path, 7.2, 0.4 + 2.1 * rows) as figure:
        grid = figure.subplots(rows, len(gates), squeeze=False)
        for axes, name in zip(grid[0], gates, strict=True):
            steady, network = against_V[name]
            axes.plot(V, steady, label="equations: steady state", **EQUATIONS)
            axes.plot(V, network, label="network", **NETWORK)
            axes.set(title=name, xlabel="V (mV)")
        grid[0, 0].set_ylabel("gate, against V")
        grid[0, 0].legend(loc="center right", fontsize=7)
        if in_time is None:
            return
        for axes, name in zip(grid[1], gates, strict=True):
            full, network = in_time[name]
            axes.plot(times, full, label="equations", **EQUATIONS)
            axes.plot(times, network, label="network at the same V", **NETWORK)
            axes.set_xlabel(TIME)
        grid[1, 0].set_ylabel("gate, over a beat")
        grid[1, 0].legend(loc="upper right", fontsize=7)


def current_figure(
    V: ArrayLike,
    steady: ArrayLike,
    network: ArrayLike,
    path: Path,
    beat: tuple[ArrayLike, ArrayLike, ArrayLike] | None = None,
) -> None:
    """Current against V as the loss compares it, and as it flows in a beat.

    Args:
        V: mV, (n,).
        steady: of the steady states, pA, (n,).
        network: pA, (n,).
        path: PNG file to write.
        beat: times (ms), V (mV) and current (pA) of one of the equations, (n_times,).
    """
    with picture(path, 7.2 if beat else 3.8, 2.8) as figure:
        panels = figure.subplots(1, 2 if beat else 1, squeeze=False)[0]
        V = np.asarray(V)
        axes, shown = panels[0], (V > WINDOW[0]) & (V < WINDOW[1])
        axes.plot(V[shown], np.asarray(steady)[shown], label="equations", **EQUATIONS)
        axes.plot(V[shown], np.asarray(network)[shown], label="network", **NETWORK)
        axes.set(xlabel="V (mV)", ylabel="current (pA)", title="what the loss compares")
        axes.legend()
        if beat is None:
            return
        times, potential, current = map(np.asarray, beat)
        early = times < UPSTROKE
        axes = panels[1]
        own = 1e-3 * current[early]
        axes.plot(potential[early], own, label="equations, a beat", **EQUATIONS)
        drawn = 1e-3 * np.asarray(network)[shown]
        axes.plot(V[shown], drawn, label="network", **NETWORK)
        axes.set(xlabel="V (mV)", ylabel="current (nA)")
        axes.set_title(f"what flows in a beat: {own.min():.1f} nA")
        axes.legend()


def last_beats_figure(
    beats: Mapping[str, tuple[ArrayLike, Mapping[str, ArrayLike]]], path: Path
) -> None:
    """Beats of equations and network on top of each other, a panel each stimulus.

    Args:
        beats: by title: times (ms, (n_times,)) and V (mV, (n_times,)) by label, the
            equations first.
        path: PNG file to write.
    """
    with picture(path, 3.7 * len(beats), 3.0) as figure:
        panels = figure.subplots(1, len(beats), sharey=True, squeeze=False)[0]
        for axes, (title, (times, curves)) in zip(panels, beats.items(), strict=True):
            for k, (label, V) in enumerate(curves.items()):
                style = EQUATIONS if k == 0 else {"color": COLOURS[2 - k % 3]}
                style = style | ({"ls": "--"} if k > 1 else {})
                axes.plot(times, V, label=label, **style)
            axes.set(title=title, xlabel=TIME, xlim=SHOWN)
            _zero(axes)
        panels[0].set_ylabel(V_LABEL)
        panels[0].legend(loc="upper right")


def _zero(axes: Axes) -> None:
    axes.axhline(0.0, color=GREY, lw=0.5, zorder=0)


def premise_figure(methods: Mapping[str, Curve], path: Path) -> None:
    """Error of a beat over its cost, a line each way to step the gates.

    Args:
        methods: by name: wall time of a beat, ms, and RMSE, mV, (n,) each.
        path: PNG file to write.
    """
    with picture(path, 4.6, 3.2) as figure:
        axes = figure.subplots()
        for name, (wall, error) in methods.items():
            axes.plot(wall, error, "o-", ms=4, label=name)
        axes.set(xscale="log", yscale="log")
        axes.set(xlabel="wall time of a beat (ms)", ylabel="RMSE of V (mV)")
        axes.grid(color=GREY, alpha=0.25, lw=0.5)
        axes.legend()
