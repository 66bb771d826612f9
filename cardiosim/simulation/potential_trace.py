"""V of single cells over a run: finely during their upstrokes, coarsely between.

The steepest part of an action potential lasts a millisecond, the rest hundreds. Samples
need not be evenly spaced to be measured (measure/action_potential.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cardiosim.simulation.monodomain import Monodomain
from cardiosim.simulation.schedule import NEVER, whole_steps

Window = tuple[float, float]  # from, to; ms


@dataclass(frozen=True)
class _Windows:
    """Every step inside some windows, every few steps elsewhere.

    Attributes:
        first: first step recorded.
        every: steps from one recording to the next outside the windows.
        last: last step of the run.
        inside: first and last step of each window, disjoint and increasing, (n, 2).
    """

    first: int
    every: int
    last: int
    inside: NDArray[np.int64]

    def due(self, step: int) -> int:
        """Return the first step not before `step` that is recorded."""
        step = max(step, self.first)
        if step > self.last:
            return NEVER
        following = np.searchsorted(self.inside[:, 1], step)
        fine = NEVER
        if following < len(self.inside):
            fine = max(step, int(self.inside[following, 0]))
        coarse = self.first - (self.first - step) // self.every * self.every
        return min(fine, coarse, self.last)


class PotentialTrace:
    """V of some nodes at every step of some windows and at intervals elsewhere.

    Attributes:
        times: ms, shape (n_times,); complete after the run.
        V: mV, shape (n_times, n_nodes).
    """

    def __init__(
        self,
        interval: float,
        windows: Sequence[Window] = (),
        start: float = 0.0,
        nodes: NDArray[np.intp] | None = None,
    ):
        """Record from time `start` on, and at the end of the run.

        Args:
            interval: between samples outside the windows, ms, rounded to steps.
            windows: within which every step is kept, ms.
            start: ms, rounded to steps.
            nodes: shape (n_nodes,); all by default.
        """
        self.interval, self.windows, self.start = interval, tuple(windows), start
        self._nodes = nodes

    def begin(self, problem: Monodomain, dt: float, n_steps: int) -> None:
        """Get ready; forgets an earlier run."""
        whole_steps(0.0, dt, "start")  # a dt that is none is told here
        self.schedule = _Windows(
            round(self.start / dt),
            max(1, round(self.interval / dt)),
            n_steps,
            _merged(self.windows, dt),
        )
        nodes = self._nodes
        self._n_nodes = problem.mesh.n_nodes if nodes is None else len(nodes)
        self._times: list[float] = []
        self._samples: list[NDArray] = []

    def record_potential(self, t: float, V: NDArray[np.float64]) -> None:
        """Keep a copy."""
        self._times.append(t)
        self._samples.append(V.copy() if self._nodes is None else V[self._nodes])

    def finish(self) -> None:
        """Gather what was recorded."""
        self.times = np.array(self._times)
        self.V = np.array(self._samples).reshape(len(self._times), self._n_nodes)


def _merged(windows: Sequence[Window], dt: float) -> NDArray[np.int64]:
    """Windows in steps, increasing, those that touch made one; (n, 2)."""
    merged: list[list[int]] = []
    for begin, end in sorted(windows):
        first, last = round(begin / dt), round(end / dt)
        if merged and first <= merged[-1][1] + 1:
            merged[-1][1] = max(last, merged[-1][1])
        else:
            merged.append([first, last])
    return np.array(merged, dtype=np.int64).reshape(-1, 2)
