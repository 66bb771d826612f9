"""Which variables of a cell are its membrane currents."""

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
    assert {cell.unit_of(current) for current in currents} == {"A/F"}
    # Sums of a dozen currents, in another order: rounding only.
    assert -values[:-1].sum(axis=0) == pytest.approx(values[-1], rel=1e-12)


IN_PICOAMPERE = """\
[membrane]
dot(V) = stimulus.i_stim - (i_leak + i_bath) / C_m
    in [mV]
C_m = 50 [pF]
    in [pF]
i_leak = 5 [nS] * (V + 80 [mV])
    in [pA]
i_bath = 2 [nS] * (V + 10 [mV])
    in [pA]
"""


def test_currents_in_pa_add_up_to_the_capacitance_times_dvdt(model_file):
    cell = compile_cell(model_file(IN_PICOAMPERE))
    currents = cell.facts["membrane_currents"]
    assert set(currents) == {"membrane.i_leak", "membrane.i_bath"}
    states = cell.initial_states(3)
    states[0] = [-80.0, -31.0, 12.0]
    values = cell.observe(states, [*currents, "membrane.C_m", "dot(membrane.V)"])
    total, C_m, rate = values[:-2].sum(axis=0), *values[-2:]
    assert -total == pytest.approx(C_m * rate, rel=1e-14)
