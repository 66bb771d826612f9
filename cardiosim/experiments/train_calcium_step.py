"""Train a calcium step in closed loop, and measure what it is worth.

Tables

    rates      each cycle length: V against that of the equations, and APD90
    premature  APD90 of a premature beat at each coupling interval
    long       late beats of a long train

Traces: the last beat at some rates, of the equations and of the hybrid.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from cardiosim.case.training_tables import CalciumStepTraining
from cardiosim.experiments.calcium_recordings import Recording, record_cells
from cardiosim.experiments.calcium_step_findings import assess
from cardiosim.experiments.calcium_step_fit import ClosedLoop, decoded, encoded
from cardiosim.experiments.findings import entry
from cardiosim.experiments.single_cells import Progress
from cardiosim.experiments.training import Trained
from cardiosim.ionic.compiled import compile_cell
from cardiosim.surrogates.calcium_buffers import free_calcium, total_range
from cardiosim.surrogates.calcium_step import COMPARTMENT, LEARNED, CalciumStep
from cardiosim.surrogates.levenberg_marquardt import levenberg_marquardt
from cardiosim.surrogates.training_record import TrainingRecord

Begin = Callable[[str, str], Progress]

_SHORTEST_STEP = 1e-3  # ms


def train(case: CalciumStepTraining, record: TrainingRecord, begin: Begin) -> Trained:
    """See `experiments.training.Trainer`."""
    untrained, errors = _untrained(case)
    recordings = _recordings(case, begin("recording the equations", "ms"))
    surrogate, rmse = fitted(case, untrained, recordings, record, begin)
    numbers = {
        "loss": entry(record.curve["loss"][-1], "1", "Cauchy's loss a residual"),
        "rmse_mean": entry(rmse.mean(), "mV", "RMSE of V, mean over recorded cells"),
        "rmse_largest": entry(rmse.max(), "mV", "the same, largest"),
    }
    for name, error in errors.items():
        text = f"largest relative error of free calcium from the total, {name}"
        numbers[f"error_free_{name}"] = entry(error, "1", text)
    if case.assessment is None:
        return Trained(surrogate, numbers)
    found = assess(surrogate, case, begin)
    return Trained(
        surrogate, numbers | found.numbers, found.tables, found.traces, found.notes
    )


def _untrained(case: CalciumStepTraining) -> tuple[CalciumStep, dict[str, float]]:
    """The step with the numbers that it starts from, and the buffers' errors."""
    wrong = sorted({*LEARNED} ^ case.start.keys())
    if wrong:
        raise ValueError(
            f"start lacks or does not know {', '.join(wrong)}; expected a value of "
            f"each of {', '.join(LEARNED)}"
        )
    compartments = dict(case.compartments)
    polynomials, errors = free_calcium(case.model, compartments)
    of = total_range(case.model, compartments)
    surrogate = CalciumStep(
        case.name,
        case.model,
        {n: case.start[n] for n in LEARNED} | polynomials,
        {name: of[where] for name, where in COMPARTMENT.items()},
        (_SHORTEST_STEP, case.dt),
    )
    return surrogate, errors


def _recordings(case: CalciumStepTraining, progress: Progress) -> dict[str, Recording]:
    cell = compile_cell(case.model, scheme="multirate")
    random = np.random.Generator(np.random.PCG64(case.seed))
    how = (case.stimulus, case.dt, case.residuals.sample, random)
    return {
        name: record_cells(cell, table, *how, progress)
        for name, table in case.recordings.items()
    }


def fitted(
    case: CalciumStepTraining,
    untrained: CalciumStep,
    recordings: dict[str, Recording],
    record: TrainingRecord,
    begin: Begin,
) -> tuple[CalciumStep, np.ndarray]:
    """The step after all stages, and RMSE of V of the last one's cells, mV.

    The stages are one run of the optimiser, whose record says which it is in.
    """
    p, done = encoded(untrained.numbers), 0
    end = sum(stage.iterations for stage in case.stages)
    progress = begin("training", "iterations")
    for stage in case.stages:
        own = [recordings[name] for name in stage.recordings]
        loop = ClosedLoop(untrained, own, case.residuals, case.dt)
        done += stage.iterations
        if record.is_resumed and record.facts["iteration"] >= done:
            p = record.tensors["parameters"]
            continue
        p = levenberg_marquardt(
            loop.problem(),
            p,
            done,
            record,
            decay=0.0,
            patience=-math.inf,  # the losses of two stages are not of one kind
            progress=lambda at, _: progress(at, end),
        )
    learned = {n: float(v) for n, v in decoded(p).items()}
    surrogate = CalciumStep(
        untrained.name,
        untrained.model,
        {**untrained.numbers, **learned},
        untrained.ranges,
        untrained.dt_range,
    )
    return surrogate, np.concatenate(loop.errors(p))
