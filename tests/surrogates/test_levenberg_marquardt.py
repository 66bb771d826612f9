"""Levenberg and Marquardt: the minimum, the end, going on to the bit."""

import numpy as np
import pytest

from cardiosim.surrogates.levenberg_marquardt import LeastSquares, levenberg_marquardt
from cardiosim.surrogates.training_record import TrainingRecord

X = np.linspace(0.0, 4.0, 40)
TRUE = np.array([2.0, 0.7, -0.3])
START = np.array([1.0, 0.1, 0.0])


def fit(slope=1.0):
    """Least squares of a exp(-b x) + c."""
    y = TRUE[0] * np.exp(-TRUE[1] * X) + TRUE[2]

    def residual(p):
        return slope * (p[0] * np.exp(-p[1] * X) + p[2] - y)

    def loss(p):
        return float(np.mean(residual(p) ** 2))

    def normal(p):
        e = np.exp(-p[1] * X)
        jacobian = slope * np.stack([e, -p[0] * X * e, np.ones_like(X)], axis=1)
        r = residual(p)
        n = X.size
        return jacobian.T @ jacobian / n, jacobian.T @ r / n, loss(p)

    return LeastSquares(normal, loss)


def test_it_finds_the_parameters_in_a_few_steps():
    record = TrainingRecord(None, "case")
    # The pull towards zero moves them by some 1e-10 of the curvature.
    found = levenberg_marquardt(fit(), START, 30, record, decay=1e-14)
    np.testing.assert_allclose(found, TRUE, rtol=1e-5)
    losses = record.curve["loss"]
    assert (np.diff(losses) < 0).all()


def test_a_resumed_fit_gives_the_bits_of_an_uninterrupted_one(tmp_path):
    whole = levenberg_marquardt(fit(), START, 5, TrainingRecord(None, "case"))
    levenberg_marquardt(fit(), START, 3, TrainingRecord(tmp_path, "case"))
    record = TrainingRecord(tmp_path, "case", resume=True)
    again = levenberg_marquardt(fit(), np.zeros(3), 5, record)
    np.testing.assert_array_equal(again, whole)
    assert record.curve["iteration"] == [float(k) for k in range(1, 6)]


def test_going_on_where_it_ended_early_changes_nothing(tmp_path):
    # r = p^2 halves p in each step; beside a loss that stays that soon is nothing.
    def loss(p):
        return 1.0 + float(p[0] ** 4)

    def normal(p):
        return np.array([[4.0 * p[0] ** 2]]), np.array([2.0 * p[0] ** 3]), loss(p)

    def end(record):
        problem = LeastSquares(normal, loss)
        return levenberg_marquardt(problem, np.ones(1), 100, record, patience=1e-2)

    done = end(TrainingRecord(tmp_path, "case"))
    record = TrainingRecord(tmp_path, "case", resume=True)
    steps = record.facts["iteration"]
    assert 10 < steps < 15
    np.testing.assert_array_equal(end(record), done)
    assert record.facts["iteration"] == steps


def test_a_start_without_a_loss_is_told():
    with pytest.raises(ValueError, match="loss is nan at the parameters to start from"):
        levenberg_marquardt(fit(np.nan), START, 5, TrainingRecord(None, "case"))
