"""Restitution, against a second integration of two equations and other programs.

References: tests/reference/README.md. Asked of the APD90 of a premature beat: 1 ms.
"""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from cardiosim.experiments.restitution import (
    dynamic_restitution,
    largest_slope,
    s1s2_restitution,
)
from cardiosim.experiments.single_cells import Pulse
from cardiosim.ionic.compiled import compile_cell
from cardiosim.measure.level_crossing import first_fall
from cardiosim.simulation.prepacing import prepaced_state

REFERENCE = Path(__file__).parents[1] / "reference"
PULSE = Pulse(20.0, 1.0)
INTERVALS = [200.0, 320.0, 350.0, 400.0, 480.0, 600.0, 800.0, 1000.0]  # ms
LEVEL = -60.0  # mV


# A cell of two equations


@pytest.fixture(scope="module")
def premature(two_variables):
    return s1s2_restitution(
        *two_variables, PULSE, INTERVALS, 0.005, percents=(30, 90), potentials=[LEVEL]
    )


def test_premature_beats_last_as_long_as_in_a_second_integration(
    premature, second_hand
):
    key = f"apd_at_{LEVEL:g}mV"
    for i, interval in enumerate(INTERVALS[1:], start=1):
        t, V = second_hand.trace([0.0, interval], 20.0, 1.0, interval + 500.0)
        expected = second_hand.time_above(LEVEL, t, V, interval, t[-1])
        # Euler of V at 5 us; the end of the plateau is slow to make up its mind.
        assert premature.s2[key][i] == pytest.approx(expected, abs=0.2), interval


def test_a_longer_rest_makes_a_longer_beat_and_a_gentler_slope(premature):
    rests, apd = premature.diastolic_intervals, premature.s2["apd90"]
    known = np.isfinite(apd)
    slopes = np.diff(apd[known]) / np.diff(rests[known])
    assert (slopes > 0.0).all() and (np.diff(slopes) < 0.0).all()
    assert premature.largest_slope == slopes[0]
    assert premature.percent == 90


def test_diastolic_interval_and_duration_fill_the_interval(premature):
    """Up to the latency of both upstrokes, which are alike but in early beats."""
    total = premature.diastolic_intervals[-2:] + premature.s1["apd90"]
    assert total == pytest.approx(INTERVALS[-2:], abs=0.2)


def test_a_stimulus_before_repolarisation_has_no_percentage(premature):
    assert INTERVALS[0] < premature.s1["apd90"] < INTERVALS[1]
    assert math.isnan(premature.s2["apd90"][0])
    assert premature.diastolic_intervals[0] < 0.0
    # It began above that potential, too.
    assert math.isnan(premature.s2[f"apd_at_{LEVEL:g}mV"][0])


def test_cells_of_one_run_do_not_know_of_each_other(premature, two_variables):
    alone = s1s2_restitution(
        *two_variables, PULSE, [400.0], 0.005, percents=(30, 90), potentials=[LEVEL]
    )
    i = INTERVALS.index(400.0)
    # The samples of the one run are not quite those of the other.
    assert alone.s2["apd90"][0] == pytest.approx(premature.s2["apd90"][i], abs=1e-3)
    assert math.isnan(alone.largest_slope)


def test_s2_may_be_weaker_than_s1_and_fail(two_variables):
    found = s1s2_restitution(*two_variables, PULSE, [600.0], 0.01, s2=Pulse(2.0, 1.0))
    assert math.isnan(found.s2["apd90"][0]) and found.s2["peak"][0] < -20.0


def test_own_beats_are_counted(metronome, premature):
    found = s1s2_restitution(*metronome, PULSE, [500.0], 0.05)
    assert found.own_beats == 4  # 300, 600, 900, 1200 ms
    assert premature.own_beats == 0


@pytest.mark.parametrize("intervals", [[], [0.5], [math.nan], [100.0, math.inf]])
def test_intervals_that_are_none_are_an_error(two_variables, intervals):
    with pytest.raises(ValueError, match="intervals"):
        s1s2_restitution(*two_variables, PULSE, intervals, 0.01)


def test_an_s1_that_fails_is_an_error(two_variables):
    with pytest.raises(ValueError, match="not answered.*make it stronger"):
        s1s2_restitution(*two_variables, Pulse(1.0, 1.0), [500.0], 0.01)


# Trains

LENGTHS = [800.0, 340.0, 450.0]  # ms, in no order


@pytest.fixture(scope="module")
def trains(two_variables):
    return dynamic_restitution(
        *two_variables, PULSE, LENGTHS, 8, 0.005, potentials=[LEVEL]
    )


