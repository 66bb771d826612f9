"""Observed orders of the diffusion step against solutions in closed form.

On a box without flux, cos(k x) exp(-D k^2 t) and products of such along the axes; in
free space, for any tensor D, a Gaussian whose covariance grows by 2 D t.
"""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from cardiosim.tissue.diffusion import RungeKuttaChebyshev, ThetaRule
from cardiosim.tissue.discretisation import discretise, isotropic
from cardiosim.tissue.mesh import cable, sheet, slab
from cardiosim.tissue.simplices import simplices_of
from tests.convergence.orders import observed_order
from tests.tissue.operators import distorted, six

LENGTH, D, END = 10.0, 0.15, 2.0  # mm, mm2/ms, ms
WAVENUMBER = 3 * np.pi / LENGTH


def error(n_elements: int, n_steps: int, consistent: float, theta: float) -> float:
    """Largest error at the end against the eigenmode."""
    mesh = cable(LENGTH, LENGTH / n_elements)
    diffusion = ThetaRule(discretise(mesh, isotropic(mesh, D), consistent), theta)
    mode = np.cos(WAVENUMBER * mesh.points[:, 0])
    V = mode.copy()
    for _ in range(n_steps):
        diffusion.advance(V, END / n_steps)
    return np.abs(V - mode * np.exp(-D * WAVENUMBER**2 * END)).max()


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
    sizes = [LENGTH / n for n in cells]
    assert observed_order(sizes, errors) == pytest.approx(order, abs=tolerance)


def time_errors(make, mesh, wave, tensors, steps):
    """Errors against the exact exponential of the semi-discrete problem.

    A product of cosines is an eigenvector of the grid too: there is no error in space.
    """
    operator = discretise(mesh, tensors, 0.0)
    mode = np.cos(mesh.points * wave).prod(axis=1)
    K, M = (operator.matrix(*weights) for weights in ((0.0, 1.0), (1.0, 0.0)))
    rate = mode @ (K @ mode) / (mode @ (M @ mode))
    errors = []
    for n_steps in steps:
        diffusion, V = make(operator), mode.copy()
        for _ in range(n_steps):
            diffusion.advance(V, END / n_steps)
        errors.append(np.abs(V - mode * np.exp(-rate * END)).max())
    return errors


@pytest.mark.parametrize("theta, order", [(0.5, 2.0), (1.0, 1.0), (0.0, 1.0)])
def test_order_in_time(theta, order):
    mesh, steps = cable(LENGTH, 0.5), [10, 20, 40, 80]
    errors = time_errors(
        lambda operator: ThetaRule(operator, theta),
        mesh,
        [WAVENUMBER, 0.0, 0.0],
        isotropic(mesh, D),
        steps,
    )
    # The next term is (rate dt) of the leading one, 0.026 at most for first order.
    sizes = [END / n for n in steps]
    assert observed_order(sizes, errors) == pytest.approx(order, abs=0.03)


RULES = {
    "direct": lambda operator: ThetaRule(operator, 0.5, "direct"),
    # 1e-10 of a change of order 0.1 a step, far below the smallest error of 2e-6.
    "cg": lambda operator: ThetaRule(operator, 0.5, "cg", 1e-10),
    "chebyshev": RungeKuttaChebyshev,
}


@pytest.mark.parametrize("name", RULES)
def test_order_in_time_on_a_slab(name):
    mesh, steps = slab((2.0, 2.0, 1.0), 0.25), [20, 40, 80, 160]
    tensors = np.zeros((mesh.n_elements, 6))
    tensors[:, :3] = D, D / 2, D / 5
    wave = np.pi / np.array([2.0, 2.0, 1.0])
    errors = time_errors(RULES[name], mesh, wave, tensors, steps)
    # Corrections of relative size rate dt <= 0.07 at the longest dt. Chebyshev takes
    # two stages for all dt: its error constant depends on their number.
    sizes = [END / n for n in steps]
    assert observed_order(sizes, errors) == pytest.approx(2.0, abs=0.05)


