"""The refractory period, against a second integration and the published cell.

Koivumaki et al. 2014: ERP at 1 Hz from the code published with it.
"""

import math

import numpy as np
import pytest

from cardiosim.experiments.refractory_period import refractory_period
from cardiosim.experiments.single_cells import Pulse
from cardiosim.ionic.compiled import compile_cell
from cardiosim.simulation.prepacing import prepaced_state

PULSE = Pulse(20.0, 1.0)


@pytest.fixture(scope="module")
def period(two_variables):
    return refractory_period(*two_variables, PULSE, 0.01, resolution=0.5, longest=600.0)


def test_period_is_that_of_a_second_integration(period, second_hand):
    peaks = []
    for interval in (period.bracket.fails - 1.0, period.bracket.answers + 1.0):
        t, V = second_hand.trace([0.0, interval], 20.0, 1.0, interval + 100.0)
        rest = V.min()
        peaks.append((V[t > interval].max(), V[t < 50.0].max(), rest))
    (before, s1, _), (after, _, _) = peaks
    # A millisecond outside the bracket on either side, Euler at 10 us.
    assert before <= 0.8 * s1 < after


def test_both_ends_are_told_with_their_responses(period):
    fails, answers = period.bracket.fails, period.bracket.answers
    assert answers - fails == 0.5 and period.value == fails
    shown = dict(zip(period.intervals, period.answered, strict=True))
    assert not shown[fails] and shown[answers]
    assert period.answered.tolist() == (period.intervals >= answers).tolist()
    assert period.recording.V.shape[1] == period.intervals.size + 1
    assert period.own_beats == 0 and period.bracket.is_monotonic


def test_a_stronger_stimulus_comes_through_no_later(two_variables, period):
    strong = refractory_period(
        *two_variables, PULSE, 0.01, s2=Pulse(60.0, 1.0), resolution=0.5, longest=600.0
    )
    assert strong.value <= period.value


def test_a_stimulus_on_the_plateau_is_no_answer(two_variables):
    """It lifts V above the peak of S1 by its charge alone."""
    strong = Pulse(200.0, 1.0)
    found = refractory_period(*two_variables, PULSE, 0.01, s2=strong, longest=200.0)
    assert (found.intervals < found.repolarised).all()
    assert (found.peaks > found.s1_peak).all()
    assert not found.answered.any()


def test_a_longest_interval_without_answer_is_told(two_variables):
    found = refractory_period(*two_variables, PULSE, 0.01, longest=150.0)
    assert found.bracket.fails == 150.0 and math.isnan(found.bracket.answers)
    assert math.isnan(found.value)
    assert not found.answered.any()


def test_a_shortest_interval_with_answer_is_told(two_variables):
    found = refractory_period(
        *two_variables, PULSE, 0.01, shortest=800.0, longest=1000.0
    )
    assert math.isnan(found.bracket.fails) and found.bracket.answers == 800.0
    assert math.isnan(found.value) and found.answered.all()


@pytest.mark.parametrize(
    "wrong, says",
    [
        ({"shortest": 0.5}, "S1 to end first"),
        ({"shortest": 300.0, "longest": 200.0}, "below the longest"),
        ({"resolution": 0.0}, "must be positive"),
    ],
)
def test_intervals_in_no_order_are_an_error(two_variables, wrong, says):
    with pytest.raises(ValueError, match=says):
        refractory_period(*two_variables, PULSE, 0.01, **wrong)


def test_an_s1_that_fails_is_an_error(two_variables):
    with pytest.raises(ValueError, match="S1 of 1 A/F for 1 ms is not answered"):
        refractory_period(*two_variables, Pulse(1.0, 1.0), 0.01)


def test_an_s1_that_does_not_end_leaves_no_answer(two_variables):
    slow = compile_cell("mitchell_schaeffer2003", parameters={"outward.tau_out": 40.0})
    found = refractory_period(slow, two_variables[1], PULSE, 0.01, longest=200.0)
    assert math.isnan(found.repolarised) and math.isnan(found.value)


def test_a_cell_that_beats_by_itself_is_told(metronome):
    found = refractory_period(*metronome, PULSE, 0.05, longest=1000.0)
    assert found.own_beats == 3  # at 300, 600 and 900 ms


@pytest.mark.parametrize(
    "cell, published", [("koivumaki2014", 321.1), ("koivumaki2014_af", 221.3)]
)
def test_period_of_koivumaki_2014_is_the_published_one(cell, published):
    """50 beats of 2820 pA for 1 ms at 50 pF; the first S2 in 0.1 ms steps."""
    compiled = compile_cell(cell, scheme="multirate")
    state = prepaced_state(compiled, 1000.0, 50, 56.4, 1.0, 0.02)
    found = refractory_period(compiled, state, Pulse(56.4, 1.0), 0.02, resolution=0.1)
    # Published code: Rush-Larsen at 10 us (0.1 ms between beats). Asked for: 2 ms.
    assert found.bracket.answers == pytest.approx(published, abs=1.0)
    assert np.isfinite(found.recording.V).all()
