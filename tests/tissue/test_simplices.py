import numpy as np
import pytest

from cardiosim.tissue.discretisation import discretise
from cardiosim.tissue.finite_element import element_sizes
from cardiosim.tissue.mesh import cable, point, sheet, slab, with_holes
from cardiosim.tissue.simplices import simplices_of


def signed_sizes(mesh):
    """Length, area or volume times d!, negative where turned inside out."""
    corners = mesh.points[mesh.blocks[0].nodes]
    d = mesh.dimension
    return np.linalg.det((corners[:, 1:] - corners[:, :1])[:, :, :d])


GRIDS = {
    "cable": cable(1.2, 0.3),
    "sheet": sheet((1.2, 0.6), (0.3, 0.2)),
    "slab": slab((1.2, 0.8, 0.9), (0.3, 0.2, 0.3)),
}


@pytest.mark.parametrize("kind", GRIDS)
def test_simplices_fill_the_grid_and_none_is_turned_inside_out(kind):
    mesh = simplices_of(GRIDS[kind])
    sizes = signed_sizes(mesh)
    assert sizes.min() > 0.0
    d = mesh.dimension
    factorial = {1: 1, 2: 2, 3: 6}[d]
    # To the rounding of a sum of a few hundred numbers.
    np.testing.assert_allclose(
        sizes.sum() / factorial, np.prod(GRIDS[kind].grid.size), rtol=1e-13
    )
    assert mesh.n_elements == factorial * GRIDS[kind].n_elements


def test_neighbouring_bricks_are_cut_along_the_same_diagonals():
    mesh = simplices_of(GRIDS["slab"])
    tetra = mesh.blocks[0].nodes
    faces = np.sort(
        tetra[:, [[0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]]].reshape(-1, 3), axis=1
    )
    faces, count = np.unique(faces, axis=0, return_counts=True)
    assert count.max() == 2
    # A face of one tetrahedron only lies on one of the six sides of the slab.
    corners = mesh.points[faces[count == 1]]
    low, high = mesh.points.min(axis=0), mesh.points.max(axis=0)
    on_side = (np.isclose(corners, low) | np.isclose(corners, high)).all(axis=1)
    assert on_side.any(axis=1).all()


def test_even_grid_is_its_own_mirror_image():
    mesh = simplices_of(slab((1.2, 0.8, 0.8), (0.3, 0.2, 0.2)))
    size = np.array(mesh.points.max(axis=0))

    def keys(points):
        """Elements as sets of positions, in some order that depends on nothing else."""
        rounded = np.rint(points / 0.1).astype(int)
        number = rounded @ [1, 100, 10_000]
        corners = np.sort(number[mesh.blocks[0].nodes], axis=1)
        return corners[np.lexsort(corners.T)]

    for axis in range(3):
        mirrored = mesh.points.copy()
        mirrored[:, axis] = size[axis] - mirrored[:, axis]
        np.testing.assert_array_equal(keys(mirrored), keys(mesh.points))


def test_isotropic_stiffness_is_that_of_the_grid():
    """On right-angled simplices P1 elements give the stencil of finite differences."""
    grid = slab((1.5, 1.0, 1.0), 0.25)
    low, high = grid.points.min(axis=0), grid.points.max(axis=0)
    inside = ((grid.points > low + 0.1) & (grid.points < high - 0.1)).all(axis=1)
    # Where two mirror planes meet the elements are others.
    in_plane = np.isclose(grid.points, (low + high) / 2.0)
    inside &= in_plane.sum(axis=1) < 2
    assert inside.sum() > 10
    stencils = []
    for mesh in (grid, simplices_of(grid)):
        tensors = np.zeros((mesh.n_elements, 6))
        tensors[:, :3] = 0.1
        stiffness = discretise(mesh, tensors, consistent=0.0).matrix(0.0, 1.0)
        stencils.append(stiffness.toarray()[inside])
    # Entries are 0.1 * 0.25; what differs is the rounding of the diagonals' zeros.
    np.testing.assert_allclose(stencils[1], stencils[0], atol=1e-15)


def test_elements_keep_region_and_fibre_and_holes_stay_open():
    whole = sheet((1.0, 1.0), 0.25)
    mesh = with_holes(whole, (np.abs(whole.centroids[:, :2] - 0.5) < 0.25).all(axis=1))
    object.__setattr__(mesh, "regions", np.arange(mesh.n_elements))
    cut = simplices_of(mesh)
    assert cut.n_nodes == mesh.n_nodes == 24
    np.testing.assert_array_equal(cut.regions, np.repeat(np.arange(12), 2))
    np.testing.assert_allclose(signed_sizes(cut).sum() / 2, 0.75, rtol=1e-14)
    for number in range(12):
        inside = set(cut.blocks[0].nodes[cut.regions == number].ravel())
        assert inside == set(mesh.blocks[0].nodes[number])


def test_only_grids_are_cut():
    with pytest.raises(ValueError, match='kind "point" has none'):
        simplices_of(point())


@pytest.mark.parametrize(
    ("grid", "along", "diagonal"),
    [
        (sheet((0.4, 0.6), 0.2), (1.0, 0.3), (0.2, 0.2, 0.0)),
        (sheet((0.4, 0.6), 0.2), (-1.0, 0.3), (-0.2, 0.2, 0.0)),
        (slab((0.4, 0.6, 0.4), 0.2), (1.0, -0.3, 0.2), (0.2, -0.2, 0.2)),
    ],
)
def test_diagonals_run_to_the_side_that_is_asked_for(grid, along, diagonal):
    mesh = simplices_of(grid, along)
    (block,) = mesh.blocks
    edges = mesh.points[block.nodes][:, :, None] - mesh.points[block.nodes][:, None]
    lengths = np.linalg.norm(edges, axis=-1)
    longest = edges[np.isclose(lengths, lengths.max())]
    # Both directions of the one diagonal, and no other edge as long.
    along_it = np.abs(longest @ np.array(diagonal)) / np.linalg.norm(diagonal)
    np.testing.assert_allclose(along_it, np.linalg.norm(diagonal), rtol=1e-12)
    np.testing.assert_allclose(element_sizes(mesh).sum(), np.prod(grid.grid.size))
