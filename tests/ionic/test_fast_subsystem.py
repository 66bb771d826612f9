"""The part of the membrane current that fast gates carry, and its substeps."""

import dataclasses

import numpy as np
import pytest

from cardiosim.ionic.compiled import compile_cell
from cardiosim.ionic.constants import fold_constants
from cardiosim.ionic.expressions import Name, depends_on
from cardiosim.ionic.fast_subsystem import fast_subsystem
from cardiosim.ionic.gates import find_gates
from cardiosim.ionic.reaction import reaction

# Peak and late sodium current share the gate m; E_Na follows a concentration.
SODIUM = """\
[membrane]
dot(V) = stimulus.i_stim - (ina.i_Na + (ik.i_K - ina.i_late)) / C
    in [mV]
C = 2
[ina]
use membrane.V
E = 26 [mV] * log(140 [mM] / na.c)
    in [mV]
i_Na = {peak}
    in [A/F]
i_late = 0.01 [1/ms] * m^3 * (V - E)
    in [A/F]
dot(m) = (1 / (1 + exp(-(V + 40 [mV]) / 6 [mV])) - m) / tau
tau = 0.05 [ms] + 0.1 [ms] / (1 + exp((V + 40 [mV]) / 5 [mV]))
    in [ms]
dot(h) = 0.1 [1/ms] * exp(-V / 30 [mV]) * (1 - h) - 0.3 [1/ms] * exp(V / 30 [mV]) * h
[ik]
i_K = g * s * (membrane.V + 80 [mV])
    in [A/F]
g = 0.2 [1/ms]
    in [1/ms]
dot(s) = (0.5 - s) / 50 [ms]
[na]
dot(c) = -0.001 [mM/mV] * ina.i_Na
    in [mM]
"""
PEAK = "15 [1/ms] * m^3 * h * (V - E)"
STATES = {"V": -30.0, "ina_m": 0.4, "ina_h": 0.7, "ik_s": 0.2, "na_c": 9.0}
FAST = ("ina.m", "ina.h")


def subsystem_of(equations, fast=FAST):
    folded = fold_constants(equations, ())
    return folded, fast_subsystem(folded, fast, find_gates(folded))


@pytest.fixture(scope="module")
def equations(read):
    return read(SODIUM.format(peak=PEAK), meta="fast: ina.m, ina.h", **STATES)


def test_ohmic_current_has_its_conductance_as_slope(equations, value_of):
    folded, fast = subsystem_of(equations)
    assert not depends_on(fast.slope, "membrane.V", folded.definitions)
    for part in (fast.current, fast.slope):
        assert not depends_on(part, "ik.s", folded.definitions)

    sodium_part = folded.definitions | {"f": fast.current, "b": fast.slope}
    split = dataclasses.replace(folded, definitions=sodium_part)
    for V in (-90.0, -30.0, 35.0):
        i_Na, i_late, E = (
            value_of(equations, n, membrane_V=V)
            for n in ("ina.i_Na", "ina.i_late", "ina.E")
        )
        current, slope = (value_of(split, n, membrane_V=V) for n in "fb")
        assert current == pytest.approx(-(i_Na - i_late) / 2.0, rel=1e-14)
        assert slope * (V - E) == pytest.approx(current, rel=1e-14)


def test_remainder_is_all_that_the_fast_gates_do_not_carry(equations, value_of):
    derived = reaction(equations, "multirate")
    at_start = dataclasses.replace(equations, definitions=dict(derived.main))
    for m, h, V in ((0.4, 0.7, -30.0), (0.9, 0.1, 20.0)):
        rest = value_of(
            at_start, "rest", stimulus_i_stim=3.0, ina_m=m, ina_h=h, membrane_V=V, dt=1
        )
        assert rest == pytest.approx(3.0 - 0.2 * 0.2 * (V + 80.0) / 2.0, rel=1e-13)


def test_what_the_substeps_freeze_depends_on_nothing_that_moves(equations):
    derived = reaction(equations, "multirate")
    frozen = set(derived.substep.frozen) - {"rest"}
    assert frozen == {"ina.E"}
    for moving in ("membrane.V", *FAST):
        assert not depends_on(Name("ina.E"), moving, derived.equations.definitions)


def test_slow_gates_keep_their_currents_in_the_remainder(equations, value_of):
    """With m alone fast, h stays a factor; with s fast, the potassium current moves."""
    for fast in (("ina.m",), ("ik.s",)):
        folded, part = subsystem_of(equations, fast)
        for gate in ("ina.m", "ik.s"):
            moves = depends_on(part.slope, gate, folded.definitions)
            assert moves == (gate in fast)


