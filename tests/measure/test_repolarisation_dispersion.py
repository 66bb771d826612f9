import numpy as np
import pytest

from cardiosim.measure.repolarisation_dispersion import dispersion, gradients


def grid(n=21, dx=0.5):
    """Nodes and squares of a sheet."""
    axis = np.arange(n) * dx
    x, y = np.meshgrid(axis, axis)
    points = np.stack([x.ravel(), y.ravel(), np.zeros(n * n)], axis=1)
    first = (np.arange(n - 1)[:, None] * n + np.arange(n - 1)).ravel()
    squares = np.stack([first, first + 1, first + n + 1, first + n], axis=1)
    return points, squares


def triangles(squares):
    return np.concatenate([squares[:, [0, 1, 2]], squares[:, [0, 2, 3]]])


@pytest.mark.parametrize("shape", ["quad", "triangle"])
def test_plane_has_its_own_slope_everywhere(shape):
    points, squares = grid()
    nodes = squares if shape == "quad" else triangles(squares)
    sizes, _ = gradients(points, [(shape, nodes)], 5.0 + points @ [3.0, 4.0, 7.0])
    assert sizes == pytest.approx(np.full(len(nodes), 5.0), rel=1e-9)


def test_gradient_of_a_turned_shell_lies_in_it():
    points, squares = grid()
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    times = points @ [3.0, 4.0, 0.0]
    sizes, _ = gradients(points @ turn.T, [("quad", squares)], times)
    assert sizes == pytest.approx(np.full(len(squares), 5.0), rel=1e-9)


def test_line_has_the_slope_along_it():
    points = np.stack([np.linspace(0.0, 3.0, 7)] * 3, axis=1)
    nodes = np.stack([np.arange(6), np.arange(1, 7)], axis=1)
    along = np.linalg.norm(points, axis=1)
    sizes, _ = gradients(points, [("line", nodes)], 2.0 * along)
    assert sizes == pytest.approx(np.full(6, 2.0), rel=1e-9)


def test_spread_is_that_of_the_nodes():
    points, squares = grid(n=101, dx=0.1)
    values = 200.0 + 10.0 * points[:, 0]  # 200 to 300 ms, evenly
    found = dispersion(points, [("quad", squares)], values)
    assert found.share == 1.0
    assert found.range == pytest.approx(100.0)
    assert found.middle == pytest.approx(90.0)
    # Of 101 equal steps: (n^2 - 1)/12 in squares of the step of 1 ms.
    assert found.deviation == pytest.approx(np.sqrt((101**2 - 1) / 12.0))
    assert found.gradient_max == pytest.approx(10.0)


def test_the_steepest_place_is_named():
    points, squares = grid()
    values = np.where(points[:, 0] > 5.1, 300.0, 250.0)
    found = dispersion(points, [("quad", squares)], values)
    assert found.gradient_max == pytest.approx(50.0 / 0.5)
    assert found.place[0] == pytest.approx(5.25)
    assert found.gradient_95 < found.gradient_max  # of one column in twenty


def test_nodes_without_a_time_do_not_count_nor_do_their_elements():
    points, squares = grid()
    values = 3.0 * points[:, 0]
    values[points[:, 0] > 5.1] = np.nan
    found = dispersion(points, [("quad", squares)], values)
    assert found.share == pytest.approx(11 / 21)
    assert found.gradient_max == pytest.approx(3.0)
    none = dispersion(points, [("quad", squares)], np.full(len(points), np.nan))
    assert none.share == 0.0 and np.isnan(none.gradient_max)


def test_shapes_are_checked():
    with pytest.raises(ValueError, match="expected"):
        dispersion(np.zeros((3, 3)), [], np.zeros(4))
