"""Ways to step the gates: where each is stable, and that they agree where it is."""

import math

import numpy as np
import pytest

from cardiosim.experiments import gate_stepping
from cardiosim.experiments.gate_stepping import (
    EULER,
    RUSH_LARSEN,
    explicit_beats,
    implicit_beats,
)
from cardiosim.experiments.paced_beat import PacedBeat, one_beat, paced_beat
from cardiosim.experiments.single_cells import Pulse
from cardiosim.ionic.compiled import compile_cell

MODEL, PULSE, END = "skibsbye2016", Pulse(20.0, 2.0), 400.0


@pytest.fixture(scope="module")
def state():
    return compile_cell(MODEL, backend="scalar").initial_states(1)[:, 0]


@pytest.fixture(scope="module")
def explicit(state):
    with pytest.MonkeyPatch.context() as patch:
        # 2 million steps a second, instead of ten seconds of measuring.
        patch.setattr(gate_stepping, "node_rate", lambda *_: 2.0)
        found = explicit_beats(MODEL, state, PULSE, END, (0.001, 0.01, 0.04))
    return {(way.method, round(1e3 * way.dt)): way for way in found}


def test_euler_is_unstable_where_the_step_is_longer_than_twice_tau(explicit):
    # tau_m at rest, where the beat returns to, is 13 us; Rush-Larsen has no such limit.
    assert explicit[EULER, 40].beat is None
    assert explicit[RUSH_LARSEN, 40].beat is not None


def test_euler_and_rush_larsen_meet_where_the_step_is_small(explicit):
    reference = explicit[RUSH_LARSEN, 1].beat
    euler = [explicit[EULER, dt].beat.rmse(reference) for dt in (1, 10)]
    rush_larsen = explicit[RUSH_LARSEN, 10].beat.rmse(reference)
    # First order in dt both; 0.2 mV is a fifth of a percent of the upstroke.
    assert euler[0] < 0.02
    assert euler[0] < euler[1] < 0.2
    assert rush_larsen < 0.2


def test_cost_is_that_of_the_steps(explicit):
    way = explicit[EULER, 10]
    assert way.evaluations == 40_000
    assert way.wall == pytest.approx(20.0)  # ms, at 2 steps a microsecond


@pytest.mark.parametrize("method", ["LSODA", "BDF"])
def test_implicit_solvers_find_the_same_beat(method, state, explicit):
    (way,) = implicit_beats(MODEL, state, PULSE, END, (method,), (1e-6,))
    reference = explicit[RUSH_LARSEN, 1].beat
    # The reference itself is 0.01 mV off at 1 us.
    assert way.beat.rmse(reference) < 0.05
    assert way.evaluations > 100 and math.isnan(way.dt)


def test_rmse_in_repolarisation_begins_behind_the_peak():
    times = np.arange(0.0, 300.0, 0.05)
    V = np.interp(times, [0.0, 10.0, 11.0, 200.0], [-80.0, -80.0, 20.0, -80.0])
    late = np.where(times > 100.0, 1.0, 0.0)
    early = np.where(times < 11.5, 1.0, 0.0)
    beats = [PacedBeat(times, V + d, PULSE, np.zeros(1)) for d in (0.0, late, early)]
    assert beats[1].rmse(beats[0]) == pytest.approx(np.sqrt(2.0 / 3.0), abs=0.01)
    # Of 12 to 181 ms, 100 to 181 ms are 1 mV off.
    expected = np.sqrt(81.0 / 169.0)
    assert beats[1].rmse(beats[0], repolarisation=True) == pytest.approx(
        expected, abs=0.02
    )
    assert beats[2].rmse(beats[0], repolarisation=True) == 0.0


def test_the_second_beat_follows_the_first():
    cell = compile_cell(MODEL, backend="scalar")
    first = paced_beat(cell, PULSE, 300.0, 1, 0.01)
    second = paced_beat(cell, PULSE, 300.0, 2, 0.01)
    assert second.V[0] == pytest.approx(first.V[-1], abs=1e-9)
    again = one_beat(cell, second.state, PULSE, 300.0, 0.01)
    np.testing.assert_array_equal(again.V, second.V)
