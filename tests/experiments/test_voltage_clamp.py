"""A held cell against the exact relaxation of its gates and its published I-V curves.

Formulas of the human atrial cell are typed here a second time, in ms, mV, mM and A/F:
sodium gates of Skibsbye et al. 2016 (doi 10.1016/j.yjmcc.2016.10.009), I_K1 of Nygren
et al. 1998 with the parameters of Koivumaki et al. 2014.
"""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from cardiosim.experiments.voltage_clamp import (
    RecordedPotential,
    Segment,
    StepsAndRamps,
    clamp,
)
from cardiosim.ionic.compiled import compile_cell
from cardiosim.simulation.monodomain import Monodomain
from cardiosim.simulation.recorders import TraceRecorder
from cardiosim.simulation.run import NonFinitePotential, march
from cardiosim.tissue.mesh import point
from cardiosim.tissue.stimulus import Stimulus

RT_F = 8314.0 * 310.15 / 96487.0
GATES = ("ina.m", "ina.h1", "ina.h2")
FAMILY = np.arange(-80.0, 51.0, 10.0)


def steady(V):
    """m, h1 and h2 after a long time at V."""
    m = 1.0 / (1.0 + np.exp(-(V + 36.3) / 7.8))
    h = 1.0 / (1.0 + np.exp((V + 67.0) / 5.6))
    return np.array([m, h, h])


def time_constants(V):
    q = 1.0 + np.exp((V + 41.0) / 5.5) + np.exp(-(V + 41.0) / 14.0)
    r = 1.0 + np.exp(-(V + 79.0) / 14.0)
    tau_m = (
        0.13 * np.exp(-(((V + 48.0) / 15.0) ** 2))
        + 0.01
        + 0.045 / (1.0 + np.exp(-(V + 42.0) / 5.0))
    )
    return np.array([tau_m, 34.0 / q + 0.07 + 0.2 / r, 150.0 / q + 0.7 + 2.0 / r])


@pytest.fixture(scope="module")
def cell():
    return compile_cell("skibsbye2016", clamped=True)


@pytest.fixture
def held_at_minus_120(cell):
    """Initial state, but for the sodium gates, which are those at -120 mV."""
    state = cell.initial_states(1)[:, 0]
    state[[cell.state_names.index(gate) for gate in GATES]] = steady(-120.0)
    return state


def test_gates_relax_exponentially_and_carry_the_current(cell, held_at_minus_120):
    command = StepsAndRamps(-120.0, [Segment(2.0, -120.0), Segment(20.0, FAMILY)])
    variables = (*GATES, "ina.i_Na", "sodium.Na_ss")
    held = clamp(cell, held_at_minus_120, command, variables, 0.02)
    since = held.times[held.times >= 2.0 - 1e-9] - 2.0
    first, rate = steady(-120.0)[:, None, None], 1.0 / time_constants(FAMILY)[:, None]
    last = steady(FAMILY)[:, None]
    expected = last + (first - last) * np.exp(-since[:, None] * rate)
    found = np.array([held.values[gate][-since.size :] for gate in GATES])
    # Exact at constant V: what is left is rounding, over 1000 steps.
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-13)
    E_Na = RT_F * np.log(130.0 / held.values["sodium.Na_ss"][-since.size :])
    m, h1, h2 = expected
    i_Na = 576.0 / 50.0 * m**3 * h1 * h2 * (FAMILY - E_Na)
    np.testing.assert_allclose(
        held.values["ina.i_Na"][-since.size :], i_Na, rtol=1e-8, atol=1e-13
    )
    assert np.all(held.command[-since.size :] == FAMILY)
    assert np.all(held.command[: -since.size] == -120.0)


