import numba
import numpy as np
import pytest

from cardiosim.tissue.discretisation import discretise, isotropic
from cardiosim.tissue.mesh import cable, point, sheet, slab
from tests.tissue.operators import (
    BLENDS,
    by_columns,
    grids,
    random_tensors,
    scikit_fem,
)

GRIDS = grids()
EXTENT = {"cable": 1.2, "sheet": 0.96, "slab": 0.432}  # mm^d


def operator(name, consistent, tensors=None):
    mesh = GRIDS[name]
    tensors = random_tensors(mesh) if tensors is None else tensors
    return discretise(mesh, tensors, consistent)


@pytest.mark.parametrize("consistent", BLENDS)
@pytest.mark.parametrize("name", GRIDS)
def test_product_is_that_of_the_matrix(name, consistent):
    both = operator(name, consistent)
    for weights in ((1.0, 0.0), (0.0, 1.0), (0.7, 0.3)):
        matrix = both.matrix(*weights).toarray()
        # A few dozen additions of numbers of order 1, in another order.
        np.testing.assert_allclose(by_columns(both, *weights), matrix, atol=1e-14)
        diagonal = both.restrict(both.diagonal(*weights))
        np.testing.assert_allclose(diagonal, matrix.diagonal(), atol=1e-14)


@pytest.mark.parametrize("name", GRIDS)
def test_consistent_end_of_the_blend_is_multilinear_elements(name):
    pytest.importorskip("skfem")
    mesh = GRIDS[name]
    M, K = scikit_fem(mesh, random_tensors(mesh))
    both = operator(name, 1.0)
    np.testing.assert_allclose(both.matrix(1.0, 0.0).toarray(), M, atol=1e-14)
    np.testing.assert_allclose(both.matrix(0.0, 1.0).toarray(), K, atol=1e-14)
    # Row sums of the mass: the integrals of the basis functions, for every blend.
    for consistent in BLENDS:
        other = operator(name, consistent)
        lumped = other.restrict(other.lumped_mass)
        np.testing.assert_allclose(lumped, M.sum(axis=1), atol=1e-15)
        rows = other.matrix(1.0, 0.0).sum(axis=1)
        np.testing.assert_allclose(rows, M.sum(axis=1), atol=1e-15)


@pytest.mark.parametrize("name", ["cable", "sheet", "slab"])
def test_lumped_end_of_the_blend_is_the_classical_stencil(name):
    mesh, D = GRIDS[name], np.array([0.15, 0.06, 0.03])
    tensors = np.zeros((mesh.n_elements, 6))
    tensors[:, :3] = D
    both = operator(name, 0.0, tensors)
    shape, spacing = mesh.grid.shape, np.array(mesh.grid.spacing)
    d, strides = len(shape), np.cumprod([1, *shape[:-1]])
    node = int(strides @ np.full(d, 1))  # one step inside from the first corner
    volume = spacing.prod()
    expected = np.zeros(mesh.n_nodes)
    for stride, rate in zip(strides, D[:d] / spacing**2, strict=True):
        expected[[node - stride, node + stride]] -= volume * rate
        expected[node] += 2.0 * volume * rate
    row = both.matrix(0.0, 1.0).toarray()[node]
    np.testing.assert_allclose(row, expected, atol=1e-15)
    M = both.matrix(1.0, 0.0).toarray()
    np.testing.assert_array_equal(M, np.diag(both.lumped_mass))
    # Whole cells inside, half of one at an end or face, and so on.
    np.testing.assert_allclose(M[node, node], volume, rtol=1e-14)
    np.testing.assert_allclose(M[0, 0], volume / 2**d, rtol=1e-14)


def test_lumped_mixed_differences_are_taken_over_the_corners():
    """At a node inside, Dxy d2u/dxdy over the four nodes across the corners."""
    mesh = sheet((0.6, 0.4), (0.2, 0.1))
    tensors = np.zeros((mesh.n_elements, 6))
    tensors[:, :2], tensors[:, 3] = 1.0, 0.3
    xy = np.prod(mesh.points[:, :2], axis=1)
    both = discretise(mesh, tensors, 0.0)
    flux = both.apply(0.0, -1.0, xy, np.empty_like(xy)) / both.lumped_mass
    # -K u / M = div(D grad u) = 2 Dxy for u = x y, away from the boundary.
    inner = (mesh.points[:, :2] > 0.05).all(axis=1)
    inner &= (mesh.points[:, :2] < [0.55, 0.35]).all(axis=1)
    np.testing.assert_allclose(flux[inner], 0.6, rtol=1e-13)


@pytest.mark.parametrize("consistent", BLENDS)
@pytest.mark.parametrize("name", EXTENT)
def test_mass_integrates_linear_functions_exactly(name, consistent):
    mesh = GRIDS[name]
    M = operator(name, consistent).matrix(1.0, 0.0)
    assert M.sum() == pytest.approx(EXTENT[name], rel=1e-13)
    middle = mesh.points.max(axis=0) / 2.0
    np.testing.assert_allclose(
        (M @ mesh.points).sum(axis=0), EXTENT[name] * middle, atol=1e-14
    )


