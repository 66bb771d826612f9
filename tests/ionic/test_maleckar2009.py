"""The cell of Maleckar et al. 2009 against its published CellML.

Reference: maleckar2009_*; what is asked of it and its ancestor is in nygren_family.py.
"""

import numpy as np
import pytest

from .nygren_family import AskedOfNygrenCells, NygrenCell, columns

# The CellML has k_Na^1.5 rounded to six digits, and a trace of acetylcholine in
# order not to divide by zero.
CELL = NygrenCell(
    "maleckar2009",
    as_printed={"inak.k_Na": 36.4829 ** (2.0 / 3.0), "ikach.ACh": 1e-24},
)


def test_rounded_constants_of_the_reference_are_those_the_tests_take():
    assert CELL.rhs["k_Na_1_5"] ** (2.0 / 3.0) == CELL.as_printed["inak.k_Na"]
    assert CELL.rhs["ACh"] == CELL.as_printed["ikach.ACh"]
    assert CELL.compiled.facts["parameters"]["inak.k_Na"] == 11.0
    assert CELL.compiled.facts["parameters"]["ikach.ACh"] == 0.0


def test_it_says_what_it_is():
    assert CELL.compiled.name == "maleckar2009"
    assert "Maleckar" in CELL.compiled.facts["title"]


def test_stimulus_is_a_potassium_current():
    sample = CELL.rhs["with_stimulus"]
    states = np.array(sample["state"])[:, None]
    computed = CELL.derivatives(states, np.array([sample["i_stim"]]))[:, 0]
    np.testing.assert_allclose(computed, sample["derivative"], rtol=1e-9, atol=2e-16)


@pytest.mark.parametrize("which", [0, 1])
def test_acetylcholine_opens_a_potassium_current(which):
    """As in the reference, which however lets its potassium come from nowhere."""
    sample = CELL.rhs["with_acetylcholine"][which]
    states = columns([sample], "state")
    names = list(CELL.compiled.state_names)
    computed = CELL.derivatives(states, ikach__ACh=sample["ACh"])[:, 0]
    none = CELL.derivatives(states, ikach__ACh=0.0)[:, 0]
    current = none[0] - computed[0]  # A/F
    assert current > 0.01
    expected = np.array(sample["derivative"])
    leaving = 50.0 * current / (96.487 * 5884.0)  # mM/ms
    expected[names.index("potassium.K_i")] -= leaving
    expected[names.index("cleft.K_c")] += leaving / 0.136
    np.testing.assert_allclose(computed, expected, rtol=1e-9, atol=2e-16)


def test_sustained_current_inactivates_completely():
    """The new I_Kur, where that of Nygren et al. keeps 60 % for ever."""
    states = CELL.compiled.initial_states(1)
    states[0] = 40.0
    descendant = CELL.compiled.observe(states, ["isus.s_inf"])[0, 0]
    ancestor = NygrenCell("nygren1998").compiled.observe(states, ["isus.s_inf"])[0, 0]
    assert descendant < 0.01
    assert ancestor == pytest.approx(0.6, abs=0.01)


class TestPublished(AskedOfNygrenCells):
    published = CELL
