"""What is asked of the cell of Nygren et al. 1998 and of the one that descends from it.

Reference: NAME_rhs.json and NAME_beat20.json, described in tests/reference/README.md:
the published CellML models in two other programs.
"""

import json
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import pytest

from cardiosim.ionic.compiled import compile_cell
from cardiosim.measure.action_potential import action_potentials

FOLDER = Path(__file__).parents[1] / "reference"
GATES = "ina.m ina.h1 ina.h2 ical.d ical.f1 ical.f2 ito.r ito.s isus.r isus.s iks.n"
GATES += " ikr.p ryr.F_1 ryr.F_2"

STEPS = {"rush_larsen": 0.01, "multirate": 0.02}  # ms
AMPLITUDE, DURATION = 20.0, 2.0  # A/F, ms, from the begin of each beat
UPSTROKE = 8.0  # ms after the stimulus, sampled at every step


@dataclass(frozen=True)
class NygrenCell:
    """A cell and its reference.

    Attributes:
        name: of the cell, and of the files of the reference.
        as_printed: parameters that the CellML rounds, as it has them.
    """

    name: str
    as_printed: dict[str, float] = field(default_factory=dict, hash=False)

    @cached_property
    def compiled(self):
        return compile_cell(self.name)

    @cached_property
    def rhs(self):
        return json.loads((FOLDER / f"{self.name}_rhs.json").read_text())

    @cached_property
    def beat(self):
        return json.loads((FOLDER / f"{self.name}_beat20.json").read_text())

    def derivatives(self, states, i_stim=None, **more):
        """Of every state, per ms, (n_states, n_nodes); `more` are parameters."""
        overrides = self.as_printed | {k.replace("__", "."): v for k, v in more.items()}
        cell = compile_cell(self.name, parameters=overrides)
        return cell.observe(states, [f"dot({n})" for n in cell.state_names], i_stim)


def columns(samples, key):
    """One value per state and sample, (n_states, n_samples)."""
    return np.array([sample[key] for sample in samples]).T.copy()


@cache
def beat_20(published, scheme):
    """Beat 20 at 1 Hz from the initial state: before it, and (times, V, Ca_i)."""
    cell, dt = compile_cell(published.name, scheme=scheme), STEPS[scheme]
    states = cell.initial_states(1)
    on, off = np.full(1, AMPLITUDE), np.zeros(1)
    for _ in range(19):
        cell.react(states, on, dt, round(DURATION / dt))
        cell.react(states, off, dt, round((1000.0 - DURATION) / dt))
    before = states[:, 0].copy()
    calcium = cell.state_names.index("calcium.Ca_i")
    trace = [(0.0, states[0, 0], states[calcium, 0])]
    for i_stim, duration, stride in (
        (on, DURATION, 1),
        (off, UPSTROKE, 1),
        (off, 1000.0 - DURATION - UPSTROKE, round(0.1 / dt)),
    ):
        for _ in range(round(duration / (stride * dt))):
            cell.react(states, i_stim, dt, stride)
            t = trace[-1][0] + stride * dt
            trace.append((t, states[0, 0], states[calcium, 0]))
    return before, np.array(trace).T


