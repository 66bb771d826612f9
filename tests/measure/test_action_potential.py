import json
import math
from pathlib import Path

import numpy as np
import pytest

from cardiosim.measure.action_potential import (
    action_potentials,
    propagated_action_potentials,
)

REFERENCE = Path(__file__).parents[1] / "reference"
REST, PEAK = -80.0, 20.0


def triangle(t, start, upstroke=1.0, fall=200.0):
    """Linear upstroke in `upstroke` ms from `start`, linear fall in `fall` ms."""
    corners = [start, start + upstroke, start + upstroke + fall]
    return np.interp(t, corners, [REST, PEAK, REST])


@pytest.mark.parametrize(
    ("bcl", "key"), [(1000, "1000_0.001"), (500, "500_0.002"), (2000, "2000_0.002")]
)
def test_published_numbers_follow_from_the_published_trace(bcl, key):
    trace = np.load(REFERENCE / f"human_atrial_bcl{bcl}_beat100.npz")
    numbers = json.loads((REFERENCE / "human_atrial_biomarkers.json").read_text())
    published = numbers["beat_100"][key]
    (beat,) = action_potentials(trace["t"], trace["V"], [0.0], 2.0)
    half_digit = 0.05 + 1e-9  # printed with one decimal, two for rest and amplitude
    assert beat.apd[90] == pytest.approx(published["apd90"], abs=half_digit)
    assert beat.apd[50] == pytest.approx(published["apd50"], abs=half_digit)
    assert beat.peak == pytest.approx(published["peak"], abs=half_digit)
    assert beat.resting_potential == pytest.approx(published["rmp"], abs=0.006)
    assert beat.amplitude == pytest.approx(published["apa"], abs=0.006)
    # The trace is sampled every 10 us, the published run every 1 or 2 us: its means
    # over 10 us lie under the summit by the curvature, 0.1 % at most ...
    assert beat.dvdt_max == pytest.approx(published["dvdt"], rel=1e-3)
    assert beat.dvdt_max_time == pytest.approx(published["t_dvdtmax"], abs=0.005)
    # ... and behind the end of the stimulus, where dV/dt falls by up to 10 V/s in
    # 10 us, by 1 %.
    after = published["dvdt_post_stim"]
    assert beat.dvdt_max_after_stimulus == pytest.approx(after, rel=0.011)


def test_triangle_is_measured_exactly_between_samples():
    t = np.arange(0.0, 400.0, 0.5)
    (beat,) = action_potentials(
        t, triangle(t, start=10.0), [10.0], [0.5], percents=(25, 50, 90)
    )
    assert beat.resting_potential == REST
    assert beat.peak == PEAK
    assert beat.peak_time == 11.0
    assert beat.amplitude == 100.0
    assert beat.dvdt_max == pytest.approx(100.0)
    # two intervals are equally steep; the first counts
    assert beat.dvdt_max_time == pytest.approx(10.25)
    assert beat.apd[25] == pytest.approx(11.0 + 50.0 - 10.25)
    assert beat.apd[50] == pytest.approx(11.0 + 100.0 - 10.25)
    assert beat.apd[90] == pytest.approx(11.0 + 180.0 - 10.25)


def test_slopes_during_and_after_the_stimulus_are_told_apart():
    t = np.arange(0.0, 20.0, 0.1)
    V = np.interp(t, [1.0, 3.0, 4.0, 15.0], [REST, -60.0, PEAK, REST])
    (beat,) = action_potentials(t, V, [1.0], [2.0])
    assert beat.dvdt_max_during_stimulus == pytest.approx(10.0)
    assert beat.dvdt_max_after_stimulus == pytest.approx(80.0)
    assert beat.dvdt_max == beat.dvdt_max_after_stimulus
    assert beat.dvdt_max_after_stimulus_time == pytest.approx(beat.dvdt_max_time)


def test_interval_across_the_end_of_the_stimulus_is_neither_during_nor_after():
    t = np.array([0.0, 1.0, 2.0, 3.0, 10.0])
    V = np.array([REST, -75.0, PEAK, PEAK + 1.0, REST])
    (beat,) = action_potentials(t, V, [0.0], [1.5])
    assert beat.dvdt_max == pytest.approx(95.0)
    assert beat.dvdt_max_during_stimulus == pytest.approx(5.0)
    assert beat.dvdt_max_after_stimulus == pytest.approx(1.0)


