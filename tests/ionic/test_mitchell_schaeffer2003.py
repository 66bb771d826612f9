"""The two-current cell: its published CellML text, and what is known of it by hand.

Reference: mitchell_schaeffer2003_rhs.json; Mitchell, Schaeffer 2003, Bull Math Biol
65:767-793, doi 10.1016/S0092-8240(03)00041-7.
"""

import json
from pathlib import Path

import myokit
import numpy as np
import pytest

from cardiosim.ionic.cell_library import model_source
from cardiosim.ionic.compiled import compile_cell

REFERENCE = Path(__file__).parents[1] / "reference" / "mitchell_schaeffer2003_rhs.json"
NAMES = ("membrane.V", "inward.h")
GATE = -80.0 + 100.0 * 0.13  # mV; v_gate

TAU_IN, TAU_OUT, TAU_OPEN, TAU_CLOSE = 0.3, 6.0, 120.0, 150.0  # ms
H_MIN = 4.0 * TAU_IN / TAU_OUT  # where the plateau ends
LONGEST = TAU_CLOSE * np.log(1.0 / H_MIN)  # ms, to leading order

# The theory is for tau_in, tau_out << tau_open, tau_close: both are shrunk by this.
SHRUNK = np.array([1.0, 1.0 / 4.0, 1.0 / 16.0, 1.0 / 64.0])
FIRST_ZERO_OF_AIRY = 2.338107


@pytest.fixture(scope="module")
def cell():
    return compile_cell("mitchell_schaeffer2003")


@pytest.fixture(scope="module")
def durations():
    """After long rest, ms, by `SHRUNK`."""
    cell = shrunk(SHRUNK)
    return beat(cell, cell.initial_states(SHRUNK.size))


def shrunk(by):
    """The cell with both currents faster."""
    faster = {"inward.tau_in": TAU_IN * by, "outward.tau_out": TAU_OUT * by}
    return compile_cell("mitchell_schaeffer2003", parameters=faster)


def beat(cell, states, dt=1e-3):
    """Raise V to the middle of the upstroke; time until it is back at v_gate, ms.

    Leaves each node as it was then, but for 0.02 ms.
    """
    n, stride = states.shape[1], 20
    states[0] = -30.0
    none, duration, final = np.zeros(n), np.full(n, np.nan), states.copy()
    t = 0.0
    while np.isnan(duration).any():
        before = states[0].copy()
        cell.react(states, none, dt, stride)
        t += dt * stride
        back = np.isnan(duration) & (states[0] < GATE)
        share = (before[back] - GATE) / (before[back] - states[0][back])
        duration[back] = t - dt * stride * (1.0 - share)
        final[:, back] = states[:, back]
    states[:] = final
    return duration


def test_units_pass_the_strict_check_and_all_is_described():
    model = myokit.parse_model(model_source("mitchell_schaeffer2003").text)
    model.check_units(myokit.UNIT_STRICT)
    assert all("desc" in v.meta for v in model.variables(deep=True))


def test_right_hand_side_is_that_of_the_published_text(cell):
    samples = json.loads(REFERENCE.read_text())["samples"]
    states = np.array([sample["state"] for sample in samples]).T.copy()
    expected = np.array([sample["derivative"] for sample in samples]).T
    computed = cell.observe(states, [f"dot({name})" for name in NAMES])
    v = (states[0] + 80.0) / 100.0
    assert (v < 0.13).any() and (v > 0.13).any()
    # v loses its last digits on the way through mV; some terms cancel by 100.
    np.testing.assert_allclose(computed, expected, rtol=1e-11, atol=1e-13)


def test_h_is_a_gate_although_its_equation_switches(cell):
    assert cell.facts["gates"] == ["inward.h"]
    states = cell.initial_states(2)
    states[:] = [[-70.0, 0.0], [0.6, 0.6]]
    dt = 30.0  # ms: no Euler step would do
    cell.react(states, np.zeros(2), dt)
    opening = 1.0 - 0.4 * np.exp(-dt / TAU_OPEN)
    closing = 0.6 * np.exp(-dt / TAU_CLOSE)
    np.testing.assert_allclose(states[1], [opening, closing], rtol=1e-14)


def test_it_rests_where_it_starts(cell):
    states = cell.initial_states(1)
    assert cell.observe(states, ["dot(membrane.V)", "dot(inward.h)"]).tolist() == [
        [0.0],
        [0.0],
    ]


