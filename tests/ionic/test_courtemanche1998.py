"""The cell of Courtemanche et al. 1998 against right-hand sides and traces of Myokit.

Reference: courtemanche1998_*, described in tests/reference/README.md; computed with an
adaptive solver. Tolerances of the traces are what is asked of a step of a few us.
"""

import json
from pathlib import Path

import myokit
import numpy as np
import pytest

from cardiosim.ionic.compiled import compile_cell, model_path
from cardiosim.measure.action_potential import action_potentials

NAME = "courtemanche1998"
FOLDER = Path(__file__).parents[1] / "reference"
RHS = json.loads((FOLDER / f"{NAME}_rhs.json").read_text())
SINGLE_CELL = json.loads((FOLDER / f"{NAME}_single_cell.json").read_text())

CYCLES = (500, 1000, 2000)  # ms
START, DURATION = 10.0, 0.5  # ms, of the stimulus in each beat
AMPLITUDE = 9236.0 / 100.0  # A/F, of 100 pF; negative depolarises in the reference
SINGULAR = (-47.13, -14.1, -10.0, 3.3328, 7.9, 19.9)  # mV

each_rate = pytest.mark.parametrize("bcl", CYCLES)


@pytest.fixture(scope="module")
def cell():
    return compile_cell(NAME)


@pytest.fixture(scope="module")
def samples():
    """States and derivatives per ms of the reference, each (n_states, n_samples)."""
    states = np.array([sample["state"] for sample in RHS["samples"]]).T.copy()
    derivatives = np.array([sample["derivative"] for sample in RHS["samples"]]).T
    return states, derivatives


def derivatives_of(cell):
    return [f"dot({name})" for name in cell.state_names]


# The equations


def test_units_pass_the_strict_check_and_all_is_described():
    model = myokit.load_model(model_path(NAME))
    model.check_units(myokit.UNIT_STRICT)
    undescribed = [
        v.qname() for v in model.variables(deep=True) if "desc" not in v.meta
    ]
    assert undescribed == []


def test_compiler_finds_the_gates_and_the_singularities(cell):
    gates = "ina.m ina.h ina.j ito.oa ito.oi ikur.ua ikur.ui ikr.xr iks.xs ical.d"
    gates += " ical.f ical.fCa release.u release.v release.w"
    assert cell.facts["gates"] == gates.split()
    assert cell.facts["model_fast"] == ["ina.m", "ina.h", "ina.j"]
    # Two of them, in alpha_xs and beta_xs, at the same potential.
    assert cell.facts["singularities"] == len(SINGULAR) + 1


def test_initial_state_is_that_of_the_reference(cell):
    initial = dict(zip(cell.state_names, RHS["initial"], strict=True))
    initial["release.u"] = 0.0  # -2e-40 in the reference
    assert dict(zip(cell.state_names, cell.facts["initial"], strict=True)) == initial


def test_right_hand_side_is_that_of_the_reference(cell, samples):
    states, expected = samples
    computed = cell.observe(states, derivatives_of(cell))
    # The floor is the rounding of two terms of 1/ms each that cancel, as at rest.
    np.testing.assert_allclose(computed, expected, rtol=1e-9, atol=2e-16)


def test_compiled_step_starts_along_the_derivative_of_the_reference(cell, samples):
    """The production kernel: a step so short that it is a straight line."""
    before, expected = samples
    after, dt = before.copy(), 1e-6
    cell.react(after, np.zeros(before.shape[1]), dt)
    # Curvature is dt/tau of the change; a state keeps its last digit only.
    rounding = 2e-15 * np.maximum(np.abs(before), 1.0)
    error = np.abs(after - before - dt * expected)
    assert (error <= 1e-3 * np.abs(dt * expected) + rounding).all()


def test_stimulus_is_a_potassium_current(cell):
    names = derivatives_of(cell)
    states = cell.initial_states(2)
    at_rest, driven = cell.observe(states, names, np.array([0.0, AMPLITUDE])).T
    change = dict(zip(cell.state_names, driven - at_rest, strict=True))
    V_i, F, C_m = cell.observe(states, ["geometry.V_i", "physics.F", "membrane.C_m"])
    assert change["membrane.V"] == pytest.approx(AMPLITUDE)
    expected = AMPLITUDE * C_m[0] / (F[0] * V_i[0])
    assert change["potassium.K_i"] == pytest.approx(expected)
    assert sum(value != 0.0 for value in change.values()) == 2


def test_every_variable_is_finite_on_every_half_millivolt(cell):
    V = np.concatenate([np.linspace(-120.0, 80.0, 401), SINGULAR])
    states = cell.initial_states(V.size)
    states[0] = V
    assert np.isfinite(cell.observe(states, cell.variable_names)).all()


@pytest.mark.parametrize("V", SINGULAR)
def test_rates_are_continuous_through_removable_singularities(cell, V):
    names = ["ina.alpha_m", "ikr.alpha_xr", "ikr.beta_xr", "iks.alpha_xs"]
    names += ["iks.beta_xs", "ical.tau_d", "release.tau_w"]
    states = cell.initial_states(3)
    states[0] = V + np.array([-1e-3, 0.0, 1e-3])
    below, at, above = cell.observe(states, names).T
    # Curvature over 1 uV leaves 1e-8; 0/0 would leave anything.
    np.testing.assert_allclose(at, (below + above) / 2, rtol=1e-7)


# One beat from the state before beat 100 of the reference