def test_every_beat_is_measured_from_its_own_rest():
    t = np.arange(0.0, 900.0, 0.25)
    V = np.maximum.reduce([triangle(t, s, fall=f) for s, f in ((5, 200), (305, 100))])
    V[t > 290.0] += 2.0
    beats = action_potentials(t, V, [5.0, 305.0, 605.0], 1.0)
    assert [b.stimulus_start for b in beats] == [5.0, 305.0, 605.0]
    assert [b.resting_potential for b in beats] == [REST, REST + 2, REST + 2]
    # fall/2 plus the part of the 1 ms upstroke behind its first interval's middle
    assert beats[0].apd[50] == pytest.approx(100.0 + 1.0 - 0.125)
    assert beats[1].apd[50] == pytest.approx(50.0 + 1.0 - 0.125)
    # nothing answered the third stimulus
    assert math.isnan(beats[2].apd[50])
    assert beats[2].amplitude == 0.0


def test_stimulus_edge_missed_by_rounding_still_begins_the_beat():
    dt = 0.1
    t = np.arange(3000) * dt
    start = 0.3  # 3*dt is 0.30000000000000004
    assert t[3] > start
    (beat,) = action_potentials(t, triangle(t, start=t[3]), [start], [2.0])
    assert beat.resting_potential == REST
    (from_start,) = action_potentials(
        t[3:], triangle(t[3:], start=t[3]), [start], [2.0]
    )
    assert from_start == beat


def test_unfinished_repolarisation_is_nan():
    t = np.arange(0.0, 150.0, 0.5)
    (beat,) = action_potentials(t, triangle(t, start=1.0), [1.0], [1.0])
    assert beat.apd[50] == pytest.approx(101.0 - 0.25)
    assert math.isnan(beat.apd[90])


def test_beat_that_began_before_the_recording_is_left_out():
    t = np.arange(500.0, 800.0, 0.5)
    V = triangle(t, start=600.0)
    (beat,) = action_potentials(t, V, [0.0, 600.0, 1200.0], 1.0)
    assert beat.stimulus_start == 600.0


def test_trace_without_a_stimulus_has_no_beat():
    t = np.arange(0.0, 50.0, 0.5)
    assert action_potentials(t, triangle(t, start=10.0), [], 1.0) == []


def test_first_crossing_counts_when_a_dome_follows_the_notch():
    t = np.arange(0.0, 300.0, 0.5)
    V = np.interp(t, [0, 1, 5, 50, 150], [REST, PEAK, -35.0, -20.0, REST])
    (beat,) = action_potentials(t, V, [0.0], [0.5], percents=(50, 60))
    assert beat.apd[50] == pytest.approx(1.0 + 4.0 * 50 / 55 - 0.25, abs=0.05)
    assert beat.apd[60] == pytest.approx(50.0 + 100.0 * 20 / 60 - 0.25)