@pytest.mark.parametrize("consistent", BLENDS)
@pytest.mark.parametrize("name", EXTENT)
def test_stiffness_is_the_dirichlet_energy(name, consistent):
    mesh, tensors = GRIDS[name], random_tensors(GRIDS[name])
    d = mesh.dimension
    K = operator(name, consistent).matrix(0.0, 1.0)
    slope = np.array([0.3, -1.0, 0.7])[:d]
    u = mesh.points[:, :d] @ slope
    xx, yy, zz, xy, xz, yz = tensors.T
    D = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])[:d, :d]
    energy = np.einsum("i,ije,j->e", slope, D, slope) * np.prod(mesh.grid.spacing)
    assert u @ (K @ u) == pytest.approx(energy.sum(), rel=1e-12)


@pytest.mark.parametrize("consistent", BLENDS)
@pytest.mark.parametrize("name", GRIDS)
def test_stiffness_is_symmetric_and_positive_semidefinite(name, consistent):
    both = operator(name, consistent)
    K, M = both.matrix(0.0, 1.0).toarray(), both.matrix(1.0, 0.0).toarray()
    np.testing.assert_allclose(K, K.T, atol=1e-15)
    np.testing.assert_allclose(K.sum(axis=1), 0.0, atol=1e-14)
    eigenvalues = np.linalg.eigvalsh(K)
    # One zero for the constants, to rounding, and no other.
    assert abs(eigenvalues[0]) < 1e-14 * eigenvalues[-1] * len(K)
    assert eigenvalues[1] > 1e-4 * eigenvalues[-1]
    np.testing.assert_allclose(M, M.T, atol=1e-17)
    assert np.linalg.eigvalsh(M)[0] > 0.0


@pytest.mark.parametrize("consistent", BLENDS)
@pytest.mark.parametrize("name", GRIDS)
def test_stiffness_of_a_constant_is_zero_to_the_last_bit(name, consistent):
    both = operator(name, consistent)
    u = both.expand(np.full(both.n_nodes, -75.9))
    out = both.restrict(both.apply(0.0, -0.1, u, np.empty_like(u)))
    # Nodes in holes, which are 0, touch no element that is there.
    assert not out.any()


def test_nodes_in_holes_are_filled_with_zeros_and_left_out():
    mesh = GRIDS["holed sheet"]
    both = operator("holed sheet", 0.5)
    values = np.arange(1.0, mesh.n_nodes + 1.0)
    whole = both.expand(values)
    assert whole.size == mesh.grid.n_grid_nodes > mesh.n_nodes
    np.testing.assert_array_equal(both.restrict(whole), values)
    assert np.count_nonzero(whole) == mesh.n_nodes
    product = both.apply(2.0, 1.0, whole, np.empty_like(whole))
    assert np.count_nonzero(product) <= mesh.n_nodes  # still 0 in the hole


@pytest.mark.parametrize("consistent", BLENDS)
@pytest.mark.parametrize(
    "mesh",
    [cable(20.0, 1e-3), sheet((20.0, 21.0), 0.1), slab((3.0, 4.0, 3.5), 0.1)],
    ids=lambda mesh: mesh.kind,
)
def test_product_has_the_same_bits_with_any_number_of_threads(mesh, consistent):
    both = discretise(mesh, random_tensors(mesh), consistent)
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


def test_what_conducts_nothing_shares_no_mass():
    mesh = GRIDS["slab"]
    tensors = random_tensors(mesh)
    scar = mesh.centroids[:, 0] > 0.3
    tensors[scar] = 0.0
    both = discretise(mesh, tensors, 0.5)
    inside = np.setdiff1d(mesh.nodes_of_elements(scar), mesh.nodes_of_elements(~scar))
    assert inside.size == 2 * 5 * 5
    assert not both.matrix(0.0, 1.0)[inside].toarray().any()
    M = both.matrix(1.0, 0.0)[inside].toarray()
    np.testing.assert_array_equal(np.count_nonzero(M, axis=1), 1)
    np.testing.assert_allclose(M.sum(axis=1), both.lumped_mass[inside], rtol=1e-15)


def test_bad_tensors_and_blends_are_refused():
    mesh = GRIDS["sheet"]
    with pytest.raises(ValueError, match="not negative"):
        discretise(mesh, isotropic(mesh, -0.1))
    tensors = isotropic(mesh, 0.1)
    tensors[3, 3] = 0.11  # |Dxy| above sqrt(Dxx Dyy)
    with pytest.raises(ValueError, match="of element 3 .* not negative"):
        discretise(mesh, tensors)
    tensors[3, 3] = np.nan
    with pytest.raises(ValueError, match="of element 3 .* finite"):
        discretise(mesh, tensors)
    with pytest.raises(ValueError, match=r"shape \(16, 3\); expected .*\(16, 6\)"):
        discretise(mesh, tensors[:, :3])
    with pytest.raises(ValueError, match="outside 0"):
        discretise(mesh, isotropic(mesh, 0.1), 1.5)


def test_uncoupled_nodes_have_no_operators():
    with pytest.raises(ValueError, match='kind "point" has uncoupled nodes'):
        discretise(point(), isotropic(point(), 0.1))


def test_tensors_that_are_indefinite_in_all_three_directions_only_are_refused():
    """1 along each axis, -0.9 between: -0.8 along (1, 1, 1), 0.1 in each plane."""
    mesh = slab((1.0, 1.0, 1.0), 0.5)
    row = np.array([1.0, 1.0, 1.0, -0.9, -0.9, -0.9])
    with pytest.raises(ValueError, match="not negative in any direction"):
        discretise(mesh, np.tile(row, (mesh.n_elements, 1)))
    row[3:] = -0.5  # 0 along (1, 1, 1)
    discretise(mesh, np.tile(row, (mesh.n_elements, 1)))
