"""Which nodes of a mesh are neighbours, where it ends, and who lies within a radius.

Elements are given as blocks of one shape each, `(shape, nodes)` with node numbers of
shape (n_elements, n_vertices): lines, triangles, quads, tetrahedra and hexahedra.
Vertices of quads run round, and those of the bottom of a hexahedron before its top.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Blocks = Sequence[tuple[str, NDArray[np.integer]]]

# Dimension, edges and facets of each shape, by the places of their vertices.
_ROUND = ((0, 1), (1, 2), (2, 3), (3, 0))
DIMENSIONS = {
    "vertex": 0,
    "line": 1,
    "triangle": 2,
    "quad": 2,
    "tetra": 3,
    "hexahedron": 3,
}
EDGES = {
    "vertex": (),
    "line": ((0, 1),),
    "triangle": ((0, 1), (1, 2), (2, 0)),
    "quad": _ROUND,
    "tetra": ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)),
    "hexahedron": (
        *_ROUND,
        *((a + 4, b + 4) for a, b in _ROUND),
        *((a, a + 4) for a in range(4)),
    ),
}
FACETS = {
    "vertex": (),
    "line": ((0,), (1,)),
    "triangle": EDGES["triangle"],
    "quad": _ROUND,
    "tetra": ((0, 1, 2), (0, 1, 3), (0, 2, 3), (1, 2, 3)),
    "hexahedron": (
        (0, 1, 2, 3),
        (4, 5, 6, 7),
        *((a, b, b + 4, a + 4) for a, b in _ROUND),
    ),
}
MOST_PAIRS = 1_500_000  # nodes and neighbours at once; some 300 MB in the fits of 3D


def edges_of(blocks: Blocks) -> NDArray[np.int64]:
    """Pairs of nodes with an edge of an element between them, each once, (n, 2)."""
    pairs = [nodes[:, list(ends)] for shape, nodes in blocks for ends in EDGES[shape]]
    if not pairs:
        return np.empty((0, 2), dtype=np.int64)
    edges = np.sort(np.concatenate(pairs).astype(np.int64), axis=1)
    return np.unique(edges, axis=0)


def dimension_of_nodes(blocks: Blocks, n_nodes: int) -> NDArray[np.int64]:
    """That of the largest element at each node, shape (n_nodes,); 0 without one."""
    dimensions = np.zeros(n_nodes, dtype=np.int64)
    for shape, nodes in sorted(blocks, key=lambda block: DIMENSIONS[block[0]]):
        dimensions[nodes.ravel()] = DIMENSIONS[shape]
    return dimensions


def rim_nodes(blocks: Blocks, n_nodes: int) -> NDArray[np.bool_]:
    """Whether a node is where the mesh ends, shape (n_nodes,).

    On a face of a volume, an edge of an area or an end of a line that belongs to one
    element of that dimension only.
    """
    rim = np.zeros(n_nodes, dtype=bool)
    facets: dict[tuple[int, int], list[NDArray]] = {}
    for shape, nodes in blocks:
        for places in FACETS[shape]:
            kind = DIMENSIONS[shape], len(places)
            facets.setdefault(kind, []).append(nodes[:, list(places)])
    for found in facets.values():
        every = np.sort(np.concatenate(found).astype(np.int64), axis=1)
        unique, counts = np.unique(every, axis=0, return_counts=True)
        rim[unique[counts == 1].ravel()] = True
    return rim


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Neighbours of each node in compressed rows.

    Attributes:
        begins: where the neighbours of each node begin, shape (n_nodes + 1,).
        nodes: neighbours of the first node, of the second, ..., shape (n_pairs,).
    """

    begins: NDArray[np.int64]
    nodes: NDArray[np.int64]

    @classmethod
    def along(cls, edges: NDArray[np.integer], n_nodes: int) -> Neighbours:
        """Those that share an edge with a node."""
        of, to = np.concatenate([edges, edges[:, ::-1]]).T
        order = np.argsort(of, kind="stable")
        counts = np.bincount(of, minlength=n_nodes)
        return cls(np.concatenate([[0], counts.cumsum()]), to[order].astype(np.int64))

    def of(self, nodes: NDArray[np.integer]) -> tuple[NDArray, NDArray]:
        """Place in `nodes` and neighbour of each pair, shape (n_pairs,) each."""
        begins, counts = self.begins[nodes], np.diff(self.begins)[nodes]
        places = np.repeat(np.arange(len(nodes)), counts)
        ends = counts.cumsum()
        within = np.arange(ends[-1] if len(ends) else 0) - (ends - counts)[places]
        return places, self.nodes[begins[places] + within]


