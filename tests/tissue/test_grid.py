import numpy as np
import pytest

from cardiosim.tissue.grid import Grid


def test_grid_is_fitted_to_its_size():
    grid = Grid.fit("slab", (2.0, 1.0, 0.6), (0.5, 0.25, 0.2))
    assert grid.shape == (5, 5, 4)
    assert grid.spacing == pytest.approx((0.5, 0.25, 0.2), rel=1e-15)
    assert (grid.dimension, grid.n_grid_nodes) == (3, 100)
    assert grid.grid_nodes is None  # no hole: the mesh has them all
    with pytest.raises(ValueError, match="sheet size along y 1 mm is no whole multi"):
        Grid.fit("sheet", (1.0, 1.0), (0.5, 0.3))


def test_every_element_has_its_corners_a_spacing_apart():
    grid = Grid.fit("slab", (0.9, 0.8, 0.6), (0.3, 0.2, 0.15))
    corners = grid.points()[grid.element_nodes()]
    # Counter-clockwise around the bottom, then around the top.
    unit = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]
    unit = np.array([*unit, *(np.array(unit) + [0, 0, 1])])
    expected = corners[:, :1] + unit * [0.3, 0.2, 0.15]
    np.testing.assert_allclose(corners, expected, rtol=0, atol=1e-15)
    first = corners[:, 0]
    order = np.lexsort(first.T)  # z slowest, x fastest
    np.testing.assert_array_equal(order, np.arange(len(first)))


def test_nodes_of_a_grid_with_a_hole_are_numbered_anew():
    whole = Grid.fit("sheet", (3.0, 2.0), (1.0, 1.0))
    grid = whole.without(np.isin(np.arange(6), [2, 5]))  # the last column
    np.testing.assert_array_equal(grid.grid_nodes, [0, 1, 2, 4, 5, 6, 8, 9, 10])
    np.testing.assert_array_equal(grid.points()[:, 0], [0, 1, 2] * 3)
    np.testing.assert_array_equal(
        grid.element_nodes(), [[0, 1, 4, 3], [1, 2, 5, 4], [3, 4, 7, 6], [4, 5, 8, 7]]
    )
    assert grid.n_grid_nodes == whole.n_grid_nodes == 12
    np.testing.assert_array_equal(whole.element_nodes()[2], [2, 3, 7, 6])  # unchanged


def test_grids_that_fit_into_no_memory_are_refused_before_they_are_made():
    with pytest.raises(ValueError, match=r"= 1e\+12 nodes.* 5\.6e\+04 GB .*larger dx"):
        Grid.fit("slab", (1000.0, 1000.0, 1000.0), (0.1, 0.1, 0.1))
