import numpy as np
import pytest

from cardiosim.tissue.finite_difference import (
    Tridiagonal,
    cable_mass,
    cable_stiffness,
)
from cardiosim.tissue.mesh import cable, point

MESH = cable(2.0, 0.1)


def dense(matrix: Tridiagonal) -> np.ndarray:
    beside = matrix.off_diagonal
    return np.diag(matrix.diagonal) + np.diag(beside, 1) + np.diag(beside, -1)


def test_product_is_that_of_the_dense_matrix():
    generator = np.random.default_rng(0)
    matrix = Tridiagonal(generator.normal(size=7), generator.normal(size=6))
    vector = generator.normal(size=7)
    np.testing.assert_allclose(matrix @ vector, dense(matrix) @ vector, rtol=1e-13)


@pytest.mark.parametrize("consistent", [0.0, 0.5, 1.0])
def test_mass_integrates_to_the_length_of_the_cable(consistent):
    mass = dense(cable_mass(MESH, consistent))
    assert mass.sum() == pytest.approx(2.0, rel=1e-13)
    x = MESH.points[:, 0]
    # Linear functions are integrated exactly, whatever the blend.
    assert (mass @ x).sum() == pytest.approx(2.0, rel=1e-13)


def test_mass_of_the_two_ends_of_the_blend():
    lumped, consistent = cable_mass(MESH, 0.0), cable_mass(MESH, 1.0)
    assert not lumped.off_diagonal.any()
    assert lumped.diagonal[[0, 5]] == pytest.approx([0.05, 0.1])
    assert consistent.diagonal[[0, 5]] == pytest.approx([0.1 / 3, 0.2 / 3])
    assert consistent.off_diagonal[3] == pytest.approx(0.1 / 6)


def test_stiffness_is_the_dirichlet_energy():
    D = np.linspace(0.1, 0.3, 20)  # mm2/ms, per element
    stiffness = cable_stiffness(MESH, D)
    x = MESH.points[:, 0]
    np.testing.assert_allclose(stiffness @ np.ones(21), 0.0, atol=1e-14)
    assert x @ (stiffness @ x) == pytest.approx((D * 0.1).sum(), rel=1e-13)


def test_stiffness_rejects_a_negative_diffusivity():
    with pytest.raises(ValueError, match="not negative"):
        cable_stiffness(MESH, -0.1)


def test_mass_rejects_a_blend_outside_its_range():
    with pytest.raises(ValueError, match="outside 0"):
        cable_mass(MESH, 1.5)


def test_uncoupled_nodes_have_no_operators():
    with pytest.raises(ValueError, match='kind "cable", got "point"'):
        cable_stiffness(point(), 0.1)
