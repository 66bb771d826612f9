import numpy as np
import pytest

from cardiosim.tissue.mesh import cable, point


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
    elements = cable(0.3, 0.1).elements
    np.testing.assert_array_equal(elements, [[0, 1], [1, 2], [2, 3]])
    assert elements.dtype == np.intp


def test_length_may_be_a_multiple_up_to_rounding():
    assert cable(0.3, 0.1).n_nodes == 4  # 0.3 / 0.1 = 2.9999999999999996


def test_length_between_two_multiples_names_both():
    with pytest.raises(ValueError, match=r"length 19\.8 or 20\.1 mm, or dx 0\.303"):
        cable(20.0, 0.3)
    with pytest.raises(ValueError, match=r"length 0\.1 or 0\.2 mm"):
        cable(0.04, 0.1)


@pytest.mark.parametrize("length, dx", [(0.0, 0.1), (1.0, -0.1), (np.inf, 0.1)])
def test_cable_needs_positive_sizes(length, dx):
    with pytest.raises(ValueError, match="positive and finite"):
        cable(length, dx)


def test_points_are_uncoupled_nodes():
    mesh = point(3)
    assert mesh.n_nodes == 3
    np.testing.assert_array_equal(mesh.elements, [[0], [1], [2]])
    assert mesh.spacing is None
    with pytest.raises(ValueError, match="one or more"):
        point(0)
