"""Observed orders of the diffusion step on an eigenmode of the no-flux cable.

V(x, t) = cos(k pi x / L) exp(-D (k pi / L)^2 t) solves dV/dt = D d2V/dx2.
"""

import numpy as np
import pytest

from cardiosim.tissue.diffusion import ThetaRule
from cardiosim.tissue.finite_difference import cable_mass, cable_stiffness
from cardiosim.tissue.mesh import cable

LENGTH, D, END = 10.0, 0.15, 2.0  # mm, mm2/ms, ms
WAVENUMBER = 3 * np.pi / LENGTH


def error(n_elements: int, n_steps: int, consistent: float, theta: float) -> float:
    """Largest error at the end against the eigenmode."""
    mesh = cable(LENGTH, LENGTH / n_elements)
    diffusion = ThetaRule(cable_stiffness(mesh, D), cable_mass(mesh, consistent), theta)
    mode = np.cos(WAVENUMBER * mesh.points[:, 0])
    V = mode.copy()
    for _ in range(n_steps):
        diffusion.advance(V, END / n_steps)
    return np.abs(V - mode * np.exp(-D * WAVENUMBER**2 * END)).max()


def slope(sizes, errors) -> float:
    return np.polyfit(np.log(sizes), np.log(errors), 1)[0]


@pytest.mark.parametrize(
    "consistent, order, tolerance",
    [
        # The next term of the expansion, (k dx)^2 / 30 of the leading one at the
        # coarsest grid with k dx = 0.47, bends the slope by below 0.02.
        (0.0, 2.0, 0.02),
        (1.0, 2.0, 0.02),
        (0.5, 4.0, 0.03),
    ],
)
def test_order_in_space(consistent, order, tolerance):
    cells = [20, 30, 40, 60]
    # 2000 Crank-Nicolson steps leave 4e-10, a thousandth of the smallest error.
    errors = [error(n, 2000, consistent, 0.5) for n in cells]
    assert slope([LENGTH / n for n in cells], errors) == pytest.approx(
        order, abs=tolerance
    )


@pytest.mark.parametrize("theta, order", [(0.5, 2.0), (1.0, 1.0), (0.0, 1.0)])
def test_order_in_time(theta, order):
    """Against the exact exponential of the semi-discrete problem: no error in space."""
    mesh = cable(LENGTH, 0.5)
    stiffness, mass = cable_stiffness(mesh, D), cable_mass(mesh, 0.0)
    mode = np.cos(WAVENUMBER * mesh.points[:, 0])  # an eigenvector of the grid too
    rate = (stiffness @ mode)[0] / (mass @ mode)[0]
    steps, errors = [10, 20, 40, 80], []
    for n_steps in steps:
        diffusion, V = ThetaRule(stiffness, mass, theta), mode.copy()
        for _ in range(n_steps):
            diffusion.advance(V, END / n_steps)
        errors.append(np.abs(V - mode * np.exp(-rate * END)).max())
    # The next term is (rate dt) of the leading one, 0.026 at most for first order.
    assert slope([END / n for n in steps], errors) == pytest.approx(order, abs=0.03)