def test_current_voltage_curve_of_the_inward_rectifier(cell):
    V = np.arange(-120.0, 41.0, 5.0)
    state = cell.initial_states(1)[:, 0]
    command = StepsAndRamps(-80.0, [Segment(0.1, V)])
    held = clamp(cell, state, command, ["ik1.i_K1"], 0.02)
    driving = V - RT_F * np.log(5.4 / 135.2)
    rectified = 1.0 + np.exp(1.5 * (driving + 3.6) / RT_F)
    i_K1 = 3.45 * 5.4**0.4457 * driving / rectified / 50.0
    # Instantaneous: the first sample, with the initial K_i of 135.2 mM.
    np.testing.assert_allclose(held.values["ik1.i_K1"][0], i_K1, rtol=1e-9, atol=1e-15)


def test_a_ramp_is_followed_to_second_order(cell, held_at_minus_120):
    """The gates at its end, against an ODE solver at 1e-11."""
    duration, target = 8.0, -30.0

    def rates(t, gates):
        V = -120.0 + (target + 120.0) * t / duration
        return (steady(V) - gates) / time_constants(V)

    span = (0.0, duration)
    exact = solve_ivp(rates, span, steady(-120.0), "LSODA", rtol=1e-11, atol=1e-13)
    command = StepsAndRamps(-120.0, [Segment(duration, target, is_ramp=True)])
    steps = np.array([0.2, 0.1, 0.05, 0.025])
    errors = []
    for dt in steps:
        held = clamp(cell, held_at_minus_120, command, GATES, dt)
        found = np.array([held.values[gate][-1, 0] for gate in GATES])
        errors.append(np.abs(found / exact.y[:, -1] - 1.0))
    slopes = np.polyfit(np.log(steps), np.log(errors), 1)[0]
    # Of the asymptotic slope 2 the longest of these steps are some percent away.
    np.testing.assert_allclose(slopes, 2.0, atol=0.1)


def played_back(cell, dt, end=80.0):
    """States of a free beat, and of the cell held at that beat's V."""
    free = compile_cell("skibsbye2016")
    stimulus = Stimulus([0], 0.0, 2.0, 20.0)
    problem = Monodomain(point(), free, None, (stimulus,))
    state = problem.states[:, 0].copy()
    variables = [*GATES, "ical.d", "ical.fCa", "ito.r", "ikur.a", "ical.i_CaL"]
    trace = TraceRecorder(np.array([0]), ["membrane.V", *variables], dt)
    march(problem, dt, end, recorders=(trace,))
    command = RecordedPotential(trace.times, trace.values["membrane.V"][:, 0])
    held = clamp(cell, state, command, variables, dt)
    np.testing.assert_array_equal(held.command, trace.values["membrane.V"])
    return np.array(
        [
            np.abs(held.values[name] - trace.values[name]).max()
            / np.abs(trace.values[name]).max()
            for name in variables
        ]
    )


def test_a_recorded_action_potential_drives_the_currents_of_the_free_run(cell):
    """V is the same; the free run steps its gates with V at the begin of each step."""
    coarse, fine = played_back(cell, 0.01), played_back(cell, 0.005)
    # dV/dt of 290 mV/ms moves V by 1.5 mV within a step of 5 us, half of which is the
    # difference: 0.7 mV of the 7.8 mV slope of m, for the microseconds of the upstroke.
    assert fine.max() < 0.05
    # What remains is that first order alone: it halves with the step.
    np.testing.assert_allclose(coarse / fine, 2.0, atol=0.3)


def test_settling_is_at_the_holding_potential_before_the_first_sample(cell):
    state = cell.initial_states(1)[:, 0]
    command = StepsAndRamps(-100.0, [Segment(1.0, [-90.0, -60.0])])
    held = clamp(cell, state, command, GATES, 0.02, settle=800.0)
    assert held.times[0] == 0.0
    for k, gate in enumerate(GATES):
        # 800 ms are many time constants of the slowest gate, whatever step comes first.
        expected = steady(np.array([-100.0, -100.0]))[k]
        np.testing.assert_allclose(held.values[gate][0], expected, rtol=1e-5)


