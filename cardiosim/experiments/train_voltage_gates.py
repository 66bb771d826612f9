"""Train `voltage_gates`: visited states, a few starts, the best of them to its end.

Where V and the gates go is sampled from cells that the equations pace at many rates. A
point counts by how much its gate moves dV/dt there. What came is compared with the
equations as functions of V, and as a cell over some beats at each rate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cardiosim.case.training_tables import VoltageGatesTraining
from cardiosim.experiments.findings import Column, entry
from cardiosim.experiments.single_cells import run_cells
from cardiosim.experiments.training import Trained
from cardiosim.ionic.cell_library import model_source
from cardiosim.ionic.compiled import compile_cell
from cardiosim.ionic.equations import CellEquations, dot
from cardiosim.ionic.evaluation import evaluate
from cardiosim.ionic.expressions import Name
from cardiosim.measure.biomarkers import train_biomarkers
from cardiosim.simulation.recorders import TraceRecorder
from cardiosim.surrogates.algebra import TensorAlgebra
from cardiosim.surrogates.levenberg_marquardt import levenberg_marquardt
from cardiosim.surrogates.training_record import Progress, TrainingRecord
from cardiosim.surrogates.voltage_gates import VoltageGates, gate_bounds, tabulate_gates
from cardiosim.surrogates.voltage_gates_training import (
    Collocation,
    GateShape,
    gates_problem,
)
from cardiosim.tissue.stimulus import Stimulus

Array = NDArray[np.float64]

_SAMPLING = 0.5  # ms between the states that are kept of a beat
_NUDGE = 1e-3  # of a gate, for what it does to dV/dt
_NUDGE_POTENTIAL = 0.1  # mV, likewise
_MEMORY = 100.0  # ms, that an error of current lasts where nothing pulls V back
_LEAST_WEIGHT = 0.3  # of a gate that moves nothing now, but will later
_DECAY = 1e-12  # of weights; the loss itself comes down to some 1e-7
_CURVE_STEP = 0.5  # mV, of the functions that are drawn and compared


def train(
    case: VoltageGatesTraining,
    record: TrainingRecord,
    begin: Callable[[str, str], Progress],
) -> Trained:
    """Train a network of V; see `training.Trainer`."""
    potentials = (case.potentials.lowest, case.potentials.highest)
    steady_bounds, rate_bounds = gate_bounds(case.model, case.gates, potentials)
    membrane = model_source(case.model).equations().membrane_potential
    make = {
        "name": case.name,
        "model": case.model,
        "gates": case.gates,
        "steady_bounds": steady_bounds,
        "rate_bounds": rate_bounds,
        "ranges": {membrane: potentials},
        "dt_range": (1e-6, case.longest_step),
    }
    sizes = (1, *case.network.hidden, 2 * len(case.gates))
    shape = GateShape(sizes, case.network.activation)
    start = shape.start(potentials, case.seed)
    untrained = VoltageGates(networks=[shape.network(start)], **make)
    visited = _visited_states(case, begin("pacing cells by their equations", "ms"))
    points = _collocation(case, untrained, visited)
    at = _label_potentials(case, visited.V)
    balance = (case.loss.labels, case.loss.physics)
    problem = gates_problem(untrained, shape, at, points, balance)
    if not record.is_resumed:
        progress = begin("trying starts", "starts")
        trials = []
        for k in range(case.fit.starts):
            first = shape.start(potentials, case.seed + k)
            scout = TrainingRecord(None, "")
            trial_iterations = case.fit.trial_iterations
            p = levenberg_marquardt(
                problem, first, trial_iterations, scout, decay=_DECAY
            )
            trials.append((problem.loss(p), k, p))
            progress(k + 1, case.fit.starts)
        start = min(trials, key=lambda trial: trial[:2])[2]
    progress = begin("Levenberg-Marquardt", "iterations")
    p = levenberg_marquardt(
        problem, start, case.fit.iterations, record, decay=_DECAY, progress=progress
    )
    trained = VoltageGates(networks=[shape.network(p)], **make)
    functions = _compared_functions(trained, potentials)
    numbers = _function_numbers(trained, functions)
    tables = {"gate_functions": _function_table(trained, functions)}
    beats, table = _compared_beats(case, trained, begin("beats beside it", "ms"))
    return Trained(trained, numbers | beats, tables | {"beats": table})


@dataclass(frozen=True)
class Visited:
    """States that paced cells go through.

    Attributes:
        V: mV, (n_points,).
        gates: (n_gates, n_points).
        sensitivity: of V to each gate, mV/ms, (n_gates, n_points).
    """

    V: Array
    gates: Array
    sensitivity: Array


def _visited_states(case: VoltageGatesTraining, progress: Progress) -> Visited:
    """States of the last beats of cells that the equations pace."""
    lengths = np.array(case.pacing.cycle_lengths)
    cell = compile_cell(case.model, scheme=case.pacing.scheme)
    names = cell.state_names
    keep = 2.0 * lengths.max()
    end = max(case.pacing.duration, keep)
    recorder = TraceRecorder(np.arange(lengths.size), names, _SAMPLING, end - keep)
    run_cells(
        cell,
        cell.initial_states(lengths.size),
        _stimuli(case, lengths),
        end,
        case.pacing.dt,
        start=end - keep,
        fine=0.0,
        recorders=[recorder],
        progress=progress,
    )
    values = {name: recorder.values[name].ravel() for name in names}
    random = np.random.default_rng(case.seed)
    n = values[names[0]].size
    chosen = random.choice(n, min(n, case.pacing.points), replace=False)
    states = {name: row[chosen] for name, row in values.items()}
    equations = model_source(case.model).equations()
    return Visited(
        states[equations.membrane_potential],
        np.array([states[g] for g in case.gates]),
        np.array([_sensitivity(equations, states, g) for g in case.gates]),
    )


def _sensitivity(cell: CellEquations, states: dict[str, Array], gate: str) -> Array:
    """How much a gate moves V before the membrane pulls it back, mV/ms.

    |d(dV/dt)/d gate| / (1 + T g), with g the membrane's own rate of return, 1/ms: an
    error of current during the plateau lasts, at rest it does not.
    """
    potential = cell.membrane_potential
    slope = Name(dot(potential))
    stimulus = {cell.stimulus: 0.0} if cell.stimulus else {}

    def derivative(name: str, by: float) -> Array:
        ends = [
            evaluate(
                slope,
                cell.definitions,
                states | stimulus | {name: states[name] + change},
            )
            for change in (-by, by)
        ]
        return (ends[1] - ends[0]) / (2.0 * by)

    returning = np.maximum(-derivative(potential, _NUDGE_POTENTIAL), 0.0)
    return np.abs(derivative(gate, _NUDGE)) / (1.0 + _MEMORY * returning)


def _collocation(
    case: VoltageGatesTraining, surrogate: VoltageGates, visited: Visited
) -> Collocation:
    """Visited points, weighted by what they move, and as many anywhere at all."""
    random = np.random.default_rng(case.seed + 1)
    n = visited.V.size
    low, high = case.potentials.lowest, case.potentials.highest
    lowest, highest = np.array(surrogate.steady_bounds).T[:, :, None]
    anywhere = lowest + (highest - lowest) * random.random(visited.gates.shape)
    typical = np.sqrt((visited.sensitivity**2).mean(axis=1)).max()
    weights = _LEAST_WEIGHT + visited.sensitivity / typical
    return Collocation(
        V=np.concatenate([visited.V, random.uniform(low, high, n)]),
        gates=np.concatenate([visited.gates, anywhere], axis=1),
        times=random.uniform(0.0, case.longest_step, 2 * n),
        weights=np.concatenate(
            [weights, np.full_like(weights, case.loss.anywhere)], axis=1
        ),
    )


def _label_potentials(case: VoltageGatesTraining, visited: Array) -> Array:
    """Evenly spaced ones, and half as many of those visited."""
    table = case.potentials
    even = np.linspace(table.lowest, table.highest, table.points)
    random = np.random.default_rng(case.seed + 2)
    return np.concatenate([even, random.choice(visited, table.points // 2)])


def _stimuli(case: VoltageGatesTraining, lengths: Array) -> list[Stimulus]:
    pulse = case.pacing
    return [
        Stimulus([i], 0.0, pulse.stimulus_duration, pulse.amplitude, bcl)
        for i, bcl in enumerate(lengths)
    ]


def _compared_functions(
    surrogate: VoltageGates, potentials: tuple[float, float]
) -> dict[str, Array]:
    """V, and x_inf and 1/tau of equations and network, (n_gates, n_potentials)."""
    low, high = potentials
    V = np.linspace(low, high, round((high - low) / _CURVE_STEP) + 1)
    rows = torch.as_tensor(V)
    networks = surrogate.tensor_networks(rows)
    algebra = TensorAlgebra(None, networks, {surrogate.potential: rows})
    own = surrogate.steady_and_rates(algebra, rows)
    steady, rates = (np.array([V * 0.0 + np.asarray(r) for r in rows]) for rows in own)
    exact = tabulate_gates(surrogate.model, surrogate.carries, V)
    return {"V": V, "exact": np.stack(exact), "network": np.stack([steady, rates])}


def _function_numbers(
    surrogate: VoltageGates, functions: dict[str, Array]
) -> dict[str, Any]:
    (steady, rates), (own_steady, own_rates) = functions["exact"], functions["network"]
    numbers = {}
    for i, gate in enumerate(surrogate.carries):
        short = gate.replace(".", "_")
        error = np.abs(own_steady[i] - steady[i]).max()
        numbers[f"{short}_steady_error"] = entry(
            error, "1", f"largest error of x_inf of {gate} over V"
        )
        error = 100.0 * np.abs(rates[i] / own_rates[i] - 1.0).max()
        numbers[f"{short}_tau_error"] = entry(
            error, "%", f"largest error of tau of {gate} over V"
        )
    return numbers


def _function_table(
    surrogate: VoltageGates, functions: dict[str, Array]
) -> dict[str, Column]:
    columns = {"V": Column("mV", functions["V"])}
    for of in ("exact", "network"):
        steady, rates = functions[of]
        for i, gate in enumerate(surrogate.carries):
            columns[f"{gate}_inf_{of}"] = Column("1", steady[i])
            columns[f"{gate}_tau_{of}"] = Column("ms", 1.0 / rates[i])
    return columns


def _compared_beats(
    case: VoltageGatesTraining, surrogate: VoltageGates, progress: Progress
) -> tuple[dict[str, Any], dict[str, Column]]:
    """Cells with equations and with the network over the same beats, at each rate."""
    pacing = case.pacing
    lengths = np.array(pacing.cycle_lengths)
    runs, starts = [], [np.arange(0.0, pacing.duration, bcl) for bcl in lengths]
    for number, choice in enumerate((None, surrogate)):
        cell = compile_cell(case.model, scheme=pacing.scheme, surrogate=choice)
        runs.append(
            run_cells(
                cell,
                cell.initial_states(lengths.size),
                _stimuli(case, lengths),
                pacing.duration,
                pacing.dt,
                progress=_half(progress, number),
            )
        )
    exact, own = runs
    gaps = np.gradient(exact.times)
    squares = (own.V - exact.V) ** 2
    rmse = np.sqrt((squares * gaps[:, None]).sum(axis=0) / gaps.sum())
    apds = [
        [
            _durations(run, node, starts[node], pacing.stimulus_duration)
            for node in range(lengths.size)
        ]
        for run in runs
    ]
    worst = [_worst(b - a) for a, b in zip(*apds, strict=True)]
    lost = [int((np.isnan(a) != np.isnan(b)).sum()) for a, b in zip(*apds, strict=True)]
    table = {
        "cycle_length": Column("ms", lengths),
        "rmse": Column("mV", rmse),
        "apd90_error": Column("ms", worst),
        "beats_that_differ": Column("1", lost),
    }
    says = f"of {pacing.duration:g} ms at cycle lengths {lengths.min():g} to "
    says += f"{lengths.max():g} ms, dt {pacing.dt:g} ms, against the equations"
    return {
        "rmse": entry(rmse.max(), "mV", f"largest RMSE of V {says}"),
        "apd90_error": entry(_worst(worst), "ms", f"largest error of APD90 {says}"),
    }, table


def _half(progress: Progress, number: int) -> Progress:
    return lambda done, end: progress(number * end + done, 2.0 * end)


def _durations(run: Any, node: int, starts: Array, duration: float) -> Array:
    """APD90 of a node's beats, ms."""
    found = train_biomarkers(run.times, run.V[:, [node]], starts, duration, (90,))
    return np.asarray(found["apd90"]).ravel()


def _worst(errors: Sequence[float]) -> float:
    return float(np.nanmax(np.abs(errors)))
