"""The cell of ten Tusscher and Panfilov 2006 against Myokit: equations and traces.

Reference: tentusscher2006_*, described in tests/reference/README.md; computed with an
adaptive solver. Tolerances of the traces are what is asked of a step of a few us.
"""

import json
from pathlib import Path

import myokit
import numpy as np
import pytest

from cardiosim.ionic.compiled import compile_cell, model_path
from cardiosim.measure.action_potential import action_potentials

NAME = "tentusscher2006"
FOLDER = Path(__file__).parents[1] / "reference"
RHS = json.loads((FOLDER / f"{NAME}_rhs.json").read_text())
SINGLE_CELL = json.loads((FOLDER / f"{NAME}_single_cell.json").read_text())

CYCLES = (500, 1000, 2000)  # ms
START, DURATION = 10.0, 0.5  # ms, of the stimulus in each beat
AMPLITUDE = 94.0  # A/F; negative depolarises in the reference
SINGULAR = 15.0  # mV, in I_CaL
ENDO, EPI, M = 0, 1, 2

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


def test_compiler_finds_the_gates_and_the_singularity(cell):
    gates = "ina.m ina.h ina.j ikr.xr1 ikr.xr2 iks.xs ito.r ito.s ical.d ical.f"
    assert cell.facts["gates"] == [*gates.split(), "ical.f2", "ical.fCass", "release.R"]
    assert cell.facts["model_fast"] == ["ina.m", "ina.h", "ina.j"]
    assert cell.facts["singularities"] == 1


def test_initial_state_is_that_of_the_reference(cell):
    assert list(cell.facts["initial"]) == RHS["initial"]


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
    V_c, F, C_m = cell.observe(states, ["geometry.V_c", "physics.F", "membrane.C_m"])
    assert change["membrane.V"] == pytest.approx(AMPLITUDE)
    expected = AMPLITUDE * C_m[0] / (F[0] * V_c[0])
    assert change["potassium.K_i"] == pytest.approx(expected)
    assert sum(value != 0.0 for value in change.values()) == 2


def test_every_variable_is_finite_on_every_half_millivolt(cell):
    states = cell.initial_states(401)
    states[0] = np.linspace(-120.0, 80.0, 401)
    assert SINGULAR in states[0]
    assert np.isfinite(cell.observe(states, cell.variable_names)).all()


def test_calcium_current_is_continuous_through_the_removable_singularity(cell):
    states = cell.initial_states(3)
    states[0] = SINGULAR + np.array([-1e-3, 0.0, 1e-3])
    below, at, above = cell.observe(states, ["ical.i_CaL"])[0]
    # Curvature over 1 uV leaves 1e-9; 0/0 would leave anything.
    assert at == pytest.approx((below + above) / 2, rel=1e-7)


# Layers of the wall


def test_layers_differ_in_conductances_and_one_gate(samples):
    """The conductances and equations of s, written once more."""
    states, _ = samples
    V, r, s, xs = (states[i] for i in (0, 12, 13, 11))
    names = ["ito.i_to", "iks.i_Ks", "reversal.E_K", "reversal.E_Ks", "dot(ito.s)"]
    for layer, g_to, g_Ks in [
        (ENDO, 0.073, 0.392),
        (EPI, 0.294, 0.392),
        (M, 0.294, 0.098),
    ]:
        cell = compile_cell(NAME, parameters={"cell.type": layer})
        i_to, i_Ks, E_K, E_Ks, ds = cell.observe(states, names)
        np.testing.assert_allclose(i_to, g_to * r * s * (V - E_K), rtol=1e-12)
        np.testing.assert_allclose(i_Ks, g_Ks * xs**2 * (V - E_Ks), rtol=1e-12)
        s_inf = 1 / (1 + np.exp((V + (28 if layer == ENDO else 20)) / 5))
        tau_s = 1000 * np.exp(-((V + 67) ** 2) / 1000) + 8
        if layer != ENDO:
            tau_s = 85 * np.exp(-((V + 45) ** 2) / 320) + 3
            tau_s += 5 / (1 + np.exp((V - 20) / 5))
        np.testing.assert_allclose(ds, (s_inf - s) / tau_s, rtol=1e-9, atol=1e-16)


def test_a_wall_is_an_array_of_layers():
    """One beat: M cells repolarise last, only the endocardium has no notch."""
    layers = np.array([ENDO, M, EPI], dtype=float)
    cell = compile_cell(NAME, parameters={"cell.type": layers})
    states = state_of_the_reference(1000, 3)
    times, V = paced(cell, states, 0.02, np.full(3, START), 600.0)
    endo, mid, epi = (
        action_potentials(times, V[:, node], [START], DURATION)[0] for node in range(3)
    )
    assert mid.apd[90] > epi.apd[90] + 50.0
    assert endo.apd[90] == pytest.approx(epi.apd[90], abs=5.0)
    phase_1 = (times > START + 3.0) & (times < START + 30.0)
    notch = V[phase_1].min(axis=0)
    assert notch[0] > notch[2] + 5.0 > notch[1]


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
    """It holds the history: without the stimulus, K_i would be 0.4 % lower."""
    state = before_beat_100[bcl]
    expected = SINGLE_CELL["state_before_last_beat"][str(bcl)].values()
    expected = dict(zip(state, expected, strict=True))
    assert state["membrane.V"] == pytest.approx(expected["membrane.V"], abs=0.05)
    assert state["potassium.K_i"] == pytest.approx(expected["potassium.K_i"], rel=5e-4)
    for name in ("sodium.Na_i", "calcium.Ca_i", "calcium.Ca_SR", "calcium.Ca_ss"):
        assert state[name] == pytest.approx(expected[name], rel=5e-3)
