"""How the gates of a cell may be stepped: forward Euler, Rush-Larsen, implicitly.

One beat from one paced state by each: the error of V, and what the beat costs. Explicit
schemes cost their steps times the time of one, measured beside; implicit solvers of
variable step and order are timed as they are, restarted at the edges of the stimulus.

The right-hand side of implicit solvers is that of the compiled cell: an Euler step of
1 ms, less the state.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from cardiosim.experiments.benchmark import node_rate
from cardiosim.experiments.certification_bench import Contender
from cardiosim.experiments.paced_beat import PacedBeat, one_beat
from cardiosim.experiments.single_cells import INTERVAL, UPSTROKE, Progress, Pulse
from cardiosim.ionic.compiled import compile_cell
from cardiosim.simulation.run import NonFinitePotential
from cardiosim.surrogates.euler_step import EulerStep

EULER, RUSH_LARSEN = "forward Euler", "Rush-Larsen"
REPEATS = 3  # of each timing, in turns: shared machines are quiet for moments only
SAMPLE = 0.001  # ms between samples of an implicit solution in the upstroke
_STEP = 1.0  # ms, of the Euler step that gives the right-hand side


@dataclass(frozen=True)
class Stepped:
    """One way to step a beat.

    Attributes:
        method: its name.
        dt: ms; NaN of an implicit solver.
        tolerance: relative, of an implicit solver; NaN of the others.
        beat: what came out; None where V left the finite numbers.
        wall: of a beat, ms.
        evaluations: of the right-hand side, or steps.
    """

    method: str
    dt: float
    tolerance: float
    beat: PacedBeat | None
    wall: float
    evaluations: int


def explicit_beats(
    model: str,
    state: NDArray[np.float64],
    pulse: Pulse,
    bcl: float,
    steps: Sequence[float],
    progress: Progress | None = None,
) -> list[Stepped]:
    """A beat with forward Euler on all gates, and with Rush-Larsen, at each step.

    Args:
        model: name of the cell.
        state: when the stimulus begins, (n_states,).
        pulse: the stimulus.
        bcl: ms.
        steps: ms.
        progress: called with (beats done, all).
    """
    ways = [
        Contender(EULER, "rush_larsen", math.nan, surrogate=EulerStep(model)),
        Contender(RUSH_LARSEN, "rush_larsen", math.nan),
    ]
    cells = [way.cell(model, backend="scalar") for way in ways]
    rates = [[node_rate(cell, 1, min(steps)) for cell in cells] for _ in range(REPEATS)]
    found, done = [], 0
    for way, cell, rate in zip(ways, cells, np.max(rates, axis=0), strict=True):
        for dt in steps:
            try:
                beat = one_beat(cell, state, pulse, bcl, dt)
            except NonFinitePotential:
                beat = None
            count = round(bcl / dt)
            wall = 1e-3 * count / float(rate)
            found.append(Stepped(way.label, dt, math.nan, beat, wall, count))
            done += 1
            if progress:
                progress(done, len(ways) * len(steps))
    return found


def implicit_beats(
    model: str,
    state: NDArray[np.float64],
    pulse: Pulse,
    bcl: float,
    methods: Sequence[str],
    tolerances: Sequence[float],
    progress: Progress | None = None,
) -> list[Stepped]:
    """A beat with implicit solvers of SciPy, whose own error control chooses the step.

    Args:
        model: name of the cell.
        state, pulse, bcl: as of `explicit_beats`.
        methods: of `scipy.integrate.solve_ivp`.
        tolerances: relative; absolute ones are a tenth of it times each state's size.
        progress: called with (beats done, all).
    """
    cell = compile_cell(model, backend="scalar", surrogate=EulerStep(model))
    on, off = np.array([pulse.amplitude]), np.zeros(1)

    def slope(i_stim: NDArray):
        def f(_: float, y: NDArray) -> NDArray:
            after = y.reshape(-1, 1).copy()
            cell.react(after, i_stim, _STEP)
            return (after[:, 0] - y) / _STEP

        return f

    fine = np.arange(round(UPSTROKE / SAMPLE)) * SAMPLE
    times = np.append(fine, np.arange(UPSTROKE, bcl, INTERVAL))
    size = np.maximum(np.abs(state), 1e-4)
    found = []
    for method in methods:
        for rtol in tolerances:
            limits = {"method": method, "rtol": rtol, "atol": 0.1 * rtol * size}

            def legs(sampled: bool, limits: dict = limits) -> list:
                parts, y, begin = [], state, 0.0
                for end, i_stim in ((pulse.duration, on), (bcl, off)):
                    inside = times[(times >= begin) & (times < end)]
                    at = np.append(inside, end) if sampled else None
                    leg = solve_ivp(slope(i_stim), (begin, end), y, t_eval=at, **limits)
                    parts.append(leg)
                    y, begin = leg.y[:, -1], end
                return parts

            walls = []
            for _ in range(REPEATS):
                began = time.perf_counter()
                legs(sampled=False)
                walls.append(time.perf_counter() - began)
            first, second = legs(sampled=True)
            V = np.concatenate([first.y[0], second.y[0, 1:]])
            t = np.concatenate([first.t, second.t[1:]])
            beat = PacedBeat(t, V, pulse, state)
            calls = first.nfev + second.nfev
            found.append(Stepped(method, math.nan, rtol, beat, 1e3 * min(walls), calls))
            if progress:
                progress(len(found), len(methods) * len(tolerances))
    return found
