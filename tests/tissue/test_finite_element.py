from dataclasses import replace

import numba
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from cardiosim.tissue.discretisation import discretise, isotropic
from cardiosim.tissue.element_measures import DEGENERATE, signed_measures
from cardiosim.tissue.finite_element import element_gradients, simplex_geometry
from cardiosim.tissue.mesh import ElementBlock, Mesh, sheet, slab
from cardiosim.tissue.simplices import simplices_of
from tests.tissue.operators import (
    BLENDS,
    by_columns,
    distorted,
    random_tensors,
    scikit_fem,
    simplices,
    six,
)

MESHES = simplices()
TILT = Rotation.from_rotvec([0.7, -0.4, 1.1]).as_matrix()


def tilted(mesh, tensors):
    """The same mesh somewhere else in space, its tensors turned with it."""
    xx, yy, zz, xy, xz, yz = tensors.T
    D = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]).transpose(2, 0, 1)
    points = mesh.points @ TILT.T + [5.0, -3.0, 2.0]
    return replace(mesh, points=points), six(TILT @ D @ TILT.T)


@pytest.mark.parametrize("consistent", BLENDS)
@pytest.mark.parametrize("name", MESHES)
def test_matrices_are_those_of_linear_elements(name, consistent):
    pytest.importorskip("skfem")
    mesh, tensors = MESHES[name], random_tensors(MESHES[name])
    both = discretise(mesh, tensors, consistent)
    M, K = scikit_fem(mesh, tensors)
    lumped = M.sum(axis=1)
    blend = consistent * M + (1 - consistent) * np.diag(lumped)
    # Rounding of numbers of order 1 and some ten additions.
    np.testing.assert_allclose(both.lumped_mass, lumped, atol=1e-15)
    np.testing.assert_allclose(both.matrix(1.0, 0.0).toarray(), blend, atol=1e-15)
    np.testing.assert_allclose(both.matrix(0.0, 1.0).toarray(), K, atol=1e-14)


@pytest.mark.parametrize("consistent", BLENDS)
@pytest.mark.parametrize("name", MESHES)
def test_product_is_that_of_the_matrix(name, consistent):
    mesh = MESHES[name]
    both = discretise(mesh, random_tensors(mesh), consistent)
    for weights in ((1.0, 0.0), (0.0, 1.0), (0.7, 0.3), (0.0, -0.3)):
        matrix = both.matrix(*weights).toarray()
        np.testing.assert_allclose(by_columns(both, *weights), matrix, atol=1e-14)
        np.testing.assert_allclose(
            both.diagonal(*weights), matrix.diagonal(), atol=1e-14
        )


@pytest.mark.parametrize("name", MESHES)
def test_matrices_do_not_depend_on_where_the_mesh_lies_in_space(name):
    """Flat triangles tilted in space, and lines likewise."""
    mesh, tensors = MESHES[name], random_tensors(MESHES[name])
    flat = discretise(mesh, tensors)
    # Conduction out of a triangle's plane or across a line has no effect.
    moved = discretise(*tilted(mesh, tensors))
    for weights in ((1.0, 0.0), (0.0, 1.0)):
        np.testing.assert_allclose(
            moved.matrix(*weights).toarray(),
            flat.matrix(*weights).toarray(),
            atol=2e-14,
        )


@pytest.mark.parametrize("name", MESHES)
def test_stiffness_is_symmetric_and_positive_semidefinite(name):
    both = discretise(*tilted(MESHES[name], random_tensors(MESHES[name])))
    K = both.matrix(0.0, 1.0).toarray()
    np.testing.assert_array_equal(K, K.T)
    np.testing.assert_allclose(K.sum(axis=1), 0.0, atol=1e-14)
    eigenvalues = np.linalg.eigvalsh(K)
    assert abs(eigenvalues[0]) < 1e-14 * eigenvalues[-1] * len(K)
    assert eigenvalues[1] > 1e-4 * eigenvalues[-1]
    constant = np.full(len(K), -75.9)
    assert not both.apply(0.0, -0.1, constant, np.empty(len(K))).any()


def test_mixed_mesh_against_a_calculation_by_hand():
    """A tetrahedron, a triangle on one of its faces, and a line away from it."""
    mesh = Mesh(
        "mesh",
        np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [3, 0, 0]], dtype=float),
        (
            ElementBlock("tetra", np.array([[0, 1, 2, 3]])),
            ElementBlock("triangle", np.array([[0, 1, 2]])),
            ElementBlock("line", np.array([[1, 4]])),
        ),
    )
    tensors = np.zeros((3, 6))
    tensors[0, :3] = 0.6
    tensors[1, :4] = 1.0, 2.0, 7.0, 0.5  # 7 across the triangle: of no effect
    tensors[2, :3] = 0.3, 9.0, 9.0
    both = discretise(replace(mesh, thickness=0.1, cross_section=0.04), tensors, 0.5)
    K = np.zeros((5, 5))
    # 1/6 mm3 times 0.6 and gradients (-1, -1, -1), (1, 0, 0), (0, 1, 0), (0, 0, 1).
    K[:4, :4] += 0.1 * np.array(
        [[3, -1, -1, -1], [-1, 1, 0, 0], [-1, 0, 1, 0], [-1, 0, 0, 1]]
    )
    # 1/2 mm2 times 0.1 mm and gradients (-1, -1), (1, 0), (0, 1).
    K[:3, :3] += 0.05 * np.array([[4, -1.5, -2.5], [-1.5, 1, 0.5], [-2.5, 0.5, 2]])
    # 0.04 mm2 times 0.3 over 2 mm.
    K[np.ix_([1, 4], [1, 4])] += 0.006 * np.array([[1, -1], [-1, 1]])
    np.testing.assert_allclose(both.matrix(0.0, 1.0).toarray(), K, atol=1e-16)
    tetra, triangle, line = 1 / 6 / 4, 0.05 / 3, 0.08 / 2
    lumped = [tetra + triangle] * 3 + [tetra, line]
    lumped[1] += line
    np.testing.assert_allclose(both.lumped_mass, lumped, rtol=1e-14)
    # Half of the consistent: 1/20 of the volume across a tetrahedron, 1/12 and 1/6.
    M = both.matrix(1.0, 0.0).toarray()
    across = [M[0, 3], M[0, 1] - M[0, 3], M[1, 4], M[0, 4]]
    expected = [1 / 6 / 40, 0.05 / 24, 0.08 / 12, 0.0]
    np.testing.assert_allclose(across, expected, atol=1e-17)
    np.testing.assert_allclose(M.sum(axis=1), lumped, rtol=1e-14)
    with pytest.raises(ValueError, match="thickness .* and mesh.cross_section"):
        discretise(mesh, tensors)


