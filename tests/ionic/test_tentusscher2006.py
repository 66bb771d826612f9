"""The cell of ten Tusscher and Panfilov 2006 against Myokit: equations and traces.

Reference: tentusscher2006_*; what is asked of every such cell is in published_cell.py.
"""

import numpy as np
import pytest

from cardiosim.ionic.compiled import compile_cell
from cardiosim.measure.action_potential import action_potentials

from .published_cell import DURATION, START, AskedOfPublishedCells, PublishedCell

CELL = PublishedCell(
    "tentusscher2006",
    amplitude=94.0,
    volume="geometry.V_c",
    concentrations=("sodium.Na_i", "calcium.Ca_i", "calcium.Ca_SR", "calcium.Ca_ss"),
)
SINGULAR = 15.0  # mV, in I_CaL
ENDO, EPI, M = 0, 1, 2


@pytest.fixture(scope="module")
def cell():
    return CELL.compiled


def test_compiler_finds_the_gates_and_the_singularity(cell):
    gates = "ina.m ina.h ina.j ikr.xr1 ikr.xr2 iks.xs ito.r ito.s ical.d ical.f"
    assert cell.facts["gates"] == [*gates.split(), "ical.f2", "ical.fCass", "release.R"]
    assert cell.facts["model_fast"] == ["ina.m", "ina.h", "ina.j"]
    assert cell.facts["singularities"] == 1


def test_initial_state_is_that_of_the_reference(cell):
    assert list(cell.facts["initial"]) == CELL.rhs["initial"]


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


def test_layers_differ_in_conductances_and_one_gate():
    """The conductances and equations of s, written once more."""
    states, _ = CELL.samples
    V, r, s, xs = (states[i] for i in (0, 12, 13, 11))
    names = ["ito.i_to", "iks.i_Ks", "reversal.E_K", "reversal.E_Ks", "dot(ito.s)"]
    for layer, g_to, g_Ks in [
        (ENDO, 0.073, 0.392),
        (EPI, 0.294, 0.392),
        (M, 0.294, 0.098),
    ]:
        cell = compile_cell(CELL.name, parameters={"cell.type": layer})
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
    cell = compile_cell(CELL.name, parameters={"cell.type": layers})
    states = CELL.states_before_beat_100(1000, 3)
    times, V = CELL.paced(cell, states, 0.02, np.full(3, START), 600.0)
    endo, mid, epi = (
        action_potentials(times, V[:, node], [START], DURATION)[0] for node in range(3)
    )
    assert mid.apd[90] > epi.apd[90] + 50.0
    assert endo.apd[90] == pytest.approx(epi.apd[90], abs=5.0)
    phase_1 = (times > START + 3.0) & (times < START + 30.0)
    notch = V[phase_1].min(axis=0)
    assert notch[0] > notch[2] + 5.0 > notch[1]


class TestPublished(AskedOfPublishedCells):
    published = CELL
