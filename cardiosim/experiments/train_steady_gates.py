"""Train gates as functions of V alone, and measure what they are worth.

Tables

    gates        gates and current against V: equations, network
    claims       claim by claim: the paper's number, and what the network gives
    beats        last beats of all that were paced
    restitution  APD90 at each cycle length
    waves        a stimulus at the end of a cable
    costs        time of a node-step
    premise      one beat by each way to step the gates

Reference: Sanchez, Loewe 2025, Computing in Cardiology.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray

from cardiosim.case.training_tables import SteadyGatesTraining
from cardiosim.experiments.findings import Column, Traces, entry
from cardiosim.experiments.single_cells import Progress, Pulse
from cardiosim.experiments.steady_gates_cell import SteadyGatesCell
from cardiosim.experiments.steady_gates_findings import (
    cell_findings,
    premise_table,
)
from cardiosim.experiments.training import Trained
from cardiosim.ionic.cell_library import model_source
from cardiosim.surrogates.descent import Descent, descend
from cardiosim.surrogates.steady_gates import SteadyGates
from cardiosim.surrogates.steady_gates_training import (
    GateTargets,
    PrintedLoss,
    SteadyGatesNetwork,
    batch_loss,
    gate_targets,
)
from cardiosim.surrogates.training_record import TrainingRecord

_DIFFERENCE = 1e-3  # mV, of the slope of the steady states


def train(
    case: SteadyGatesTraining,
    record: TrainingRecord,
    begin: Callable[[str, str], Progress],
) -> Trained:
    """See `experiments.training.Trainer`."""
    V = case.collocation
    targets = _targets(case, np.linspace(V.lowest, V.highest, V.points))
    loss = PrintedLoss(**case.loss.model_dump(exclude={"current", "at", "capacitance"}))
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(case.seed)
        network = SteadyGatesNetwork(len(case.gates), **case.network.model_dump())
    how = case.descent
    schedule = Descent(
        iterations=how.iterations,
        learning_rate=how.learning_rate,
        restart=how.restart,
        plateau_from=how.plateau_from,
        plateau_patience=how.plateau_patience,
        plateau_rate=how.plateau_rate,
        smallest_rate=how.smallest_rate,
        weight_decay=how.weight_decay,
        gradient_norm=how.gradient_norm,
        stop_below=how.goal,
        seed=case.seed,
        log_every=10,
    )
    began = perf_counter()
    progress = begin("training", "iterations")
    why = descend(
        batch_loss(network, targets, loss), [network], schedule, record, progress
    )
    seconds = perf_counter() - began
    network.eval()
    potential = model_source(case.model).equations().membrane_potential
    surrogate = SteadyGates(
        case.name,
        case.model,
        case.gates,
        [network.frozen()],
        {potential: (V.lowest, V.highest)},
    )
    numbers = _loss_numbers(record, loss, network, targets, case)
    numbers |= _error_numbers(network, targets, case)
    numbers["wall_descent"] = entry(seconds, "s", "wall time of the descent alone")
    tables = {"gates": _gate_table(network, targets, case)}
    traces, notes = {}, [why, _what_stops_it(record)]
    if case.assessment.cells:
        cell = SteadyGatesCell(surrogate, case.assessment, begin)
        kept = (*case.gates, case.loss.current)
        found = cell_findings(cell, case.assessment, kept)
        numbers |= found.numbers
        tables |= found.tables
        traces |= found.traces
        traces["gates"] = _with_network(traces["gates"], network, case, potential)
        notes += found.notes
        if case.assessment.premise_steps:
            amplitude = case.assessment.amplitudes[0]
            tables["premise"] = premise_table(
                case.model,
                cell.reference_beat(amplitude).state,
                Pulse(amplitude, case.assessment.duration),
                case.assessment,
                begin,
            )
    return Trained(surrogate, numbers, tables, traces, tuple(notes))


def _targets(case: SteadyGatesTraining, V: NDArray[np.float64]) -> GateTargets:
    own = case.loss
    return gate_targets(case.model, case.gates, V, own.current, own.at, own.capacitance)


def _in_use(network: SteadyGatesNetwork, V: NDArray) -> tuple[NDArray, NDArray]:
    """Gates of the network as it is used, and their slopes, both (n, n_gates)."""
    with torch.no_grad():
        gates, slope = network.double()(torch.tensor(V, dtype=torch.float64))
    network.float()
    return gates.numpy(), slope.numpy()


def _loss_numbers(
    record: TrainingRecord,
    loss: PrintedLoss,
    network: SteadyGatesNetwork,
    targets: GateTargets,
    case: SteadyGatesTraining,
) -> dict:
    last = {name: values[-1] for name, values in record.curve.items()}
    gates, slope = map(torch.tensor, _in_use(network, targets.V))
    own, _ = loss.terms(gates, slope, targets)
    more, less = (_targets(case, targets.V + d).steady for d in _AROUND)
    steady_slope = torch.tensor((more - less) / (2.0 * _DIFFERENCE))
    at_steady, _ = loss.terms(torch.tensor(targets.steady), steady_slope, targets)
    return {
        "loss": entry(last["loss"], "1", "loss of the last step"),
        "loss_data": entry(last["L_data"], "pA2", "L_data of it"),
        "loss_physics": entry(
            last["lambda_phys_L_phys"], "1", "lambda_phys L_phys of it"
        ),
        "loss_gradient": entry(
            last["lambda_grad_L_grad"], "1", "lambda_grad L_grad of it"
        ),
        "physics_weight": entry(last["lambda_phys"], "1", "lambda_phys"),
        "smallest_loss": entry(min(record.curve["loss"]), "1", "smallest of the curve"),
        "loss_in_use": entry(
            own, "1", "loss with the running statistics of the batch norms"
        ),
        "loss_of_steady_states": entry(at_steady, "1", "loss of the equations' own"),
        "iterations": entry(last["iteration"], "1", "steps taken"),
    }


_AROUND = (_DIFFERENCE, -_DIFFERENCE)


def _error_numbers(
    network: SteadyGatesNetwork, targets: GateTargets, case: SteadyGatesTraining
) -> dict:
    gates, _ = _in_use(network, targets.V)
    missed = gates - targets.steady
    found = {}
    for name, column in zip(case.gates, missed.T, strict=True):
        short = name.rpartition(".")[2]
        found[f"error_{short}"] = entry(
            np.abs(column).max(), "1", f"largest |{name} - its steady state|"
        )
        found[f"rms_error_{short}"] = entry(
            np.sqrt(np.mean(column**2)), "1", "root of its mean square"
        )
    current = targets.current(gates) - targets.current(targets.steady)
    found["error_current"] = entry(
        np.abs(current).max(), "pA", "largest error of the current"
    )
    found["rms_error_current"] = entry(
        np.sqrt(np.mean(current**2)), "pA", "root of its mean square"
    )
    return found


def _what_stops_it(record: TrainingRecord) -> str:
    names = ("L_data", "lambda_phys_L_phys", "lambda_grad_L_grad")
    last = {name: record.curve[name][-1] for name in names}
    largest = max(last, key=last.get)
    parts = ", ".join(f"{name} {value:.3g}" for name, value in last.items())
    return f"{largest} is the largest term of the loss at its end: {parts}"


def _gate_table(
    network: SteadyGatesNetwork, targets: GateTargets, case: SteadyGatesTraining
) -> dict[str, Column]:
    gates, _ = _in_use(network, targets.V)
    table = {"V": Column("mV", targets.V)}
    for k, name in enumerate(case.gates):
        table[f"{name} steady"] = Column("1", targets.steady[:, k])
        table[f"{name} network"] = Column("1", gates[:, k])
    table["current steady"] = Column("pA", targets.current(targets.steady))
    table["current network"] = Column("pA", targets.current(gates))
    return table


def _with_network(
    beat: Traces, network: SteadyGatesNetwork, case: SteadyGatesTraining, potential: str
) -> Traces:
    """The trace of a beat of the equations, and the network's gates at its V.

    The current, in pA as in the loss, is "current".
    """
    V = beat.values[potential][:, 0]
    held = np.clip(V, case.collocation.lowest, case.collocation.highest)
    gates, _ = _in_use(network, held)
    values, units = dict(beat.values), dict(beat.units)
    for name, column in zip(case.gates, gates.T, strict=True):
        values[f"{name} network"] = column[:, None]
        units[f"{name} network"] = "1"
    values["current"] = case.loss.capacitance * values.pop(case.loss.current)
    units["current"] = "pA"
    return Traces(beat.times, values, units, beat.labels)