def test_gradients_of_linear_functions_are_exact():
    slope = np.array([0.3, -1.0, 0.7])
    for mesh in MESHES.values():
        moved, _ = tilted(mesh, isotropic(mesh, 1.0))
        # Only the part of the slope along a line or in a plane can be seen.
        axes = TILT[:, : mesh.dimension]
        expected = np.tile(axes @ axes.T @ slope, (mesh.n_elements, 1))
        found = element_gradients(moved, moved.points @ slope)
        np.testing.assert_allclose(found, expected, atol=1e-13)


def test_product_has_the_same_bits_with_any_number_of_threads():
    mesh = distorted(slab((3.0, 3.2, 3.1), 0.1))
    both = discretise(mesh, random_tensors(mesh))
    u = np.random.default_rng(3).normal(size=mesh.n_nodes)
    most = numba.config.NUMBA_NUM_THREADS
    products = []
    try:
        for threads in range(1, most + 1):
            numba.set_num_threads(threads)
            products.append(both.apply(1.0, 0.02, u, np.empty_like(u)))
    finally:
        numba.set_num_threads(most)
    for product in products[1:]:
        np.testing.assert_array_equal(product, products[0])


def test_matrices_do_not_depend_on_how_many_elements_are_looked_at_together(
    monkeypatch,
):
    mesh, tensors = MESHES["tetrahedra"], random_tensors(MESHES["tetrahedra"])
    whole = discretise(mesh, tensors)
    monkeypatch.setattr("cardiosim.tissue.finite_element.CHUNK", 50)
    pieces = discretise(mesh, tensors)
    for weights in ((1.0, 0.0), (0.0, 1.0)):
        np.testing.assert_allclose(
            pieces.matrix(*weights).toarray(),
            whole.matrix(*weights).toarray(),
            atol=1e-15,
        )


def test_what_conducts_nothing_shares_no_mass():
    mesh = MESHES["triangles"]
    tensors = random_tensors(mesh)
    scar = mesh.centroids[:, 0] > 0.6
    tensors[scar] = 0.0
    both = discretise(mesh, tensors, 0.5)
    inside = np.setdiff1d(mesh.nodes_of_elements(scar), mesh.nodes_of_elements(~scar))
    assert inside.size > 5
    assert not both.matrix(0.0, 1.0)[inside].toarray().any()
    M = both.matrix(1.0, 0.0)[inside].toarray()
    np.testing.assert_array_equal(np.count_nonzero(M, axis=1), 1)


def test_triangles_are_finite_differences_where_these_have_no_diagonal():
    """Known: right-angled triangles on a square grid give the five-point stencil."""
    grid = sheet((1.0, 1.0), 0.1)
    mesh = simplices_of(grid)
    triangles = discretise(mesh, isotropic(mesh, 0.15), 0.0).matrix(0.0, 1.0)
    stencil = discretise(grid, isotropic(grid, 0.15), 0.0).matrix(0.0, 1.0)
    np.testing.assert_allclose(triangles.toarray(), stencil.toarray(), atol=1e-15)


def test_nodes_without_elements_and_elements_without_size_are_named():
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [2, 0, 0]], dtype=float)

    def triangles(*nodes):
        mesh = Mesh("mesh", points, (ElementBlock("triangle", np.array(nodes)),))
        return discretise(mesh, isotropic(mesh, 0.1))

    with pytest.raises(ValueError, match="node 3 belongs to no element"):
        triangles([0, 1, 2])
    with pytest.raises(ValueError, match="element of nodes 0, 1, 3 has no size"):
        triangles([0, 1, 2], [0, 1, 3])


@pytest.mark.parametrize("height", [1.9e-10, 2.1e-10])
def test_when_an_element_is_flat_is_the_same_for_reading_and_assembling(height):
    """Area over longest edge squared is half of the height over the base."""
    points = np.array([[0.0, 0, 0], [10.0, 0, 0], [5.0, 10.0 * height, 0]])
    nodes = np.array([[0, 1, 2]])
    block = ElementBlock("triangle", nodes)
    is_flat = signed_measures(points, block)[1][0] < DEGENERATE
    assert is_flat == (height < 2e-10)
    mesh = Mesh("mesh", points, (block,))
    if is_flat:
        with pytest.raises(ValueError, match="has no size"):
            simplex_geometry(points, nodes)
    else:
        discretise(mesh, isotropic(mesh, 0.1))
