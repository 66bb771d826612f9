"""Triangles of a surface that all turn the same way, so that a charge has a sign.

A mesh file need not say which side of a triangle is its front. Two triangles that share
an edge turn the same way if they run along it in opposite directions; from one triangle
of each connected piece on, the others follow.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def oriented_triangles(points: ArrayLike, triangles: ArrayLike) -> NDArray:
    """The triangles, some of them turned over.

    Edges of more than two triangles, where a wall joins, connect nothing here. Of a
    piece that is flat the normals point to +z (+y where it stands upright along x, +x
    where it lies across), of any other away from the middle of its points.

    Args:
        points: of all nodes, mm, shape (n_nodes, 3).
        triangles: nodes, shape (n, 3).

    Returns:
        Shape (n, 3), in the same order.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import breadth_first_order, connected_components

    points, triangles = np.asarray(points, dtype=float), np.asarray(triangles)
    root = len(triangles)
    if not root:
        return triangles
    first, second, differs = _neighbours(triangles)
    links = coo_array((np.ones(len(first)), (first, second)), shape=(root, root))
    _, piece = connected_components(links, directed=False)
    # One triangle of each piece hangs on a root that is none; 2: of opposite sense.
    starts = np.unique(piece, return_index=True)[1]
    tails = np.concatenate([first, second, starts])
    heads = np.concatenate([second, first, np.full(len(starts), root)])
    values = np.concatenate([1 + differs, 1 + differs, np.ones(len(starts), dtype=int)])
    graph = coo_array((values, (tails, heads)), shape=(root + 1, root + 1)).tocsr()
    _, before = breadth_first_order(graph, root, directed=False)
    before[root] = root
    turned = np.zeros(root + 1, dtype=bool)
    turned[:root] = graph[np.arange(root), before[:root]] == 2
    while (before != root).any():  # half as many steps to the root each time
        turned ^= turned[before]
        before = before[before]
    turned = turned[:root, np.newaxis]
    chosen = np.where(turned, triangles[:, ::-1], triangles)
    return _fronts_outwards(points, chosen, piece)


def _neighbours(triangles: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Pairs of triangles with a common edge, and whether one must be turned over."""
    edges = np.concatenate(
        [triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]
    )
    owner = np.tile(np.arange(len(triangles)), 3)
    forwards = edges[:, 0] < edges[:, 1]
    _, number, sharing = np.unique(
        np.sort(edges, axis=1), axis=0, return_inverse=True, return_counts=True
    )
    number = number.ravel()
    order = np.argsort(number, kind="stable")
    order = order[sharing[number[order]] == 2]
    one, other = order[::2], order[1::2]
    return owner[one], owner[other], forwards[one] == forwards[other]


def _fronts_outwards(points: NDArray, triangles: NDArray, piece: NDArray) -> NDArray:
    corners = points[triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    middles = corners.mean(axis=1)
    count = piece.max() + 1
    areas = np.linalg.norm(normals, axis=1)
    sums = _sums(normals, piece, count)
    flat = np.linalg.norm(sums, axis=1) > (1.0 - 1e-9) * np.bincount(piece, areas)
    # Of a flat piece: the last axis along which its normal points at all.
    upwards = np.zeros(count)
    for axis in range(3):
        share = sums[:, axis]
        upwards = np.where(
            np.abs(share) > 1e-9 * np.linalg.norm(sums, axis=1), share, upwards
        )
    weights = np.bincount(piece, areas)[:, np.newaxis]
    centres = _sums(middles * areas[:, np.newaxis], piece, count) / weights
    away = np.einsum("nx,nx->n", middles - centres[piece], normals)
    outwards = np.where(flat, upwards, np.bincount(piece, away))
    backwards = (outwards < 0.0)[piece]
    return np.where(backwards[:, np.newaxis], triangles[:, ::-1], triangles)


def _sums(vectors: NDArray, piece: NDArray, count: int) -> NDArray:
    return np.stack(
        [np.bincount(piece, column, minlength=count) for column in vectors.T], axis=1
    )
