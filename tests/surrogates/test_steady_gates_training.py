"""The printed loss: what it is at known gates, and which derivative it is taken of."""

import numpy as np
import pytest
import torch

from cardiosim.surrogates.descent import Descent, descend
from cardiosim.surrogates.steady_gates import SteadyGates
from cardiosim.surrogates.steady_gates_training import (
    PrintedLoss,
    SteadyGatesNetwork,
    batch_loss,
    batch_slope,
    gate_targets,
)
from cardiosim.surrogates.training_record import TrainingRecord

MODEL = "skibsbye2016"
GATES = ("ina.m", "ina.h1", "ina.h2")
V = np.linspace(-100.0, 100.0, 1000)
H = 1e-3  # mV


def targets(potentials=V, gates=GATES, current="ina.i_ohmic"):
    at = {"sodium.Na_ss": 7.7869}
    return gate_targets(MODEL, gates, potentials, current, at, 50.0)


def network(seed=0, **more):
    torch.manual_seed(seed)
    return SteadyGatesNetwork(**more)


def loss_at(gates_of, **choices):
    """The loss of gates that are a function of the targets at V."""
    own, more, less = (gates_of(targets(V + d)) for d in (0.0, H, -H))
    slope = (more - less) / (2.0 * H)
    total, terms = PrintedLoss(**choices).terms(
        torch.tensor(own), torch.tensor(slope), targets()
    )
    return float(total), {name: float(t) for name, t in terms.items()}


def test_the_target_current_is_half_a_picoampere():
    t = targets()
    assert np.abs(t.current(t.steady)).max() == pytest.approx(0.496, abs=1e-3)


def test_the_loss_cannot_reach_its_goal_at_the_true_steady_states():
    total, terms = loss_at(lambda t: t.steady)
    # The slopes of the steady states alone: 0.01 L_grad, far above the goal of 1e-4.
    assert total == pytest.approx(0.0110, rel=0.01)
    assert total == pytest.approx(0.01 * terms["grad"], rel=1e-9)
    assert terms["data"] == terms["weight"] == 0.0
    assert loss_at(lambda t: t.steady, norm="mean")[0] > 1e-4


def test_the_loss_is_smallest_where_two_gates_stay_open():
    def degenerate(t):
        product = t.steady[:, 0] ** 3 * t.steady[:, 1] * t.steady[:, 2]
        ones = np.ones_like(product)
        return np.stack([ones, ones, product], axis=1)

    total, terms = loss_at(degenerate)
    assert total < 1e-6
    assert terms["phys"] > 1e5  # which lambda_phys, following L_data, takes away


def test_rates_per_second_weigh_the_equations_a_thousandfold():
    def shifted(t):
        return t.steady + 0.1

    phys = [loss_at(shifted, rates=r)[1]["phys"] for r in ("1/ms", "1/s")]
    # Squares; the slopes beside them are of the order of a thousandth.
    assert phys[1] / phys[0] == pytest.approx(1e6, rel=0.1)


def test_slope_is_that_of_the_network_in_use():
    net = network().double().eval()
    potentials = torch.linspace(-100.0, 100.0, 50, dtype=torch.float64)
    slope = net(potentials)[1]
    exact = batch_slope(net, potentials)[1]
    # Rounding; slopes are of the order of a hundredth.
    torch.testing.assert_close(slope, exact, rtol=0.0, atol=1e-14)
    assert slope.abs().max() > 1e-3


def test_automatic_differentiation_of_a_batch_in_training_is_zero():
    net = network().double().train()
    potentials = torch.linspace(-100.0, 100.0, 50, dtype=torch.float64)
    slope = net(potentials)[1]
    of_batch = batch_slope(net, potentials)[1]
    assert of_batch.abs().max() < 1e-12 * slope.abs().max()


@pytest.mark.parametrize("outputs", ["linear", "sigmoid"])
def test_frozen_network_is_the_one_in_use(outputs):
    net = network(outputs=outputs)
    for _ in range(5):
        net(torch.linspace(-100.0, 100.0, 200))  # moves the running statistics
    net.eval()
    potentials = torch.linspace(-90.0, 90.0, 31)
    frozen = SteadyGates("own", MODEL, GATES, [net.frozen()])
    function = frozen.tensor_networks(potentials.double())[0]
    own = function(potentials.double()[None]).T
    # float32 arithmetic of five layers on outputs of order one.
    torch.testing.assert_close(own.float(), net(potentials)[0], rtol=0.0, atol=2e-6)


def test_gates_and_currents_that_are_not_there_are_refused():
    with pytest.raises(ValueError, match="has no gate ina.h; "):
        targets(gates=("ina.h",))
    with pytest.raises(ValueError, match="has no current ina.i; "):
        targets(current="ina.i")
    with pytest.raises(ValueError, match="depends on calcium.Ca_ss and not on V alone"):
        targets(gates=("ical.fCa",))


def short(iterations, **more):
    return Descent(
        iterations=iterations,
        learning_rate=3e-3,
        restart=10,
        plateau_from=30,
        plateau_rate=1e-3,
        plateau_patience=2,
        weight_decay=0.01,
        gradient_norm=1.0,
        log_every=5,
        **more,
    )


def test_a_resumed_training_is_the_one_that_was_not_stopped(tmp_path):
    def trained(folder, *lengths):
        for k, iterations in enumerate(lengths):
            net = network(seed=5, width=16, blocks=2)
            record = TrainingRecord(folder, "case", resume=k > 0)
            value = batch_loss(net, targets(), PrintedLoss())
            descend(value, [net], short(iterations), record)
        return net.state_dict(), record.curve

    whole, curve = trained(tmp_path / "whole", 50)
    parts, joined = trained(tmp_path / "parts", 25, 50)
    assert joined == curve
    for name, tensor in whole.items():
        assert torch.equal(parts[name], tensor), name


def test_descent_ends_at_its_goal_and_does_not_go_on_from_there(tmp_path):
    net = network(seed=5, width=8, blocks=1)
    value = batch_loss(net, targets(), PrintedLoss())
    record = TrainingRecord(tmp_path, "case")
    how = short(200, stop_below=1e7)
    said = descend(value, [net], how, record)
    assert "fell below 1e+07" in said
    again = TrainingRecord(tmp_path, "case", resume=True)
    assert descend(value, [net], how, again) == said
    assert again.curve == record.curve