def neighbourhoods(
    points: NDArray, edges: NDArray[np.integer], radius: float
) -> Iterator[tuple[NDArray[np.int64], Neighbours]]:
    """Nodes that can be reached within a radius, without leaving it, node by node.

    What is near in space, but not through tissue, is no neighbour: the other side of a
    cleft, of a hole or of a fold.

    Args:
        points: mm, shape (n_nodes, 3).
        edges: between them, shape (n_edges, 2).
        radius: mm, in a straight line.

    Yields:
        Numbers of some nodes, and the neighbours of these, themselves among them; all
        nodes in turn.
    """
    from scipy.spatial import cKDTree

    graph, tree = Neighbours.along(edges, len(points)), cKDTree(points)
    slightly_more = radius * (1.0 + 1e-9)  # a node at R is one at R
    some = points[np.unique(np.linspace(0, len(points) - 1, 50).astype(int))]
    expected = np.mean(tree.query_ball_point(some, slightly_more, return_length=True))
    size = max(1, int(MOST_PAIRS / expected))
    for begin in range(0, len(points), size):
        centres = np.arange(begin, min(begin + size, len(points)))
        near = _in_space(points, tree, slightly_more, centres)
        lost = _not_surely_reached(points, graph, near, centres)
        if lost.size:
            near = _replaced(near, lost, points, graph, slightly_more, centres)
        yield centres, near


def _in_space(points: NDArray, tree, radius: float, centres: NDArray) -> Neighbours:
    """What is near, through tissue or not."""
    from scipy.spatial import cKDTree

    pairs = cKDTree(points[centres]).sparse_distance_matrix(
        tree, radius, output_type="ndarray"
    )
    order = np.lexsort((pairs["j"], pairs["i"]))
    counts = np.bincount(pairs["i"], minlength=len(centres))
    return Neighbours(
        np.concatenate([[0], counts.cumsum()]), pairs["j"][order].astype(np.int64)
    )


def _not_surely_reached(
    points: NDArray, graph: Neighbours, near: Neighbours, centres: NDArray
) -> NDArray[np.int64]:
    """Places of centres with a neighbour that no way leads to which comes ever nearer.

    From any other neighbour a step along an edge comes nearer to the centre, and so on
    until it is there, without leaving the radius.
    """
    place = np.repeat(np.arange(len(centres)), np.diff(near.begins))
    left = np.flatnonzero(near.nodes != centres[place])
    centre, node = points[centres[place[left]]], near.nodes[left]
    distance = np.einsum("ij,ij->i", points[node] - centre, points[node] - centre)
    slot, degree = 0, np.diff(graph.begins)
    while left.size:
        has_slot = slot < degree[node]
        if not has_slot.any():
            break
        to = graph.nodes[np.where(has_slot, graph.begins[node] + slot, 0)]
        away = points[to] - centre
        nearer = has_slot & (np.einsum("ij,ij->i", away, away) < distance)
        stays = ~nearer
        left, node, centre, distance = (
            left[stays],
            node[stays],
            centre[stays],
            distance[stays],
        )
        slot += 1
    return np.unique(place[left])


def _replaced(
    near: Neighbours,
    lost: NDArray[np.int64],
    points: NDArray,
    graph: Neighbours,
    radius: float,
    centres: NDArray,
) -> Neighbours:
    """With the neighbours of some centres found by going there."""
    found = _within(points, graph, radius, centres[lost])
    kept = np.ones(len(centres), dtype=bool)
    kept[lost] = False
    place = np.repeat(np.arange(len(centres)), np.diff(near.begins))
    stays = kept[place]
    place = np.concatenate([place[stays], np.repeat(lost, np.diff(found.begins))])
    nodes = np.concatenate([near.nodes[stays], found.nodes])
    order = np.argsort(place, kind="stable")
    counts = np.bincount(place, minlength=len(centres))
    return Neighbours(np.concatenate([[0], counts.cumsum()]), nodes[order])


def _within(
    points: NDArray, graph: Neighbours, radius: float, centres: NDArray
) -> Neighbours:
    """Neighbours within a radius, edge by edge from the centres on."""
    n_nodes = len(points)
    reached = np.arange(len(centres)) * n_nodes + centres  # place and node as one
    front = reached
    while front.size:
        place, node = np.divmod(front, n_nodes)
        of, to = graph.of(node)
        place = place[of]
        away = points[to] - points[centres[place]]
        near = np.einsum("ij,ij->i", away, away) <= radius**2
        front = np.unique(place[near] * n_nodes + to[near])
        found = np.searchsorted(reached, front)
        found[found == reached.size] = 0
        front = front[reached[found] != front]
        reached = np.sort(np.concatenate([reached, front]), kind="stable")
    place, node = np.divmod(reached, n_nodes)
    counts = np.bincount(place, minlength=len(centres))
    return Neighbours(np.concatenate([[0], counts.cumsum()]), node)
