"""Points round which all phases lie: where a wave turns, and which way.

The phase theta is followed once round a small loop of nodes, each step the shorter way:

    charge = 1/(2 pi) sum of wrap(theta_next - theta),   wrap to (-pi, pi]

It is a whole number; where it is not 0 the loop holds a phase singularity. Iyer, Gray,
Ann. Biomed. Eng. 29:47 (2001), doi 10.1114/1.1335538.

A charge of +1 says that the phase rises anticlockwise, seen from the side to which the
normal of the loop points (of a sheet: from +z). As the phase rises with time too, such
a wave turns clockwise, and one of charge -1 anticlockwise.

Where inside the loop. The phase is that of two quantities, atan2(across, along): V - V*
now and a delay later, or a signal and its Hilbert transform. Linear in a triangle and
bilinear in a rectangle, both are zero at one point inside a loop that has a charge: the
change of the angle along an edge, on which both are linear, is the shorter way. That
point is the crossing of the isolines V(t) = V* and V(t + delay) = V*, for a short delay
the tip of Fenton, Karma, Chaos 8:20 (1998), doi 10.1063/1.166311.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Counter-clockwise round a square of four nodes, and round the eight neighbours of one:
# column and row relative to the loop's own place.
SQUARE = ((0, 0), (1, 0), (1, 1), (0, 1))
RING = ((0, 0), (1, 0), (2, 0), (2, 1), (2, 2), (1, 2), (0, 2), (0, 1))


@dataclass(frozen=True, eq=False)
class Loops:
    """Small closed loops of nodes, each followed once round.

    Attributes:
        points: of all nodes, mm, shape (n_nodes, 3).
        nodes: round each loop, anticlockwise from where its normal points to, shape
            (n_loops, n) with n = 3, 4 or 8.
        normals: unit vectors, shape (n_loops, 3).
    """

    points: NDArray
    nodes: NDArray[np.integer]
    normals: NDArray

    @property
    def spacing(self) -> float:
        """Median length of the steps round the loops, mm."""
        corners = self.points[self.nodes]
        steps = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2)
        return float(np.median(steps)) if steps.size else np.nan


@dataclass(frozen=True, eq=False)
class Singularities:
    """Phase singularities at one time.

    Attributes:
        positions: mm, shape (n, 3).
        charges: shape (n,), +1 or -1; others where two cannot be told apart.
        normals: of the surface there, unit vectors, shape (n, 3).
    """

    positions: NDArray
    charges: NDArray[np.integer]
    normals: NDArray

    def __len__(self) -> int:
        return len(self.charges)


def grid_loops(points: ArrayLike, grid: ArrayLike, ring: bool = False) -> Loops:
    """Loops of a regular grid, which may be flat in space in any direction.

    Args:
        points: of all nodes, mm, shape (n_nodes, 3).
        grid: node at each place, -1 in holes, shape (rows, columns). Columns go along
            the first axis of the grid and rows along the second, so that the normal
            is the cross product of both.
        ring: loops round the eight neighbours of each node instead of the four corners
            of each square: they hold charges of 2 as well, of which the steps round
            four corners are half a turn; two within three squares are not told apart.
    """
    points, grid = np.asarray(points, dtype=float), np.asarray(grid)
    if grid.ndim != 2 or min(grid.shape) < (3 if ring else 2):
        raise ValueError(
            f"a grid of {' x '.join(map(str, grid.shape))} nodes has no loop of "
            f"{'eight' if ring else 'four'}; expected two axes with more nodes"
        )
    around = RING if ring else SQUARE
    side = 2 if ring else 1
    rows, columns = (n - side for n in grid.shape)
    corners = [grid[j : j + rows, i : i + columns].ravel() for i, j in around]
    nodes = np.stack(corners, axis=1)
    nodes = nodes[(nodes >= 0).all(axis=1)]
    first, third = (points[nodes[:, n * len(around) // 4]] for n in (0, 2))
    second = points[nodes[:, len(around) // 4]]
    return Loops(points, nodes, _unit(np.cross(second - first, third - first)))


def element_loops(points: ArrayLike, elements: ArrayLike) -> Loops:
    """Loops round the triangles or quads of a surface, normals as their nodes turn.

    Args:
        points: of all nodes, mm, shape (n_nodes, 3).
        elements: nodes, shape (n, 3) or (n, 4), round each; neighbours turn the same
            way (`oriented_triangles`).
    """
    points, elements = np.asarray(points, dtype=float), np.asarray(elements)
    first, second, third = np.moveaxis(points[elements[:, :3]], 1, 0)
    normals = _unit(np.cross(second - first, third - first))
    return Loops(points, elements, normals)


def charges(loops: Loops, phase: ArrayLike) -> NDArray[np.integer]:
    """Charge in each loop, shape (n_loops,); 0 where a node has no phase (NaN).

    Args:
        loops: of a grid or of triangles.
        phase: rad, shape (n_nodes,).
    """
    phase = np.asarray(phase, dtype=float)
    steps = forward_steps(phase, loops.nodes, np.roll(loops.nodes, -1, axis=1))
    return np.rint(np.nan_to_num(steps.sum(axis=1) / (2.0 * np.pi))).astype(int)


def forward_steps(phase: NDArray, here: NDArray, there: NDArray) -> NDArray:
    """Change of the phase from one node to another, the shorter way.

    Half a turn is as short either way; it must be the same way for both loops at an
    edge, or a singularity on it would be counted twice, or not at all.

    Args:
        phase: rad, shape (n_nodes,).
        here, there: nodes, of the same shape.

    Returns:
        From -pi to pi, of that shape; the opposite if the nodes are exchanged.
    """
    change = phase[there] - phase[here]
    return np.where(there > here, wrapped(change), -wrapped(-change))


def wrapped(angle: ArrayLike) -> NDArray:
    """The angle that is the same but for whole turns, in (-pi, pi]."""
    return np.pi - (np.pi - np.asarray(angle)) % (2.0 * np.pi)


def phase_singularities(
    loops: Loops, across: ArrayLike, along: ArrayLike, merge: float = 0.0
) -> Singularities:
    """Singularities of the phase atan2(across, along), to a fraction of a loop.

    Args:
        loops: of a grid or of triangles.
        across, along: shape (n_nodes,): V - V* now and a delay later; or the sine and
            the cosine of a phase.
        merge: mm; those nearer to one another than this are one, with the sum of their
            charges, or none if that is 0. Noise makes such pairs, and so do waves that
            the mesh does not resolve; twice the distance of the nodes suits.

    Returns:
        Where both are zero, for loops of three and four nodes; the middle of the rings
        that hold it, for those of eight.
    """
    across, along = (np.asarray(field, dtype=float) for field in (across, along))
    for field in (across, along):
        if field.shape != (len(loops.points),):
            raise ValueError(
                f"a field has shape {field.shape}; expected one value a node, "
                f"({len(loops.points)},)"
            )
    # Where both are zero at a node the angle is 0, as good as any other: one of the
    # loops at the node has the charge.
    charge = charges(loops, np.arctan2(across, along))
    found = np.flatnonzero(charge)
    nodes, corners = loops.nodes[found], loops.points[loops.nodes[found]]
    if nodes.shape[1] == 8:
        alike = Singularities(corners.mean(axis=1), charge[found], loops.normals[found])
        return _merged_rings(alike, nodes)
    weights = (_in_triangles if nodes.shape[1] == 3 else _in_squares)(
        across[nodes], along[nodes]
    )
    positions = np.einsum("nk,nkx->nx", weights, corners)
    one = Singularities(positions, charge[found], loops.normals[found])
    return merged(one, merge) if merge > 0.0 else one


def merged(found: Singularities, distance: float) -> Singularities:
    """One for each group, in which the next is nearer than `distance`, mm.

    It has the sum of their charges, which the whole therefore keeps, and lies in the
    middle of those of its own sign; groups whose charges cancel are left out.
    """
    from scipy.spatial import cKDTree

    if len(found) < 2:
        return found
    pairs = cKDTree(found.positions).query_pairs(distance, output_type="ndarray")
    group = _groups(len(found), pairs)
    total = np.bincount(group, found.charges).round().astype(int)
    own = np.sign(found.charges) == np.sign(total[group])
    return _centres(found, group, own, total)


def _merged_rings(found: Singularities, nodes: NDArray) -> Singularities:
    """Up to four rings hold one singularity: one for those that share nodes.

    The charge is the largest of the group: a ring may hold two of the same sign.
    """
    if not len(found):
        return found
    # Rings of the same sign whose middles are next to each other have nodes in common.
    order = np.argsort(nodes, axis=None, kind="stable")
    shared, rings = nodes.ravel()[order], order // nodes.shape[1]
    same = shared[1:] == shared[:-1]
    pairs = np.stack([rings[:-1][same], rings[1:][same]], axis=1)
    pairs = pairs[(np.sign(found.charges)[pairs].prod(axis=1) > 0)]
    group = _groups(len(found), pairs)
    largest = np.zeros(group.max() + 1, dtype=int)
    np.maximum.at(largest, group, np.abs(found.charges))
    sign = np.sign(np.bincount(group, found.charges)).astype(int)
    return _centres(found, group, np.ones(len(group), dtype=bool), sign * largest)


def _groups(count: int, pairs: NDArray) -> NDArray[np.integer]:
    """Number of the group of each of so many, of which pairs belong together."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = coo_array((np.ones(len(pairs)), (*pairs.T,)), shape=(count, count))
    return connected_components(links, directed=False)[1]


