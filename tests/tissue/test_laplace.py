import numpy as np
import pytest

from cardiosim.tissue import laplace
from cardiosim.tissue.conjugate_gradients import NoConvergence
from cardiosim.tissue.laplace import gradients_in_elements, solve_laplace
from cardiosim.tissue.mesh import ElementBlock, Mesh, cable, sheet, slab


def tetrahedra(mesh: Mesh) -> Mesh:
    """The same slab, each brick split into six tetrahedra about its diagonal."""
    corners = [[0, 1, 2, 6], [0, 2, 3, 6], [0, 3, 7, 6], [0, 7, 4, 6], [0, 4, 5, 6]]
    corners.append([0, 5, 1, 6])
    nodes = mesh.blocks[0].nodes[:, corners].reshape(-1, 4)
    return Mesh("mesh", mesh.points, (ElementBlock("tetra", nodes),))


GRID = slab((2.0, 1.0, 1.5), (0.5, 0.25, 0.5))


@pytest.mark.parametrize("mesh", [GRID, tetrahedra(GRID)], ids=["bricks", "tetrahedra"])
def test_between_two_faces_of_a_slab_the_solution_is_linear(mesh):
    z = mesh.points[:, 2]
    phi = solve_laplace(
        mesh, {1.0: np.flatnonzero(z == 0.0), 3.0: np.flatnonzero(z == 1.5)}
    )
    # 1e-8: the iterations stop at a residual of 1e-10.
    np.testing.assert_allclose(phi, 1.0 + 2.0 * z / 1.5, atol=1e-8)


def test_iterations_find_what_factors_find(monkeypatch):
    mesh = tetrahedra(GRID)
    x, z = mesh.points[:, 0], mesh.points[:, 2]
    fixed = {1.0: np.flatnonzero(x == 0.0), -2.0: np.flatnonzero((x > 1) & (z > 1))}
    factored = solve_laplace(mesh, fixed)
    monkeypatch.setattr(laplace, "LARGEST_FACTORISED", {3: 0})
    # 1e-8: the iterations stop at a residual of 1e-10.
    np.testing.assert_allclose(solve_laplace(mesh, fixed), factored, atol=1e-8)
    monkeypatch.setattr(laplace, "MOST_ITERATIONS", 2)
    with pytest.raises(NoConvergence, match="did not converge in 2 iterations; look"):
        solve_laplace(mesh, fixed)


@pytest.mark.parametrize(
    "mesh", [cable(2.0, 0.5), sheet((1.0, 1.0), 0.25), GRID, tetrahedra(GRID)]
)
def test_the_gradient_of_a_linear_quantity_is_exact(mesh):
    slope = np.array([1.0, -2.0, 0.5])
    slope[mesh.dimension :] = 0.0
    gradients = gradients_in_elements(mesh, mesh.points @ slope)
    np.testing.assert_allclose(
        gradients, np.tile(slope, (mesh.n_elements, 1)), atol=1e-12
    )


def test_between_circles_the_solution_is_a_logarithm():
    """u = ln(r / r0) / ln(r1 / r0); on triangles, second order in their size."""
    errors = []
    for n in (12, 24, 48):
        radii, angles = (
            np.linspace(1.0, 2.0, n),
            np.linspace(0, 2 * np.pi, 6 * n + 1)[:-1],
        )
        r, angle = (a.ravel() for a in np.meshgrid(radii, angles, indexing="ij"))
        points = np.stack([r * np.cos(angle), r * np.sin(angle), 0 * r], axis=1)
        number = np.arange(len(r)).reshape(n, -1)
        turned = np.roll(number, -1, axis=1)
        a, b, c, d = number[:-1], number[1:], turned[1:], turned[:-1]
        nodes = np.concatenate(
            [
                np.stack([a, b, c], -1).reshape(-1, 3),
                np.stack([a, c, d], -1).reshape(-1, 3),
            ]
        )
        mesh = Mesh("mesh", points, (ElementBlock("triangle", nodes),))
        phi = solve_laplace(mesh, {0.0: number[0], 1.0: number[-1]})
        errors.append(np.abs(phi - np.log(r) / np.log(2.0)).max())
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.all(orders > 1.8)


def test_every_part_needs_a_fixed_node():
    points = np.array([[0.0, 0, 0], [1, 0, 0], [5, 0, 0], [6, 0, 0]])
    mesh = Mesh("mesh", points, (ElementBlock("line", np.array([[0, 1], [2, 3]])),))
    with pytest.raises(ValueError, match="2 of 4 nodes are in 1 parts"):
        solve_laplace(mesh, {0.0: np.array([0]), 1.0: np.array([1])})


@pytest.mark.parametrize(
    ("fixed", "says"),
    [
        ({}, "without any fixed nodes"),
        ({0.0: np.array([], int)}, "no node holds the value 0"),
        ({0.0: np.array([0, 1]), 1.0: np.array([1])}, "may not overlap"),
    ],
)
def test_what_is_fixed_has_to_make_sense(fixed, says):
    with pytest.raises(ValueError, match=says):
        solve_laplace(cable(1.0, 0.5), fixed)
