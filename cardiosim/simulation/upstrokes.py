"""What counts as a beat of a node while a run goes on, for all recorders.

A beat begins when V rises through a threshold. A node counts again only after V has
fallen below `repolarised`, so that a wobble around the threshold is one beat; a node
that starts above the threshold must fall below `repolarised` first.
`measure.activation.crossings` says the same of a trace.

The largest dV/dt of a beat, where that is asked for, is looked for from the moment V
last fell before it crossed the threshold until it has fallen below `repolarised`: the
response to a pulse that failed before belongs to no beat. dV/dt is the change of V over
a step, at its middle; its largest value and the two beside it are those of a parabola
in time, whose summit is the time of the largest dV/dt.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Nodes = NDArray[np.intp]

REARM = 20.0  # mV from the threshold down to where a node counts again
# mV/ms: slower changes are no upstroke; it spares the tissue at rest, where V drifts.
SLOWEST_RISE = 0.1
NO_NODES: Nodes = np.empty(0, dtype=np.intp)


def repolarised_below(threshold: float, repolarised: float | None) -> float:
    """Potential that V must fall below before a node counts again, mV.

    Raises:
        ValueError: it is above the threshold.
    """
    below = threshold - REARM if repolarised is None else repolarised
    if not below <= threshold:
        raise ValueError(
            f"repolarisation threshold {below:g} mV is not below the "
            f"activation threshold {threshold:g} mV; lower it"
        )
    return below


class Upstrokes:
    """Which nodes have risen through the threshold since the last look at V."""

    def __init__(self, n_nodes: int, threshold: float, repolarised: float):
        """Nothing has been looked at yet.

        Args:
            n_nodes: of the mesh.
            threshold: mV.
            repolarised: mV, at most the threshold.
        """
        self._threshold, self._repolarised = threshold, repolarised
        # What V must reach to count, infinite after a crossing; and what it must then
        # fall below, minus infinite before: one comparison a step, no logic on masks.
        self._rise_to = np.full(n_nodes, np.inf)
        self._fall_below = np.full(n_nodes, repolarised)
        self._n_waiting = n_nodes  # nodes that have yet to fall
        self._mask = np.zeros(n_nodes, dtype=bool)
        self._is_first = True

    def look(self, V: Array) -> tuple[Nodes, Nodes]:
        """Nodes that have risen through the threshold, and that have repolarised.

        Args:
            V: mV, shape (n_nodes,), at increasing times from call to call.
        """
        mask, risen, fallen = self._mask, NO_NODES, NO_NODES
        if self._is_first:
            self._is_first = False
            self._arm(np.flatnonzero(V < self._threshold))
        np.greater_equal(V, self._rise_to, out=mask)
        if np.count_nonzero(mask):
            risen = np.flatnonzero(mask)
            self._rise_to[risen] = np.inf
            self._fall_below[risen] = self._repolarised
            self._n_waiting += risen.size
        if self._n_waiting:
            np.less(V, self._fall_below, out=mask)
            if np.count_nonzero(mask):
                fallen = np.flatnonzero(mask)
                self._arm(fallen)
        return risen, fallen

    def _arm(self, nodes: Nodes) -> None:
        self._rise_to[nodes] = self._threshold
        self._fall_below[nodes] = -np.inf
        self._n_waiting -= nodes.size


class SteepestRises:
    """When dV/dt was largest in the beat that each node is in, or may be entering."""

    def __init__(self, n_nodes: int):
        """No node is in a beat."""
        self._largest = np.full(n_nodes, SLOWEST_RISE)
        self._before = np.full(n_nodes, np.nan)  # the slopes beside it
        self._after = np.full(n_nodes, np.nan)
        self._middle = np.full(n_nodes, np.nan)  # of its step, ms
        self._step = np.ones(n_nodes)  # ms
        # Below which slope a rise was none: 0 while it may become one, as above.
        self._forget_below = np.full(n_nodes, -np.inf)
        self._in_beat = np.zeros(n_nodes, dtype=bool)
        self._slope, self._last_slope = np.zeros(n_nodes), np.zeros(n_nodes)
        self._mask = np.zeros(n_nodes, dtype=bool)
        self._just_found = NO_NODES

    def follow(self, t: float, step: float, last_V: Array, V: Array) -> None:
        """Take V, mV, shape (n_nodes,), at t, and at a step, ms, before it."""
        slope, mask = self._slope, self._mask
        np.subtract(V, last_V, out=slope)
        slope *= 1.0 / step
        self._after[self._just_found] = slope[self._just_found]
        self._just_found = NO_NODES
        np.greater(slope, self._largest, out=mask)
        if np.count_nonzero(mask):
            nodes = self._just_found = np.flatnonzero(mask)
            self._largest[nodes] = slope[nodes]
            self._before[nodes] = self._last_slope[nodes]
            self._after[nodes] = np.nan
            self._middle[nodes] = t - 0.5 * step
            self._step[nodes] = step
            self._forget_below[nodes[~self._in_beat[nodes]]] = 0.0
        np.less(slope, self._forget_below, out=mask)
        if np.count_nonzero(mask):
            self._forget(np.flatnonzero(mask))
        self._slope, self._last_slope = self._last_slope, slope

    def begin(self, nodes: Nodes, t: float) -> None:
        """These nodes have crossed the threshold, at t or in the step before it, ms."""
        self._in_beat[nodes] = True
        self._forget_below[nodes] = -np.inf
        unseen = nodes[np.isnan(self._middle[nodes])]
        self._middle[unseen] = t

    def end(self, nodes: Nodes) -> tuple[Nodes, Array]:
        """These nodes have repolarised; those of them in a beat, and its times, ms."""
        ended = nodes[self._in_beat[nodes]]
        times = self.times(ended)
        self._in_beat[ended] = False
        self._forget(ended)
        return ended, times

    def open_beats(self) -> tuple[Nodes, Array]:
        """Nodes that are still in a beat, and its times so far, ms."""
        nodes = np.flatnonzero(self._in_beat)
        return nodes, self.times(nodes)

    def times(self, nodes: Nodes) -> Array:
        """Summits of the parabolas, ms, shape (len(nodes),)."""
        before, after = self._before[nodes], self._after[nodes]
        curvature = before - 2.0 * self._largest[nodes] + after
        with np.errstate(invalid="ignore", divide="ignore"):
            shift = 0.5 * (before - after) / curvature
        # Where a slope beside it is unknown, the middle of the step.
        shift = np.where(curvature < 0.0, np.clip(shift, -0.5, 0.5), 0.0)
        return self._middle[nodes] + shift * self._step[nodes]

    def _forget(self, nodes: Nodes) -> None:
        self._largest[nodes] = SLOWEST_RISE
        self._middle[nodes] = np.nan
        self._forget_below[nodes] = -np.inf


def by_beat(n_nodes: int, found: Iterable[tuple[Nodes, Array]]) -> Array:
    """Values that nodes had one after the other as rows.

    Args:
        n_nodes: of the mesh.
        found: nodes, each once, and a value of each; the earlier first.

    Returns:
        Shape (n_beats, n_nodes). Row k holds the (k + 1)-th value of each node; NaN
        where a node had fewer.
    """
    found = list(found)
    beats = np.zeros(n_nodes, dtype=int)
    for nodes, _ in found:
        beats[nodes] += 1
    rows = np.full((beats.max(initial=0), n_nodes), np.nan)
    beats[:] = 0
    for nodes, values in found:
        rows[beats[nodes], nodes] = values
        beats[nodes] += 1
    return rows
