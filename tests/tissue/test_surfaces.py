"""The boundary of a mesh, against what is known of closed surfaces."""

import numpy as np
import pytest

from cardiosim.tissue.mesh import (
    ElementBlock,
    Mesh,
    cable,
    point,
    sheet,
    slab,
    with_holes,
)
from cardiosim.tissue.surfaces import (
    boundary_facets,
    boundary_nodes,
    boundary_triangles,
    visible_triangles,
)

# A brick in six tetrahedra around the diagonal from its vertex 0 to its vertex 6.
TETRAHEDRA = [[0, 1, 2, 6], [0, 2, 3, 6], [0, 3, 7, 6]]
TETRAHEDRA += [[0, 7, 4, 6], [0, 4, 5, 6], [0, 5, 1, 6]]


def in_tetrahedra(mesh: Mesh, seed: int = 1) -> Mesh:
    """The bricks of a slab as tetrahedra in any order, numbered either way round."""
    rng = np.random.default_rng(seed)
    nodes = rng.permutation(mesh.blocks[0].nodes[:, TETRAHEDRA].reshape(-1, 4))
    nodes = rng.permuted(nodes, axis=1)
    return Mesh("mesh", mesh.points, (ElementBlock("tetra", nodes),))


def in_triangles(mesh: Mesh) -> Mesh:
    nodes = mesh.blocks[0].nodes[:, [[0, 1, 2], [0, 2, 3]]].reshape(-1, 3)
    return Mesh("mesh", mesh.points, (ElementBlock("triangle", nodes),))


def volume_within(mesh: Mesh, triangles) -> float:
    """Volume by the divergence theorem, negative where the front is inside."""
    a, b, c = np.moveaxis(mesh.points[triangles], 1, 0)
    return float(np.einsum("ij,ij->", a, np.cross(b, c))) / 6.0


def area_within(mesh: Mesh, edges) -> float:
    """Area by the shoelace formula, positive where it lies on the left."""
    a, b = np.moveaxis(mesh.points[edges], 1, 0)
    return float(np.sum(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])) / 2.0


SLAB = slab((4.0, 3.0, 2.0), 1.0)
HOLLOW = with_holes(
    slab((5.0, 4.0, 3.0), 1.0),
    np.isin(np.arange(60), [1 + 5 * 1 + 20 * 1, 3 + 5 * 3 + 20 * 0]),  # inside, edge
)


@pytest.mark.parametrize("volume, mesh", [(24.0, SLAB), (58.0, HOLLOW)])
def test_faces_of_volumes_enclose_them(volume, mesh):
    rounding = dict(rel=1e-13)
    grid, split = boundary_triangles(mesh), boundary_triangles(in_tetrahedra(mesh))
    assert volume_within(mesh, grid) == pytest.approx(volume, **rounding)
    assert volume_within(mesh, split) == pytest.approx(volume, **rounding)
    assert len(grid) == len(split)
    np.testing.assert_array_equal(
        boundary_nodes(mesh), boundary_nodes(in_tetrahedra(mesh))
    )


def test_nodes_inside_a_slab_are_not_on_its_surface():
    low, high = SLAB.points.min(axis=0), SLAB.points.max(axis=0)
    outside = ((SLAB.points == low) | (SLAB.points == high)).any(axis=1)
    np.testing.assert_array_equal(boundary_nodes(SLAB), np.flatnonzero(outside))


def test_edges_of_areas_enclose_them():
    whole = sheet((4.0, 3.0), 1.0)
    holed = with_holes(whole, np.arange(12) == 5)
    for mesh, area, n_edges in ((whole, 12.0, 14), (holed, 11.0, 18)):
        for form in (mesh, in_triangles(mesh)):
            (edges,) = boundary_facets(form)
            assert edges.shape == "line"
            assert len(edges) == n_edges
            assert area_within(mesh, edges.nodes) == pytest.approx(area, rel=1e-14)


def test_lines_have_ends():
    np.testing.assert_array_equal(boundary_nodes(cable(3.0, 1.0)), [0, 3])
    branches = ElementBlock("line", np.array([[0, 1], [1, 2], [1, 3]]))
    np.testing.assert_array_equal(
        boundary_nodes(Mesh("mesh", np.zeros((4, 3)), (branches,))), [0, 2, 3]
    )


def test_uncoupled_nodes_have_no_boundary():
    assert len(boundary_nodes(point(3))) == 0
    assert len(visible_triangles(point(3))) == 0


def test_a_closed_surface_has_no_boundary():
    shell = Mesh(
        "mesh", SLAB.points, (ElementBlock("triangle", boundary_triangles(SLAB)),)
    )
    assert boundary_facets(shell) == ()
    assert len(boundary_triangles(shell)) == 0
    assert len(visible_triangles(shell)) == len(shell.blocks[0])


def test_what_joins_larger_elements_does_not_end_there():
    """A bundle of lines from inside a block of tetrahedra to a free end."""
    block = in_tetrahedra(slab((2.0, 2.0, 2.0), 1.0))
    points = np.concatenate([block.points, [[1.0, 1.0, 9.0]]])
    bundle = ElementBlock("line", np.array([[13, 27]]))  # 13 is the middle
    mesh = Mesh("mesh", points, (*block.blocks, bundle))
    nodes = boundary_nodes(mesh)
    assert 13 not in nodes
    assert 27 in nodes
    assert [facets.shape for facets in boundary_facets(mesh)] == ["triangle", "vertex"]


def test_squares_and_triangles_are_there_to_draw():
    whole = sheet((4.0, 3.0), 1.0)
    assert len(visible_triangles(whole)) == 2 * 12
    assert len(visible_triangles(SLAB)) == 2 * 2 * (12 + 8 + 6)
    assert len(boundary_triangles(whole)) == 0