def test_current_may_reach_the_potential_through_any_sum(read, value_of):
    body = SODIUM.format(peak=PEAK).replace(
        "stimulus.i_stim - (ina.i_Na + (ik.i_K - ina.i_late)) / C",
        "-total / C",
    )
    body += "[sum]\n"
    body = body.replace("-total / C", "-sum.total / membrane.C").replace(
        "[sum]\n",
        "[sum]\ntotal = -(-ina.i_Na) - (ina.i_late - ik.i_K) - stimulus.i_stim * 2\n"
        "    in [A/F]\n",
    )
    folded, fast = subsystem_of(read(body, **STATES))
    reference, expected = subsystem_of(read(SODIUM.format(peak=PEAK), **STATES))
    for part in ("current", "slope"):
        value, other = (
            value_of(
                dataclasses.replace(
                    cell, definitions=cell.definitions | {"p": getattr(f, part)}
                ),
                "p",
            )
            for cell, f in ((folded, fast), (reference, expected))
        )
        assert value == pytest.approx(other, rel=1e-14)


@pytest.mark.parametrize(
    ("fast", "complaint"),
    [
        ((), "names no fast gates, which the multirate scheme needs"),
        (("na.c",), "fast state na.c is no gate; its gates are ina.m, ina.h, ik.s"),
        (("ina.n",), "fast state ina.n is no gate"),
        (("membrane.V",), "fast state membrane.V is no gate"),
    ],
)
def test_states_that_cannot_be_fast_are_refused(equations, fast, complaint):
    with pytest.raises(ValueError, match=f"^small.*{complaint}"):
        subsystem_of(equations, fast)


def test_slope_of_a_rectifying_current_is_its_derivative(read, value_of):
    peak = "15 [1/ms] * m^3 * h * (V - E) / (1 + exp(V / 20 [mV]))"
    folded, fast = subsystem_of(read(SODIUM.format(peak=peak), **STATES))
    extended = folded.definitions | {"b": fast.slope}
    cell = dataclasses.replace(folded, definitions=extended)
    m, h = STATES["ina_m"], STATES["ina_h"]
    for V in (-60.0, 0.0, 30.0):
        E, e = value_of(cell, "ina.E"), np.exp(V / 20.0)
        derivative = (1 + e - (V - E) * e / 20.0) / (1 + e) ** 2
        expected = -(15.0 * m**3 * h * derivative - 0.01 * m**3) / 2.0
        # The difference quotient is good to 1e-7.
        assert value_of(cell, "b", membrane_V=V) == pytest.approx(expected, rel=1e-7)


def test_potential_is_exact_while_the_gates_are_held(model_file):
    """One substep of any length, if the gates do not move."""
    body = """
    [membrane]
    dot(V) = stimulus.i_stim - g.i
        in [mV]
    [g]
    i = 20 [1/ms] * x * (membrane.V - 40 [mV])
        in [A/F]
    dot(x) = 0 [1/ms] * membrane.V / 1 [mV] * x + (0.5 - x) / 1e300 [ms]
    """
    path = model_file(body, V=-80.0, g_x=0.5)
    cell = compile_cell(path, scheme="multirate", substeps=1, fast=["g.x"])
    states = cell.initial_states(2)
    cell.react(states, np.array([0.0, 30.0]), dt=0.1)
    # dV/dt = i_stim - 10 (V - 40), over one time constant
    for V, i_stim in zip(states[0], (0.0, 30.0), strict=True):
        end = 40.0 + i_stim / 10.0
        assert V == pytest.approx(end + (-80.0 - end) * np.exp(-1.0), rel=1e-14)
    assert (states[1] == 0.5).all()


# ---------------------------------------------------------------------------------
# The substeps of the human atrial cell, at nodes along its upstroke.

DT = 0.1  # ms
I_STIM = 20.0  # A/F
FAST_ROWS = slice(0, 4)  # V, m, h1, h2


def after_one_step(scheme, states, substeps=4):
    cell = compile_cell("skibsbye2016", scheme=scheme, substeps=substeps)
    assert cell.state_names[FAST_ROWS] == ("membrane.V", "ina.m", "ina.h1", "ina.h2")
    states = states.copy()
    cell.react(states, np.full(states.shape[1], I_STIM), DT)
    return states


@pytest.fixture(scope="module")
def upstroke():
    """States of one cell from the foot of its upstroke to near its peak."""
    cell = compile_cell("skibsbye2016")
    state = cell.initial_states(1)
    i_stim = np.full(1, I_STIM)
    cell.react(state, i_stim, 0.001, 1400)
    columns = []
    for _ in range(14):
        columns.append(state.copy())
        cell.react(state, i_stim, 0.001, 50)
    states = np.hstack(columns)
    # An upstroke indeed: from threshold through the steepest part to beyond zero.
    slopes = cell.observe(states, ["dot(membrane.V)"], np.full(14, I_STIM))[0]
    assert states[0, 0] < -45.0 and states[0, -1] > 25.0
    assert slopes.min() > 20.0 and slopes.max() > 250.0  # mV/ms
    return states