def _centres(
    found: Singularities, group: NDArray, own: NDArray, total: NDArray
) -> Singularities:
    """One in the middle of the own members of each group with a charge."""
    counts = np.maximum(np.bincount(group[own], minlength=len(total)), 1)
    middle, normals = (
        np.stack(
            [
                np.bincount(group[own], column[own], minlength=len(total)) / counts
                for column in vectors.T
            ],
            axis=1,
        )
        for vectors in (found.positions, found.normals)
    )
    kept = total != 0
    return Singularities(middle[kept], total[kept], _unit(normals[kept]))


def _in_triangles(a: NDArray, b: NDArray) -> NDArray:
    """Barycentric coordinates of a = b = 0 in each triangle, shape (n, 3)."""
    areas = np.stack(
        [
            a[:, 1] * b[:, 2] - a[:, 2] * b[:, 1],
            a[:, 2] * b[:, 0] - a[:, 0] * b[:, 2],
            a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0],
        ],
        axis=1,
    )
    whole = areas.sum(axis=1, keepdims=True)
    return np.where(whole == 0.0, 1.0 / 3.0, areas / np.where(whole == 0.0, 1.0, whole))


def _in_squares(a: NDArray, b: NDArray) -> NDArray:
    """Weights of the corners at a = b = 0, bilinear, shape (n, 4).

    With a = a0 + a1 s + a2 t + a3 s t, and b alike, t from one of them in the other
    leaves a quadratic equation for s, one of whose roots lies in the square.
    """
    a0, a1, a2, a3 = _bilinear(a)
    b0, b1, b2, b3 = _bilinear(b)
    two = a3 * b1 - a1 * b3
    one = a2 * b1 - a1 * b2 + a3 * b0 - a0 * b3
    zero = a2 * b0 - a0 * b2
    root = np.sqrt(np.maximum(one * one - 4.0 * two * zero, 0.0))
    q = -0.5 * (one + np.where(one < 0.0, -root, root))
    with np.errstate(divide="ignore", invalid="ignore"):
        s = np.stack([q / two, zero / q])
        below = np.stack([a2 + a3 * s, b2 + b3 * s])
        above = -np.stack([a0 + a1 * s, b0 + b1 * s])
        t = np.where(
            np.abs(below[0]) >= np.abs(below[1]),
            above[0] / below[0],
            above[1] / below[1],
        )
    outside = np.maximum(np.abs(s - 0.5), np.abs(t - 0.5))
    best = np.where(np.isnan(outside), np.inf, outside).argmin(axis=0)
    at = np.arange(len(a))
    s, t = (np.clip(np.nan_to_num(u[best, at], nan=0.5), 0.0, 1.0) for u in (s, t))
    return np.stack([(1 - s) * (1 - t), s * (1 - t), s * t, (1 - s) * t], axis=1)


def _bilinear(corners: NDArray) -> tuple[NDArray, ...]:
    low, right, far, left = corners.T
    return low, right - low, left - low, far - right - left + low


def _unit(vectors: NDArray) -> NDArray:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(length == 0.0, 1.0, length)
