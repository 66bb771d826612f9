"""The bistable cell: its states of rest and the front that it carries."""

from pathlib import Path

import myokit
import numpy as np
import pytest

MODEL = Path(__file__).parents[2] / "cardiosim" / "ionic" / "models" / "nagumo.mmt"


@pytest.fixture(scope="module")
def cell() -> myokit.Model:
    model = myokit.load_model(MODEL)
    model.validate()
    return model


def reaction(cell: myokit.Model, V: float) -> float:
    """dV/dt without stimulus, mV/ms."""
    return cell.evaluate_derivatives([V])[0]


def test_units_pass_the_strict_check(cell):
    cell.check_units(myokit.UNIT_STRICT)


@pytest.mark.parametrize("V, stable", [(0.0, True), (25.0, False), (100.0, True)])
def test_rest_and_excitation_are_stable_and_the_threshold_is_not(cell, V, stable):
    assert reaction(cell, V) == 0.0
    assert (reaction(cell, V + 0.1) < 0.0 < reaction(cell, V - 0.1)) is stable


def test_stimulus_depolarises(cell):
    assert cell.evaluate_derivatives([0.0], inputs={"pace": 7.0})[0] == 7.0


def test_known_front_solves_the_equation(cell):
    """The residual of D V'' + c V' + reaction, with the front of the header."""
    D, c = 0.1, 0.3162278  # mm2/ms, mm/ms
    k, a = (cell.get(f"membrane.{name}").eval() for name in ("k", "a"))
    assert c == pytest.approx(np.sqrt(D * k / 2) * (1 - 2 * a), abs=5e-8)

    slope = np.sqrt(k / (2 * D))  # 1/mm
    for x in np.linspace(-1.0, 1.0, 9):  # mm, ahead of and behind the front
        u = 1.0 / (1.0 + np.exp(slope * x))
        u_x = -slope * u * (1.0 - u)
        u_xx = slope**2 * u * (1.0 - u) * (1.0 - 2.0 * u)
        residual = 100.0 * (D * u_xx + c * u_x) + reaction(cell, 100.0 * u)
        assert abs(residual) < 1e-4  # mV/ms; c has seven digits, terms reach 100
