"""What is asked of every cell that has a reference of Myokit for equations and traces.

Reference: NAME_rhs.json, NAME_single_cell.json and NAME_bcl*_beat100.npz, described in
tests/reference/README.md; computed with an adaptive solver. Tolerances of the traces
are what is asked of a step of a few us.
"""

import json
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import myokit
import numpy as np
import pytest

from cardiosim.ionic.cell_library import model_path
from cardiosim.ionic.compiled import compile_cell
from cardiosim.measure.action_potential import action_potentials

FOLDER = Path(__file__).parents[1] / "reference"

CYCLES = (500, 1000, 2000)  # ms
START, DURATION = 10.0, 0.5  # ms, of the stimulus in each beat
STEPS = {"rush_larsen": 0.0025, "multirate": 0.01}  # ms, for beat 100

each_rate = pytest.mark.parametrize("bcl", CYCLES)
each_scheme = pytest.mark.parametrize("scheme", STEPS)


@dataclass(frozen=True)
class PublishedCell:
    """A cell, its reference, and what the tests have to know of it.

    Attributes:
        name: of the model, and of the files of the reference.
        amplitude: of the stimulus, A/F; negative depolarises in the reference.
        volume: variable with the volume that the stimulus brings potassium into.
        concentrations: states that a hundred beats bring near those of the reference.
    """

    name: str
    amplitude: float
    volume: str
    concentrations: tuple[str, ...]

    @cached_property
    def compiled(self):
        return compile_cell(self.name)

    @cached_property
    def rhs(self):
        return json.loads((FOLDER / f"{self.name}_rhs.json").read_text())

    @cached_property
    def single_cell(self):
        return json.loads((FOLDER / f"{self.name}_single_cell.json").read_text())

    @cached_property
    def samples(self):
        """States and derivatives per ms, each (n_states, n_samples)."""
        samples = self.rhs["samples"]
        states = np.array([sample["state"] for sample in samples]).T.copy()
        derivatives = np.array([sample["derivative"] for sample in samples]).T
        return states, derivatives

    @property
    def derivatives(self):
        """Names of the derivatives, in the order of the states."""
        return [f"dot({name})" for name in self.compiled.state_names]

    def states_before_beat_100(self, bcl, n_nodes):
        """Those of the reference, the same at every node."""
        state = list(self.single_cell["state_before_last_beat"][str(bcl)].values())
        return np.repeat(np.array(state)[:, None], n_nodes, axis=1)

    def paced(self, cell, states, dt, first_stimuli, duration, second_stimuli=None):
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
                i_stim[(onset <= begin) & (begin < onset + DURATION)] = self.amplitude
            dense = i_stim.any() or START - 1.0 <= begin < START + 5.0
            n_steps = round((end - begin) / dt)
            stride = 1 if dense else max(round(0.1 / dt), 1)
            for done in range(0, n_steps, stride):
                n = min(stride, n_steps - done)
                cell.react(states, i_stim, dt, n)
                times.append(begin + (done + n) * dt)
                V.append(states[0].copy())
        return np.array(times), np.array(V)


@cache
def beat_100(published, scheme):
    """Beat 100, from the state of the reference, as (times, V) by cycle length, ms."""
    cell = compile_cell(published.name, scheme=scheme)
    result = {}
    for bcl in CYCLES:
        states = published.states_before_beat_100(bcl, 1)
        times, V = published.paced(cell, states, STEPS[scheme], [START], float(bcl))
        result[bcl] = times, V[:, 0]
    return result


@cache
def after_99_beats(published):
    """States after 99 beats from the initial state, by cycle length.

    At 20 us, side by side: each node has its own pacing.
    """
    cell = compile_cell(published.name, scheme="multirate")
    dt, shortest = 0.02, CYCLES[0]
    states = cell.initial_states(len(CYCLES))
    result = {}
    for beginning in range(0, 99 * CYCLES[-1] + 1, shortest):
        for node, bcl in enumerate(CYCLES):
            if beginning == 99 * bcl:
                result[bcl] = dict(zip(cell.state_names, states[:, node], strict=True))
        due = np.array([beginning % bcl == 0 for bcl in CYCLES])
        none, driven = np.zeros(len(CYCLES)), np.where(due, published.amplitude, 0.0)
        cell.react(states, none, dt, round(START / dt))
        cell.react(states, driven, dt, round(DURATION / dt))
        cell.react(states, none, dt, round((shortest - START - DURATION) / dt))
    return result


