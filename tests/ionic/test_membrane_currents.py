"""Which variables of a cell are its membrane currents."""

import numpy as np
import pytest

from cardiosim.ionic.compiled import compile_cell

SOME = {
    "skibsbye2016": ("ina.i_Na", "ifunny.i_fNa", "ib.i_bCa", "inaca.i_NaCa"),
    "courtemanche1998": ("ina.i_Na", "ib.i_bNa", "ipca.i_pCa"),
}


@pytest.mark.parametrize("name", SOME)
def test_the_sum_of_dvdt_is_opened_down_to_the_currents(name):
    currents = compile_cell(name).facts["membrane_currents"]
    assert set(SOME[name]) <= set(currents)
    assert not any(current.startswith("reversal.") for current in currents)


def test_the_parts_of_one_current_are_one_current():
    currents = compile_cell("grandi2011").facts["membrane_currents"]
    assert len(currents) == 16
    assert "ina.i_Na" in currents


@pytest.mark.parametrize("name", [*SOME, "grandi2011"])
def test_the_currents_add_up_to_dvdt(name):
    cell = compile_cell(name)
    states = cell.initial_states(3)
    states[0] = [-80.0, -31.0, 12.0]
    currents = cell.facts["membrane_currents"]
    values = cell.observe(states, [*currents, "dot(membrane.V)"])
    capacitance = {"A/F": 1.0}.get(cell.unit_of(currents[0]))
    total = values[:-1].sum(axis=0)
    if capacitance is None:  # pA: the ratio is the capacitance, the same at every V
        ratio = total / values[-1]
        assert np.ptp(ratio) < 1e-10 * abs(ratio[0])
    else:
        # Sums of a dozen currents, in another order: rounding only.
        assert -total == pytest.approx(values[-1], rel=1e-12)
