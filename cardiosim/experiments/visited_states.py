"""States that waves in cables go through, as samples for the training of a step.

Cables of several dx, D, sodium conductance and pacing before, with a premature wave
each, are run by their equations (multirate) at several dt. Nodes are picked at random
at the start of a reaction, most of them in their upstroke; what a surrogate reads there
is evaluated from their states.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cardiosim.case.step_training_tables import VisitedTable
from cardiosim.experiments.certification_tissue import (
    AMPLITUDE,
    DURATION,
    Cables,
)
from cardiosim.experiments.single_cells import run_cells
from cardiosim.ionic.cell_library import model_source
from cardiosim.ionic.compiled import compile_cell
from cardiosim.ionic.equations import dot
from cardiosim.ionic.evaluation import evaluate
from cardiosim.ionic.expressions import Name, minus
from cardiosim.ionic.reaction import UPSTROKE_GATE_RATE, UPSTROKE_POTENTIAL_RATE
from cardiosim.ionic.singularities import remove_singularities
from cardiosim.simulation.monodomain import Monodomain
from cardiosim.simulation.run import march
from cardiosim.simulation.schedule import Schedule
from cardiosim.surrogates.interface import REST
from cardiosim.surrogates.step_training import StepSamples
from cardiosim.surrogates.strang_step import StrangStep
from cardiosim.surrogates.training_record import Progress
from cardiosim.tissue.stimulus import Stimulus

Array = NDArray[np.float64]

SUBSTEPS = 16  # of the waves: their states are right to some 0.02 % of CV
_PACING_STEP = 0.1  # ms
PACING_AMPLITUDE = 20.0  # A/F
_S1 = 1.0  # ms
_AFTER = 40.0  # ms, of the last premature wave
_MOVING = 0.4  # of the upstroke's rate of V: where nodes are looked for
_UPSTROKE = 5.0  # ms that a node spends there, for how many are picked
_OTHERS = 0.1  # share of nodes picked that are not in their upstroke
_NOT_IN_CABLES = 1e-4  # of all other nodes, to pick some of each phase


@dataclass(frozen=True)
class Columns:
    """Full states at the start of a reaction.

    Attributes:
        states: (n_states, n).
        i_stim: A/F, (n,).
        conductance: of the sodium current, (n,).
        dt: ms, (n,).
    """

    states: Array
    i_stim: Array
    conductance: Array
    dt: Array


class _ColumnPicker:
    """Keeps the states of nodes whose V moves, and of a few others."""

    def __init__(self, share: float, random: np.random.Generator) -> None:
        self._share, self._random = share, random
        self.states: list[Array] = []
        self.i_stim: list[Array] = []
        self.nodes: list[NDArray[np.intp]] = []

    def begin(self, problem: Monodomain, dt: float, n_steps: int) -> None:
        self.schedule = Schedule.fit(None, 0.0, dt, n_steps)
        self._V, self._moving = problem.V.copy(), _MOVING * UPSTROKE_POTENTIAL_RATE * dt

    def record_states(
        self, t: float, states: Array, i_stim: Array, tau: float, count: int
    ) -> None:
        V = states[0]
        moves = np.abs(V - self._V) > self._moving
        share = np.where(moves, self._share, _NOT_IN_CABLES * self._share)
        nodes = np.flatnonzero(self._random.random(V.size) < share)
        if nodes.size:
            self.states.append(states[:, nodes])
            self.i_stim.append(i_stim[nodes])
            self.nodes.append(nodes)
        np.copyto(self._V, V)

    def finish(self) -> None:
        """Nothing is buffered."""


def visited_columns(
    model: str, table: VisitedTable, seed: int, progress: Progress
) -> Columns:
    """States of nodes in cables, at the start of reactions.

    Args:
        model: name of the cell.
        table: which cables.
        seed: of what is drawn.
        progress: called with (done, end), ms of all runs.
    """
    random = np.random.default_rng(seed)
    ends = [_end(table, dt) for dt in table.steps]
    total, done, found = table.pacing + sum(ends), 0.0, []
    n = table.cables * len(table.steps)
    g = _log_uniform(random, table.conductances, n)
    g[: n // 4] = compile_cell(model).facts["parameters"][table.conductance]
    random.shuffle(g)
    lengths = random.choice(table.cycle_lengths, n)
    paced = paced_states(model, table, g, lengths, lambda d, _: progress(d, total))
    done += table.pacing
    for k, (dt, end) in enumerate(zip(table.steps, ends, strict=True)):
        own = slice(k * table.cables, (k + 1) * table.cables)
        cables = Cables(
            tuple(random.choice(table.dx, table.cables)),
            tuple(_log_uniform(random, table.D, table.cables)),
            table.length,
        )
        report = _later(progress, done, total)
        found.append(
            _run(model, table, cables, paced[:, own], g[own], dt, random, report)
        )
        done += end
    return Columns(
        *(
            np.concatenate([getattr(c, name) for c in found], axis=-1)
            for name in ("states", "i_stim", "conductance", "dt")
        )
    )


def paced_states(
    model: str, table: VisitedTable, g: Array, lengths: Array, progress: Progress
) -> Array:
    """States of single cells after pacing, (n_states, n_cells).

    Args:
        model: name of the cell.
        table: how long.
        g: sodium conductance of each, (n_cells,).
        lengths: cycle length of each, ms.
        progress: called with (done, end), ms.
    """
    cell = compile_cell(
        model, scheme="multirate", parameters={table.conductance: g.tolist()}
    )
    stimuli = [
        Stimulus([i], 0.0, DURATION, PACING_AMPLITUDE, length)
        for i, length in enumerate(lengths)
    ]
    states = cell.initial_states(g.size)
    run = run_cells(
        cell,
        states,
        stimuli,
        table.pacing,
        _PACING_STEP,
        start=table.pacing - 1.0,
        fine=0.0,
        progress=progress,
    )
    return run.states


def _later(progress: Progress, done: float, total: float) -> Progress:
    return lambda d, _: progress(done + d, total)


def _end(table: VisitedTable, dt: float) -> float:
    whole = math.ceil((_S1 + table.premature[1] + _AFTER) / dt)
    return whole * dt


def _log_uniform(
    random: np.random.Generator, bounds: tuple[float, float], n: int
) -> Array:
    return np.exp(random.uniform(*np.log(bounds), n))


def _run(
    model: str,
    table: VisitedTable,
    cables: Cables,
    states: Array,
    g: Array,
    dt: float,
    random: np.random.Generator,
    progress: Progress,
) -> Columns:
    own = np.repeat(g, cables.sizes)
    cell = compile_cell(
        model,
        scheme="multirate",
        substeps=SUBSTEPS,
        parameters={table.conductance: own.tolist()},
    )
    intervals = random.uniform(*table.premature, table.cables)
    stimuli = [Stimulus(cables.begins(), _S1, DURATION, AMPLITUDE)]
    for k, interval in enumerate(intervals):
        nodes = cables.begins(np.array([k]))
        stimuli.append(Stimulus(nodes, _S1 + interval, DURATION, AMPLITUDE))
    n = cables.mesh.n_nodes
    whole = np.ascontiguousarray(np.repeat(states, cables.sizes, axis=1))
    problem = Monodomain(cables.mesh, cell, cables.diffusion(), stimuli, whole)
    share = 1.5 * table.states / (n * 2 * _UPSTROKE / dt)
    picker = _ColumnPicker(min(share, 1.0), random)
    march(problem, dt, _end(table, dt), recorders=[picker], progress=progress)
    picked = np.concatenate(picker.states, axis=1)
    nodes = np.concatenate(picker.nodes)
    chosen = random.permutation(nodes.size)[: table.states]
    return Columns(
        picked[:, chosen],
        np.concatenate(picker.i_stim)[chosen],
        own[nodes[chosen]],
        np.full(chosen.size, dt),
    )


def step_samples(
    surrogate: StrangStep, columns: Columns, conductance: str, seed: int
) -> StepSamples:
    """What a surrogate reads at full states, of those in their upstroke, and of others.

    Args:
        surrogate: fast or gates step.
        columns: full states; the others become a tenth of the samples at most.
        conductance: name of the parameter that columns give.
        seed: of which others are kept.
    """
    cell = model_source(surrogate.model).equations()
    plain = columns.states.copy()
    for dt in np.unique(columns.dt):
        which = columns.dt == dt
        parameters = {conductance: columns.conductance[which].tolist()}
        own = np.ascontiguousarray(plain[:, which])
        stepper = compile_cell(surrogate.model, parameters=parameters)
        stepper.react(own, columns.i_stim[which], float(dt))
        plain[:, which] = own
    old = dict(zip(cell.states, columns.states, strict=True))
    new = dict(zip(cell.states, plain, strict=True))
    up = _in_upstroke(surrogate, old, new, columns.dt)
    random = np.random.default_rng(seed)
    share = _OTHERS * up.sum() / max((~up).sum(), 1)
    kept = up | (random.random(up.size) < share)
    given = {conductance: columns.conductance, "dt": columns.dt}
    if cell.stimulus:
        given[cell.stimulus] = columns.i_stim
    return _samples(surrogate, old, new, given, kept)


def _in_upstroke(
    surrogate: StrangStep, old: Mapping, new: Mapping, dt: Array
) -> NDArray[np.bool_]:
    """Where multirate takes substeps; see `cardiosim.ionic.reaction`."""
    changes = np.abs(new[surrogate.potential] - old[surrogate.potential])
    changes = changes / UPSTROKE_POTENTIAL_RATE
    for gate in surrogate.gates:
        changes = changes + np.abs(new[gate] - old[gate]) / UPSTROKE_GATE_RATE
    return changes > dt


def _samples(
    surrogate: StrangStep, old: Mapping, new: Mapping, given: Mapping, kept: NDArray
) -> StepSamples:
    cell, _ = remove_singularities(
        model_source(surrogate.model).equations(), surrogate.parameters
    )
    values = dict(old)
    if surrogate.moment == "upstroke":
        # What is frozen in an upstroke has the new values of all slow states.
        fast = (surrogate.potential, *surrogate.gates)
        values = dict(new) | {name: old[name] for name in fast}
    values |= {n: v for n, v in given.items() if n != "dt"}
    known: dict = {}

    def value(name: str) -> Array:
        e = Name(name)
        if name == REST:
            whole = Name(dot(surrogate.potential))
            e = minus(whole, surrogate.subsystem.current)
        found = evaluate(e, cell.definitions, values, np, known)
        return np.broadcast_to(found, kept.shape)[kept]

    return StepSamples(
        np.array([old[name][kept] for name in surrogate.carries]),
        np.array([value(name) for name in surrogate.inputs]),
        given["dt"][kept],
    )
