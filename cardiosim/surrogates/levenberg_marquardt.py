"""Least squares for small networks: Levenberg-Marquardt with damping by trial.

    (J'J + mu diag(J'J) + decay) step = -(J'r + decay p)

A network of some hundred weights has its best few percent of accuracy within some dozen
such steps, deterministically, where stochastic descent takes many thousand.

Reference: Marquardt 1963, J SIAM 11:431-441, doi 10.1137/0111030.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cardiosim.surrogates.training_record import Progress, TrainingRecord

Vector = NDArray[np.float64]

_LARGEST_DAMPING = 1e6
_SMALLEST_DAMPING = 1e-9


@dataclass(frozen=True)
class LeastSquares:
    """What is minimised.

    Attributes:
        normal: of parameters (n,), J'J (n, n), J'r (n,) and the loss, per residual.
        loss: of parameters alone.
    """

    normal: Callable[[Vector], tuple[NDArray, Vector, float]]
    loss: Callable[[Vector], float]


def levenberg_marquardt(
    problem: LeastSquares,
    start: Vector,
    iterations: int,
    record: TrainingRecord,
    *,
    decay: float = 1e-7,
    patience: float = 1e-4,
    progress: Progress | None = None,
) -> Vector:
    """Parameters of a small loss.

    Args:
        problem: what is minimised.
        start: parameters, (n,).
        iterations: at most so many.
        record: takes the curve; a state in it is gone on from.
        decay: pull of the parameters towards zero.
        patience: ends early where ten iterations lower the loss by less than this
            share of it.
        progress: called with (done, iterations).

    Returns:
        (n,).

    Raises:
        ValueError: the loss at the start is not finite.
    """
    p, damping, first = np.array(start, dtype=np.float64), 1e-3, 0
    if record.is_resumed:
        p, damping = record.tensors["parameters"], record.facts["damping"]
        first = record.facts["iteration"]
    losses = list(record.curve.get("loss", ()))
    matrix, gradient, loss = problem.normal(p)
    if not np.isfinite(loss):
        raise ValueError(
            f"the loss is {loss} at the parameters to start from; it takes finite ones"
        )
    for iteration in range(first, iterations):
        if len(losses) > 10 and losses[-11] - losses[-1] < patience * losses[-1]:
            break
        while damping <= _LARGEST_DAMPING:
            weight = damping * (np.diag(matrix) + 1e-6) + decay
            damped = matrix + np.diag(weight)
            trial = p - np.linalg.solve(damped, gradient + decay * p)
            if problem.loss(trial) < loss:
                break
            damping *= 4.0
        else:
            break  # no step lowers the loss any more
        p, damping = trial, max(damping / 5.0, _SMALLEST_DAMPING)
        matrix, gradient, loss = problem.normal(p)
        losses.append(loss)
        record.log(iteration + 1, loss=loss, damping=damping)
        state = {"iteration": iteration + 1, "damping": damping}
        record.keep({"parameters": p}, state)
        if progress:
            progress(iteration + 1, iterations)
    return p
