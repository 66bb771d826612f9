"""When each beat of each node repolarises, found while the run goes on.

Of a beat (upstrokes.py) are kept

    rest        the smallest V between the upstroke before, or the begin of the run, and
                this one
    peak        the largest V since the upstroke
    level       peak - (p/100) (peak - rest) for p percent, or a fixed potential
    its end     the first downward crossing of the level after the peak, linear inside
                the step; a later, higher peak takes the place of the first

which is how `measure.action_potential.propagated_action_potentials` measures a trace.
A fixed potential that the peak does not exceed, and a level that is not reached before
the next upstroke or the end of the run, is NaN. Memory is a few numbers a node and
level, and one number a node, level and beat.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cardiosim.simulation.monodomain import Monodomain
from cardiosim.simulation.schedule import Schedule
from cardiosim.simulation.upstrokes import Upstrokes, by_beat, repolarised_below

Array = NDArray[np.float64]


class RepolarisationRecorder:
    """Times at which each beat of each node has fallen to some levels."""

    def __init__(
        self,
        percents: Sequence[float] = (90.0,),
        potentials: Sequence[float] = (),
        threshold: float = -20.0,
        repolarised: float | None = None,
    ):
        """Record from the begin of the run on, at every step.

        Args:
            percents: of repolarisation, above 0 and below 100.
            potentials: fixed ones, mV.
            threshold: of the upstrokes, mV.
            repolarised: mV; 20 mV below the threshold by default.
        """
        outside = [p for p in percents if not 0.0 < p < 100.0]
        if outside or not (len(percents) or len(potentials)):
            raise ValueError(
                f"repolarisation at {outside or 'no'} percent; give one or more "
                "percentages above 0 and below 100, such as 90, or potentials in mV"
            )
        self.threshold = threshold
        self.repolarised = repolarised_below(threshold, repolarised)
        self.names = (
            *(f"apd{percent:g}" for percent in percents),
            *(f"apd_to_{potential:g}mV" for potential in potentials),
        )
        self._parts = [percent / 100.0 for percent in percents]
        self._potentials = list(potentials)

    def begin(self, problem: Monodomain, dt: float, n_steps: int) -> None:
        """Get ready; forgets an earlier run."""
        self.schedule = Schedule.fit(None, 0.0, dt, n_steps)
        n_nodes, n_levels = problem.mesh.n_nodes, len(self.names)
        self._upstrokes = Upstrokes(n_nodes, self.threshold, self.repolarised)
        self._last_t, self._last_V = None, np.empty(n_nodes)
        self._lowest = np.full(n_nodes, np.inf)  # since the upstroke before
        self._rest = np.full(n_nodes, np.nan)
        self._peak = np.full(n_nodes, np.inf)  # which V cannot exceed: no beat yet
        # Minus infinite where there is nothing to fall to.
        self._levels = np.full((n_levels, n_nodes), -np.inf)
        self._ends = np.full((n_levels, n_nodes), np.nan)  # of the beat that is on
        self._in_beat = np.zeros(n_nodes, dtype=bool)
        self._mask = np.zeros(n_nodes, dtype=bool)
        self._found: list[tuple[NDArray, Array]] = []

    def record_potential(self, t: float, V: Array) -> None:
        """Look for upstrokes, peaks and ends between the last look and this one."""
        risen, _ = self._upstrokes.look(V)
        if risen.size:
            self._begin_beats(risen)
        mask = self._mask
        np.greater(V, self._peak, out=mask)
        if np.count_nonzero(mask):
            self._set_levels(np.flatnonzero(mask), V)
        for level, ends in zip(self._levels, self._ends, strict=True):
            np.less_equal(V, level, out=mask)
            if np.count_nonzero(mask):
                nodes = np.flatnonzero(mask)
                before = self._last_V[nodes]
                fraction = (before - level[nodes]) / (before - V[nodes])
                ends[nodes] = self._last_t + fraction * (t - self._last_t)
                level[nodes] = -np.inf
        np.minimum(self._lowest, V, out=self._lowest)
        self._last_t = t
        np.copyto(self._last_V, V)

    def _begin_beats(self, nodes: NDArray[np.intp]) -> None:
        ended = nodes[self._in_beat[nodes]]
        if ended.size:
            self._found.append((ended, self._ends[:, ended]))
        self._in_beat[nodes] = True
        self._ends[:, nodes] = np.nan
        self._levels[:, nodes] = -np.inf
        self._rest[nodes] = self._lowest[nodes]
        self._lowest[nodes] = np.inf
        self._peak[nodes] = -np.inf

    def _set_levels(self, nodes: NDArray[np.intp], V: Array) -> None:
        """A new peak: what was fallen to before it does not count."""
        peak = self._peak[nodes] = V[nodes]
        amplitude = peak - self._rest[nodes]
        of_potentials = len(self._parts)
        for row, part in enumerate(self._parts):
            self._levels[row, nodes] = peak - part * amplitude
        for row, potential in enumerate(self._potentials, start=of_potentials):
            self._levels[row, nodes] = np.where(peak > potential, potential, -np.inf)
        self._ends[:, nodes] = np.nan

    def finish(self) -> None:
        """Nothing is buffered."""

    @property
    def times(self) -> dict[str, Array]:
        """Name of the duration -> when it ends, ms, shape (n_beats, n_nodes).

        Rows as those of `ActivationRecorder.times`, for the same threshold.
        """
        nodes = np.flatnonzero(self._in_beat)
        found = [*self._found, (nodes, self._ends[:, nodes])]
        n_nodes = len(self._in_beat)
        return {
            name: by_beat(n_nodes, [(nodes, ends[row]) for nodes, ends in found])
            for row, name in enumerate(self.names)
        }
