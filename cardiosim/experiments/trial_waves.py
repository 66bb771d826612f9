"""Trials in tissue: what is given, when it is known what came of it, and what that is.

A trial has come through when every node that was asked for was activated, and has died
out when nothing was activated for a while, nor stimulated. Activations are upward
crossings of a threshold, interpolated inside the step. Those that an earlier stimulus
would have caused alone, its wave being under way when the trial begins, do not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cardiosim.simulation.monodomain import Monodomain
from cardiosim.simulation.schedule import Schedule
from cardiosim.simulation.upstrokes import Upstrokes, by_beat, repolarised_below
from cardiosim.tissue.stimulus import Stimulus

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Trial:
    """What is given instead of waiting for the next S1.

    Attributes:
        begin: ms after the last S1 begins; None for the place of the last S1: it is
            not given.
        stimuli: nodes of the tissue, times from `begin`.
    """

    begin: float | None
    stimuli: tuple[Stimulus, ...]

    @property
    def first_pulse(self) -> float:
        """When the first pulse begins, ms from `begin`."""
        return min((s.start for s in self.stimuli), default=0.0)

    @property
    def last_end(self) -> float:
        """When the last pulse ends, ms from `begin`."""
        return max((s.last_end for s in self.stimuli), default=0.0)


@dataclass(frozen=True, eq=False)
class Response:
    """What came of a trial; times are from the begin of its first pulse.

    Attributes:
        every: all activations, ms, shape (n_beats, n_nodes), NaN where a node had
            fewer.
        inherited: how many of each node's, its first, S1 alone would have caused as
            well, shape (n_nodes,).
        came_through: whether all nodes that were asked for were activated.
        end: how long it was followed, ms.
        times: of the traces, ms, shape (n_times,); empty without probes.
        V: mV, shape (n_times, n_probes).
    """

    every: Array
    inherited: NDArray[np.intp]
    came_through: bool
    end: float
    times: Array
    V: Array

    @cached_property
    def activations(self) -> Array:
        """Activations by the trial itself, ms, shape (n_beats, n_nodes)."""
        n_beats, n_nodes = self.every.shape
        if not self.inherited.any() or not n_beats:
            return self.every
        rows = np.arange(n_beats)[:, np.newaxis] + self.inherited
        beyond = np.concatenate([self.every, np.full((1, n_nodes), np.nan)])
        own = beyond[np.minimum(rows, n_beats), np.arange(n_nodes)]
        return own[np.isfinite(own).any(axis=1)]

    @property
    def lat(self) -> Array:
        """First activation of each node, ms, shape (n_nodes,); NaN without one."""
        if not len(self.activations):
            return np.full(self.activations.shape[1], np.nan)
        return self.activations[0]


class Settled(Exception):
    """It is known what came of every trial."""


class TrialWaves:
    """Activations of trials that run side by side; ends the run when all are settled.

    Attributes:
        trials: one a copy.
        came_through: of each, shape (n_trials,).
        inherited: activations that S1 alone would still cause, one copy behind the
            other, shape (n_trials n_nodes,).
        t: up to which they were followed, ms.
    """

    def __init__(
        self,
        trials: Sequence[Trial],
        of_s1: Sequence[Array],
        until: NDArray[np.intp] | None,
        patience: float,
        threshold: float,
    ) -> None:
        """Watch trials.

        Args:
            trials: any number of them.
            of_s1: of each, the activations that S1 alone causes, ms after the trial
                begins, shape (n_beats, n_nodes): those before it are negative.
            until: nodes of one tissue, all of which are to be activated; None if the
                trial is to be followed until it dies out.
            patience: ms without an activation after which it has died out.
            threshold: that V crosses in an activation, mV.
        """
        self.trials = trials
        self._of_s1 = of_s1
        self._until, self._patience = until, patience
        self._threshold = threshold

    def begin(self, problem: Monodomain, dt: float, n_steps: int) -> None:
        """Get ready; every step is looked at."""
        self.schedule = Schedule.fit(None, 0.0, dt, n_steps)
        n, count = problem.mesh.n_nodes, len(self.trials)
        self._n_nodes = n // count
        self._low = repolarised_below(self._threshold, None)
        self._upstrokes = Upstrokes(n, self._threshold, self._low)
        self._dt = dt
        self._found: list[tuple[NDArray, NDArray]] = []
        self._last_t, self._last_V = 0.0, np.empty(n)
        wanted = np.zeros((count, self._n_nodes), dtype=bool)
        if self._until is not None:
            wanted[:, self._until] = True
        self._n_wanted, self._wanted = wanted.sum(axis=1), wanted.ravel()
        self._left: NDArray | None = None  # activations of S1 that are still to come
        self._latest = np.array([trial.last_end for trial in self.trials])
        self.came_through = np.zeros(count, dtype=bool)
        self.t = 0.0

    def record_potential(self, t: float, V: Array) -> None:
        """Look for activations since the last step.

        Raises:
            Settled: it is known what came of every trial.
        """
        risen, _ = self._upstrokes.look(V if self._left is not None else self._first(V))
        if risen.size:
            before = self._last_V[risen]
            fraction = (self._threshold - before) / (V[risen] - before)
            self._note(risen, self._last_t + fraction * (t - self._last_t))
        self._note_lifted(t, V)
        self._last_t = self.t = t
        np.copyto(self._last_V, V)
        settled = self.came_through | (t > self._latest + self._patience)
        if settled.all():
            raise Settled

    def finish(self) -> None:
        """Nothing is buffered."""

    def _first(self, V: Array) -> Array:
        """V as the trial begins, with the threshold at nodes whose beat has yet to end.

        A trial may begin while a node is on its way down between the threshold and
        where beats end: it does not count again before it has passed that. Of what S1
        activates within a step of the begin, V tells whether it is still to come.
        """
        to_come = []
        parts = zip(self._of_s1, V.reshape(len(self.trials), -1), strict=True)
        for lat, own in parts:
            is_near = np.abs(lat) <= self._dt
            is_later = np.where(is_near, own < self._threshold, lat > 0.0)
            to_come.append(is_later.sum(axis=0))
        self.inherited = np.concatenate(to_come)
        self._left = self.inherited.copy()
        is_open = (V >= self._low) & (V < self._threshold) & (self.inherited == 0)
        self._open = np.flatnonzero(is_open)
        return np.where(is_open, self._threshold, V)

    def _note_lifted(self, t: float, V: Array) -> None:
        """Keep a trial alive whose pulse lifts nodes that are on their way down.

        That is no beat of theirs, but just above the refractory period a wave crawls
        out from among such nodes.
        """
        if self._open.size:
            is_lifted = V[self._open] >= self._threshold
            if is_lifted.any():
                np.maximum.at(self._latest, self._open[is_lifted] // self._n_nodes, t)
                self._open = self._open[~is_lifted]

    def _note(self, nodes: NDArray[np.intp], times: Array) -> None:
        """Take activations, of no node twice."""
        self._found.append((nodes, times))
        own = self._left[nodes] == 0
        self._left[nodes[~own]] -= 1
        nodes, times = nodes[own], times[own]
        copies = nodes // self._n_nodes
        np.maximum.at(self._latest, copies, times)
        first = self._wanted[nodes]
        self._wanted[nodes[first]] = False
        np.subtract.at(self._n_wanted, copies[first], 1)
        if self._until is not None:
            self.came_through |= self._n_wanted == 0

    def every(self, copy: int) -> Array:
        """All activations, ms from the trial's first pulse, (n_beats, n_nodes)."""
        return self._by_copy[copy] - self.trials[copy].first_pulse

    @cached_property
    def _by_copy(self) -> list[Array]:
        """Activations in each copy, ms from its begin, (n_beats, n_nodes) each."""
        found = by_beat(self.inherited.size, self._found)
        parts = np.split(found, len(self.trials), axis=1)
        return [part[np.isfinite(part).any(axis=1)] for part in parts]