def test_last_beats_last_as_long_as_in_a_second_integration(trains, second_hand):
    for i, length in enumerate(LENGTHS):
        begins = length * np.arange(8)
        t, V = second_hand.trace(begins.tolist(), 20.0, 1.0, 8 * length)
        expected = second_hand.time_above(LEVEL, t, V, begins[-1], t[-1])
        found = trains.last[f"apd_at_{LEVEL:g}mV"][i]
        assert found == pytest.approx(expected, abs=0.2), length


def test_train_and_premature_beat_follow_one_curve(trains, premature):
    """A cell with one slow variable has no memory beyond the last rest."""
    known = np.isfinite(premature.s2["apd90"])
    rests = premature.diastolic_intervals[known]
    curve = np.interp(trains.diastolic_intervals, rests, premature.s2["apd90"][known])
    # Linear between points of a curve that bends.
    assert trains.last["apd90"] == pytest.approx(curve, abs=2.0)
    assert trains.is_one_to_one.all()


def test_state_of_each_train_is_that_after_its_own_beats(trains, two_variables):
    cell, rest = two_variables
    for i, length in enumerate(LENGTHS):
        alone = prepaced_state(cell, length, 4, PULSE.amplitude, PULSE.duration, 0.005)
        # 4 of the 8 beats come before what is recorded.
        np.testing.assert_allclose(trains.states[:, i], alone, rtol=1e-9)


def test_every_second_stimulus_answered_is_no_duration(two_variables):
    found = dynamic_restitution(*two_variables, PULSE, [180.0, 600.0], 10, 0.01)
    assert found.is_one_to_one.tolist() == [False, True]
    assert found.answered[:, 0].sum() == 2
    assert math.isnan(found.last["apd90"][0]) and math.isfinite(found.last["apd90"][1])
    assert math.isnan(found.diastolic_intervals[0])


def test_charge_is_no_answer():
    """80 mV a pulse exceed the threshold in a cell that does nothing of its own."""
    cell = compile_cell("courtemanche1998", scheme="multirate")
    rest = cell.initial_states(1)[:, 0]
    lengths = [60.0, 100.0, 300.0]
    found = dynamic_restitution(cell, rest, Pulse(40.0, 2.0), lengths, 8, 0.02)
    assert found.last["peak"].min() > -20.0
    # V rises no faster than the pulse drives it.
    assert (found.last["dvdt_max"][:2] < 41.0).all()
    assert not found.answered[:, :2].any() and found.answered[:, 2].all()
    assert np.isnan(found.last["apd90"]).tolist() == [True, True, False]


def test_a_premature_pulse_that_only_charges_is_no_answer(two_variables):
    """S1 has repolarised by 90 % at 285 ms, the slow variable has not recovered."""
    strong = Pulse(40.0, 2.0)
    found = s1s2_restitution(*two_variables, PULSE, [300.0, 400.0], 0.01, s2=strong)
    assert found.s1["apd90"] < 300.0 and found.s2["peak"].min() > -20.0
    assert found.answered.tolist() == [False, True]
    assert np.isnan(found.s2["apd90"]).tolist() == [True, False]


def test_an_s1_that_only_charges_is_an_error():
    """tau_in > tau_out/4 leaves rest as the only state of rest."""
    dead = compile_cell("mitchell_schaeffer2003", parameters={"inward.tau_in": 100.0})
    rest = dead.initial_states(1)[:, 0]
    with pytest.raises(ValueError, match="not answered.*the charge of the pulse alone"):
        s1s2_restitution(dead, rest, Pulse(80.0, 1.0), [500.0], 0.01)


def test_alternans_is_told():
    """h_min > 1/4 in this cell: the curve is steeper than one at short rests."""
    cell = compile_cell("mitchell_schaeffer2003", parameters={"outward.tau_out": 4.0})
    rest = cell.initial_states(1)[:, 0]
    lengths = [600.0, 200.0]
    found = dynamic_restitution(cell, rest, Pulse(40.0, 1.0), lengths, 40, 0.01)
    assert found.has_alternans.tolist() == [False, True]
    assert found.alternans[0] < 0.1 and found.alternans[1] > 5.0
    assert found.is_one_to_one.all()


@pytest.mark.parametrize("beats", [2, 3])
def test_few_beats_are_measured_too(two_variables, beats):
    found = dynamic_restitution(*two_variables, PULSE, [600.0], beats, 0.01)
    assert np.isfinite(found.last["apd90"][0])
    assert np.isfinite(found.diastolic_intervals[0])
    assert found.answered.shape == (beats, 1)


@pytest.mark.parametrize(
    "lengths, beats, says",
    [
        ([500.003], 5, "cycle length .* whole number of steps"),
        ([0.5], 5, "cycle lengths"),
        ([500.0], 1, "two or more"),
    ],
)
def test_trains_that_are_none_are_an_error(two_variables, lengths, beats, says):
    with pytest.raises(ValueError, match=says):
        dynamic_restitution(*two_variables, PULSE, lengths, beats, 0.01)


