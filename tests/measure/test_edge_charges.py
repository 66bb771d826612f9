"""Waves round holes; and that nothing is lost of what winds."""

import numpy as np
import pytest

from cardiosim.measure.edge_charges import edge_charges, edges_of, longest_stretch
from cardiosim.measure.phase_singularities import charges, element_loops, grid_loops
from cardiosim.measure.surface_orientation import oriented_triangles


def sheet_with_holes(holes=()):
    """A sheet of 41 x 31 nodes, 0.5 mm apart, without the nodes in some rectangles."""
    x, y = np.meshgrid(np.arange(41) * 0.5, np.arange(31) * 0.5)
    points = np.column_stack([x.ravel(), y.ravel(), np.zeros(x.size)])
    nodes = np.arange(x.size).reshape(x.shape)
    for rows, columns in holes:
        nodes[rows, columns] = -1
    return points, nodes


HOLES = ((slice(8, 14), slice(10, 16)), (slice(18, 24), slice(28, 33)))


@pytest.mark.parametrize("sense", [1, -1])
def test_a_wave_round_a_hole_is_in_its_edge_alone(sense):
    points, nodes = sheet_with_holes(HOLES)
    loops = grid_loops(points, nodes)
    edges = edges_of(loops)
    # The outer edge, and two holes of 7 x 7 and 7 x 6 steps of 0.5 mm.
    np.testing.assert_allclose(edges.lengths, [70.0, 14.0, 13.0])
    np.testing.assert_allclose(edges.centres[1], [6.25, 5.25, 0.0], atol=1e-9)
    phase = sense * np.arctan2(points[:, 1] - 5.1, points[:, 0] - 6.3)
    assert not charges(loops, phase).any()
    assert edge_charges(edges, phase).tolist() == [-sense, sense, 0]
    assert edges.is_hole.tolist() == [False, True, True]


@pytest.mark.parametrize("seed", range(5))
def test_all_charges_sum_to_zero(seed):
    """Of any field, however rough: on squares and on triangles with holes."""
    rng = np.random.default_rng(seed)
    points, nodes = sheet_with_holes(HOLES)
    for loops in (
        grid_loops(points, nodes),
        element_loops(points, oriented_triangles(points, split(nodes, rng))),
    ):
        edges = edges_of(loops)
        assert len(edges.lengths) == 3
        phase = rng.uniform(-np.pi, np.pi, len(points))
        phase[rng.random(len(points)) < 0.2] = np.pi  # steps of half a turn as well
        phase[rng.random(len(points)) < 0.2] = 0.0
        inside = charges(loops, phase)
        assert np.abs(inside).sum() > 100
        assert inside.sum() + edge_charges(edges, phase).sum() == 0


def split(nodes, rng):
    """Two triangles in each square without a hole, turned at random."""
    low, right, far, left = (
        corner.ravel()
        for corner in (nodes[:-1, :-1], nodes[:-1, 1:], nodes[1:, 1:], nodes[1:, :-1])
    )
    kept = np.minimum.reduce([low, right, far, left]) >= 0
    triangles = np.concatenate(
        [
            np.stack([low, right, far], axis=1)[kept],
            np.stack([low, far, left], axis=1)[kept],
        ]
    )
    turned = rng.random(len(triangles)) < 0.5
    triangles[turned] = triangles[turned][:, ::-1]
    return triangles


def test_a_closed_surface_has_no_edges():
    triangles = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]])
    points = np.vstack([np.zeros(3), np.eye(3)])
    edges = edges_of(element_loops(points, triangles))
    assert len(edges.lengths) == 0
    assert edge_charges(edges, np.zeros(4)).shape == (0,)


def test_rings_overlap_and_are_refused():
    with pytest.raises(ValueError, match="rings of eight nodes overlap"):
        edges_of(grid_loops(*sheet_with_holes(), ring=True))


@pytest.mark.parametrize(
    ("charge", "longest"),
    [([0, 1, 1, 1, 0], 10.0), ([1, 1, -1, -1, -1], 10.0), ([0] * 5, 0.0)],
)
def test_the_longest_stretch_is_of_one_sign(charge, longest):
    assert longest_stretch(5.0 * np.arange(5), charge) == longest