def paced(cell, states, dt, first_stimuli, duration, second_stimuli=None):
    """Times and V of nodes that are stimulated at their own times, from one state.

    Dense around the first stimulus, every 0.1 ms elsewhere.
    """
    onsets = [np.asarray(first_stimuli)]
    if second_stimuli is not None:
        onsets.append(np.asarray(second_stimuli))
    edges = {0.0, duration, START - 1.0, START + 5.0}
    edges |= {t for o in onsets for start in o for t in (start, start + DURATION)}
    edges = sorted(t for t in edges if t <= duration)
    times, V = [0.0], [states[0].copy()]
    for begin, end in zip(edges[:-1], edges[1:], strict=True):
        i_stim = np.zeros(states.shape[1])
        for onset in onsets:
            i_stim[(onset <= begin) & (begin < onset + DURATION)] = AMPLITUDE
        dense = i_stim.any() or START - 1.0 <= begin < START + 5.0
        n_steps = round((end - begin) / dt)
        stride = 1 if dense else max(round(0.1 / dt), 1)
        for done in range(0, n_steps, stride):
            n = min(stride, n_steps - done)
            cell.react(states, i_stim, dt, n)
            times.append(begin + (done + n) * dt)
            V.append(states[0].copy())
    return np.array(times), np.array(V)


def state_of_the_reference(bcl, n_nodes):
    state = list(SINGLE_CELL["state_before_last_beat"][str(bcl)].values())
    return np.repeat(np.array(state)[:, None], n_nodes, axis=1)


@pytest.fixture(
    scope="module",
    params=[("rush_larsen", 0.0025), ("multirate", 0.01)],
    ids=["rush_larsen", "multirate"],
)
def beat_100(request):
    """Beat 100 as (times, V) by cycle length, ms."""
    scheme, dt = request.param
    cell = compile_cell(NAME, scheme=scheme)
    result = {}
    for bcl in CYCLES:
        states = state_of_the_reference(bcl, 1)
        times, V = paced(cell, states, dt, [START], float(bcl))
        result[bcl] = times, V[:, 0]
    return result


@each_rate
def test_beat_100_is_that_of_the_reference(beat_100, bcl):
    (beat,) = action_potentials(*beat_100[bcl], [START], DURATION)
    expected = SINGLE_CELL["beat_100"][str(bcl)]
    assert beat.apd[90] == pytest.approx(expected["APD90"], abs=0.5)
    assert beat.apd[50] == pytest.approx(expected["APD50"], abs=1.0)
    assert beat.resting_potential == pytest.approx(expected["RMP"], abs=0.05)
    assert beat.peak == pytest.approx(expected["Vpeak"], abs=0.5)
    assert beat.dvdt_max == pytest.approx(expected["dVdtmax_all"], rel=0.02)


@each_rate
def test_trace_of_beat_100_is_that_of_the_reference(beat_100, bcl):
    times, V = beat_100[bcl]
    with np.load(FOLDER / f"{NAME}_bcl{bcl}_beat100.npz") as file:
        t, expected = file["t"], file["V"]
    known = times <= t[-1]
    error = np.abs(V[known] - np.interp(times[known], t, expected))
    # In the upstroke 1 us early or late is 0.2 mV.
    upstroke = (times[known] > START) & (times[known] < START + 2.0)
    assert error[~upstroke].max() < 0.5
    assert error.max() < 1.5


def test_premature_beats_are_those_of_the_reference(cell):
    rows = SINGLE_CELL["s1s2_bcl1000"]
    dt, after = 0.002, 450.0  # ms
    second = START + np.array([row["CI"] for row in rows], dtype=float)
    states = state_of_the_reference(1000, len(rows))
    first = np.full(len(rows), START)
    times, V = paced(cell, states, dt, first, second.max() + after, second)
    for node, row in enumerate(rows):
        s1, s2 = action_potentials(times, V[:, node], [START, second[node]], DURATION)
        level = s1.peak - 0.9 * s1.amplitude
        later = (times > s2.peak_time) & (V[:, node] <= level)
        until = times[later][0] - second[node]
        assert until == pytest.approx(row["S2_APD90_S1thr_from_stim"], abs=1.0)
        assert s2.peak == pytest.approx(row["S2_Vpeak"], abs=0.5)


# A hundred beats


@pytest.fixture(scope="module")
def before_beat_100():
    """States after 99 beats from the initial state, by cycle length.

    At 20 us, side by side: each node has its own pacing.
    """
    cell = compile_cell(NAME, scheme="multirate")
    dt, shortest = 0.02, CYCLES[0]
    states = cell.initial_states(len(CYCLES))
    result = {}
    for beginning in range(0, 99 * CYCLES[-1] + 1, shortest):
        for node, bcl in enumerate(CYCLES):
            if beginning == 99 * bcl:
                result[bcl] = dict(zip(cell.state_names, states[:, node], strict=True))
        due = np.array([beginning % bcl == 0 for bcl in CYCLES])
        none, driven = np.zeros(len(CYCLES)), np.where(due, AMPLITUDE, 0.0)
        cell.react(states, none, dt, round(START / dt))
        cell.react(states, driven, dt, round(DURATION / dt))
        cell.react(states, none, dt, round((shortest - START - DURATION) / dt))
    return result


@each_rate
def test_99_beats_lead_to_the_state_of_the_reference(before_beat_100, bcl):
    """It holds the history: without the stimulus, K_i would be 0.26 % lower."""
    state = before_beat_100[bcl]
    expected = SINGLE_CELL["state_before_last_beat"][str(bcl)].values()
    expected = dict(zip(state, expected, strict=True))
    assert state["membrane.V"] == pytest.approx(expected["membrane.V"], abs=0.05)
    assert state["potassium.K_i"] == pytest.approx(expected["potassium.K_i"], rel=5e-4)
    for name in ("sodium.Na_i", "calcium.Ca_i", "sr.Ca_up", "sr.Ca_rel"):
        assert state[name] == pytest.approx(expected[name], rel=5e-3)
