"""The two-variable cell against an independent reading, and its phase plane.

Reference: aliev_panfilov1996_rhs.json; Aliev, Panfilov 1996, Chaos Solitons Fractals
7:293-301, doi 10.1016/0960-0779(95)00089-5.
"""

import json
from pathlib import Path

import myokit
import numpy as np
import pytest

from cardiosim.ionic.cell_library import model_source
from cardiosim.ionic.compiled import compile_cell
from cardiosim.measure.action_potential import action_potentials

REFERENCE = Path(__file__).parents[1] / "reference" / "aliev_panfilov1996_rhs.json"
RATES = ["dot(membrane.V)", "dot(recovery.v)"]


@pytest.fixture(scope="module")
def cell():
    return compile_cell("aliev_panfilov1996")


def rates(cell, V, v):
    """Of V and v, per ms, at nodes with these states."""
    return cell.observe(np.array(np.broadcast_arrays(V, v)), RATES)


def test_units_pass_the_strict_check_and_all_is_described():
    model = myokit.parse_model(model_source("aliev_panfilov1996").text)
    model.check_units(myokit.UNIT_STRICT)
    assert all("desc" in v.meta for v in model.variables(deep=True))


def test_right_hand_side_is_that_of_the_independent_reading(cell):
    samples = json.loads(REFERENCE.read_text())["samples"]
    states = np.array([sample["state"] for sample in samples]).T.copy()
    expected = np.array([sample["derivative"] for sample in samples]).T
    # u loses its last digits on the way through mV; near rest they are 1e-14 of it.
    np.testing.assert_allclose(
        cell.observe(states, RATES), expected, rtol=1e-11, atol=1e-14
    )


def test_recovery_is_no_gate(cell):
    """epsilon grows with v: its equation is quadratic in v."""
    assert cell.facts["gates"] == []


def test_it_rests_where_it_starts(cell):
    assert (cell.observe(cell.initial_states(1), RATES) == 0.0).all()


@pytest.mark.parametrize("u, sign", [(0.0, -1.0), (0.15, 1.0), (1.0, -1.0)])
def test_rest_and_excitation_are_stable_and_the_threshold_is_not(cell, u, sign):
    distance = np.array([-0.1, 0.1])  # mV
    change = rates(cell, -80.0 + 100.0 * u + distance, 0.0)[0]
    assert (np.sign(change) == sign * np.sign(distance)).all()


def test_recovery_moves_towards_its_nullcline(cell):
    u = np.linspace(0.0, 1.0, 11)
    nullcline = -8.0 * u * (u - 1.15)  # of v
    for side in (-1.0, 1.0):
        v = np.maximum(nullcline + side * 0.01, 0.0)
        change = rates(cell, -80.0 + 100.0 * u, v)[1]
        assert (np.sign(change) == np.sign(nullcline - v)).all()


def test_rate_of_recovery_has_no_pole_and_keeps_its_sign(cell):
    """Published, it is 1/0 at V = -110 mV and negative below."""
    V = np.linspace(-120.0, 80.0, 2001)
    states = cell.initial_states(V.size)
    states[0], states[1] = V, 1.0
    (epsilon,) = cell.observe(states, ["recovery.epsilon"])
    assert (epsilon > 0.0).all() and epsilon.max() < 2.1
    known = V > -100.0
    published = 0.002 + 0.2 / ((V[known] + 80.0) / 100.0 + 0.3)
    np.testing.assert_allclose(epsilon[known], published, rtol=1e-12)


def test_duration_grows_with_the_interval(cell):
    """Restitution, which the paper made the cell for."""
    intervals = np.array([450.0, 550.0, 700.0, 1000.0])  # ms, from S1 to S2
    states, dt, stride = cell.initial_states(intervals.size), 0.01, 10
    times, V = [0.0], [states[0].copy()]
    for step in range(0, 150_000, stride):
        t = step * dt
        driven = (t < 2.0) | ((intervals <= t) & (t < intervals + 2.0))
        cell.react(states, np.where(driven, 30.0, 0.0), dt, stride)
        times.append(t + stride * dt)
        V.append(states[0].copy())
    times, V = np.array(times), np.array(V)
    durations = [
        action_potentials(times, V[:, i], [0.0, interval], 2.0)[1].apd[90]
        for i, interval in enumerate(intervals)
    ]
    assert (np.diff(durations) > 1.0).all()
