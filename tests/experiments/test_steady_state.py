"""Pacing to a steady state; references: tests/reference/README.md."""

import json
from pathlib import Path

import numpy as np
import pytest

from cardiosim.experiments.single_cells import Pulse
from cardiosim.experiments.steady_state import change_of_a_beat, pace_to_steady_state
from cardiosim.ionic.compiled import compile_cell
from cardiosim.simulation.prepacing import prepaced_state

REFERENCE = Path(__file__).parents[1] / "reference"
PULSE = Pulse(20.0, 1.0)


def test_pacing_ends_when_a_beat_changes_nothing_more(two_variables):
    found = pace_to_steady_state(*two_variables, PULSE, 400.0, 0.01, tolerance=1e-6)
    assert found.is_steady
    assert found.changes[-1] < 1e-6 <= found.changes[:-1].min()
    assert len(found.beats) == found.changes.size < 50
    # The next beat finds what this one found.
    again = pace_to_steady_state(
        two_variables[0], found.state, PULSE, 400.0, 0.01, tolerance=None, most_beats=1
    )
    assert again.changes[0] < 1e-6
    assert again.beats[0].apd[90] == pytest.approx(found.beats[-1].apd[90], abs=1e-3)


def test_duration_in_the_steady_state_is_that_of_a_second_integration(
    two_variables, second_hand
):
    found = pace_to_steady_state(
        *two_variables, PULSE, 400.0, 0.005, tolerance=1e-6, potentials=(-60.0,)
    )
    t, V = second_hand.trace((400.0 * np.arange(30)).tolist(), 20.0, 1.0, 12000.0)
    expected = second_hand.time_above(-60.0, t, V, 29 * 400.0, 12000.0)
    # Euler of V at 5 us.
    assert found.beats[-1].apd_at[-60.0] == pytest.approx(expected, abs=0.2)


def test_beats_end_where_they_are_told_to(two_variables):
    found = pace_to_steady_state(
        *two_variables, PULSE, 400.0, 0.02, tolerance=1e-12, most_beats=3
    )
    assert len(found.beats) == 3 and not found.is_steady
    exactly = pace_to_steady_state(
        *two_variables, PULSE, 400.0, 0.02, tolerance=None, most_beats=30
    )
    assert len(exactly.beats) == 30 and not exactly.is_steady


def test_beats_one_by_one_lead_where_beats_in_one_go_lead(two_variables):
    cell, rest = two_variables
    found = pace_to_steady_state(
        cell, rest, PULSE, 400.0, 0.02, tolerance=None, most_beats=5
    )
    together = prepaced_state(cell, 400.0, 5, PULSE.amplitude, PULSE.duration, 0.02)
    np.testing.assert_allclose(found.state, together, rtol=1e-10)


def test_a_change_is_relative_but_of_gates_and_potential():
    cell = compile_cell("skibsbye2016")
    before = cell.initial_states(1)[:, 0]
    names = list(cell.state_names)
    for name, by, expected in (
        ("membrane.V", 1.0, 0.01),
        ("ina.m", 0.001, 0.001),  # of a gate that is nearly closed
        ("potassium.K_i", 0.1, 0.1 / before[names.index("potassium.K_i")]),
    ):
        after = before.copy()
        after[names.index(name)] += by
        assert change_of_a_beat(cell, before, after) == pytest.approx(expected)


def test_progress_counts_beats(two_variables):
    said = []
    pace_to_steady_state(
        *two_variables,
        PULSE,
        400.0,
        0.02,
        tolerance=None,
        most_beats=3,
        progress=lambda *at: said.append(at),
    )
    assert said == [(1, 3), (2, 3), (3, 3)]


def test_a_pulse_as_long_as_the_cycle_is_an_error(two_variables):
    with pytest.raises(ValueError, match="shorten it or pace more slowly"):
        pace_to_steady_state(*two_variables, Pulse(20.0, 300.0), 300.0, 0.02)


def test_a_cycle_of_no_whole_number_of_steps_is_an_error(two_variables):
    with pytest.raises(ValueError, match="whole number of steps"):
        pace_to_steady_state(*two_variables, PULSE, 300.01, 0.02)


@pytest.mark.slow
def test_beat_100_of_tentusscher_2006_is_that_of_the_reference():
    text = (REFERENCE / "tentusscher2006_single_cell.json").read_text()
    expected = json.loads(text)["beat_100"]["1000"]
    cell = compile_cell("tentusscher2006", scheme="multirate")
    found = pace_to_steady_state(
        cell,
        cell.initial_states(1)[:, 0],
        Pulse(94.0, 0.5),
        1000.0,
        0.05,
        tolerance=None,
        most_beats=100,
    )
    beat = found.beats[-1]
    # At 50 us, where multirate is 0.3 ms and 0.5 mV off.
    assert beat.apd[90] == pytest.approx(expected["APD90"], abs=0.5)
    assert beat.apd[50] == pytest.approx(expected["APD50"], abs=1.0)
    assert beat.resting_potential == pytest.approx(expected["RMP"], abs=0.05)
    # 100 beats are not the steady state: sodium and potassium still drift.
    assert 1e-4 < found.changes[-1] < 1e-3
