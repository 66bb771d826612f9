"""Thresholds, against the integral that gives them for a cell of one variable.

Reference of the human atrial cell: human_atrial_biomarkers.json, by another program.
"""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from cardiosim.experiments.threshold import (
    diastolic_threshold,
    fit_lapicque,
    fit_weiss,
    lapicque_law,
    strength_duration,
    weiss_law,
)
from cardiosim.ionic.compiled import compile_cell
from cardiosim.simulation.prepacing import prepaced_state

REFERENCE = Path(__file__).parents[1] / "reference"
DURATIONS = [0.1, 0.5, 1.0, 2.0, 5.0, 20.0]  # ms


def test_thresholds_are_those_of_the_integral(two_variables, second_hand):
    found = strength_duration(*two_variables, DURATIONS, 0.002, resolution=1e-4)
    expected = [second_hand.threshold(duration) for duration in DURATIONS]
    # Euler of V at 2 us: 2e-4 of the time constants of some ms; bracket 1e-4.
    np.testing.assert_allclose(found.thresholds, expected, rtol=4e-4)


def test_both_ends_of_the_bracket_are_told(two_variables, second_hand):
    found = diastolic_threshold(*two_variables, 2.0, 0.005, resolution=1e-2)
    assert found.is_closed and found.is_monotonic
    assert found.fails < second_hand.threshold(2.0) < found.answers
    assert 0.0 < found.answers - found.fails <= 1e-2 * found.answers


def test_charge_decides_where_the_pulse_is_short(two_variables):
    found = strength_duration(*two_variables, [0.01, 0.02], 0.005, resolution=1e-4)
    charges = found.durations * found.thresholds
    assert charges[1] == pytest.approx(charges[0], rel=5e-3)
    # v must pass its unstable rest: v (1 - v) = tau_in/tau_out.
    assert charges[0] == pytest.approx(50.0 * (1.0 - math.sqrt(0.8)), rel=5e-3)


def test_a_largest_amplitude_that_fails_is_no_threshold(two_variables):
    found = strength_duration(*two_variables, [0.1, 5.0], 0.005, largest=10.0)
    short, long = found.brackets
    assert short.fails == 10.0 and math.isnan(short.answers)
    assert long.is_closed
    assert np.isnan(found.thresholds).tolist() == [True, False]


def test_a_cell_that_fires_by_itself_has_no_threshold(two_variables):
    cell, rest = two_variables
    fires = rest.copy()
    fires[0] += 10.0  # mV, beyond its unstable rest
    found = diastolic_threshold(cell, fires, 2.0, 0.005)
    assert math.isnan(found.fails) and found.answers == 0.0


@pytest.mark.parametrize("durations", [[], [0.0], [1.0, -1.0]])
def test_durations_must_be_positive(two_variables, durations):
    with pytest.raises(ValueError, match="positive"):
        strength_duration(*two_variables, durations, 0.01)


@pytest.mark.parametrize("wrong", [{"largest": 0.0}, {"resolution": 0.0}])
def test_largest_and_resolution_must_be_positive(two_variables, wrong):
    with pytest.raises(ValueError, match="must be positive"):
        strength_duration(*two_variables, [1.0], 0.01, **wrong)


@pytest.fixture(scope="module")
def paced_atrial_cell():
    cell = compile_cell("skibsbye2016", scheme="multirate")
    return cell, prepaced_state(cell, 1000.0, 100, 20.0, 2.0, 0.02)


def test_thresholds_of_the_atrial_cell_are_those_of_another_program(paced_atrial_cell):
    text = (REFERENCE / "human_atrial_biomarkers.json").read_text()
    pA = json.loads(text)["diastolic_threshold_pA"]
    found = strength_duration(*paced_atrial_cell, [1.0, 2.0], 0.02)
    # 50 pF; the bracket here is 1e-3 wide, that of the reference is not known.
    assert found.thresholds[0] * 50.0 == pytest.approx(pA["dur_1ms"], rel=2e-3)
    assert found.thresholds[1] * 50.0 == pytest.approx(pA["dur_2ms"], rel=2e-3)


class Sleeper:
    """A cell that answers a charge of 5 mV or more 150 ms later."""

    name = "sleeper"
    state_names = ("membrane.V", "clock.t", "charge.q")

    def react(self, states, i_stim, dt, n_steps=1):
        states[1] += n_steps * dt
        states[2] += n_steps * dt * i_stim
        states[0] = np.where((states[1] > 150.0) & (states[2] > 5.0), 20.0, -80.0)


def test_a_short_pulse_waits_no_longer_beside_a_long_one():
    """150 ms are beyond the 100 ms after 0.5 ms, and within those after 100 ms."""
    cell, rest = Sleeper(), np.array([-80.0, 0.0, 0.0])
    alone = strength_duration(cell, rest, [0.5], 0.1, largest=40.0)
    beside = strength_duration(cell, rest, [0.5, 100.0], 0.1, largest=40.0)
    assert math.isnan(alone.thresholds[0]) and math.isnan(beside.thresholds[0])
    # Brackets are 1e-3 wide.
    assert beside.thresholds[1] == pytest.approx(0.05, rel=2e-3)


# The laws

D = np.array([0.1, 0.3, 1.0, 3.0, 10.0])


@pytest.mark.parametrize(
    "fit, law", [(fit_weiss, weiss_law), (fit_lapicque, lapicque_law)]
)
def test_law_is_recovered_from_its_own_points(fit, law):
    found = fit(D, law(2.5, 1.7, D))
    assert found.rheobase == pytest.approx(2.5, rel=1e-6)
    assert found.chronaxie == pytest.approx(1.7, rel=1e-6)
    assert found.residual < 1e-7


@pytest.mark.parametrize("law", [weiss_law, lapicque_law])
def test_chronaxie_is_where_the_rheobase_is_doubled(law):
    assert law(2.5, 1.7, [1.7]) == pytest.approx(5.0)
    assert law(2.5, 1.7, [1e6]) == pytest.approx(2.5, rel=1e-5)


@pytest.mark.parametrize("fit", [fit_weiss, fit_lapicque])
def test_missing_thresholds_are_left_out(fit):
    current = weiss_law(2.5, 1.7, D)
    whole = fit(D[1:], current[1:])
    assert fit(D, np.append(np.nan, current[1:])) == whole
    nothing = fit(D, np.append(current[0], np.full(4, np.nan)))
    assert math.isnan(nothing.rheobase) and math.isnan(nothing.chronaxie)


def test_residual_says_which_law_holds():
    current = lapicque_law(2.5, 1.7, D)
    assert fit_weiss(D, current).residual > 1e-2 > fit_lapicque(D, current).residual


def test_shapes_that_do_not_fit_are_an_error():
    with pytest.raises(ValueError, match="the same"):
        fit_weiss([1.0, 2.0], [1.0])
