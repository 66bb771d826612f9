"""Where nodes begin: anywhere in the cycle of a paced cell, as around a spiral's tip.

Each node gets the state of the paced cell at the time in its cycle that belongs to its
phase. Around a centre the phase runs once through the cycle, so that the pattern turns
about it; several centres add up, and a pitch winds it up to a spiral of Archimedes:

    phase = -(sum_k turns_k angle_k)/(2 pi) - r/pitch      modulo 1

with the polar angle about each centre and the distance r to the nearest. A node of a
larger angle is later in time where turns are positive: the wave runs counter-clockwise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cardiosim.ionic.interface import IonicModel
from cardiosim.simulation.monodomain import Monodomain
from cardiosim.simulation.potential_trace import PotentialTrace
from cardiosim.simulation.run import march
from cardiosim.simulation.schedule import NEVER, whole_steps
from cardiosim.tissue.mesh import point
from cardiosim.tissue.stimulus import Stimulus


@dataclass(frozen=True, eq=False)
class Cycle:
    """States of paced cells over one beat.

    Attributes:
        phases: times since the stimulus as shares of the cycle, increasing from 0 to
            1, shape (n_samples,).
        states: shape (n_samples, n_states, n_cells).
    """

    phases: NDArray[np.float64]
    states: NDArray[np.float64]

    def at(
        self, phases: NDArray[np.float64], cells: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """States at some phases, linearly interpolated: (n_states, n_nodes).

        Args:
            phases: in [0, 1], shape (n_nodes,).
            cells: which of the cells each node has, likewise.
        """
        after = np.searchsorted(self.phases, phases, side="right")
        after = np.clip(after, 1, self.phases.size - 1)
        low, high = self.phases[after - 1], self.phases[after]
        share = (phases - low) / (high - low)
        found = np.empty((self.states.shape[1], phases.size))
        for row, values in zip(found, np.moveaxis(self.states, 1, 0), strict=True):
            before = values[after - 1, cells]
            row[:] = before + share * (values[after, cells] - before)
        return found


def record_cycle(
    cell: IonicModel,
    states: NDArray[np.float64],
    bcl: float,
    amplitude: float,
    duration: float,
    dt: float,
    n_samples: int = 256,
    progress: Callable[[float, float], None] | None = None,
) -> Cycle:
    """Follow paced cells over one more beat.

    Half of the samples are even in time and half even in V, so that the upstroke, which
    lasts a hundredth of a cycle, holds as many as the rest of the beat.

    Args:
        cell: of all nodes.
        states: at the time of a stimulus, (n_states, n_cells); left as they are.
        bcl: length of the cycle, ms.
        amplitude: of the stimulus, A/F.
        duration: likewise, ms.
        dt: ms; bcl is a whole number of steps.
        n_samples: how many, or as many as there are steps.
        progress: called with the time done and the end, ms.
    """
    n_cells, n_steps = states.shape[1], whole_steps(bcl, dt, "bcl", least=1)
    stimulus = Stimulus(np.arange(n_cells), 0.0, duration, amplitude)

    def beat(recorder, report=None):
        begin = np.array(states, dtype=np.float64, order="C")
        cells = Monodomain(point(n_cells), cell, None, (stimulus,), begin)
        march(cells, dt, bcl, recorders=(recorder,), progress=report)

    # A few of the cells tell when all of them rise.
    some = np.unique(np.linspace(0, n_cells - 1, min(n_cells, 64)).astype(np.intp))
    trace = PotentialTrace(dt, nodes=some)
    beat(trace, progress)
    rise = np.abs(np.diff(trace.V, axis=0)).max(axis=1)
    of_time = np.linspace(0.0, 1.0, n_steps + 1)
    of_V = np.concatenate([[0.0], np.cumsum(rise)])
    covered = 0.5 * (of_time + of_V / of_V[-1]) if of_V[-1] > 0.0 else of_time
    wanted = np.linspace(0.0, 1.0, min(n_samples, n_steps + 1))
    steps = np.interp(wanted, covered, np.arange(n_steps + 1))
    steps = np.unique(np.rint(steps).astype(np.int64))
    samples = _StatesAt(steps)
    beat(samples)
    return Cycle(steps / n_steps, np.array(samples.states))


@dataclass(frozen=True, eq=False)
class _Moments:
    """The schedule of a recorder that looks at given steps."""

    steps: NDArray[np.int64]

    def due(self, step: int) -> int:
        following = np.searchsorted(self.steps, step)
        return int(self.steps[following]) if following < self.steps.size else NEVER


class _StatesAt:
    """All states at given steps; uncoupled cells never lack half a reaction."""

    def __init__(self, steps: NDArray[np.int64]):
        self.schedule = _Moments(steps)

    def begin(self, problem: Monodomain, dt: float, n_steps: int) -> None:
        self.states: list[NDArray[np.float64]] = []

    def record_states(self, t, states, i_stim, tau, count) -> None:
        self.states.append(states.copy())

    def finish(self) -> None:
        """Nothing is buffered."""


def phases_around(
    points: NDArray[np.float64],
    centres: ArrayLike,
    turns: Sequence[int],
    axis: ArrayLike = (0.0, 0.0, 1.0),
    pitch: float = math.inf,
) -> NDArray[np.float64]:
    """Phases of nodes that turn about some centres, in [0, 1), shape (n_nodes,).

    Args:
        points: positions of the nodes, mm, shape (n_nodes, 3).
        centres: mm, shape (n_centres, 3).
        turns: of each centre; 1 turns counter-clockwise, seen against the axis, and
            -1 clockwise.
        axis: of all centres; angles and distances are those in the plane across it.
        pitch: distance of the arms of the spiral, mm; straight arms by default.
    """
    first, second = _plane_across(np.asarray(axis, dtype=float))
    total, nearest = np.zeros(len(points)), np.full(len(points), np.inf)
    for centre, times in zip(np.atleast_2d(centres), turns, strict=True):
        away = points - centre
        u, v = away @ first, away @ second
        total -= times * np.arctan2(v, u) / (2.0 * math.pi)
        nearest = np.minimum(nearest, np.hypot(u, v))
    phases = np.mod(total - nearest / pitch, 1.0)
    phases[phases == 1.0] = 0.0  # what rounding makes of a tiny negative one
    return phases


def _plane_across(
    axis: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two unit vectors that make a right-handed system with the axis; x, y for z."""
    length = np.linalg.norm(axis)
    if axis.shape != (3,) or not 0.0 < length < math.inf:
        raise ValueError(
            f"axis {axis.tolist()} is none; expected three numbers, not all zero"
        )
    axis = axis / length
    # The coordinate direction furthest from the axis: x for z, y for x, z for y.
    reference = np.eye(3)[(int(np.argmax(np.abs(axis))) + 1) % 3]
    first = reference - (reference @ axis) * axis
    first /= np.linalg.norm(first)
    return first, np.cross(axis, first)
