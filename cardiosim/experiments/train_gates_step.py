"""Train `gates_step`: states visited in cables, labels of gates on the same ramp."""

from __future__ import annotations

from collections.abc import Callable

from cardiosim.case.training_tables import GatesStepTraining
from cardiosim.experiments.step_fit import blank_network, fit_step, tested_errors
from cardiosim.experiments.training import Trained
from cardiosim.ionic.equations import dot
from cardiosim.surrogates.gates_step import HIGHEST, LOWEST, GatesStep
from cardiosim.surrogates.training_record import Progress, TrainingRecord

RATES = (-600.0, 1200.0)  # mV/ms


def train(
    case: GatesStepTraining,
    record: TrainingRecord,
    begin: Callable[[str, str], Progress],
) -> Trained:
    """Train a gates step; see `training.Trainer`."""
    base = GatesStep(case.name, case.model)
    ranges = {base.potential: (LOWEST, HIGHEST), dot(base.potential): RATES}
    ranges |= {gate: (0.0, 1.0) for gate in base.gates}
    network = blank_network(base.n_features, len(base.carries))
    made = {"model": case.model, "ranges": ranges}
    blank = GatesStep(case.name, networks=[network], **made)
    exact = GatesStep("exact", case.model, substeps=case.loss.exact_substeps)
    fitted = fit_step(case, blank, exact, ranges, record, begin)
    network = fitted.shape.network(fitted.weights)
    trained = GatesStep(case.name, networks=[network], **made)
    errors, table = tested_errors(trained, base, fitted)
    return Trained(trained, errors, {"errors": table})