def test_largest_slope_is_that_of_neighbours():
    rests = [300.0, 10.0, 100.0, np.nan, 50.0]
    apd = [250.0, 100.0, 200.0, 500.0, 180.0]
    assert largest_slope(rests, apd) == pytest.approx(80.0 / 40.0)
    assert math.isnan(largest_slope([1.0], [2.0]))
    assert math.isnan(largest_slope([1.0, np.nan], [2.0, 3.0]))


# Cells whose premature beats are known

AMPLITUDES = {
    "courtemanche1998": 92.36,
    "tentusscher2006": 94.0,
    "koivumaki2011": 117.72,
}  # A/F, for 0.5 ms
STUNTED = ("tentusscher2006", 320)  # peak -3.9 mV, sensitive to everything


def reference(name):
    text = (REFERENCE / f"{name}_single_cell.json").read_text()
    known = json.loads(text)
    rows = [row for row in known["s1s2_bcl1000"] if row.get("valid", True)]
    state = known["state_before_last_beat"]["1000"]
    return rows, np.array(list(state.values()) if isinstance(state, dict) else state)


def assert_is_the_reference(name, rows, found, within, except_for=()):
    """By the level of S2, as asked; and by that of S1, which reads no V before S2."""
    level = found.s1["peak"] - 0.9 * found.s1["amplitude"]
    times, V = found.recording.times, found.recording.V[:, : len(rows)].T
    after = times[:-1] >= found.s2["peak_time"][:, None]
    until = first_fall(times, V, level, after) - found.intervals
    for i, row in enumerate(rows):
        if (name, row["CI"]) in except_for:
            continue
        apd = found.s2["apd90"][i]
        assert apd == pytest.approx(row["S2_APD90"], abs=1.0), row["CI"]
        expected = row["S2_APD90_S1thr_from_stim"]
        assert until[i] == pytest.approx(expected, abs=within), row["CI"]
        assert found.s2["peak"][i] == pytest.approx(row["S2_Vpeak"], abs=0.5)


@pytest.mark.parametrize("name", AMPLITUDES)
def test_premature_beats_are_those_of_the_reference(name):
    """From the reference's own state at the start of beat 100, 10 ms before S1."""
    rows, state = reference(name)
    cell, dt = compile_cell(name, scheme="multirate"), 0.01
    begin = state[:, None].copy()
    cell.react(begin, np.zeros(1), dt, round(10.0 / dt))
    pulse = Pulse(AMPLITUDES[name], 0.5)
    intervals = [row["CI"] for row in rows]
    found = s1s2_restitution(cell, begin[:, 0], pulse, intervals, dt)
    # Measured: 0.11 ms, 0.6 by the reference's reading of V before S2
    # (tests/reference/README.md); the stunted beat is 2.9 ms too long at this step.
    assert_is_the_reference(name, rows, found, 0.25, except_for=[STUNTED])


@pytest.mark.slow
@pytest.mark.parametrize("name", AMPLITUDES)
def test_premature_beats_after_99_own_beats_are_those_of_the_reference(name):
    """All of them, at a step that resolves the stunted one."""
    rows, _ = reference(name)
    pulse = Pulse(AMPLITUDES[name], 0.5)
    pacer = compile_cell(name, scheme="multirate")
    # 20 us are good for 0.4 ms in APD90 after 99 beats of courtemanche1998.
    state = prepaced_state(pacer, 1000.0, 99, pulse.amplitude, pulse.duration, 0.005)
    cell, intervals = compile_cell(name), [row["CI"] for row in rows]
    found = s1s2_restitution(cell, state, pulse, intervals, 0.00125)
    assert_is_the_reference(name, rows, found, 1.0)


def test_premature_beats_of_the_atrial_cell_are_those_of_another_program():
    text = (REFERENCE / "human_atrial_cable_and_s1s2.json").read_text()
    rows = {float(ci): row for ci, row in json.loads(text)["s1s2_bcl1000"].items()}
    cell = compile_cell("skibsbye2016", scheme="multirate")
    state = prepaced_state(cell, 1000.0, 99, 20.0, 2.0, 0.02)
    found = s1s2_restitution(cell, state, Pulse(20.0, 2.0), list(rows), 0.01)
    for i, (interval, row) in enumerate(rows.items()):
        if np.isnan(found.s2["apd90"][i]):
            assert interval < found.s1["apd90"] + 5.0
            continue
        assert found.s2["apd90"][i] == pytest.approx(row["apd90"], abs=1.0), interval
        assert found.s2["peak"][i] == pytest.approx(row["Vpeak"], abs=0.5), interval
    assert np.isfinite(found.s2["apd90"]).sum() >= len(rows) - 1