def test_samples_come_at_the_interval_and_at_the_end(cell):
    state = cell.initial_states(1)[:, 0]
    command = StepsAndRamps(-80.0, [Segment(1.0, -80.0), Segment(0.3, -40.0)])
    held = clamp(cell, state, command, ["ina.m"], 0.02, interval=0.5)
    np.testing.assert_allclose(held.times, [0.0, 0.5, 1.0, 1.3], atol=1e-12)
    np.testing.assert_array_equal(held.command[:, 0], [-80.0, -80.0, -40.0, -40.0])
    every = clamp(cell, state, command, ["ina.m"], 0.02)
    # Where one looks changes nothing.
    assert held.values["ina.m"][-1] == every.values["ina.m"][-1]


def test_the_command_has_jumps_ramps_and_families():
    command = StepsAndRamps(
        -80.0,
        [Segment(10.0, [-40.0, 0.0]), Segment(10.0, 20.0, is_ramp=True)],
    )
    assert command.n_cells == 2
    assert command.end == 20.0
    np.testing.assert_array_equal(command.at(0.0), [-40.0, 0.0])
    np.testing.assert_allclose(command.at(15.0), [-10.0, 10.0])
    np.testing.assert_allclose(command.at(20.0), [20.0, 20.0])
    assert command.constant_until(3.0) == 10.0
    assert command.constant_until(12.0) == 12.0
    recorded = RecordedPotential([5.0, 6.0, 8.0], [-80.0, 0.0, -40.0])
    assert (recorded.end, recorded.n_cells) == (3.0, 1)
    np.testing.assert_allclose(recorded.at(2.0), [-20.0])


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: StepsAndRamps(-80.0, []), "without segments"),
        (
            lambda: StepsAndRamps(
                -80.0, [Segment(1.0, [0.0, 1.0]), Segment(1.0, [0.0, 1.0, 2.0])]
            ),
            "families of 2, 3 potentials",
        ),
        (lambda: StepsAndRamps(-80.0, [Segment(0.0, 1.0)]), "lasts 0 ms"),
        (lambda: RecordedPotential([0.0], [1.0]), "at least two"),
        (lambda: RecordedPotential([0.0, 0.0], [1.0, 1.0]), "must increase"),
        (lambda: RecordedPotential([0.0, 1.0], [1.0, np.nan]), "finite"),
    ],
)
def test_a_command_that_is_none_is_refused(make, says):
    with pytest.raises(ValueError, match=says):
        make()


def test_mistakes_are_told(cell):
    state = cell.initial_states(1)[:, 0]
    command = StepsAndRamps(-80.0, [Segment(1.0, -80.0)])
    with pytest.raises(ValueError, match="clamped=True"):
        clamp(compile_cell("skibsbye2016"), state, command, ["ina.m"], 0.02)
    with pytest.raises(ValueError, match="no variable ina.n"):
        clamp(cell, state, command, ["ina.n"], 0.02)
    with pytest.raises(ValueError, match="whole"):
        clamp(cell, state, command, ["ina.m"], 0.02, interval=0.03)
    with pytest.raises(ValueError, match="use rush_larsen"):
        compile_cell("skibsbye2016", scheme="multirate", clamped=True)
    broken = state.copy()
    broken[cell.state_names.index("calcium.Ca_ss")] = -1.0
    with pytest.raises(NonFinitePotential, match="of the voltage clamp"):
        clamp(cell, broken, command, ["ina.m"], 0.02)


def test_progress_goes_from_begin_to_end(cell):
    said = []
    clamp(
        cell,
        cell.initial_states(1)[:, 0],
        StepsAndRamps(-80.0, [Segment(5.0, -80.0)]),
        ["ina.m"],
        0.02,
        interval=1.0,
        settle=5.0,
        progress=lambda done, end: said.append((done, end)),
    )
    done = [d for d, _ in said]
    assert done == sorted(done)
    assert said[-1] == (10.0, 10.0)
