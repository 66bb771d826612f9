"""The cell of Nygren et al. 1998 against its published CellML.

Reference: nygren1998_*; what is asked of it and its descendant is in nygren_family.py.
"""

import myokit
import numpy as np
import pytest

from cardiosim.ionic.cell_library import model_path
from cardiosim.ionic.compiled import compile_cell

from .nygren_family import AskedOfNygrenCells, NygrenCell

CELL = NygrenCell("nygren1998")


def test_units_pass_the_strict_check_and_all_is_described():
    model = myokit.load_model(model_path(CELL.name))
    model.check_units(myokit.UNIT_STRICT)
    undescribed = [
        v.qname() for v in model.variables(deep=True) if not v.meta.get("desc")
    ]
    assert undescribed == []


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_stimulus_is_potassium_only_where_asked(share):
    cell = compile_cell(CELL.name, parameters={"stimulus.enters_K_i": share})
    states = cell.initial_states(2)
    names = [f"dot({name})" for name in cell.state_names]
    at_rest, driven = cell.observe(states, names, np.array([0.0, 20.0])).T
    change = dict(zip(cell.state_names, driven - at_rest, strict=True))
    assert change.pop("membrane.V") == pytest.approx(20.0)
    entering = share * 20.0 * 50.0 / (96.487 * 5884.0)  # pA / (C/mmol um^3) = mM/ms
    assert change.pop("potassium.K_i") == pytest.approx(entering, rel=1e-9)
    assert not any(change.values())


def test_phi_Na_en_moves_sodium_and_no_charge():
    published = CELL.compiled
    without = compile_cell(CELL.name, parameters={"sodium.phi_Na_en": 0.0})
    states = published.initial_states(1)
    names = [f"dot({name})" for name in published.state_names]
    change = published.observe(states, names) - without.observe(states, names)
    change = dict(zip(names, change[:, 0], strict=True))
    influx = 1.68 / (96.487 * 5884.0)
    assert change.pop("dot(sodium.Na_i)") == pytest.approx(influx, rel=1e-9)
    assert change.pop("dot(cleft.Na_c)") == pytest.approx(-influx / 0.136, rel=1e-9)
    assert not any(change.values())


class TestPublished(AskedOfNygrenCells):
    published = CELL