@pytest.fixture(scope="module")
def exact_map(upstroke):
    """V and fast gates after DT by RK4 with 400 steps, all else at its new value."""
    cell = compile_cell("skibsbye2016")
    names = ["dot(ina.m)", "dot(ina.h1)", "dot(ina.h2)", "ina.i_Na"]
    i_stim = np.full(upstroke.shape[1], I_STIM)
    states = after_one_step("rush_larsen", upstroke)
    states[FAST_ROWS] = upstroke[FAST_ROWS]
    at_start = cell.observe(states, ["dot(membrane.V)", "ina.i_Na"], i_stim)
    rest = at_start[0] + at_start[1]

    def slope(fast):
        states[FAST_ROWS] = fast
        *gates, i_Na = cell.observe(states, names, i_stim)
        return np.array([rest - i_Na, *gates])

    y, h = upstroke[FAST_ROWS].copy(), DT / 400
    for _ in range(400):
        k1 = slope(y)
        k2 = slope(y + h / 2 * k1)
        k3 = slope(y + h / 2 * k2)
        k4 = slope(y + h * k3)
        y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return y


def test_substeps_converge_to_the_exact_map_with_order_2(upstroke, exact_map):
    substeps = np.array([2, 4, 8, 16])
    limit = after_one_step("multirate", upstroke, 256)[FAST_ROWS]
    errors = []
    for n in substeps:
        error = after_one_step("multirate", upstroke, n)[FAST_ROWS] - limit
        errors.append(np.sqrt(np.mean(error**2, axis=1)))
    orders = -np.polyfit(np.log(substeps), np.log(errors), 1)[0]
    # 1.98, 1.93, 2.00, 1.93: 2 substeps of 50 us are not yet quite asymptotic.
    assert (orders > 1.9).all() and (orders < 2.1).all(), orders

    # And that limit is the right one: 256 substeps have 1/16384 of the error of 2,
    # which is 0.5 mV and 0.003 in a gate.
    np.testing.assert_allclose(limit[0], exact_map[0], rtol=0, atol=1e-4)
    np.testing.assert_allclose(limit[1:], exact_map[1:], rtol=0, atol=1e-6)


def test_four_substeps_beat_the_plain_step_by_far(upstroke, exact_map):
    def rms(scheme, row):
        error = after_one_step(scheme, upstroke)[row] - exact_map[row]
        return np.sqrt(np.mean(error**2))

    # 0.13 mV against 9 mV, at a step of 100 us in the midst of the upstroke.
    assert rms("multirate", 0) < 0.2
    assert rms("multirate", 0) < rms("rush_larsen", 0) / 30
    assert rms("multirate", 1) < rms("rush_larsen", 1) / 30


def test_all_other_states_take_their_plain_step(upstroke):
    plain = after_one_step("rush_larsen", upstroke)
    multirate = after_one_step("multirate", upstroke)
    assert (multirate[FAST_ROWS] != plain[FAST_ROWS]).all()
    # The same equations at the same state; compiled separately, so to rounding.
    np.testing.assert_allclose(multirate[4:], plain[4:], rtol=1e-13)


def test_node_at_rest_takes_the_plain_step(upstroke):
    cell = compile_cell("skibsbye2016")
    at_rest = cell.initial_states(3)
    i_stim = np.zeros(3)
    plain, multirate = at_rest.copy(), at_rest.copy()
    cell.react(plain, i_stim, DT)
    compile_cell("skibsbye2016", scheme="multirate").react(multirate, i_stim, DT)
    np.testing.assert_allclose(multirate, plain, rtol=1e-13)


def test_substeps_of_a_rectifying_current_converge_with_order_2():
    """The sodium current of koivumaki2011 is Goldman-Hodgkin-Katz, not ohmic."""
    start = compile_cell("koivumaki2011")
    state, i_stim = start.initial_states(1), np.full(1, 40.0)
    while state[0, 0] < -20.0:
        start.react(state, i_stim, 0.001)
    assert start.observe(state, ["dot(membrane.V)"], i_stim)[0, 0] > 100.0  # upstroke

    def after(substeps):
        cell = compile_cell("koivumaki2011", scheme="multirate", substeps=substeps)
        end = state.copy()
        cell.react(end, i_stim, DT)
        return end[0, 0]

    substeps = np.array([4, 8, 16, 32])
    errors = [abs(after(n) - after(1024)) for n in substeps]
    order = -np.polyfit(np.log(substeps), np.log(errors), 1)[0]
    assert 1.85 < order < 2.15, (order, errors)
