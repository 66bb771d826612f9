from dataclasses import replace

import numpy as np
import pytest

from cardiosim.tissue.finite_element import element_sizes
from cardiosim.tissue.mesh import (
    ElementBlock,
    Mesh,
    cable,
    point,
    sheet,
    slab,
    with_holes,
)


def test_cable_runs_from_zero_to_its_length():
    mesh = cable(20.0, 0.1)
    assert mesh.n_nodes == 201
    assert mesh.kind == "cable"
    assert mesh.points[0, 0] == 0.0
    assert mesh.points[-1, 0] == 20.0
    assert mesh.points[3, 0] == 0.3  # 3 * 0.1 would be 0.30000000000000004
    assert mesh.spacing == pytest.approx(0.1, rel=1e-15)
    assert not mesh.points[:, 1:].any()


def test_cable_elements_join_neighbours():
    (block,) = cable(0.3, 0.1).blocks
    assert block.shape == "line"
    np.testing.assert_array_equal(block.nodes, [[0, 1], [1, 2], [2, 3]])


def test_length_may_be_a_multiple_up_to_rounding():
    assert cable(0.3, 0.1).n_nodes == 4  # 0.3 / 0.1 = 2.9999999999999996


def test_length_between_two_multiples_names_both():
    with pytest.raises(ValueError, match=r"length 20 mm .* use 19\.8 or 20\.1 mm, or"):
        cable(20.0, 0.3)
    with pytest.raises(ValueError, match=r"or dx 0\.303030303 or 0\.298507463 mm"):
        cable(20.0, 0.3)
    with pytest.raises(ValueError, match=r"use 0\.1 or 0\.2 mm"):
        cable(0.04, 0.1)
    with pytest.raises(ValueError, match=r"slab size along z 1 mm .* dx 0\.3 mm"):
        slab((1.2, 0.9, 1.0), 0.3)


@pytest.mark.parametrize("length, dx", [(0.0, 0.1), (1.0, -0.1), (np.inf, 0.1)])
def test_grids_need_positive_sizes(length, dx):
    with pytest.raises(ValueError, match="positive and finite"):
        cable(length, dx)
    with pytest.raises(ValueError, match="size along y .* positive and finite"):
        sheet((1.0, length), (0.1, dx))


def test_points_are_uncoupled_nodes():
    mesh = point(3)
    assert mesh.n_nodes == 3
    assert mesh.dimension == 0
    np.testing.assert_array_equal(mesh.blocks[0].nodes, [[0], [1], [2]])
    assert mesh.spacing is None
    with pytest.raises(ValueError, match="one or more"):
        point(0)


def test_slab_numbers_x_fastest_and_bricks_counter_clockwise():
    mesh = slab((0.2, 0.3, 0.4), (0.1, 0.1, 0.2))
    assert (mesh.n_nodes, mesh.n_elements, mesh.dimension) == (36, 12, 3)
    np.testing.assert_array_equal(mesh.points[:4, 0], [0.0, 0.1, 0.2, 0.0])
    np.testing.assert_allclose(mesh.points[[0, 3, 12], 1], [0.0, 0.1, 0.0], rtol=1e-15)
    np.testing.assert_array_equal(mesh.points[[0, 3, 12], 2], [0.0, 0.0, 0.2])
    assert mesh.spacing == pytest.approx(0.2)
    np.testing.assert_array_equal(mesh.blocks[0].nodes[0], [0, 1, 4, 3, 12, 13, 16, 15])
    np.testing.assert_allclose(mesh.centroids[0], [0.05, 0.05, 0.1], rtol=1e-15)
    # The second element is the neighbour along x.
    np.testing.assert_allclose(mesh.centroids[1], [0.15, 0.05, 0.1], rtol=1e-15)


def test_holes_take_out_elements_and_the_nodes_that_only_they_have():
    whole = sheet((0.4, 0.4), 0.1)
    inside = np.linalg.norm(whole.centroids[:, :2] - 0.2, axis=1) < 0.1
    mesh = with_holes(whole, inside)
    assert mesh.n_elements == 12
    assert mesh.n_nodes == 24  # only the one in the middle is gone
    kept = np.delete(np.arange(25), 12)
    np.testing.assert_array_equal(mesh.points, whole.points[kept])
    np.testing.assert_allclose(mesh.centroids, whole.centroids[~inside], rtol=1e-15)