class AskedOfPublishedCells:
    """Tests; a test file derives a class Test... that says which cell."""

    published: PublishedCell

    # The equations

    def test_units_pass_the_strict_check_and_all_is_described(self):
        model = myokit.load_model(model_path(self.published.name))
        model.check_units(myokit.UNIT_STRICT)
        undescribed = [
            v.qname() for v in model.variables(deep=True) if "desc" not in v.meta
        ]
        assert undescribed == []

    def test_right_hand_side_is_that_of_the_reference(self):
        states, expected = self.published.samples
        names = self.published.derivatives
        computed = self.published.compiled.observe(states, names)
        # The floor is the rounding of two terms of 1/ms each that cancel, as at rest.
        np.testing.assert_allclose(computed, expected, rtol=1e-9, atol=2e-16)

    def test_compiled_step_starts_along_the_derivative_of_the_reference(self):
        """The production kernel: a step so short that it is a straight line."""
        before, expected = self.published.samples
        after, dt = before.copy(), 1e-6
        self.published.compiled.react(after, np.zeros(before.shape[1]), dt)
        # Curvature is dt/tau of the change; a state keeps its last digit only.
        rounding = 2e-15 * np.maximum(np.abs(before), 1.0)
        error = np.abs(after - before - dt * expected)
        assert (error <= 1e-3 * np.abs(dt * expected) + rounding).all()

    def test_stimulus_is_a_potassium_current(self):
        cell, amplitude = self.published.compiled, self.published.amplitude
        names = self.published.derivatives
        states = cell.initial_states(2)
        at_rest, driven = cell.observe(states, names, np.array([0.0, amplitude])).T
        change = dict(zip(cell.state_names, driven - at_rest, strict=True))
        constants = [self.published.volume, "physics.F", "membrane.C_m"]
        volume, F, C_m = cell.observe(states, constants)
        assert change["membrane.V"] == pytest.approx(amplitude)
        expected = amplitude * C_m[0] / (F[0] * volume[0])
        assert change["potassium.K_i"] == pytest.approx(expected)
        assert sum(value != 0.0 for value in change.values()) == 2

    # One beat from the state before beat 100 of the reference

    @each_scheme
    @each_rate
    def test_beat_100_is_that_of_the_reference(self, scheme, bcl):
        times, V = beat_100(self.published, scheme)[bcl]
        (beat,) = action_potentials(times, V, [START], DURATION)
        expected = self.published.single_cell["beat_100"][str(bcl)]
        assert beat.apd[90] == pytest.approx(expected["APD90"], abs=0.5)
        assert beat.apd[50] == pytest.approx(expected["APD50"], abs=1.0)
        assert beat.resting_potential == pytest.approx(expected["RMP"], abs=0.05)
        assert beat.peak == pytest.approx(expected["Vpeak"], abs=0.5)
        assert beat.dvdt_max == pytest.approx(expected["dVdtmax_all"], rel=0.02)

    @each_scheme
    @each_rate
    def test_trace_of_beat_100_is_that_of_the_reference(self, scheme, bcl):
        times, V = beat_100(self.published, scheme)[bcl]
        with np.load(FOLDER / f"{self.published.name}_bcl{bcl}_beat100.npz") as file:
            t, expected = file["t"], file["V"]
        known = times <= t[-1]
        error = np.abs(V[known] - np.interp(times[known], t, expected))
        # In the upstroke 1 us early or late is 0.2 mV.
        upstroke = (times[known] > START) & (times[known] < START + 2.0)
        assert error[~upstroke].max() < 0.5
        assert error.max() < 1.5

    def test_premature_beats_are_those_of_the_reference(self):
        rows = self.published.single_cell["s1s2_bcl1000"]
        dt, after = 0.002, 450.0  # ms
        first = np.full(len(rows), START)
        second = START + np.array([row["CI"] for row in rows], dtype=float)
        times, V = self.published.paced(
            self.published.compiled,
            self.published.states_before_beat_100(1000, len(rows)),
            dt,
            first,
            second.max() + after,
            second,
        )
        for node, row in enumerate(rows):
            onsets = [START, second[node]]
            s1, s2 = action_potentials(times, V[:, node], onsets, DURATION)
            level = s1.peak - 0.9 * s1.amplitude
            later = (times > s2.peak_time) & (V[:, node] <= level)
            until = times[later][0] - second[node]
            assert until == pytest.approx(row["S2_APD90_S1thr_from_stim"], abs=1.0)
            assert s2.peak == pytest.approx(row["S2_Vpeak"], abs=0.5)

    # A hundred beats

    @each_rate
    def test_99_beats_lead_to_the_state_of_the_reference(self, bcl):
        """It holds the history.

        Without the stimulus, K_i would be lower by 0.26 % in courtemanche1998 and by
        0.4 % in tentusscher2006.
        """
        state = after_99_beats(self.published)[bcl]
        expected = self.published.single_cell["state_before_last_beat"][str(bcl)]
        expected = dict(zip(state, expected.values(), strict=True))
        V, K_i = "membrane.V", "potassium.K_i"
        assert state[V] == pytest.approx(expected[V], abs=0.05)
        assert state[K_i] == pytest.approx(expected[K_i], rel=5e-4)
        for name in self.published.concentrations:
            assert state[name] == pytest.approx(expected[name], rel=5e-3)