class AskedOfNygrenCells:
    """Tests; a test file derives a class Test... that says which cell."""

    published: NygrenCell

    # The equations

    def test_gates_and_the_singularity_are_found(self):
        facts = self.published.compiled.facts
        assert facts["gates"] == GATES.split()
        assert facts["model_fast"] == ["ina.m", "ina.h1", "ina.h2"]
        assert facts["singularities"] == 1  # I_Na at V = 0
        assert facts["cytosolic_calcium"] == "calcium.Ca_i"

    def test_initial_state_is_that_of_the_reference(self):
        cell, rhs = self.published.compiled, self.published.rhs
        assert list(cell.state_names) == rhs["states"]
        assert list(cell.facts["initial"]) == rhs["initial"]

    def test_right_hand_side_is_that_of_the_reference(self):
        samples = self.published.rhs["samples"]
        computed = self.published.derivatives(columns(samples, "state"))
        # The floor is the rounding of two terms of 1/ms each that cancel, as at rest.
        expected = columns(samples, "derivative")
        np.testing.assert_allclose(computed, expected, rtol=1e-9, atol=2e-16)

    def test_compiled_step_starts_along_the_derivative_of_the_reference(self):
        """The production kernel: a step so short that it is a straight line."""
        samples = self.published.rhs["samples"]
        before = columns(samples, "state")
        expected = columns(samples, "derivative")
        after, dt = before.copy(), 1e-6
        self.published.compiled.react(after, np.zeros(before.shape[1]), dt)
        # Curvature is dt/tau of the change; a state keeps its last digit only.
        rounding = 2e-15 * np.maximum(np.abs(before), 1.0)
        error = np.abs(after - before - dt * expected)
        assert (error <= 1e-3 * np.abs(dt * expected) + rounding).all()

    def test_every_variable_is_finite_on_every_half_millivolt(self):
        cell = self.published.compiled
        states = cell.initial_states(401)
        states[0] = np.linspace(-120.0, 80.0, 401)
        assert 0.0 in states[0]
        assert np.isfinite(cell.observe(states, cell.variable_names)).all()

    def test_sodium_current_is_continuous_through_the_singularity(self):
        cell = self.published.compiled
        states = cell.initial_states(3)
        states[0] = np.array([-1e-3, 0.0, 1e-3])
        below, at, above = cell.observe(states, ["ina.i_Na"])[0]
        # Curvature over 1 uV leaves 1e-10; 0/0 would leave anything.
        assert at == pytest.approx((below + above) / 2, rel=1e-8)

    @pytest.mark.parametrize("scheme", STEPS)
    def test_calcium_leaves_for_the_bath_only(self, scheme):
        cell = compile_cell(self.published.name, scheme=scheme)
        states, dt = cell.initial_states(1), STEPS[scheme]
        volumes = {
            "geometry.V_i": "calcium.Ca_i buffers.Ca_C buffers.Ca_TC buffers.Ca_TMg",
            "geometry.V_d": "calcium.Ca_d",
            "geometry.V_up": "sr.Ca_up",
            "geometry.V_rel": "sr.Ca_rel buffers.Ca_Calse",
            "geometry.V_c": "cleft.Ca_c",
        }
        weight = np.zeros(len(cell.state_names))
        for volume, held in volumes.items():
            for name in held.split():
                row = cell.state_names.index(name)
                weight[row] = cell.observe(states, [volume])[0, 0]
        bath, tau = cell.observe(states, ["cleft.Ca_b", "cleft.tau_Ca"])[:, 0]
        cleft = cell.state_names.index("cleft.Ca_c")
        before, leaving = weight @ states[:, 0], 0.0
        for _ in range(round(20.0 / dt)):
            leaving += weight[cleft] * (states[cleft, 0] - bath) / tau * dt
            cell.react(states, np.full(1, AMPLITUDE), dt)
        assert cell.observe(states, ["calcium.Ca_i"])[0, 0] > 5e-4  # much has moved
        # Of 650 amol, 1e-16 may be lost to rounding in each of thousands of steps.
        assert before - weight @ states[:, 0] == pytest.approx(leaving, abs=1e-9)

    # Twenty beats

    @pytest.mark.parametrize("scheme", STEPS)
    def test_beat_20_is_that_of_the_reference(self, scheme):
        """The tolerances are the first-order error of these steps, twice over."""
        _, (times, V, calcium) = beat_20(self.published, scheme)
        (beat,) = action_potentials(times, V, [0.0], DURATION)
        expected = self.published.beat["beat_20"]
        assert beat.apd[90] == pytest.approx(expected["APD90"], abs=0.2)
        assert beat.apd[50] == pytest.approx(expected["APD50"], abs=0.8)
        assert beat.resting_potential == pytest.approx(expected["rest"], abs=0.005)
        assert beat.peak == pytest.approx(expected["peak"], abs=0.6)
        assert beat.dvdt_max == pytest.approx(expected["dvdt_max"], rel=0.05)
        assert beat.dvdt_max_time == pytest.approx(expected["dvdt_max_time"], abs=0.1)
        assert calcium.min() == pytest.approx(expected["Ca_diastolic"], rel=2e-3)
        assert calcium.max() == pytest.approx(expected["Ca_peak"], rel=0.01)

    @pytest.mark.parametrize("scheme", STEPS)
    def test_19_beats_lead_to_the_state_of_the_reference(self, scheme):
        before, _ = beat_20(self.published, scheme)
        names, expected = self.published.beat["states"], self.published.beat
        for name, found, value in zip(
            names, before, expected["before_beat_20"], strict=True
        ):
            assert found == pytest.approx(value, rel=2e-3), name

    def test_twenty_beats_at_1_hz_keep_the_published_resting_potential(self):
        """The published initial state is that of a cell paced at 1 Hz."""
        rest = self.published.beat["beat_20"]["rest"]
        assert rest == pytest.approx(self.published.rhs["initial"][0], abs=0.05)