@pytest.mark.parametrize("h", [0.3, 0.6, 1.0])
def test_threshold_and_plateau_are_where_the_currents_cancel(cell, h):
    root = np.sqrt(1.0 - H_MIN / h)
    threshold, plateau = -80.0 + 50.0 * (1.0 - root), -80.0 + 50.0 * (1.0 + root)
    states = cell.initial_states(4)
    states[0] = [threshold - 0.5, threshold + 0.5, plateau - 0.5, plateau + 0.5]
    states[1] = h
    (rate,) = cell.observe(states, ["dot(membrane.V)"])
    assert (np.sign(rate) == [-1.0, 1.0, 1.0, -1.0]).all()


def test_longest_duration_is_that_of_the_paper_to_leading_order(durations):
    """The excess vanishes with the 2/3 power of the ratio of the time constants."""
    assert pytest.approx(241.416, abs=5e-4) == LONGEST
    excess = durations - LONGEST
    order = np.polyfit(np.log(SHRUNK), np.log(excess), 1)[0]
    # 0.658, 0.667, 0.672 between neighbours: the next term is shrunk ln(shrunk)
    assert order == pytest.approx(2.0 / 3.0, abs=0.02)


def test_excess_is_the_passage_through_the_fold(durations):
    """Near v = 1/2 the cell obeys Riccati's equation, whose solution is Airy's."""
    passage = FIRST_ZERO_OF_AIRY * np.cbrt((TAU_OUT * SHRUNK) ** 2 * TAU_CLOSE)
    error = np.abs(durations - LONGEST - passage)
    # Of the order of tau_out, with the logarithm of what is left to the gate.
    assert (error < 2.0 * TAU_OUT * SHRUNK * np.log(150.0 / (6.0 * SHRUNK))).all()
    assert (error[:-1] > 1.5 * error[1:]).all()


def test_restitution_is_that_of_the_paper_to_leading_order():
    intervals = np.array([50.0, 100.0, 200.0, 400.0, 800.0])  # ms
    by = SHRUNK[-1]
    cell = shrunk(by)
    states = cell.initial_states(1)
    longest = beat(cell, states)[0]
    states = np.repeat(states, intervals.size, axis=1)
    dt = 1e-3
    for i, begin in enumerate([0.0, *intervals[:-1]]):
        waiting = np.ascontiguousarray(states[:, i:])
        n_steps = round((intervals[i] - begin) / dt)
        cell.react(waiting, np.zeros(waiting.shape[1]), dt, n_steps)
        states[:, i:] = waiting
    duration = beat(cell, states)
    h = 1.0 - (1.0 - H_MIN) * np.exp(-intervals / TAU_OPEN)
    shortening = TAU_CLOSE * np.log(1.0 / h)  # ms; 112 to 0.2
    # h goes on closing through the fold, 2.7 ms or 2 % of h_min: 0.8 ms at 50 ms.
    np.testing.assert_allclose(longest - duration, shortening, atol=1.0)


def test_front_with_frozen_gate_solves_the_equation(cell):
    """The residual of D V'' + c V' + reaction; h = 1, the gate does not move."""
    D = 0.1  # mm2/ms
    v1, v2 = (0.5 * (1.0 + s * np.sqrt(1.0 - H_MIN)) for s in (-1.0, 1.0))
    c = np.sqrt(D / (2.0 * TAU_IN)) * (v2 - 2.0 * v1)
    assert c == pytest.approx(0.3435984, abs=1e-7)  # mm/ms
    slope = v2 / np.sqrt(2.0 * D * TAU_IN)  # 1/mm
    x = np.linspace(-1.0, 1.0, 9)  # mm, behind and ahead of the front
    s = 1.0 / (1.0 + np.exp(slope * x))
    states = cell.initial_states(x.size)
    states[0] = -80.0 + 100.0 * v2 * s
    (reaction,) = cell.observe(states, ["dot(membrane.V)"])
    v_x = -slope * v2 * s * (1.0 - s)
    v_xx = slope**2 * v2 * s * (1.0 - s) * (1.0 - 2.0 * s)
    residual = 100.0 * (D * v_xx + c * v_x) + reaction
    np.testing.assert_allclose(residual, 0.0, atol=1e-11)  # of terms up to 50
