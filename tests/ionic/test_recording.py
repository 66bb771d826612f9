"""Names: what can be recorded, and what a misspelt one is answered."""

import numpy as np
import pytest

from cardiosim.ionic.cell_library import available_cells
from cardiosim.ionic.compiled import compile_cell
from cardiosim.ionic.reaction import SCHEMES

each_scheme = pytest.mark.parametrize("scheme", SCHEMES)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"model": "skibsby2016"}, "unknown cell skibsby2016; did you mean skibsbye20"),
        ({"model": "nowhere.mmt"}, "there is no model file nowhere.mmt"),
        ({"scheme": "euler"}, "unknown scheme euler; expected rush_larsen or multira"),
        ({"backend": "cuda"}, "unknown backend cuda; expected numba, scalar or torch"),
        ({"substeps": 0}, "substeps is 0; at least 1 is needed"),
        (
            {"parameters": {"ina.g_na": 1.0}},
            "skibsbye2016 has no parameter ina.g_na; did you mean ina.g_Na?",
        ),
        (
            {"parameters": {"g_Na": 1.0}},
            "skibsbye2016 has no parameter g_Na; did you mean ina.g_Na?",
        ),
        (
            {"parameters": {"physics.RT_F": 26.0}},
            "physics.RT_F of skibsbye2016 is comp",
        ),
        ({"parameters": {"ina.m": 0.5}}, "ina.m of skibsbye2016 is computed, not a"),
        ({"parameters": {"stimulus.i_stim": 1.0}}, "stimulus.i_stim of skibsbye2016"),
        ({"parameters": {"ina.g_Na": np.nan}}, "parameter ina.g_Na is nan; expected a"),
        ({"parameters": {"ina.g_Na": np.ones((2, 2))}}, "expected a finite number or"),
        ({"scheme": "multirate", "fast": ["ina.q"]}, "fast state ina.q is no gate"),
    ],
)
def test_mistake_is_refused_with_advice(arguments, complaint):
    with pytest.raises(ValueError) as raised:
        compile_cell(**({"model": "skibsbye2016"} | arguments))
    assert complaint in str(raised.value)


def test_unknown_variable_names_the_nearest():
    cell = compile_cell("skibsbye2016")
    states = cell.initial_states(1)
    for ask in (lambda n: cell.observe(states, [n]), cell.unit_of):
        with pytest.raises(ValueError, match=r"no variable ina.i_na; .* ina.i_Na\?"):
            ask("ina.i_na")


@pytest.mark.parametrize("name", available_cells())
def test_every_variable_can_be_recorded(name):
    cell = compile_cell(name)
    assert len(set(cell.variable_names)) == len(cell.variable_names)
    states = cell.initial_states(3)
    values = cell.observe(states, cell.variable_names)
    assert values.shape == (len(cell.variable_names), 3)
    assert np.isfinite(values).all()
    np.testing.assert_array_equal(values[: len(states)], states)
    units = {name: cell.unit_of(name) for name in cell.variable_names}
    assert units["membrane.V"] == "mV"
    assert units["membrane.i_ion"] == "A/F"
    assert units["dot(membrane.V)"] == "mV/ms"


def test_observed_values_belong_to_their_names_and_nodes(ramp):
    cell = compile_cell("skibsbye2016")
    states, i_stim = ramp(cell, 9)
    names = ["ina.E_Na" if "ina.E_Na" in cell.variable_names else "reversal.E_Na"]
    names += ["membrane.V", "physics.RT_F", "stimulus.i_stim", "membrane.i_ion"]
    E_Na, V, RT_F, stimulus, i_ion = cell.observe(states, names, i_stim)
    np.testing.assert_array_equal(V, states[0])
    np.testing.assert_allclose(RT_F, 8.314 * 310.15 / 96.487, rtol=1e-15)
    Na_ss = states[cell.state_names.index("sodium.Na_ss")]
    np.testing.assert_allclose(E_Na, RT_F * np.log(130.0 / Na_ss), rtol=1e-14)
    np.testing.assert_array_equal(stimulus, i_stim)
    (slope,) = cell.observe(states, ["dot(membrane.V)"], i_stim)
    np.testing.assert_allclose(slope, i_stim - i_ion, rtol=1e-14)
    # Without a stimulus it is zero.
    assert (cell.observe(states, ["stimulus.i_stim"]) == 0.0).all()


def test_observing_a_subset_is_the_subset_of_observing(ramp):
    cell = compile_cell("skibsbye2016")
    states, i_stim = ramp(cell, 20)
    nodes = np.array([19, 4, 4])
    names = ["ina.i_Na", "calcium.Ca_ss"]
    np.testing.assert_array_equal(
        cell.at(nodes).observe(states[:, nodes], names, i_stim[nodes]),
        cell.observe(states, names, i_stim)[:, nodes],
    )


@each_scheme
def test_stimulus_enters_the_potassium_balance(scheme):
    cell = compile_cell("skibsbye2016", scheme=scheme)
    states = cell.initial_states(2)
    cell.react(states, np.array([0.0, 20.0]), dt=0.1)
    names = ["membrane.C_m", "geometry.V_cyt", "physics.F"]
    C_m, V_cyt, F = cell.observe(states, names)[:, 0]
    row = cell.state_names.index("potassium.K_i")
    gained = states[row, 1] - states[row, 0]
    # mM; K_i = 135 mM is rounded to 3e-14 mM.
    assert gained == pytest.approx(20.0 * 0.1 * C_m / (V_cyt * F), abs=1e-13)
    assert gained > 1e-6


def test_initial_states_are_what_kernels_expect():
    cell = compile_cell("skibsbye2016")
    states = cell.initial_states(5)
    assert states.shape == (42, 5)
    assert states.dtype == np.float64 and states.flags.c_contiguous
    assert (states == states[:, :1]).all()
    assert cell.state_names[0] == "membrane.V" and states[0, 0] == -75.2
