"""Stochastic descent: it descends, ends when it should, and goes on to the bit."""

import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from cardiosim.surrogates.descent import Descent, descend  # noqa: E402
from cardiosim.surrogates.training_record import TrainingRecord  # noqa: E402


def problem(seed=0):
    """A small network and the loss of a function it is to learn."""
    torch.manual_seed(seed)
    module = torch.nn.Sequential(
        torch.nn.Linear(1, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1)
    ).double()

    def loss(random):
        x = torch.rand(32, 1, generator=random, dtype=torch.float64) * 6.0 - 3.0
        error = ((module(x) - torch.sin(x)) ** 2).mean()
        return error, {"error": error.item()}

    return module, loss


def train(how, record, module=None, loss=None):
    if module is None:
        module, loss = problem()
    why = descend(loss, [module], how, record)
    return [p.detach().numpy().copy() for p in module.parameters()], why


HOW = Descent(iterations=60, learning_rate=0.02, log_every=10, weight_decay=1e-3)
WITH_RESTARTS = Descent(
    iterations=60, learning_rate=0.02, log_every=10, restart=15, plateau_from=30,
    plateau_patience=2,
)  # fmt: skip


def test_the_loss_falls():
    record = TrainingRecord(None, "case")
    _, why = train(dataclasses.replace(HOW, iterations=300, log_every=1), record)
    first, *_, last = record.curve["loss"]
    assert last < 0.5 * first
    assert record.curve["error"] == record.curve["loss"]
    assert why.startswith("300 iterations were over")


def test_the_last_iteration_is_logged_too():
    record = TrainingRecord(None, "case")
    train(dataclasses.replace(HOW, log_every=25), record)
    assert record.curve["iteration"] == [25.0, 50.0, 60.0]


@pytest.mark.parametrize("how", [HOW, WITH_RESTARTS], ids=["cosine", "plateau"])
@pytest.mark.parametrize("after", [20, 40, 50])
def test_a_resumed_training_gives_the_bits_of_an_uninterrupted_one(
    tmp_path, how, after
):
    whole, _ = train(how, TrainingRecord(tmp_path / "whole", "case"))

    class Killed(Exception):
        pass

    def stop(done, end):
        if done == after + 5:  # in between, work is lost
            raise Killed

    module, loss = problem()
    with pytest.raises(Killed):
        descend(loss, [module], how, TrainingRecord(tmp_path / "cut", "case"), stop)
    record = TrainingRecord(tmp_path / "cut", "case", resume=True)
    assert record.facts["iteration"] == after
    again, _ = train(how, record, *problem(seed=99))  # other weights to begin with
    for a, b in zip(again, whole, strict=True):
        np.testing.assert_array_equal(a, b)
    files = [(tmp_path / k / "training.csv").read_text() for k in ("whole", "cut")]
    assert files[0] == files[1]


def test_the_rate_falls_on_a_plateau():
    record = TrainingRecord(None, "case")
    train(WITH_RESTARTS, record)
    rates = record.curve["learning_rate"]
    assert rates[-1] < 0.5 * rates[2]


@pytest.mark.parametrize("stop_below", [0.0, 1.0])
def test_going_on_where_all_is_done_changes_nothing(tmp_path, stop_below):
    how = Descent(iterations=20, stop_below=stop_below, log_every=10)
    done, why = train(how, TrainingRecord(tmp_path, "case"))
    record = TrainingRecord(tmp_path, "case", resume=True)
    again, same = train(how, record)
    for a, b in zip(again, done, strict=True):
        np.testing.assert_array_equal(a, b)
    assert why == same


def test_it_ends_early_below_a_loss():
    record = TrainingRecord(None, "case")
    how = Descent(iterations=500, learning_rate=0.02, stop_below=0.1, log_every=1000)
    _, why = train(how, record)
    assert "fell below 0.1 in" in why
    assert record.curve["loss"] == [record.curve["loss"][0]]  # the last is logged
    assert record.curve["loss"][0] < 0.1


def test_a_loss_that_is_no_number_is_told():
    module, _ = problem()

    def loss(random):
        return sum(p.sum() for p in module.parameters()) * torch.nan, {}

    with pytest.raises(ValueError, match="loss is nan in iteration 1; lower the learn"):
        descend(loss, [module], HOW, TrainingRecord(None, "case"))
