import numpy as np
import pytest

from cardiosim.tissue.mesh import ElementBlock, Mesh, sheet, with_holes
from cardiosim.tissue.positions import nearest_nodes, nodes_at
from cardiosim.tissue.simplices import simplices_of

SHEET = sheet((4.0, 4.0), 0.5)
HOLED = with_holes(SHEET, np.linalg.norm(SHEET.centroids[:, :2] - 2.0, axis=1) < 1.5)


def test_a_position_has_the_node_nearest_to_it():
    nodes = nearest_nodes(SHEET.points, [(0.6, 1.3), 3.9, (1.0, 1.0, 0.0)])
    np.testing.assert_array_equal(
        SHEET.points[nodes, :2], [(0.5, 1.5), (4.0, 0.0), (1.0, 1.0)]
    )


@pytest.mark.parametrize("given", [(), (1.0, 1.0, 0.0, 0.0)])
def test_a_position_has_one_to_three_numbers(given):
    with pytest.raises(ValueError, match=f"has {len(given)} numbers; give x, y and z"):
        nearest_nodes(SHEET.points, [given])


@pytest.mark.parametrize("as_grid", [True, False])
def test_a_position_in_a_hole_is_no_place_of_the_mesh(as_grid):
    wide = sheet((16.0, 16.0), 0.5)
    inside = np.linalg.norm(wide.centroids[:, :2] - 8.0, axis=1) < 5.0
    mesh = with_holes(wide, inside)
    mesh = mesh if as_grid else simplices_of(mesh)
    away = np.linalg.norm(mesh.points[:, :2] - 8.0, axis=1).min()
    with pytest.raises(
        ValueError, match="is no place of the mesh; the nearest"
    ) as error:
        nodes_at(mesh, [(8.0, 8.0)])
    assert f"is {away:.3g} mm away" in str(error.value)


def test_the_rim_of_a_hole_is_a_place():
    node = nodes_at(HOLED, [(0.6, 2.0)])
    np.testing.assert_array_equal(HOLED.points[node], [(0.5, 2.0, 0.0)])


def test_outside_says_where_the_mesh_is():
    with pytest.raises(ValueError, match="5 mm is outside the mesh, which has 0 <= x "):
        nodes_at(SHEET, [(4.0, 5.0)])


def test_an_inside_of_a_shell_is_far_from_it_by_the_edges_around():
    """The box around a closed surface holds much that is none of it."""
    angle = np.linspace(0.0, 2.0 * np.pi, 60, endpoint=False)
    ring = 10.0 * np.column_stack([np.cos(angle), np.sin(angle), 0.0 * angle])
    ends = np.arange(60)
    lines = np.column_stack([ends, np.roll(ends, -1)])
    mesh = Mesh("mesh", ring, (ElementBlock("line", lines),))
    # Edges of 1.05 mm: three of them are 3.14 mm.
    assert nodes_at(mesh, [(7.0, 0.0)]).tolist() == [0]
    with pytest.raises(
        ValueError, match="the nearest node, 0 at .10, 0, 0. mm, is 3.5"
    ):
        nodes_at(mesh, [(6.5, 0.0)])
