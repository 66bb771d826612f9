"""What a run leaves behind: activation times, traces at probes, snapshots of all nodes.

A recorder of states is handed states that may lack the last half reaction of their
step (see splitting.py); it finishes that on a copy of the columns it needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cardiosim.simulation.monodomain import Monodomain
from cardiosim.simulation.schedule import Schedule
from cardiosim.simulation.upstrokes import (
    SteepestRises,
    Upstrokes,
    by_beat,
    repolarised_below,
)

Array = NDArray[np.float64]

BATCH_COLUMNS = 256  # samples x probes in one call: few, for the kernel of few nodes


class Recorder(Protocol):
    """Watches a run without changing it, at the steps that `schedule` names.

    It has one or both of the methods of PotentialRecorder and StateRecorder.
    """

    schedule: Schedule

    def begin(self, problem: Monodomain, dt: float, n_steps: int) -> None:
        """Get ready for n_steps steps of dt, ms; sets the schedule."""

    def finish(self) -> None:
        """Evaluate what is still buffered; called however the run ended."""


class PotentialRecorder(Recorder, Protocol):
    """Needs V only, which costs a run nothing."""

    def record_potential(self, t: float, V: Array) -> None:
        """Take V, mV, shape (n_nodes,), at time t, ms."""


class StateRecorder(Recorder, Protocol):
    """Needs states or variables computed from them."""

    def record_states(
        self, t: float, states: Array, i_stim: Array, tau: float, count: int
    ) -> None:
        """Take states, (n_states, n_nodes), that are `count` reactions short of t.

        Each of them is of tau, ms, under i_stim, A/F, shape (n_nodes,). With a count
        of 0 the states are those of time t.
        """


class SnapshotSink(Protocol):
    """Where snapshots go."""

    def append(self, t: float, fields: dict[str, Array]) -> None:
        """Keep fields of shape (n_nodes,) by variable name, at time t, ms."""


class ActivationRecorder:
    """When each node is activated, for every beat; what a beat is says upstrokes.py.

    By "threshold": when V crosses it upwards, linear inside the step. By "dvdt_max":
    when dV/dt is largest in the beat, the summit of a parabola through three slopes.
    """

    def __init__(
        self,
        threshold: float = -20.0,
        repolarised: float | None = None,
        interval: float | None = None,
        start: float = 0.0,
        method: str = "threshold",
    ):
        """Record from time `start` on.

        Args:
            threshold: mV.
            repolarised: mV, at most the threshold; 20 mV below it by default.
            interval: time between looks at V, ms; every step if None. Single cells
                run much faster with an interval of many steps, or without recorder.
            start: ms.
            method: "threshold" or "dvdt_max".
        """
        if method not in ("threshold", "dvdt_max"):
            raise ValueError(
                f'activation by "{method}"; choose "threshold" or "dvdt_max"'
            )
        self.threshold, self.method = threshold, method
        self.repolarised = repolarised_below(threshold, repolarised)
        self.interval, self.start = interval, start

    def begin(self, problem: Monodomain, dt: float, n_steps: int) -> None:
        """Get ready; forgets an earlier run."""
        self.schedule = Schedule.fit(self.interval, self.start, dt, n_steps)
        n_nodes = problem.mesh.n_nodes
        self._last_t = None
        self._last_V = np.empty(n_nodes)
        self._upstrokes = Upstrokes(n_nodes, self.threshold, self.repolarised)
        self._rises = SteepestRises(n_nodes) if self.method == "dvdt_max" else None
        self._found: list[tuple[NDArray, NDArray]] = []

    def record_potential(self, t: float, V: Array) -> None:
        """Look for crossings between the last look and this one."""
        risen, fallen = self._upstrokes.look(V)
        if self._rises is not None:
            self._follow_slopes(t, V, risen, fallen)
        elif risen.size:
            before = self._last_V[risen]
            fraction = (self.threshold - before) / (V[risen] - before)
            times = self._last_t + fraction * (t - self._last_t)
            self._found.append((risen, times))
        self._last_t = t
        np.copyto(self._last_V, V)

    def _follow_slopes(
        self, t: float, V: Array, risen: NDArray, fallen: NDArray
    ) -> None:
        if self._last_t is not None:
            self._rises.follow(t, t - self._last_t, self._last_V, V)
        if risen.size:
            self._rises.begin(risen, t)
        if fallen.size:
            ended, times = self._rises.end(fallen)
            if ended.size:
                self._found.append((ended, times))

    def finish(self) -> None:
        """Nothing is buffered."""

    @property
    def times(self) -> Array:
        """Activation times, ms, shape (n_beats, n_nodes).

        Row k holds the (k + 1)-th activation of each node; NaN where a node had fewer.
        """
        open_beats = [] if self._rises is None else [self._rises.open_beats()]
        return by_beat(len(self._last_V), [*self._found, *open_beats])


class TraceRecorder:
    """Any named variables at a few nodes, at regular times.

    Samples are buffered and evaluated in batches: the columns of one call of the cell
    are all probes at many times.

    Attributes:
        times: ms, shape (n_samples,); complete after the run, as are the values.
        values: by name, shape (n_samples, n_probes).
    """

    def __init__(
        self,
        nodes: Sequence[int] | NDArray[np.intp],
        names: Sequence[str],
        interval: float | None = None,
        start: float = 0.0,
    ):
        """Record from time `start` on, and at the end of the run.

        Args:
            nodes: node numbers, shape (n_probes,).
            names: qualified names of states or other variables of the cell.
            interval: ms, a whole number of steps; every step if None.
            start: ms, a whole number of steps.
        """
        self.nodes = np.asarray(nodes, dtype=np.intp)
        self.names = tuple(names)
        self.interval, self.start = interval, start

    def begin(self, problem: Monodomain, dt: float, n_steps: int) -> None:
        """Get ready; forgets an earlier run."""
        n_probes = len(self.nodes)
        outside = self.nodes[(self.nodes < 0) | (self.nodes >= problem.mesh.n_nodes)]
        if len(outside) or not n_probes:
            raise ValueError(
                f"trace at nodes {outside.tolist() if n_probes else '[]'}; give one or "
                f"more of the nodes 0 to {problem.mesh.n_nodes - 1}"
            )
        self.schedule = Schedule.fit(self.interval, self.start, dt, n_steps)
        self._batch = max(1, BATCH_COLUMNS // n_probes)
        # Always the full batch, so that one kernel serves all; rows that are not
        # filled hold some states of the cell.
        self._cell = problem.cell.at(np.tile(self.nodes, self._batch))
        probes = np.take(problem.states, self.nodes, axis=1)
        self._states = np.repeat(probes[np.newaxis], self._batch, axis=0)
        self._i_stim = np.zeros((self._batch, n_probes))
        self._buffered, self._missing = 0, (0.0, 0)
        self._times: list[float] = []
        self._batches: list[NDArray] = []
        # Now rather than after minutes: a name that the cell does not know.
        self._values()

    def record_states(
        self, t: float, states: Array, i_stim: Array, tau: float, count: int
    ) -> None:
        """Buffer the probes' columns."""
        if self._buffered == self._batch or (tau, count) != self._missing:
            self._evaluate()
            self._missing = tau, count
        row = self._buffered
        # mode="clip" lets take write in place; the nodes were checked in begin.
        np.take(states, self.nodes, axis=1, out=self._states[row], mode="clip")
        np.take(i_stim, self.nodes, out=self._i_stim[row], mode="clip")
        self._times.append(t)
        self._buffered += 1

    def finish(self) -> None:
        """Evaluate the last batch and gather the traces."""
        self._evaluate()
        self.times, self.values = self.so_far()

    def so_far(self) -> tuple[Array, dict[str, Array]]:
        """Times and values of the batches that are evaluated, while the run goes on."""
        shape = (len(self.names), 0, len(self.nodes))
        traces = np.concatenate([np.empty(shape), *self._batches], axis=1)
        times = np.array(self._times[: traces.shape[1]])
        return times, dict(zip(self.names, traces, strict=True))

    def _evaluate(self) -> None:
        if self._buffered:
            self._batches.append(self._values()[:, : self._buffered])
            self._buffered = 0

    def _values(self) -> Array:
        """Variables of the batch, shape (n_names, n_batch, n_probes)."""
        # (batch, states, probes) -> (states, batch x probes), never a view
        columns = self._states.transpose(1, 0, 2).copy()
        columns = columns.reshape(len(columns), -1)
        i_stim = self._i_stim.reshape(-1)
        tau, count = self._missing
        if count:
            self._cell.react(columns, i_stim, tau, count)
        values = self._cell.observe(columns, self.names, i_stim)
        return np.array(values).reshape(len(self.names), *self._i_stim.shape)


class SnapshotRecorder:
    """Named variables of all nodes at regular times, handed on to a sink."""

    def __init__(
        self,
        names: Sequence[str],
        interval: float | None,
        sink: SnapshotSink,
        start: float = 0.0,
    ):
        """Record from time `start` on, and at the end of the run.

        Args: as those of TraceRecorder, and
            sink: gets append(t, {name: array of shape (n_nodes,)}).
        """
        self.names = tuple(names)
        self.interval, self.sink, self.start = interval, sink, start

    def begin(self, problem: Monodomain, dt: float, n_steps: int) -> None:
        """Get ready."""
        self.schedule = Schedule.fit(self.interval, self.start, dt, n_steps)
        self._cell = problem.cell

    def record_states(
        self, t: float, states: Array, i_stim: Array, tau: float, count: int
    ) -> None:
        """Finish the step on a copy and hand it on."""
        if count:
            states = states.copy()
            self._cell.react(states, i_stim, tau, count)
        values = self._cell.observe(states, self.names, i_stim)
        self.sink.append(t, dict(zip(self.names, np.array(values), strict=True)))

    def finish(self) -> None:
        """Nothing is buffered; the sink is closed by who opened it."""
