"""The cell of Courtemanche et al. 1998 against right-hand sides and traces of Myokit.

Reference: courtemanche1998_*; what is asked of every such cell is in published_cell.py.
"""

import numpy as np
import pytest

from .published_cell import AskedOfPublishedCells, PublishedCell

CELL = PublishedCell(
    "courtemanche1998",
    amplitude=9236.0 / 100.0,  # of 100 pF
    volume="geometry.V_i",
    concentrations=("sodium.Na_i", "calcium.Ca_i", "sr.Ca_up", "sr.Ca_rel"),
)
SINGULAR = (-47.13, -14.1, -10.0, 3.3328, 7.9, 19.9)  # mV


@pytest.fixture(scope="module")
def cell():
    return CELL.compiled


def test_compiler_finds_the_gates_and_the_singularities(cell):
    gates = "ina.m ina.h ina.j ito.oa ito.oi ikur.ua ikur.ui ikr.xr iks.xs ical.d"
    gates += " ical.f ical.fCa release.u release.v release.w"
    assert cell.facts["gates"] == gates.split()
    assert cell.facts["model_fast"] == ["ina.m", "ina.h", "ina.j"]
    # Two of them, in alpha_xs and beta_xs, at the same potential.
    assert cell.facts["singularities"] == len(SINGULAR) + 1


def test_initial_state_is_that_of_the_reference(cell):
    initial = dict(zip(cell.state_names, CELL.rhs["initial"], strict=True))
    initial["release.u"] = 0.0  # -2e-40 in the reference
    assert dict(zip(cell.state_names, cell.facts["initial"], strict=True)) == initial


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


class TestPublished(AskedOfPublishedCells):
    published = CELL
