import numpy as np
import pytest

from cardiosim.tissue.connected_parts import connected_parts
from cardiosim.tissue.mesh import sheet, slab, with_holes
from cardiosim.tissue.simplices import simplices_of

SHEET = sheet((4.0, 1.0), 0.5)


def test_a_whole_mesh_is_one_part():
    part, sizes = connected_parts(SHEET)
    assert not part.any()
    np.testing.assert_array_equal(sizes, [SHEET.n_nodes])


@pytest.mark.parametrize("make", [lambda mesh: mesh, simplices_of])
@pytest.mark.parametrize("mesh", [SHEET, slab((4.0, 1.0, 1.0), 0.5)])
def test_a_hole_through_it_makes_two(mesh, make):
    x = mesh.centroids[:, 0]
    mesh = make(with_holes(mesh, (x > 1.0) & (x < 2.0)))
    part, sizes = connected_parts(mesh)
    right = mesh.points[:, 0] > 1.5
    np.testing.assert_array_equal(part, np.where(right, 0, 1))  # the larger comes first
    np.testing.assert_array_equal(sizes, [right.sum(), (~right).sum()])


def test_what_does_not_conduct_joins_nothing():
    x = SHEET.centroids[:, 0]
    part, sizes = connected_parts(SHEET, (x < 1.0) | (x > 2.0))
    x = SHEET.points[:, 0]
    np.testing.assert_array_equal(
        part, np.select([x <= 1.0, x >= 2.0], [1, 0], default=-1)
    )
    np.testing.assert_array_equal(sizes, [15, 9])


def test_where_nothing_conducts_there_is_no_part():
    part, sizes = connected_parts(SHEET, np.zeros(SHEET.n_elements, dtype=bool))
    assert (part == -1).all() and not len(sizes)