@pytest.mark.parametrize(
    "consistent, least, most", [(0.0, 1.95, 2.05), (0.5, 3.8, 4.1), (1.0, 1.95, 2.05)]
)
@pytest.mark.parametrize("make", [sheet, slab])
def test_rate_of_an_axis_aligned_mode(make, consistent, least, most):
    """Half-lumped mass is fourth order along every axis, with anisotropy too."""
    d = {sheet: 2, slab: 3}[make]
    size, diffusivity = np.array([3.0, 2.0, 1.0])[:d], np.array([D, D / 2, D / 5])[:d]
    wave = np.array([2.0, 1.0, 1.0])[:d] * np.pi / size
    spacings, errors = [1 / 4, 1 / 6, 1 / 8, 1 / 12], []
    for dx in spacings:
        mesh = make(tuple(size), dx)
        tensors = np.zeros((mesh.n_elements, 6))
        tensors[:, :d] = diffusivity
        operator = discretise(mesh, tensors, consistent)
        mode = np.cos(mesh.points[:, :d] * wave).prod(axis=1)
        flux = operator.apply(0.0, 1.0, mode, np.empty_like(mode))
        amount = operator.apply(1.0, 0.0, mode, np.empty_like(mode))
        exact = diffusivity @ wave**2
        errors.append(abs(mode @ flux / (mode @ amount) - exact) / exact)
    assert least <= observed_order(spacings, errors) <= most


TURN = Rotation.from_rotvec([0.3, 0.5, 0.6])  # rad, of the fibres against the axes
DIFFUSIVITIES = np.array([0.15, 0.05, 0.03])  # along, across, through
SIZE = 5.76  # mm, of free space


def free_space_error(make, d, dx, consistent):
    """Relative 2-norm of the error of a Gaussian that spreads along turned fibres."""
    turn = (TURN if d == 3 else Rotation.from_euler("z", 0.6)).as_matrix()
    spread = (turn * DIFFUSIVITIES) @ turn.T
    mesh = make({2: sheet, 3: slab}[d]((SIZE,) * d, dx))
    operator = discretise(mesh, np.tile(six(spread), (mesh.n_elements, 1)), consistent)
    at = mesh.points[:, :d] - SIZE / 2.0
    # mm2, ms; 0.61 mm wide at the end: 4.7 times that, 2e-5, at the boundary.
    start, end = 0.25 * np.eye(d), 0.4

    def gaussian(t):
        covariance = start + 2.0 * t * spread[:d, :d]
        squared = np.einsum("ni,ij,nj->n", at, np.linalg.inv(covariance), at)
        return np.exp(-squared / 2.0) / np.sqrt(np.linalg.det(covariance))

    diffusion = ThetaRule(operator, 0.5, "cg", 1e-9)
    V, n_steps = gaussian(0.0), round(5.0 * end / dx)
    for _ in range(n_steps):
        diffusion.advance(V, end / n_steps)
    return np.linalg.norm(V - gaussian(end)) / np.linalg.norm(gaussian(end))


def order_of_turned_fibres(make, d, cells, consistent):
    spacings = SIZE / np.array(cells)
    errors = [free_space_error(make, d, dx, consistent) for dx in spacings]
    return observed_order(spacings, errors)


@pytest.mark.parametrize("consistent", [0.0, 0.5, 1.0])
@pytest.mark.parametrize(
    "make, d, cells",
    [
        (lambda mesh: mesh, 2, [32, 40, 64, 80]),
        (lambda mesh: mesh, 3, [32, 40, 48]),
        (simplices_of, 2, [32, 40, 64, 80]),
        # Tetrahedra have larger errors and come later to their order.
        pytest.param(simplices_of, 3, [40, 48, 60], marks=pytest.mark.slow),
    ],
    ids=["sheet", "slab", "triangles", "tetrahedra"],
)
def test_turned_fibres_are_second_order(make, d, cells, consistent):
    assert order_of_turned_fibres(make, d, cells, consistent) >= 1.9


@pytest.mark.parametrize("d", [2, 3])
def test_mode_of_a_turned_box_of_irregular_simplices(d):
    """A box that lies anywhere in space, its tensor turned with it."""
    turn = TURN.as_matrix()
    spread = (turn * DIFFUSIVITIES) @ turn.T
    cells, errors = [10, 14, 20], []  # half a wavelength along x, a whole one along y
    wave, end = np.pi * np.array([1.0, 2.0, 1.0])[:d], 0.2
    rate = DIFFUSIVITIES[:d] @ wave**2
    for n in cells:
        # Moved by as large a share of the spacing at every n.
        flat = distorted({2: sheet, 3: slab}[d]((1.0,) * d, 1.0 / n))
        mesh = replace(flat, points=flat.points @ turn.T)
        tensors = np.tile(six(spread), (mesh.n_elements, 1))
        diffusion = ThetaRule(discretise(mesh, tensors), 0.5, "cg", 1e-9)
        mode = np.cos(flat.points[:, :d] * wave).prod(axis=1)
        V, n_steps = mode.copy(), 4 * n
        for _ in range(n_steps):
            diffusion.advance(V, end / n_steps)
        exact = mode * np.exp(-rate * end)
        errors.append(np.linalg.norm(V - exact) / np.linalg.norm(exact))
    assert observed_order(1.0 / np.array(cells), errors) >= 1.9
