"""Train `fast_step`: states visited in cables, labels of the exact map, then waves."""

from __future__ import annotations

from collections.abc import Callable

from cardiosim.case.training_tables import FastStepTraining
from cardiosim.experiments.findings import Column, entry
from cardiosim.experiments.step_fit import blank_network, fit_step, tested_errors
from cardiosim.experiments.training import Trained
from cardiosim.experiments.wave_tuning import WaveTuning, tuned
from cardiosim.ionic.cell_library import model_source
from cardiosim.ionic.equations import CellEquations
from cardiosim.surrogates.fast_step import FastStep
from cardiosim.surrogates.interface import REST
from cardiosim.surrogates.strang_step import StrangStep
from cardiosim.surrogates.training_record import Progress, TrainingRecord

# What it promises. A stimulus enters the rest; what flows in from neighbours does not.
# Reversal potentials move with the concentrations.
POTENTIALS = (-110.0, 70.0)  # mV
RESTS = (-40.0, 80.0)  # mV/ms
REVERSALS = (50.0, 90.0)  # mV
_SEED_OF_WAVES = 3  # beside the case's own


def train(
    case: FastStepTraining,
    record: TrainingRecord,
    begin: Callable[[str, str], Progress],
) -> Trained:
    """Train a fast step; see `training.Trainer`."""
    parameters = (case.visited.conductance,)
    base = FastStep(case.name, case.model, parameters)
    ranges = fast_ranges(base, case)
    made = {"model": case.model, "parameters": parameters, "ranges": ranges}
    network = blank_network(base.n_features, len(base.carries))
    blank = FastStep(case.name, networks=[network], **made)
    exact = StrangStep(
        "exact", case.model, parameters, substeps=case.loss.exact_substeps
    )
    fitted = fit_step(case, blank, exact, ranges, record, begin)
    weights, tables, numbers = fitted.weights, {}, {}
    if case.tuning.rounds:
        progress = begin("waves of the exact map", "steps")
        seed = case.seed + _SEED_OF_WAVES
        waves = WaveTuning(case.model, case.visited, case.tuning, seed, progress)
        weights, history = tuned(
            waves,
            blank,
            fitted.shape,
            fitted.training.problem(),
            weights,
            case.tuning.rounds,
            begin("tuning the last layer on waves", "runs"),
        )
        rounds = list(range(len(history)))
        tables["tuning"] = {
            "round": Column("1", rounds),
            "rms": Column("1", history),
        }
        numbers["tuning_rms"] = entry(
            history[-1], "1", "RMS of velocity and peak errors of waves, in tolerances"
        )
    trained = FastStep(case.name, networks=[fitted.shape.network(weights)], **made)
    errors, table = tested_errors(trained, base, fitted)
    return Trained(trained, numbers | errors, tables | {"errors": table})


def fast_ranges(base: FastStep, case: FastStepTraining) -> dict:
    """Lowest and highest value of what the step carries and reads."""
    cell: CellEquations = model_source(case.model).equations()
    ranges = {base.potential: POTENTIALS, REST: RESTS}
    ranges |= {gate: (0.0, 1.0) for gate in base.gates}
    ranges |= dict.fromkeys(base.parameters, case.visited.conductances)
    for name in base.inputs:
        if name in ranges:
            continue
        if cell.units.get(name) != "mV":
            raise ValueError(
                f"the fast current of {case.model} reads {name}, which is neither the "
                f"conductance {case.visited.conductance} nor a reversal potential; "
                f"fast_step is made for currents of these alone"
            )
        ranges[name] = REVERSALS
    return ranges
