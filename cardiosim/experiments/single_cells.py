"""Many single cells at once, each stimulated at its own times: the one bench.

Every protocol of the laboratory is cells without neighbours under pulses. Cells that
differ in when or how strongly they are stimulated, or in their parameters, are the
nodes of one run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cardiosim.ionic.cell import Cell
from cardiosim.ionic.interface import IonicModel
from cardiosim.simulation.monodomain import Monodomain, uniform_states
from cardiosim.simulation.potential_trace import PotentialTrace
from cardiosim.simulation.recorders import Recorder, TraceRecorder
from cardiosim.simulation.run import march
from cardiosim.tissue.mesh import point
from cardiosim.tissue.stimulus import Stimulus

Progress = Callable[[float, float], None]

UPSTROKE = 20.0  # ms after a stimulus begins in which every step is kept
INTERVAL = 0.2  # ms between samples later on
CALCIUM_INTERVAL = 0.5  # ms


@dataclass(frozen=True)
class Pulse:
    """Shape of a stimulus."""

    amplitude: float  # A/F, positive depolarises
    duration: float  # ms


@dataclass(frozen=True)
class Recording:
    """V of all cells, and where they stand at the end.

    Attributes:
        times: ms, not evenly spaced, shape (n_times,).
        V: mV, shape (n_times, n_cells).
        states: at the end, shape (n_states, n_cells).
    """

    times: NDArray[np.float64]
    V: NDArray[np.float64]
    states: NDArray[np.float64]


def run_cells(
    cell: IonicModel,
    states: NDArray[np.float64],
    stimuli: Sequence[Stimulus],
    end: float,
    dt: float,
    *,
    start: float = 0.0,
    fine: float = UPSTROKE,
    recorders: Sequence[Recorder] = (),
    progress: Progress | None = None,
) -> Recording:
    """March uncoupled cells from t = 0 to `end`.

    Args:
        cell: of all nodes; parameters may differ from node to node.
        states: (n_states, n_cells), or (n_states,) for one cell; left as they are.
        stimuli: their nodes are the cells.
        end: ms, a whole number of steps.
        dt: ms.
        start: of the recording, ms.
        fine: how long after a pulse begins every step is kept, ms; every `INTERVAL`
            ms otherwise.
        recorders: more of what is to be kept.
        progress: called with the time done and the end, ms.

    Raises:
        NonFinitePotential: the step is too long.
    """
    states = np.array(states, dtype=np.float64, order="C")
    if states.ndim == 1:
        states = uniform_states(states, 1)
    problem = Monodomain(point(states.shape[1]), cell, None, stimuli, states)
    windows = upstrokes(stimuli, start, end, fine) if fine > 0.0 else ()
    trace = PotentialTrace(INTERVAL, windows, start)
    march(problem, dt, end, recorders=(trace, *recorders), progress=progress)
    return Recording(trace.times, trace.V, problem.states)


def upstrokes(
    stimuli: Sequence[Stimulus], start: float, end: float, fine: float = UPSTROKE
) -> list[tuple[float, float]]:
    """Windows of `fine` ms after each pulse that begins in [start, end]."""
    begins = {
        begin
        for stimulus in stimuli
        for begin in stimulus.begins(end)
        if begin >= start - 1e-9
    }
    return [(begin, begin + fine) for begin in sorted(begins)]


def calcium_recorder(
    cell: Cell, n_cells: int, start: float, dt: float
) -> TraceRecorder | None:
    """What keeps cytosolic calcium from `start`, ms, on; None in a cell without it."""
    name = cell.facts["cytosolic_calcium"]
    if name is None:
        return None
    every = max(1, round(CALCIUM_INTERVAL / dt)) * dt
    return TraceRecorder(np.arange(n_cells), [name], every, round_down(start, dt))


def part_of(progress: Progress | None, before: float, end: float) -> Progress | None:
    """Progress of a run that follows `before` of `end` in all."""
    return progress and (lambda done, _: progress(before + done, end))


def round_down(time: float, dt: float) -> float:
    """The last whole number of steps that is not after a time, ms."""
    return math.floor(time / dt + 1e-6) * dt


def round_up(time: float, dt: float) -> float:
    """The first whole number of steps that is not before a time, ms."""
    return math.ceil(time / dt - 1e-6) * dt
