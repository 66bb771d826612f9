"""Fit the network of a learned step: what the trainers of both kinds share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cardiosim.case.training_tables import FastStepTraining, GatesStepTraining
from cardiosim.experiments.findings import Column, entry
from cardiosim.experiments.step_sampling import spread_samples
from cardiosim.experiments.visited_states import step_samples, visited_columns
from cardiosim.ionic.network import Layer, Network
from cardiosim.surrogates.levenberg_marquardt import levenberg_marquardt
from cardiosim.surrogates.step_training import (
    StepNetwork,
    StepSamples,
    StepTraining,
    exact_step,
    network_shape,
)
from cardiosim.surrogates.training_record import Progress, TrainingRecord

Array = NDArray[np.float64]
Case = FastStepTraining | GatesStepTraining

_TESTED = 4000  # samples that nothing was fitted to
_SEED_OF_SPREAD, _SEED_OF_OTHERS = 1, 2  # beside the case's own


@dataclass(frozen=True)
class Fitted:
    """A fitted network, and what it was fitted to.

    Attributes:
        training: the problem.
        weights: (n_weights,).
        tested: samples beside it.
        labels: of these, by the exact map.
    """

    training: StepTraining
    weights: Array
    tested: StepSamples
    labels: Array

    @property
    def shape(self) -> StepNetwork:
        """Of the network."""
        return self.training.shape


def fit_step(
    case: Case,
    blank: Any,
    exact: Any,
    ranges: dict[str, tuple[float, float]],
    record: TrainingRecord,
    begin: Callable[[str, str], Progress],
) -> Fitted:
    """Sample, label and fit.

    Args:
        case: of one of both kinds.
        blank: the surrogate with a network of its shape.
        exact: gives the labels.
        ranges: that it will promise.
        record: see `training.Trainer`.
        begin: see `training.Trainer`.
    """
    progress = begin("states visited in cables", "ms")
    columns = visited_columns(case.model, case.visited, case.seed, progress)
    conductance, seed = case.visited.conductance, case.seed
    visited = step_samples(blank, columns, conductance, seed + _SEED_OF_OTHERS)
    samples = spread_samples(blank, visited, ranges, seed + _SEED_OF_SPREAD)
    loss = case.loss
    n_tested = min(_TESTED, len(samples) // 4)
    sizes = np.cumsum([n_tested, loss.labels, loss.collocation])
    tested, labelled, collocation = (
        samples.chosen(slice(int(a), int(b)))
        for a, b in zip([0, *sizes], sizes, strict=False)
    )
    if len(collocation) < loss.collocation or len(labelled) < loss.labels:
        raise ValueError(
            f"{len(samples)} samples came of the cables, {sizes[-1]} are asked for; "
            f"raise visited.states or visited.cables, or lower loss.labels"
        )
    network = case.network
    training = StepTraining(
        surrogate=blank,
        shape=network_shape(blank, tested, network.hidden, network.activation),
        labelled=labelled,
        labels=exact_step(exact, labelled),
        collocation=collocation,
        physics=loss.residual,
    )
    progress = begin("Levenberg-Marquardt", "iterations")
    weights = levenberg_marquardt(
        training.problem(),
        training.shape.start(case.seed),
        case.fit.iterations,
        record,
        progress=progress,
    )
    return Fitted(training, weights, tested, exact_step(exact, tested))


def blank_network(n_inputs: int, n_outputs: int) -> Network:
    """A network that gives zeros."""
    zeros = np.zeros((n_outputs, n_inputs), dtype=np.float32)
    return Network((Layer(zeros, zeros[:, 0]),))


def tested_errors(
    trained: Any, base: Any, fitted: Fitted
) -> tuple[dict[str, Any], dict[str, Column]]:
    """Errors of a step of 0.05 ms and more at samples beside the training.

    Args:
        trained: with its network.
        base: without.
        fitted: with the samples.
    """
    long = fitted.tested.dt >= 0.05
    samples, labels = fitted.tested.chosen(long), fitted.labels[:, long]
    numbers, rows = {}, {"state": [], "network": [], "base": []}
    found = {"network": exact_step(trained, samples), "base": exact_step(base, samples)}
    for k, name in enumerate(trained.carries):
        unit = "mV" if name == trained.potential else "1"
        short = name.rpartition(".")[2]
        rows["state"].append(short if unit == "1" else f"{short} ({unit})")
        for of, new in found.items():
            rmse = float(np.sqrt(np.mean((new[k] - labels[k]) ** 2)))
            rows[of].append(rmse)
            key = f"{name.replace('.', '_')}_rmse" + ("_base" if of == "base" else "")
            says = f"RMSE of {name} after steps of 0.05 ms and more, {of} alone"
            numbers[key] = entry(rmse, unit, says.replace("network alone", "network"))
    table = {"state": Column("", rows["state"])}
    table |= {of: Column("", rows[of]) for of in found}
    return numbers, {**table}
