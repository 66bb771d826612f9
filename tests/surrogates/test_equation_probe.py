"""Whether a cell has the equations that a surrogate was made for."""

import numpy as np
import pytest

from cardiosim.ionic.cell_library import model_source
from cardiosim.ionic.equations import dot
from cardiosim.ionic.expressions import Name
from cardiosim.surrogates.equation_probe import require_same, take_probe
from tests.surrogates.toy_surrogates import CELL

EQUATIONS = {"dot(ina.m)": Name(dot("ina.m")), "current": Name("ina.i_Na")}


@pytest.fixture
def read(tmp_path):
    def _read(*changes):
        text = CELL
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / f"cell{len(list(tmp_path.iterdir()))}.mmt"
        path.write_text(text)
        return model_source(str(path)).equations()

    return _read


def test_values_are_those_of_the_equations(read):
    probe = take_probe(read(), EQUATIONS, {"membrane.V": (-90.0, 40.0)})
    values = np.array(probe.values["current"])
    assert values.shape == (8,) and np.isfinite(values).all()
    assert len(set(values)) == 8
    again = take_probe(read(), EQUATIONS, {"membrane.V": (-90.0, 40.0)})
    assert again == probe  # the states are the same every time


def test_a_changed_constant_shows(read):
    probe = take_probe(read(), EQUATIONS, {})
    other = read(("g = 15", "g = 15.0001"))
    with pytest.raises(ValueError, match="current of .* differs by up to 0.00066. %"):
        require_same(other, EQUATIONS, {}, (), probe, "toy")


def test_what_the_surrogate_is_given_may_change(read):
    # E_Na is an input here: its equation is not what the surrogate stands for.
    given = {"ina.E_Na": (30.0, 70.0)}
    probe = take_probe(read(), EQUATIONS, given)
    other = read(("E_Na = 50", "E_Na = 60"))
    require_same(other, EQUATIONS, given, ("ina.E_Na",), probe, "toy")
    with pytest.raises(ValueError, match="other equations: current"):
        require_same(other, EQUATIONS, {}, (), take_probe(read(), EQUATIONS, {}), "toy")


def test_a_free_parameter_is_found_behind_intermediates(read):
    probe = take_probe(read(), EQUATIONS, {})
    require_same(read(), EQUATIONS, {}, ("ik.g",), probe, "toy")
    with pytest.raises(ValueError, match="one value of ina.E_Na, on which current dep"):
        require_same(read(), EQUATIONS, {}, ("ina.E_Na",), probe, "toy")


def test_a_cell_without_a_state_is_another_cell(read):
    probe = take_probe(read(), EQUATIONS, {})
    other = model_source("nagumo").equations()
    with pytest.raises(ValueError, match="made for a cell with ina.m, which"):
        require_same(other, {}, {}, (), probe, "toy")