@pytest.mark.parametrize("delay", [0.0, 40.0, 130.0, 520.0])
def test_two_beats_of_a_wave_are_measured_wherever_it_has_got_to(delay):
    """Stimuli at 5 and 245 ms; the second front meets tissue that repolarises."""
    t = np.arange(0.0, 1200.0, 0.25)
    s1, s2 = 5.0 + delay, 245.0 + 1.1 * delay
    # Falls 0.4 mV/ms from the first peak until the second front arrives, delay
    # beyond s2 - s1 or not; then from a lower peak at the same rate.
    foot = max(PEAK - 0.4 * (s2 - s1 - 1.0), REST)
    corners = [s1, s1 + 1.0, s1 + 1.0 + (PEAK - foot) / 0.4, s2, s2 + 1.0, s2 + 226.0]
    V = np.interp(t, corners, [REST, PEAK, foot, foot, 10.0, REST])
    first, second = propagated_action_potentials(t, V, percents=(50, 90))
    assert first.activation_time == pytest.approx(s1 + 0.6, abs=1e-9)
    assert first.resting_potential == REST
    assert first.peak == pytest.approx(PEAK, abs=0.4 * 0.25)
    # From the upstroke, 1 ms long and steepest from its first interval on, down
    # 50 and 90 of 100 mV.
    assert first.apd[50] == pytest.approx(1.0 + 50.0 / 0.4, abs=0.5)
    assert first.apd[90] == pytest.approx(1.0 + 90.0 / 0.4, abs=0.5)
    assert second.activation_time == pytest.approx(
        s2 + (-20.0 - foot) / (10.0 - foot), abs=0.25
    )
    assert second.resting_potential == pytest.approx(foot, abs=0.4 * 0.25)
    assert second.amplitude == pytest.approx(10.0 - foot, abs=0.5)
    assert second.apd[90] == pytest.approx(1.0 + 0.9 * (10.0 - foot) / 0.4, abs=1.0)
    assert math.isnan(second.stimulus_start)
    assert math.isnan(second.dvdt_max_after_stimulus)


def test_beat_that_the_next_cuts_short_has_no_duration():
    t = np.arange(0.0, 500.0, 0.25)
    V = np.interp(t, [10, 11, 130, 131, 400], [REST, PEAK, -45.0, PEAK, REST])
    first, second = propagated_action_potentials(t, V, percents=(50, 90))
    assert first.apd[50] == pytest.approx(1.0 + 119.0 * 50.0 / 65.0, abs=0.5)
    assert math.isnan(first.apd[90])
    assert second.resting_potential == -45.0
    assert second.apd[90] == pytest.approx(1.0 + 269.0 * 58.5 / 100.0, abs=0.5)


def test_foot_is_where_the_diastole_ends_when_v_is_level():
    t = np.arange(0.0, 900.0, 0.5)
    V = np.maximum(triangle(t, start=10.0), triangle(t, start=600.0))
    # It is level from 211 ms on; a bump that excites nothing is no beat.
    V[(t > 300.0) & (t < 320.0)] += 30.0
    first, second = propagated_action_potentials(t, V)
    assert first.resting_potential == second.resting_potential == REST
    assert second.activation_time == pytest.approx(600.6)
    assert second.dvdt_max == pytest.approx(100.0)
    assert second.dvdt_max_time == pytest.approx(600.25)
    assert second.apd[90] == pytest.approx(first.apd[90])


def test_a_stimulated_cell_has_the_same_beats_from_its_own_activations():
    trace = np.load(REFERENCE / "human_atrial_bcl1000_beat100.npz")
    (paced,) = action_potentials(trace["t"], trace["V"], [0.0], 2.0)
    (own,) = propagated_action_potentials(trace["t"], trace["V"])
    # The foot is the lowest V since the begin of the trace, here the stimulus.
    assert own.resting_potential == paced.resting_potential
    assert (own.apd, own.dvdt_max) == (paced.apd, paced.dvdt_max)
    assert own.activation_time == paced.activation_time


def test_node_that_is_not_activated_has_no_beat():
    t = np.arange(0.0, 100.0, 0.5)
    V = np.interp(t, [10, 12, 50], [REST, -30.0, REST])
    assert propagated_action_potentials(t, V) == []
    assert len(propagated_action_potentials(t, V, threshold=-40.0)) == 1


@pytest.mark.parametrize(
    ("times", "V", "starts", "percents", "says"),
    [
        ([0, 1, 2], [0, 1], [0], (90,), "shape"),
        ([0], [0], [0], (90,), "at least two"),
        ([0, 1, 1], [0, 1, 2], [0], (90,), "must increase"),
        ([0, 1, 2], [0, np.nan, 2], [0], (90,), "t = 1 ms"),
        ([0, 1, 2], [0, 1, 2], [1, 0], (90,), "one increasing"),
        ([0, 1, 2], [0, 1, 2], [0], (0.9, 190), "190"),
    ],
)
def test_input_that_makes_no_sense_is_refused(times, V, starts, percents, says):
    with pytest.raises(ValueError, match=says):
        action_potentials(times, V, starts, 1.0, percents)
