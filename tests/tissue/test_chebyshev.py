"""The stability polynomial of the stages: one step of u' = -lambda u from u = 1."""

import math

import numpy as np
import pytest

from cardiosim.tissue.chebyshev import Stages, stages


def factor(chosen: Stages, rates) -> np.ndarray:
    """Growth over a step of modes of these rates, 1/ms."""
    rates = np.asarray(rates, dtype=float)
    return 1.0 + chosen.change(lambda u: -rates * u, np.ones_like(rates))


@pytest.mark.parametrize("count", [2, 3, 5, 10, 25, 60])
def test_stages_are_stable_up_to_their_reach_and_no_further(count):
    reach = Stages.reach(count)
    chosen = stages(1.0, reach * (1 - 1e-12))
    assert chosen.count == count
    growth = factor(chosen, np.linspace(0.0, reach, 5001))
    # At the reach itself the polynomial is 1; rounding grows with the stages squared.
    assert np.abs(growth).max() <= 1.0 + 1e-9
    # Between 1/3 and 1 - epsilon / 3 = 0.949 away from both ends (two stages: no
    # oscillation yet, and up to the square of the way there).
    inner = growth[(growth.size // 10) : -growth.size // 10]
    assert 0.3 < inner.min() and inner.max() < 0.96
    # The polynomial leaves 1 upwards at once, or 1/3 downwards and -1 a little later.
    assert abs(factor(chosen, [1.25 * reach])[0]) > 1.0


@pytest.mark.parametrize("count", [3, 5, 10, 25])
def test_fewer_stages_are_unstable_there(count):
    reach = Stages.reach(count)
    fewer = stages(1.0, Stages.reach(count - 1))
    assert fewer.count == count - 1
    assert abs(factor(fewer, [reach])[0]) > 1.1


def test_reach_is_that_of_the_publication():
    # Sommeijer et al. 1998, section 2.1: 2/3 (s^2 - 1) (1 - 2/15 epsilon).
    for count in (5, 10, 50):
        expected = 2.0 / 3.0 * (count**2 - 1) * (1.0 - 2.0 / 15.0 * 2.0 / 13.0)
        # An expansion in epsilon; the next term is of the size of epsilon^2 / 10.
        assert Stages.reach(count) == pytest.approx(expected, rel=3e-3)


def test_as_many_stages_are_taken_as_stability_asks_for_and_no_more():
    for rate in (1e-6, 1.0, 3.0, 17.0, 200.0, 2000.0):
        chosen = stages(0.1, rate)
        assert Stages.reach(chosen.count) >= 0.1 * rate
        assert chosen.count == 2 or Stages.reach(chosen.count - 1) < 0.1 * rate


@pytest.mark.parametrize("count", [2, 3, 7, 20])
def test_stages_are_second_order(count):
    chosen = stages(1.0, Stages.reach(count) * (1 - 1e-12))
    rates = np.array([0.02, 0.04, 0.08])
    errors = np.abs(factor(chosen, rates) - np.exp(-rates))
    # The error of one step is of third order, from (z/2)^3/6 or less.
    assert np.polyfit(np.log(rates), np.log(errors), 1)[0] == pytest.approx(3, abs=0.05)
    assert errors[-1] < 0.08**3 / 6


def test_order_in_time_of_a_system_that_is_not_linear():
    """u' = -u^2 + v, v' = -v: the stages are consistent to second order for any F."""

    def rate(state):
        u, v = state
        return np.array([-u * u + v, -v])

    def end(n_steps):
        state = np.array([1.0, 0.5])
        chosen = stages(1.0 / n_steps, 10.0 * n_steps)  # as many for all
        for _ in range(n_steps):
            state = state + chosen.change(rate, state)
        return state[0]

    steps = [20, 40, 80]
    errors = [abs(end(n) - end(5000)) for n in steps]
    slope = -np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert slope == pytest.approx(2.0, abs=0.1)


def test_what_is_steady_does_not_move_at_all():
    chosen = stages(1.0, 50.0)
    assert not chosen.change(np.zeros_like, np.full(3, -75.9)).any()


def test_stages_do_not_change_what_they_are_given():
    u = np.array([1.0, 2.0])
    before = u.copy()
    stages(0.1, 40.0).change(lambda u: -u, u)
    np.testing.assert_array_equal(u, before)
    assert math.isclose(stages(0.1, 40.0).dt, 0.1)
