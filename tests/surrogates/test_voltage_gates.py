"""Learned gates: bounded for any weights, and the equations' own step with these."""

import numpy as np
import pytest
import torch

from cardiosim.ionic.compiled import compile_cell
from cardiosim.ionic.network import Layer, Network
from cardiosim.ionic.surrogate_step import OUTSIDE
from cardiosim.surrogates.voltage_gates import (
    VoltageGates,
    gate_bounds,
    series_terms,
    tabulate_gates,
)

CELL = "skibsbye2016"
ICAL = ("ical.d", "ical.f2")
RANGE = (-110.0, 70.0)


def gates_of(gates=ICAL, model=CELL, networks=(), **changes):
    steady, rates = gate_bounds(model, gates, RANGE)
    make = {"steady_bounds": steady, "rate_bounds": rates, "networks": networks}
    return VoltageGates("some", model, gates, **(make | changes))


def random_network(n_gates, seed, size=1.0):
    random = np.random.default_rng(seed)

    def layer(n_out, n_in, activation):
        weights = size * random.normal(size=(n_out, n_in))
        bias = size * random.normal(size=n_out)
        return Layer(weights.astype("f4"), bias.astype("f4"), activation)

    return Network((layer(6, 1, "cubic"), layer(2 * n_gates, 6, "cubic")))


def states_across(cell, n):
    states = cell.initial_states(n)
    states[0] = np.linspace(-95.0, 45.0, n)
    return states


def test_with_the_equations_in_it_the_step_is_theirs(toy_cell):
    gates = (
        "ik.n",
        "ina.h",
        "ina.m",
    )  # a constant tau, rates, and steady state with tau
    surrogate = gates_of(gates, toy_cell)
    plain = compile_cell(toy_cell, backend="scalar")
    own = compile_cell(toy_cell, backend="scalar", surrogate=surrogate)
    a, b = states_across(plain, 30), states_across(own, 30)
    for _ in range(20):
        plain.react(a, np.zeros(30), 0.02)
        own.react(b, np.zeros(30), 0.02)
    # The series of 1 - exp(-z) is cut at 1e-8 of z, 20 times over, and V follows.
    assert np.allclose(own.observe(b, gates), plain.observe(a, gates), atol=1e-6)
    assert np.allclose(a[0], b[0], atol=1e-4)


@pytest.mark.parametrize("size", [0.1, 1.0, 1e3, 1e6])
def test_gates_stay_within_bounds_whatever_the_weights(size):
    surrogate = gates_of(networks=[random_network(2, seed=3, size=size)])
    low, high = np.array(surrogate.steady_bounds).T[:, :, None]
    random = np.random.default_rng(5)
    x = low + (high - low) * random.random((2, 400))
    V = random.uniform(-300.0, 300.0, (1, 400))
    for dt in (1e-4, 0.01, 0.1):
        after = surrogate.advance(torch.tensor(x), torch.tensor(V), dt).numpy()
        # Rounding of one sum.
        assert (after >= low - 1e-15).all()
        assert (after <= high + 1e-15).all()


def test_bounds_are_those_of_the_equations():
    surrogate = gates_of()
    V = np.linspace(*RANGE, 777)
    steady, rates = tabulate_gates(CELL, ICAL, V)
    for rows, bounds in (
        (steady, surrogate.steady_bounds),
        (rates, surrogate.rate_bounds),
    ):
        for row, (low, high) in zip(rows, bounds, strict=True):
            # Bounds are taken every 0.05 mV, where no function bends by more.
            assert low - 1e-4 <= row.min()
            assert row.max() <= high + 1e-4
    assert surrogate.steady_bounds[0] == pytest.approx((0.0, 1.0), abs=2e-6)


def test_two_half_steps_are_one_step():
    surrogate = gates_of(networks=[random_network(2, seed=7, size=0.03)])
    x = torch.tensor(np.random.default_rng(1).random((2, 50)))
    V = torch.linspace(-90.0, 40.0, 50, dtype=torch.float64)[None]
    once = surrogate.advance(x, V, 0.1)
    twice = surrogate.advance(surrogate.advance(x, V, 0.05), V, 0.05)
    # dt enters exactly but for the series' 1e-8.
    assert torch.allclose(once, twice, atol=2e-8, rtol=0.0)


@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_backends_agree(backend, toy_cell):
    gates = ("ik.n", "ina.h")
    surrogate = gates_of(
        gates,
        toy_cell,
        networks=[random_network(2, seed=2, size=0.1)],
        ranges={"membrane.V": (-80.0, 20.0)},
    )
    found = []
    for name in ("scalar", backend):
        cell = compile_cell(toy_cell, backend=name, surrogate=surrogate)
        states = states_across(cell, 40)
        cell.react(states, np.zeros(40), 0.02, 10)
        found.append(cell.observe(states, (*gates, "membrane.V", OUTSIDE)))
    # Ten steps of differently contracted sums.
    assert np.allclose(*found, rtol=1e-9, atol=1e-10)
    assert 0.0 < found[0][-1].mean() < 10.0


def test_series_is_as_long_as_the_largest_argument_needs():
    for largest in (1e-4, 0.01, 0.2, 0.5):
        terms = series_terms(largest)
        z = np.linspace(0.0, largest, 50)[1:]
        share = 1.0
        for k in range(terms, 1, -1):
            share = 1.0 - z / k * share
        assert np.abs(z * share + np.expm1(-z)).max() <= 1e-8 * largest
    assert series_terms(1e-4) < series_terms(0.2)


def test_long_steps_take_the_exponential():
    surrogate = gates_of(dt_range=(1e-6, 50.0))
    x = torch.rand((2, 20), dtype=torch.float64)
    V = torch.linspace(-90.0, 40.0, 20, dtype=torch.float64)
    steady, rates = map(torch.tensor, tabulate_gates(CELL, ICAL, V.numpy()))
    expected = steady + (x - steady) * torch.exp(-50.0 * rates)
    assert torch.allclose(surrogate.advance(x, V[None], 50.0), expected, atol=1e-12)


def test_gates_of_more_than_voltage_are_refused():
    with pytest.raises(ValueError, match=r"ical.fCa .* depends on calcium.Ca_ss"):
        gates_of(("ical.d", "ical.fCa"))


def test_a_state_that_is_no_gate_is_refused():
    with pytest.raises(ValueError, match="has no gate calcium.Ca_ss"):
        gates_of(("calcium.Ca_ss",))


def test_a_network_without_bounds_is_refused():
    weights = np.zeros((4, 1), dtype="f4")
    network = Network((Layer(weights, weights[:, 0]),))
    with pytest.raises(ValueError, match="ends with linear"):
        gates_of(networks=[network])


def test_a_network_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="2 gates of V take 1 and 4"):
        gates_of(networks=[random_network(3, seed=0)])
