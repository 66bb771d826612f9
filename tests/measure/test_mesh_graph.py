"""Neighbours, rims and what lies within a radius, on meshes small enough to count."""

import numpy as np
import pytest

from cardiosim.measure.mesh_graph import (
    Neighbours,
    dimension_of_nodes,
    edges_of,
    neighbourhoods,
    rim_nodes,
)
from cardiosim.tissue.mesh import cable, slab

from .activation_fields import elements, squares, tetrahedra, triangles


def within(points, edges, radius):
    """Sets of neighbours by going along edges, one node at a time."""
    near = [set() for _ in points]
    for a, b in edges:
        near[a].add(b)
        near[b].add(a)
    found = []
    for centre, position in enumerate(points):
        inside = {centre}
        front = [centre]
        while front:
            for node in near[front.pop()] - inside:
                if np.linalg.norm(points[node] - position) <= radius + 1e-9:
                    inside.add(node)
                    front.append(node)
        found.append(inside)
    return found


@pytest.mark.parametrize(
    ("mesh", "count", "rim"),
    [
        (cable(2.0, 0.5), 4, 2),
        (squares(0.5, (2.0, 1.0)), 5 * 2 + 4 * 3, 12),
        (triangles(0.5, (2.0, 1.0)), 5 * 2 + 4 * 3 + 8, 12),
        (slab((1.0, 1.0, 1.0), 0.5), 3 * 2 * 9, 26),
        (tetrahedra(0.5, (0.5, 0.5, 0.5)), 12 + 6 + 1, 8),
    ],
    ids=["line", "squares", "triangles", "bricks", "tetrahedra"],
)
def test_edges_and_rim(mesh, count, rim):
    edges = edges_of(elements(mesh))
    assert len(edges) == count
    assert len(np.unique(edges, axis=0)) == count
    assert rim_nodes(elements(mesh), mesh.n_nodes).sum() == rim


def test_a_node_has_the_dimension_of_its_largest_element():
    blocks = [("triangle", np.array([[0, 1, 2]])), ("line", np.array([[2, 3]]))]
    assert dimension_of_nodes(blocks, 5).tolist() == [2, 2, 2, 1, 0]


@pytest.mark.parametrize("radius", [0.25, 0.51, 0.8])
@pytest.mark.parametrize("is_cut", [False, True])
def test_neighbours_are_those_that_edges_lead_to(radius, is_cut):
    """Round the end of a cut as well, if that does not leave the radius."""
    mesh = squares(0.2, (2.0, 1.6))
    edges = edges_of(elements(mesh))
    if is_cut:
        middle = mesh.points[edges].mean(axis=1)
        edges = edges[~((np.abs(middle[:, 1] - 0.9) < 0.01) & (middle[:, 0] < 1.5))]
    expected = within(mesh.points, edges, radius)
    for centres, near in neighbourhoods(mesh.points, edges, radius):
        for place, centre in enumerate(centres):
            row = near.nodes[near.begins[place] : near.begins[place + 1]]
            assert len(row) == len(set(row.tolist()))
            assert set(row.tolist()) == expected[centre]


def test_neighbours_of_some_nodes():
    edges = np.array([[0, 1], [1, 2], [2, 3], [1, 3]])
    near = Neighbours.along(edges, 5)
    place, node = near.of(np.array([3, 4, 1]))
    assert sorted(zip(place.tolist(), node.tolist(), strict=True)) == [
        (0, 1),
        (0, 2),
        (2, 0),
        (2, 2),
        (2, 3),
    ]
