"""The human atrial cell against right-hand sides of an independent implementation.

Reference: human_atrial_rhs.json, described in tests/reference/README.md.
"""

import json
from pathlib import Path

import myokit
import numpy as np
import pytest

from cardiosim.ionic.compiled import CompiledCell, compile_cell

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "cardiosim" / "ionic" / "models" / "skibsbye2016.mmt"
REFERENCE = json.loads(
    (ROOT / "tests" / "reference" / "human_atrial_rhs.json").read_text()
)
C_M = 50.0  # pF; the reference is in pA, and its stimulus depolarises if negative

each_sample = pytest.mark.parametrize(
    "sample",
    REFERENCE["samples"],
    ids=[f"V={sample['state'][0]:.1f}mV" for sample in REFERENCE["samples"]],
)


@pytest.fixture(scope="module")
def cell() -> myokit.Model:
    model = myokit.load_model(MODEL)
    model.validate()
    return model


@pytest.fixture(scope="module")
def compiled() -> CompiledCell:
    return compile_cell("skibsbye2016")


def test_units_pass_the_strict_check(cell):
    cell.check_units(myokit.UNIT_STRICT)


def test_every_variable_says_what_it_is(cell):
    variables = cell.variables(deep=True)
    assert [v.qname() for v in variables if not v.meta.get("desc")] == []


def test_membrane_potential_is_the_first_state(cell):
    first = next(cell.states())
    assert first.qname() == "membrane.V"
    assert first.label() == "membrane_potential"


def test_fast_subsystem_names_states_of_the_cell(cell):
    fast = [name.strip() for name in cell.meta["fast"].split(",")]
    assert fast == ["ina.m", "ina.h1", "ina.h2"]
    assert all(cell.get(name).is_state() for name in fast)


def test_initial_state_is_that_of_the_reference(cell):
    # Equal to the last digit and in the same order, which fixes the order of states.
    assert cell.initial_values(as_floats=True) == REFERENCE["initial"]


def assert_is_the_reference(derivatives, sample, names):
    """To a relative 1e-6 or an absolute 1e-9 per ms.

    The reference recovered gate derivatives from x_inf and tau, to about 1e-9.
    """
    expected = np.array(sample["derivative_per_ms"])
    tolerance = np.maximum(1e-6 * np.abs(expected), 1e-9)
    off = np.abs(derivatives - expected) > tolerance
    assert not off.any(), {
        name: (value, reference)
        for name, value, reference, wrong in zip(
            names, derivatives, expected, off, strict=True
        )
        if wrong
    }


@each_sample
def test_right_hand_side_agrees_with_the_independent_one(cell, sample):
    derivatives = cell.evaluate_derivatives(
        sample["state"], inputs={"pace": -sample["I_stim_pA"] / C_M}
    )
    names = [state.qname() for state in cell.states()]
    assert_is_the_reference(np.array(derivatives), sample, names)


@each_sample
def test_compiled_right_hand_side_agrees_with_the_independent_one(compiled, sample):
    state = np.array(sample["state"])[:, None]
    i_stim = np.array([-sample["I_stim_pA"] / C_M])
    names = [f"dot({name})" for name in compiled.state_names]
    derivatives = compiled.observe(state, names, i_stim)[:, 0]
    assert_is_the_reference(derivatives, sample, names)


@each_sample
def test_compiled_step_starts_along_the_independent_derivative(compiled, sample):
    """The production kernel itself: a step so short that it is a straight line."""
    dt = 1e-6  # ms; curvature adds some 1e-6/tau to a gate's step, tau > 10 us
    before = np.array(sample["state"])[:, None]
    after = before.copy()
    compiled.react(after, np.array([-sample["I_stim_pA"] / C_M]), dt)
    change = (after - before)[:, 0]
    expected = dt * np.array(sample["derivative_per_ms"])
    # A state keeps its last digit only: 2e-16 of its value in every change.
    rounding = 4e-16 * np.maximum(np.abs(before[:, 0]), 1.0)
    np.testing.assert_array_less(
        np.abs(change - expected), 1e-4 * np.abs(expected) + 4 * rounding
    )


@each_sample
def test_sodium_current_agrees_with_the_independent_one(cell, sample):
    at_sample = cell.clone()
    at_sample.set_initial_values(sample["state"])
    i_Na = at_sample.get("ina.i_Na").eval() * C_M
    assert i_Na == pytest.approx(sample["I_Na_pA"], rel=1e-9, abs=1e-12)


@each_sample
def test_sum_of_currents_and_stimulus_drive_the_membrane(cell, sample):
    i_stim = 20.0  # A/F, positive depolarises
    at_rest = cell.evaluate_derivatives(sample["state"], inputs={"pace": 0.0})
    driven = cell.evaluate_derivatives(sample["state"], inputs={"pace": i_stim})
    at_sample = cell.clone()
    at_sample.set_initial_values(sample["state"])
    i_ion = at_sample.get("membrane.i_ion").eval()
    assert at_rest[0] == -i_ion
    assert driven[0] - at_rest[0] == pytest.approx(i_stim, rel=1e-12)
