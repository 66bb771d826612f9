"""Tune the last layer of a fast step on what it is for: waves.

A step with a small error is not yet one that conducts at the right velocity: errors of
one sign add up in an upstroke. So the weights of the last layer take some more steps of
Gauss and Newton: on the loss of the fit, on velocity and peak of waves in cables, and
on beats of single cells, all against the exact map at the same dx and dt. dx, D, sodium
conductance, pacing and the interval before the wave are drawn at random; those of
certificates are others.

All derivatives come from one run: the weights are parameters of the cell there, and
each copy of the cables has one of them changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cardiosim.case.step_training_tables import StepTuningTable, VisitedTable
from cardiosim.experiments.certification_tissue import (
    AMPLITUDE,
    DURATION,
    Cables,
)
from cardiosim.experiments.single_cells import run_cells
from cardiosim.experiments.visited_states import PACING_AMPLITUDE, paced_states
from cardiosim.ionic.cell import Cell
from cardiosim.ionic.compiled import compile_cell
from cardiosim.ionic.network import Network
from cardiosim.simulation.monodomain import Monodomain
from cardiosim.simulation.recorders import ActivationRecorder
from cardiosim.simulation.run import march
from cardiosim.simulation.schedule import Schedule
from cardiosim.surrogates.algebra import Algebra, Row
from cardiosim.surrogates.fast_step import FastStep
from cardiosim.surrogates.levenberg_marquardt import LeastSquares
from cardiosim.surrogates.step_training import StepNetwork
from cardiosim.surrogates.training_record import Progress
from cardiosim.tissue.stimulus import Stimulus

Array = NDArray[np.float64]

EXACT_SUBSTEPS = 64
_LONGEST_WAIT = 130.0  # ms for a wave through the exact map
_AFTER = 4.0  # ms that all others are given more
_BEAT = 300.0  # ms, of single cells
_LOOKS = 10.0  # ms between potentials of these that are compared
_UPSTROKE = 8.0  # ms in which every step is, for the peak
_CHANGE = 1e-3  # of a weight, for derivatives
_DAMPINGS = (1e-4, 1e-2, 1e-1, 1.0)
_INTERVALS = (250.0, 420.0)  # ms before premature waves
_SLOWEST = 0.05  # mm2/ms, of D


class LooseStep(FastStep):
    """A fast step whose last layer is parameters of the cell, one set a node."""

    kind = "loose_fast_step"

    def _require_shape(self, network: Network) -> None:
        """The network ends before its last layer."""

    def outputs(self, algebra: Algebra, rows: Sequence[Row]) -> Sequence[Row]:
        """See `FastStep.outputs`."""
        hidden = algebra.network(0, rows)
        n = range(len(self.carries))
        weights = [[_number(algebra, i, j) for j in range(len(hidden))] for i in n]
        found = []
        for i in n:
            total = algebra.number(f"bias_{i}", 0.0)
            for weight, value in zip(weights[i], hidden, strict=True):
                total = total + weight * value
            found.append(total)
        return found


def _number(algebra: Algebra, output: int, hidden: int) -> Row:
    return algebra.number(f"weight_{output}_{hidden}", 0.0)


class _Peak:
    """Largest V of each node, mV, (n_nodes,)."""

    def begin(self, problem: Monodomain, dt: float, n_steps: int) -> None:
        self.schedule = Schedule.fit(None, 0.0, dt, n_steps)
        self.V = problem.V.copy()

    def record_potential(self, t: float, V: Array) -> None:
        np.maximum(self.V, V, out=self.V)

    def finish(self) -> None:
        """Nothing is buffered."""


@dataclass(frozen=True)
class _Waves:
    """Cables at one dt, their states when the wave begins, and what is exact."""

    dt: float
    cables: Cables
    g: Array  # (n_cables,)
    states: Array  # (n_states, n_nodes)
    end: float
    velocity: Array  # (n_cables,)
    peak: Array
    paced: Array  # (n_states, n_cables), single cells with the cables' g
    beat: Array  # (n_looks, n_cables), of these


class WaveTuning:
    """The cables, and what the exact map does in them."""

    def __init__(
        self,
        model: str,
        visited: VisitedTable,
        table: StepTuningTable,
        seed: int,
        progress: Progress,
    ) -> None:
        """Run the exact map.

        Args:
            model: name of the cell.
            visited: which conductances and cycle lengths are drawn.
            table: how many cables, and what counts how much.
            seed: of what is drawn.
            progress: called with (done, end).
        """
        self._model, self._table = model, table
        self._conductance = visited.conductance
        random = np.random.default_rng(seed)
        n = table.cables
        self._sets = []
        for k, dt in enumerate(table.steps):
            D = (max(visited.D[0], _SLOWEST), visited.D[1])
            g = np.exp(random.uniform(*np.log(visited.conductances), n))
            ends = max(1, n // 7)  # and some at both ends of the range
            g[:ends], g[ends : 2 * ends] = visited.conductances
            random.shuffle(g)
            dx = tuple(random.uniform(*table.dx, n))
            cables = Cables(dx, tuple(random.uniform(*D, n)), table.length)
            lengths = random.choice(visited.cycle_lengths, n)
            paced = paced_states(model, visited, g, lengths, lambda *_: None)
            self._sets.append(self._exact(cables, g, paced, dt, random))
            progress(k + 1, len(table.steps))

    def _exact(
        self,
        cables: Cables,
        g: Array,
        paced: Array,
        dt: float,
        random: np.random.Generator,
    ) -> _Waves:
        n, longest = len(g), _INTERVALS[1]
        intervals = random.uniform(*_INTERVALS, n // 2)
        first = [
            Stimulus(cables.begins(np.array([k])), longest - i, DURATION, AMPLITUDE)
            for k, i in enumerate(intervals)
        ]
        states = np.ascontiguousarray(np.repeat(paced, cables.sizes, axis=1))
        cell = compile_cell(
            self._model,
            scheme="multirate",
            substeps=EXACT_SUBSTEPS,
            parameters={self._conductance: np.repeat(g, cables.sizes)},
        )
        problem = Monodomain(cables.mesh, cell, cables.diffusion(), first, states)
        march(problem, dt, longest)
        before = problem.states.copy()
        problem = Monodomain(
            cables.mesh, cell, cables.diffusion(), [_pulse(cables)], problem.states
        )
        velocity, peak, last = _wave(problem, cables, dt, _LONGEST_WAIT)
        end = np.ceil(last + _AFTER)
        cell = compile_cell(
            self._model,
            scheme="multirate",
            substeps=EXACT_SUBSTEPS,
            parameters={self._conductance: g},
        )
        beat = _beat(cell, paced, dt)
        return _Waves(dt, cables, g, before, end, velocity, peak, paced, beat)

    def errors(self, step: LooseStep, layers: Array, progress: Progress) -> Array:
        """Velocity, peak and beat against the exact map, in tolerances.

        Args:
            step: with all layers but the last.
            layers: weights and bias of the last, (n_variants, n_weights).
            progress: called with (done, end), ms.

        Returns:
            (n_variants, n_errors); a wave that does not come through counts as 10 %.
        """
        found, total = [], sum(waves.end for waves in self._sets)
        done = 0.0
        for waves in self._sets:

            def report(t: float, _: float, before: float = done) -> None:
                progress(before + t, total)

            found.append(self._errors(step, layers, waves, report))
            done += waves.end
        return np.concatenate(found, axis=1)

    def _errors(
        self, step: LooseStep, layers: Array, waves: _Waves, progress: Progress
    ) -> Array:
        n, n_cables = len(layers), len(waves.g)
        cables = Cables(waves.cables.dx * n, waves.cables.D * n, waves.cables.length)
        own = np.repeat(waves.g, waves.cables.sizes)
        cell = self._cell(step, layers, own)
        states = _begun(cell, waves.states, n)
        problem = Monodomain(
            cables.mesh, cell, cables.diffusion(), [_pulse(cables)], states
        )
        velocity, peak, _ = _wave(problem, cables, waves.dt, waves.end, progress)
        velocity, peak = velocity.reshape(n, n_cables), peak.reshape(n, n_cables)
        exact = np.isfinite(waves.velocity)
        of_velocity = 100.0 * (velocity[:, exact] / waves.velocity[exact] - 1.0)
        of_velocity = np.nan_to_num(of_velocity, nan=10.0)
        of_peak = peak[:, exact] - waves.peak[exact]
        alone = self._cell(step, layers, waves.g)
        beat = _beat(alone, _begun(alone, waves.paced, n), waves.dt)
        of_beat = beat.reshape(-1, n, n_cables) - waves.beat[:, None]
        # One beat counts as much as one wave, however often it is looked at.
        of_beat = of_beat.transpose(1, 0, 2).reshape(n, -1) / len(beat) ** 0.5
        table = self._table
        in_mV = np.concatenate([of_peak, of_beat], axis=1) / table.peak_tolerance
        return np.concatenate([of_velocity / table.tolerance, in_mV], axis=1)

    def _cell(self, step: LooseStep, layers: Array, g: Array) -> Cell:
        """Copies of nodes of these conductances, each with weights of its own."""
        names = _names(step, layers.shape[1])
        parameters = {
            name: np.repeat(column, g.size)
            for name, column in zip(names, layers.T, strict=True)
        }
        parameters[self._conductance] = np.tile(g, len(layers))
        return compile_cell(
            self._model, scheme="multirate", parameters=parameters, surrogate=step
        )


def tuned(
    waves: WaveTuning,
    blank: FastStep,
    shape: StepNetwork,
    problem: LeastSquares,
    weights: Array,
    rounds: int,
    progress: Progress,
) -> tuple[Array, list[float]]:
    """Weights with another last layer, and the RMS of all errors after each round.

    Args:
        waves: to be right.
        blank: a fast step of that shape.
        shape: of its network.
        problem: what the weights were fitted to; its loss counts as much as errors
            of one tolerance.
        weights: to begin with, all.
        rounds: of Gauss and Newton.
        progress: called with (done, end).
    """
    step = LooseStep(
        blank.name,
        blank.model,
        blank.parameters,
        [shape.network(weights, -1)],
        dt_range=blank.dt_range,
    )
    last, p = shape.last_layer, weights.copy()
    A, g, loss = problem.normal(p)
    scale, history = loss, []

    def part(which: int) -> Progress:
        return lambda done, end: progress(which + done / end, 2.0 * rounds)

    for k in range(rounds):
        v = p[last]
        variants = np.concatenate([v[None], v + _CHANGE * np.eye(v.size)])
        e = waves.errors(step, variants, part(2 * k))
        J, e = (e[1:] - e[0]).T / _CHANGE, e[0]
        history = history or [float(np.sqrt(np.mean(e**2)))]
        H = A[last, last] + scale * (J.T @ J) / e.size
        b = g[last] + scale * (J.T @ e) / e.size
        trials = [
            v - np.linalg.solve(H + mu * np.diag(np.diag(H)), b) for mu in _DAMPINGS
        ]
        found = waves.errors(step, np.array(trials), part(2 * k + 1))
        choices = [(loss + scale * float(np.mean(e**2)), v, e)]
        for trial, own in zip(trials, found, strict=True):
            p[last] = trial
            own_loss = problem.loss(p) + scale * float(np.mean(own**2))
            choices.append((own_loss, trial, own))
        _, best, e = min(choices, key=lambda choice: choice[0])
        p[last] = best
        history.append(float(np.sqrt(np.mean(e**2))))
        A, g, loss = problem.normal(p)
    return p, history


def _names(step: LooseStep, n_weights: int) -> list[str]:
    """Parameters of the cell, in the order of the last layer."""
    outputs = range(len(step.carries))
    n_hidden = n_weights // len(step.carries) - 1
    names = [f"weight_{i}_{j}" for i in outputs for j in range(n_hidden)]
    return [f"surrogate.{n}" for n in (*names, *(f"bias_{i}" for i in outputs))]


def _begun(cell: Cell, states: Array, n: int) -> Array:
    """So many copies of states, with what a hybrid cell has beside."""
    found = cell.initial_states(n * states.shape[1])
    found[: len(states)] = np.tile(states, n)
    return found


def _beat(cell: Cell, states: Array, dt: float) -> Array:
    """Peak of a beat of single cells, and V at some times behind, (n_looks, n)."""
    pulse = Stimulus(np.arange(states.shape[1]), 0.0, DURATION, PACING_AMPLITUDE)
    run = run_cells(cell, states, [pulse], _BEAT, dt, fine=_UPSTROKE)
    looks = np.arange(_LOOKS, _BEAT, _LOOKS)
    nearest = np.abs(run.times[:, None] - looks).argmin(axis=0)
    return np.concatenate([run.V.max(axis=0)[None], run.V[nearest]])


def _pulse(cables: Cables) -> Stimulus:
    return Stimulus(cables.begins(), 0.0, DURATION, AMPLITUDE)


def _wave(
    problem: Monodomain,
    cables: Cables,
    dt: float,
    end: float,
    progress: Progress | None = None,
) -> tuple[Array, Array, float]:
    """Velocity, mean peak of V in the middle, (n_cables,), and the last activation."""
    activation, peak = ActivationRecorder(), _Peak()
    march(problem, dt, end, recorders=(activation, peak), progress=progress)
    times: Any = activation.times
    times = times[0] if len(times) else np.full(cables.mesh.n_nodes, np.nan)
    peaks = [peak.V[part].mean() for part in cables.middles()]
    return cables.velocities(times), np.array(peaks), float(np.nanmax(times))
