"""Triangles of one size on a smooth surface, by local operations.

Long edges are split, short ones collapsed, edges flipped towards valence six, nodes
moved towards the mean of their neighbours and back onto the surface, again and again
(Botsch and Kobbelt 2004, "A remeshing approach to multiresolution modeling", section 4,
doi:10.1145/1057432.1057457). Each pass treats a set of edges that do not touch each
other, so that it is array arithmetic; ties go by edge number: the result is determined.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Array = NDArray[np.float64]
Triangles = NDArray[np.int64]
Projection = Callable[[Array, NDArray[np.bool_]], Array]


@dataclass(frozen=True)
class Edges:
    """Edges of a triangulation.

    Attributes:
        ends: node numbers, the lower first, shape (n, 2).
        faces: the triangles at either side, -1 beyond a rim, shape (n, 2).
        opposite: the third node of those triangles, likewise.
        of_face: edge from node k to node k + 1 of each triangle, shape (n_faces, 3).
    """

    ends: NDArray[np.int64]
    faces: NDArray[np.int64]
    opposite: NDArray[np.int64]
    of_face: NDArray[np.int64]

    @property
    def on_rim(self) -> NDArray[np.bool_]:
        return self.faces[:, 1] < 0


def remesh(
    points: Array, triangles: Triangles, length: float, project: Projection, passes: int
) -> tuple[Array, Triangles]:
    """Return a mesh of the same surface with edges of about one length.

    Args:
        points: mm, shape (n_nodes, 3).
        triangles: node numbers, consistently oriented, shape (n_triangles, 3).
        length: wanted mean length of the edges, mm.
        project: points and which of them lie on a rim -> the nearest points of the
            surface (or of the rim).
        passes: how often everything is repeated.
    """
    # Nothing under 4/5 is left and nothing over 4/3 made: the mean comes out above 1.
    shortest, longest = 0.8 * 0.86 * length, 4.0 / 3.0 * 0.86 * length
    for number in range(passes):
        points, triangles = split(points, triangles, longest)
        points, triangles = collapse(points, triangles, shortest)
        # Valence evens out the connections; in the end angles are what counts.
        for _ in range(4):
            triangles = flip(points, triangles, delaunay=number >= passes - 3)
        for _ in range(4):
            points = relax(points, triangles, project)
    return points, triangles


def edges_of(triangles: Triangles) -> Edges:
    """Return the edges of triangles; no edge may have more than two triangles."""
    following = np.roll(triangles, -1, axis=1)
    both = np.stack([triangles, following], axis=2).reshape(-1, 2)
    pairs, of_face, count = np.unique(
        np.sort(both, axis=1), axis=0, return_inverse=True, return_counts=True
    )
    if count.max() > 2:
        raise ValueError(f"an edge has {count.max()} triangles; expected one or two")
    of_face = of_face.reshape(-1)
    order = np.argsort(of_face, kind="stable")
    first = np.cumsum(count) - count
    faces = np.full((len(pairs), 2), -1)
    opposite = np.full((len(pairs), 2), -1)
    third = np.roll(triangles, -2, axis=1).reshape(-1)
    inner = np.flatnonzero(count == 2)
    for side, rows in ((0, np.arange(len(pairs))), (1, inner)):
        corner = order[first[rows] + side]
        faces[rows, side] = corner // 3
        opposite[rows, side] = third[corner]
    return Edges(pairs, faces, opposite, of_face.reshape(-1, 3))


def rim_nodes(edges: Edges, n_nodes: int) -> NDArray[np.bool_]:
    """Which nodes lie on a rim, shape (n_nodes,)."""
    rim = np.zeros(n_nodes, dtype=bool)
    rim[edges.ends[edges.on_rim]] = True
    return rim


def lengths(points: Array, edges: Edges) -> Array:
    """Length of each edge, mm."""
    return np.linalg.norm(points[edges.ends[:, 0]] - points[edges.ends[:, 1]], axis=1)


def face_normals(points: Array, triangles: Triangles) -> Array:
    """Normals of triangles, as long as twice their area."""
    a, b, c = np.moveaxis(points[triangles], 1, 0)
    return np.cross(b - a, c - a)


def split(points: Array, triangles: Triangles, limit: float) -> tuple[Array, Triangles]:
    """Halve edges that are longer than the limit, longest of a triangle first."""
    while True:
        edges = edges_of(triangles)
        long = lengths(points, edges)
        rank = np.empty(len(long), dtype=np.int64)
        rank[np.argsort(long, kind="stable")] = np.arange(len(long))
        of_face = rank[edges.of_face].argmax(axis=1)
        longest = edges.of_face[np.arange(len(triangles)), of_face]
        votes = np.bincount(longest, minlength=len(long))
        chosen = (long > limit) & (votes == np.where(edges.on_rim, 1, 2))
        if not chosen.any():
            return points, triangles
        middle = np.full(len(long), -1)
        middle[chosen] = len(points) + np.arange(chosen.sum())
        points = np.concatenate([points, points[edges.ends[chosen]].mean(axis=1)])
        cut = np.flatnonzero(chosen[longest])
        new = middle[longest[cut]]
        turned = (of_face[cut, np.newaxis] + np.arange(3)) % 3
        a, b, c = np.take_along_axis(triangles[cut], turned, axis=1).T
        triangles = triangles.copy()
        triangles[cut] = np.stack([a, new, c], axis=1)
        triangles = np.concatenate([triangles, np.stack([new, b, c], axis=1)])


def collapse(
    points: Array, triangles: Triangles, limit: float
) -> tuple[Array, Triangles]:
    """Pull edges that are shorter than the limit together into one of their nodes."""
    while True:
        edges = edges_of(triangles)
        rim = rim_nodes(edges, len(points))
        at_rim = rim[edges.ends]
        near = _adjacency(edges, len(points))
        common = np.asarray((near @ near)[edges.ends[:, 0], edges.ends[:, 1]]).ravel()
        long = lengths(points, edges)
        # A node goes into the other; one on the rim stays there unless along the rim.
        # Two common neighbours (one at a rim): else the surface would fold.
        allowed = (
            (long < limit)
            & (common == np.where(edges.on_rim, 1, 2))
            & (edges.on_rim | ~at_rim.all(axis=1))
        )
        gone = np.where(
            at_rim[:, 1] & ~at_rim[:, 0], edges.ends[:, 0], edges.ends[:, 1]
        )
        stays = edges.ends.sum(axis=1) - gone
        refused = np.zeros(len(long), dtype=bool)
        chosen = allowed
        while True:
            chosen = _apart(edges, allowed & ~refused, long, near)
            if not chosen.any():
                return points, triangles
            target = np.arange(len(points))
            target[gone[chosen]] = stays[chosen]
            moved = target[triangles]
            left = (
                (moved[:, 0] != moved[:, 1])
                & (moved[:, 1] != moved[:, 2])
                & (moved[:, 2] != moved[:, 0])
            )
            bad = left & _turned_over(points, triangles, moved)
            spoilt = np.zeros(len(points), dtype=bool)
            spoilt[triangles[bad]] = True
            spoilt &= target != np.arange(len(points))
            if not spoilt.any():
                break
            refused |= chosen & spoilt[gone]
        triangles = moved[left]
        used = np.zeros(len(points), dtype=bool)
        used[triangles] = True
        points, triangles = points[used], (np.cumsum(used) - 1)[triangles]


def flip(points: Array, triangles: Triangles, delaunay: bool) -> Triangles:
    """Flip edges where that brings valences nearer to six, or angles nearer to 60.

    Args:
        points: mm.
        triangles: node numbers.
        delaunay: flip where the two angles across an edge exceed 180 degrees
            together; otherwise by the valences (six inside, four at a rim).
    """
    edges = edges_of(triangles)
    rim = rim_nodes(edges, len(points))
    (a, b), (c, d) = edges.ends.T, edges.opposite.T
    if delaunay:
        angles = _angle(points, c, a, b) + _angle(points, d, a, b)
        gain = np.where(edges.on_rim, -1.0, angles - np.pi - 1e-6)
    else:
        excess = np.bincount(edges.ends.ravel(), minlength=len(points))
        excess = excess - np.where(rim, 4, 6)
        change = ((a, -1), (b, -1), (c, 1), (d, 1))
        gain = -sum((excess[n] + by) ** 2 - excess[n] ** 2 for n, by in change)
        gain = np.where(edges.on_rim, -1, gain)
    n = len(points)
    taken = np.isin(np.minimum(c, d) * n + np.maximum(c, d), a * n + b)
    rows = np.flatnonzero((gain > 0) & ~taken)
    # Of edges that share a node only the one that gains most is flipped now.
    rank = np.empty(len(rows), dtype=np.int64)
    rank[np.argsort(-gain[rows], kind="stable")] = np.arange(len(rows))
    corners = np.stack([a, b, c, d], axis=1)[rows]
    claim = np.full(n, len(rows))
    np.minimum.at(claim, corners, rank[:, np.newaxis])
    rows = rows[(claim[corners] == rank[:, np.newaxis]).all(axis=1)]
    # Orient by the first triangle: its edge may run from b to a.
    first = triangles[edges.faces[rows, 0]]
    start = np.take_along_axis(
        first, (np.argmax(first == c[rows, np.newaxis], axis=1)[:, None] + 1) % 3, 1
    )[:, 0]
    end = a[rows] + b[rows] - start
    one = np.stack([c[rows], start, d[rows]], axis=1)
    two = np.stack([d[rows], end, c[rows]], axis=1)
    old = face_normals(points, first)
    fine = np.ones(len(rows), dtype=bool)
    for new in (one, two):
        normal = face_normals(points, new)
        size = np.linalg.norm(normal, axis=1) * np.linalg.norm(old, axis=1)
        fine &= np.sum(normal * old, axis=1) > 0.5 * size
    triangles = triangles.copy()
    triangles[edges.faces[rows[fine], 0]] = one[fine]
    triangles[edges.faces[rows[fine], 1]] = two[fine]
    return triangles


def relax(points: Array, triangles: Triangles, project: Projection) -> Array:
    """Move each node towards the mean of its neighbours and back onto the surface."""
    edges = edges_of(triangles)
    rim = rim_nodes(edges, len(points))
    along_rim = Edges(
        edges.ends[edges.on_rim], edges.faces[:0], edges.faces[:0], edges.of_face[:0]
    )
    inside, around = (
        _mean_of_neighbours(_adjacency(which, len(points)), points)
        for which in (edges, along_rim)
    )
    wanted = np.where(rim[:, np.newaxis], around, inside)
    return project(points + 0.6 * (wanted - points), rim)


def _mean_of_neighbours(near: sparse.csr_array, points: Array) -> Array:
    count = np.maximum(near.sum(axis=1), 1)
    return (near @ points) / count[:, np.newaxis]


def _adjacency(edges: Edges, n_nodes: int) -> sparse.csr_array:
    i, j = np.concatenate([edges.ends, edges.ends[:, ::-1]]).T
    return sparse.csr_array((np.ones(len(i), int), (i, j)), shape=(n_nodes, n_nodes))


def _apart(
    edges: Edges, allowed: NDArray[np.bool_], cost: Array, near: sparse.csr_array
) -> NDArray[np.bool_]:
    """Of the allowed edges those cheaper than all others around both of their ends."""
    rank = np.full(len(cost), len(cost))
    rows = np.flatnonzero(allowed)
    rank[rows[np.argsort(cost[rows], kind="stable")]] = np.arange(len(rows))
    best = np.full(near.shape[0], len(cost))
    np.minimum.at(best, edges.ends, rank[:, np.newaxis])
    around = best.copy()
    for one, other in (edges.ends.T, edges.ends[:, ::-1].T):
        np.minimum.at(around, one, best[other])
    return allowed & (around[edges.ends].min(axis=1) == rank)


def _turned_over(
    points: Array, before: Triangles, after: Triangles
) -> NDArray[np.bool_]:
    """Triangles whose normal turns by more than 60 degrees."""
    old, new = face_normals(points, before), face_normals(points, after)
    size = np.linalg.norm(old, axis=1) * np.linalg.norm(new, axis=1)
    return np.sum(old * new, axis=1) < 0.5 * size


def _angle(points: Array, at: Triangles, one: Triangles, other: Triangles) -> Array:
    u, v = points[one] - points[at], points[other] - points[at]
    return np.arctan2(np.linalg.norm(np.cross(u, v), axis=1), np.sum(u * v, axis=1))
