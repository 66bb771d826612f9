import numpy as np
import pytest

from cardiosim.experiments.single_cells import (
    INTERVAL,
    UPSTROKE,
    round_up,
    run_cells,
    upstrokes,
)
from cardiosim.simulation.monodomain import uniform_states
from cardiosim.tissue.stimulus import Stimulus


def test_many_cells_are_one_cell_many_times(two_variables):
    cell, rest = two_variables
    strengths = [5.0, 20.0, 40.0]
    stimuli = [Stimulus([i], 1.0, 1.0, a) for i, a in enumerate(strengths)]
    many = run_cells(cell, uniform_states(rest, 3), stimuli, 400.0, 0.01)
    for i, amplitude in enumerate(strengths):
        one = run_cells(cell, rest, [Stimulus([0], 1.0, 1.0, amplitude)], 400.0, 0.01)
        np.testing.assert_array_equal(many.V[:, i], one.V[:, 0])
        np.testing.assert_array_equal(many.states[:, i], one.states[:, 0])


def test_states_handed_in_are_left_as_they_are(two_variables):
    cell, rest = two_variables
    states = uniform_states(rest, 4)[:, ::2]  # a view that is not contiguous
    before = states.copy()
    run_cells(cell, states, [Stimulus([0], 0.0, 1.0, 20.0)], 10.0, 0.01)
    np.testing.assert_array_equal(states, before)


def test_recording_is_fine_after_a_pulse_and_coarse_elsewhere(two_variables):
    stimuli = [Stimulus([0], 50.0, 1.0, 20.0)]
    times = run_cells(*two_variables, stimuli, 100.0, 0.01).times
    gaps = np.diff(times)
    fine = (times[:-1] >= 50.0 - 1e-9) & (times[1:] <= 50.0 + UPSTROKE + 1e-9)
    assert gaps[fine] == pytest.approx(0.01)
    assert gaps.max() == pytest.approx(INTERVAL)
    assert times[0] == 0.0 and times[-1] == pytest.approx(100.0)


def test_recording_can_be_coarse_throughout_and_begin_late(two_variables):
    stimuli = [Stimulus([0], 0.0, 1.0, 20.0)]
    whole = run_cells(*two_variables, stimuli, 10.0, 0.01)
    late = run_cells(*two_variables, stimuli, 10.0, 0.01, start=4.0, fine=0.0)
    assert late.times == pytest.approx(np.arange(4.0, 10.01, INTERVAL))
    np.testing.assert_array_equal(late.states, whole.states)
    shared = np.searchsorted(whole.times, late.times - 1e-9)
    np.testing.assert_array_equal(whole.V[shared], late.V)


def test_upstrokes_are_those_of_every_pulse_from_the_start_on():
    train = Stimulus([0], -150.0, 1.0, 1.0, 100.0, 5)  # begins at -150, -50, 50, ...
    extra = Stimulus([1], 50.0, 1.0, 1.0)
    found = upstrokes([train, extra], 0.0, 200.0, 5.0)
    assert found == [(50.0, 55.0), (150.0, 155.0)]


@pytest.mark.parametrize(
    "time, rounded", [(1.0, 1.0), (1.001, 1.02), (0.0, 0.0), (1.02 + 1e-12, 1.02)]
)
def test_times_are_rounded_up_to_steps(time, rounded):
    assert round_up(time, 0.02) == pytest.approx(rounded, abs=1e-12)