def test_holes_may_be_cut_one_after_the_other():
    whole = sheet((0.4, 0.2), 0.1)
    first = with_holes(whole, np.arange(8) == 3)  # a corner
    second = with_holes(first, np.arange(7) == 6)  # the last of those left
    both = with_holes(whole, np.isin(np.arange(8), [3, 7]))
    np.testing.assert_array_equal(second.points, both.points)
    np.testing.assert_array_equal(second.blocks[0].nodes, both.blocks[0].nodes)


def test_holes_need_a_grid_and_leave_something():
    with pytest.raises(ValueError, match="takes out every element"):
        with_holes(sheet((0.4, 0.4), 0.1), np.ones(16, dtype=bool))
    with pytest.raises(ValueError, match='kind "point" has none'):
        with_holes(point(2), np.zeros(2, dtype=bool))


MIXED = Mesh(
    "mesh",
    np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [3, 0, 0]], dtype=float),
    (
        ElementBlock("tetra", np.array([[0, 1, 2, 3]])),
        ElementBlock("triangle", np.array([[0, 1, 2], [1, 2, 3]])),
        ElementBlock("line", np.array([[1, 4]])),
    ),
)


def test_arrays_over_elements_run_over_the_blocks_one_behind_the_other():
    assert MIXED.slices() == [slice(0, 1), slice(1, 3), slice(3, 4)]
    assert (MIXED.n_elements, MIXED.dimension) == (4, 3)
    np.testing.assert_array_equal(MIXED.element_regions, [0, 0, 0, 0])
    np.testing.assert_allclose(MIXED.centroids[[0, 3]], [[0.25] * 3, [2.0, 0.0, 0.0]])
    chosen = np.array([False, False, True, True])
    np.testing.assert_array_equal(MIXED.nodes_of_elements(chosen), [1, 2, 3, 4])


def test_sizes_of_elements():
    # Legs of 1 mm; the equilateral triangle has sides of sqrt(2); the line is 2 mm.
    expected = [1 / 6, 0.1 / 2, 0.1 * np.sqrt(3) / 2, 2 * 0.03]
    mesh = replace(MIXED, thickness=0.1, cross_section=0.03)
    np.testing.assert_allclose(element_sizes(mesh), expected, rtol=1e-14)


@pytest.mark.parametrize(
    "mesh, size",
    [
        (cable(2.0, 0.5), 0.5 * 0.2),
        (sheet((2.0, 1.0), (0.5, 0.25)), 0.125 * 0.3),
        (slab((2.0, 1.0, 1.0), (0.5, 0.25, 0.5)), 0.0625),
        (with_holes(sheet((2.0, 1.0), 0.5), np.arange(8) == 2), 0.25 * 0.3),
    ],
)
def test_sizes_of_elements_of_grids(mesh, size):
    sizes = element_sizes(replace(mesh, thickness=0.3, cross_section=0.2))
    np.testing.assert_allclose(sizes, np.full(mesh.n_elements, size), rtol=1e-14)


def test_what_belongs_to_elements_has_one_row_each():
    block = (ElementBlock("line", np.array([[0, 1], [1, 2]])),)
    points = np.zeros((3, 3))
    with pytest.raises(
        ValueError, match=r"fibres have shape \(3, 3\); expected .*2, 3"
    ):
        Mesh("mesh", points, block, fibres=np.zeros((3, 3)))
    with pytest.raises(ValueError, match=r"regions have shape \(3,\)"):
        Mesh("mesh", points, block, regions=np.zeros(3, dtype=int))
    with pytest.raises(ValueError, match="expected \\(n_nodes, 3\\)"):
        Mesh("mesh", np.zeros((3, 2)), block)


def test_element_blocks_know_their_shapes():
    with pytest.raises(ValueError, match='"pyramid"; known are vertex, line'):
        ElementBlock("pyramid", np.zeros((1, 5), dtype=int))
    with pytest.raises(ValueError, match=r"expected \(n_elements, 4\)"):
        ElementBlock("tetra", np.zeros((2, 3), dtype=int))
