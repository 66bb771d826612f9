"""The monodomain problem with an exact solution of Pathmanathan and Gray (2014).

doi:10.1002/cnm.2615; tests/reference/pathmanathan_gray2014.mmt is the cell, and has
the equations in its header. dt is h: as many steps over the unit of time as elements
along a side. The reaction is Euler's: it takes the more steps within dt the finer the
grid, so that everything is second order.
"""

from pathlib import Path

import numpy as np
import pytest

from cardiosim.ionic.compiled import compile_cell
from cardiosim.simulation.monodomain import Monodomain
from cardiosim.simulation.run import march
from cardiosim.simulation.schedule import Schedule
from cardiosim.tissue.diffusion import RungeKuttaChebyshev, ThetaRule
from cardiosim.tissue.discretisation import discretise
from cardiosim.tissue.mesh import structured
from cardiosim.tissue.simplices import simplices_of
from tests.convergence.orders import observed_order
from tests.tissue.operators import distorted

CELL = Path(__file__).parents[1] / "reference" / "pathmanathan_gray2014.mmt"
SIGMA = np.array([1.1, 1.2, 0.3]) / np.pi**2
MODES = np.array([1.0, 2.0, 3.0])
CHI, C_M = 3.0, 2.0
KINDS = {1: "cable", 2: "sheet", 3: "slab"}
MESHES = {"grid": lambda mesh: mesh, "simplices": simplices_of, "irregular": distorted}


def exact(points, d, t):
    """V, u1, u2, u3 at the nodes."""
    F = np.cos(np.pi * MODES[:d] * points[:, :d]).prod(axis=1)
    G = 1.0 + np.prod(points[:, :d] ** MODES[:d], axis=1)
    grown = np.sqrt(1.0 + t)
    states = [
        grown * F,
        grown**2 * G + grown * F,
        1.0 / (grown**2 * np.sqrt(G)),
        0.0 * G,
    ]
    return np.array(states)


class LargestError:
    """Largest error of V in the L2 norm, by the lumped mass, over all steps."""

    def __init__(self, operator, points, d):
        self.mass, self.points, self.d = operator.lumped_mass, points, d
        self.error = 0.0

    def begin(self, problem, dt, n_steps):
        self.schedule = Schedule(0, 1, n_steps)

    def record_potential(self, t, V):
        off = V - exact(self.points, self.d, t)[0]
        self.error = max(self.error, float(np.sqrt(self.mass @ off**2)))

    def finish(self):
        pass


def largest_error(
    d, make, n, n_steps, consistent=0.5, reaction_steps=1, chebyshev=False
):
    """Largest L2 error of V up to t = 1 on n elements along each axis."""
    mesh = MESHES[make](structured(KINDS[d], (1.0,) * d, 1.0 / n))
    tensors = np.zeros((mesh.n_elements, 6))
    tensors[:, :d] = SIGMA[:d] / (CHI * C_M)
    operator = discretise(mesh, tensors, consistent)
    diffusion = ThetaRule(operator, 0.5, "auto", 1e-9)
    if chebyshev:
        diffusion = RungeKuttaChebyshev(operator)
    beta = -float(SIGMA[:d] @ (np.pi * MODES[:d]) ** 2)
    cell = compile_cell(CELL, parameters={"membrane.beta": beta})
    recorder = LargestError(operator, mesh.points, d)
    problem = Monodomain(mesh, cell, diffusion, states=exact(mesh.points, d, 0.0))
    march(
        problem, 1.0 / n_steps, 1.0, recorders=[recorder], reaction_steps=reaction_steps
    )
    return recorder.error


def errors_of(d, make, cells, consistent=0.5, **options):
    return [
        largest_error(
            d, make, n, n, consistent, reaction_steps=max(1, n // 2), **options
        )
        for n in cells
    ]


def order(d, make, cells, consistent):
    errors = [
        largest_error(d, make, n, n, consistent, reaction_steps=n // 2) for n in cells
    ]
    return observed_order(1.0 / np.array(cells), errors)


# The finest wave has three halves on the unit length, along z. 1.9 and not 2: what
# comes next is of relative size (3 pi h)^2 / 12, 3 % at h = 1/16.
BLENDS = [0.0, 0.5, 1.0]


@pytest.mark.parametrize("consistent", BLENDS)
@pytest.mark.parametrize("make", MESHES)
def test_order_on_a_line(make, consistent):
    assert order(1, make, [20, 40, 80], consistent) >= 1.9


@pytest.mark.parametrize("consistent", BLENDS)
@pytest.mark.parametrize("make", MESHES)
def test_order_on_a_square(make, consistent):
    assert order(2, make, [20, 28, 40], consistent) >= 1.9


@pytest.mark.parametrize(
    "make, consistent", [*(("grid", a) for a in BLENDS), ("simplices", 0.5)]
)
def test_order_in_a_cube(make, consistent):
    assert order(3, make, [16, 20, 24, 32], consistent) >= 1.9


@pytest.mark.slow
@pytest.mark.parametrize("consistent", BLENDS)
@pytest.mark.parametrize("make", MESHES)
def test_order_in_a_finer_cube(make, consistent):
    assert order(3, make, [16, 24, 32, 48], consistent) >= 1.9


def test_explicit_stages_have_the_order_too():
    cells = [20, 28, 40]
    errors = [
        largest_error(2, "simplices", n, n, 0.0, n // 2, chebyshev=True) for n in cells
    ]
    assert observed_order(1.0 / np.array(cells), errors) >= 1.9


def test_classical_finite_differences_on_a_line():
    """For dt = dx^2 an explicit program of others has 1.455e-4 on 20 elements."""
    assert largest_error(1, "grid", 20, 400, 0.0) <= 1.6e-4


def test_finite_elements_on_ten_lines_at_a_long_step():
    """For h = 0.1 and dt = 0.1 the test of the Chaste program has 0.0473."""
    assert largest_error(1, "simplices", 10, 10, 1.0) <= 0.05
