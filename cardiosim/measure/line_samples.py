"""Values at the nodes of a mesh, interpolated along a line through it.

Quads and hexahedra are cut into simplices, in which values are linear. A straight line
between two places of a curved surface runs above or below it; its samples move to the
surface, upright, and distances are those on it. A sample in a hole, beside a flat mesh
or outside a volume has no value.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cardiosim.measure.conduction_velocity import (
    ConductionFit,
    conduction_fit,
    conduction_velocity,
)
from cardiosim.measure.mesh_graph import Blocks, Neighbours

NEAREST = 8  # nodes whose elements are looked at, of a sample
BESIDE = 0.5  # of an element's longest edge, that a sample may lie beside it
ABOVE = 0.25  # of the length of a line, that it may run above or below a surface
UPRIGHT = 0.25  # share by which the foot on a triangle's plane may miss the triangle
LEAP = 4.0  # times the distance of samples, between two of them on the surface
_CUT = {
    "line": ((0, 1),),
    "triangle": ((0, 1, 2),),
    "quad": ((0, 1, 2), (0, 2, 3)),
    "tetra": ((0, 1, 2, 3),),
    # Round the diagonal from the first vertex to the one opposite.
    "hexahedron": tuple(
        (0, a, b, 6) for a, b in ((1, 2), (2, 3), (3, 7), (7, 4), (4, 5), (5, 1))
    ),
}


@dataclass(frozen=True, eq=False)
class LineSamples:
    """Values along a line.

    Attributes:
        distance: along the samples from the first on, mm, shape (n,).
        positions: mm, shape (n, 3).
        values: shape (n,); NaN outside the mesh, and beside a node without value.
    """

    distance: NDArray
    positions: NDArray
    values: NDArray


@dataclass(frozen=True, eq=False)
class LineVelocity:
    """How fast activation runs along a line.

    It is that of the front along its normal only if the line runs along the normal,
    and larger otherwise: 1/cos of the angle between them.

    Attributes:
        between: distance of the ends over the time between their activations, m/s;
            positive from the start to the stop.
        fit: the least-squares line through all samples.
        samples: LAT, ms, along the line.
    """

    between: float
    fit: ConductionFit
    samples: LineSamples


def line_velocity(
    points: NDArray,
    blocks: Blocks,
    lat: ArrayLike,
    start: ArrayLike,
    stop: ArrayLike,
    count: int = 101,
) -> LineVelocity:
    """Velocity along the straight line between two positions.

    Args:
        points: mm, shape (n_nodes, 3).
        blocks: elements, (shape, nodes) each.
        lat: of one beat, ms, shape (n_nodes,).
        start: mm, x, (y, (z)).
        stop: mm.
        count: samples, ends included.

    Raises:
        NoConduction: no single wave runs along all of the line.
        ValueError: the line is a point, or an end lies outside the mesh.
    """
    samples = line_samples(points, blocks, lat, start, stop, count)
    for name, row in (("start", 0), ("stop", -1)):
        if np.isnan(samples.positions[row]).any():
            raise ValueError(
                f"the {name} of the line, {_said(start if row == 0 else stop)} mm, is "
                "no place of the mesh; choose one within it"
            )
    steps = np.linalg.norm(np.diff(samples.positions, axis=0), axis=1)
    length = np.linalg.norm(_placed(stop) - _placed(start))
    if np.nanmax(steps) > LEAP * length / (count - 1):
        raise ValueError(
            f"the line leaps {np.nanmax(steps):.3g} mm across the surface at "
            f"{100.0 * np.nanargmax(steps) / (count - 1):.0f} % of its length; take "
            "positions that are nearer to each other"
        )
    inside = np.isfinite(samples.positions).all(axis=1)
    if not inside.all():
        outside = np.flatnonzero(~inside)[0] / (count - 1)
        raise ValueError(
            f"the line leaves the mesh at {100.0 * outside:.0f} % of its length; take "
            "one that runs through tissue"
        )
    return LineVelocity(
        conduction_velocity(samples.distance, samples.values, 0.0, 1.0),
        conduction_fit(samples.distance, samples.values, 0.0, 1.0),
        samples,
    )


def line_samples(
    points: NDArray,
    blocks: Blocks,
    values: ArrayLike,
    start: ArrayLike,
    stop: ArrayLike,
    count: int,
) -> LineSamples:
    """Values at equal distances between two positions; see `line_velocity`."""
    ends = np.array([_placed(start), _placed(stop)])
    if count < 3 or np.allclose(*ends):
        raise ValueError(
            f"{count} samples from {_said(start)} to {_said(stop)} mm; expected at "
            "least 3, between two positions"
        )
    wanted = ends[0] + np.linspace(0.0, 1.0, count)[:, None] * (ends[1] - ends[0])
    values = np.asarray(values, dtype=float)
    positions = np.full((count, 3), np.nan)
    found, distance = np.full(count, np.nan), np.full(count, np.inf)
    for simplices in _simplices(blocks):
        place, element = _candidates(points, simplices, wanted)
        corners = points[simplices[element]]
        share, is_above = _shares(corners, wanted[place])
        at = np.einsum("ij,ijk->ik", share, corners)
        away = np.linalg.norm(at - wanted[place], axis=1)
        longest = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(1)
        is_above &= away <= ABOVE * np.linalg.norm(ends[1] - ends[0])
        away[~is_above & (away > BESIDE * longest)] = np.inf
        order = np.lexsort((away, place))
        first = order[np.unique(place[order], return_index=True)[1]]
        better = first[away[first] < distance[place[first]]]
        rows = place[better]
        distance[rows], positions[rows] = away[better], at[better]
        # A corner with no share is no reason to know nothing.
        part, corner = share[better], values[simplices[element[better]]]
        found[rows] = np.where(part > 1e-12, part * corner, 0.0).sum(axis=1)
    steps = np.linalg.norm(np.diff(positions, axis=0), axis=1)
    along = np.concatenate([[0.0], np.nan_to_num(steps).cumsum()])
    return LineSamples(along, positions, found)


def _simplices(blocks: Blocks) -> list[NDArray[np.int64]]:
    """Nodes of lines, triangles and tetrahedra, those that there are."""
    by_size: dict[int, list[NDArray]] = {}
    for shape, nodes in blocks:
        for corners in _CUT.get(shape, ()):
            by_size.setdefault(len(corners), []).append(nodes[:, list(corners)])
    return [np.concatenate(parts).astype(np.int64) for parts in by_size.values()]


def _candidates(
    points: NDArray, simplices: NDArray, wanted: NDArray
) -> tuple[NDArray, NDArray]:
    """Sample and element of each pair that is worth a look."""
    from scipy.spatial import cKDTree

    used = np.unique(simplices)
    nearest = cKDTree(points[used]).query(wanted, k=min(NEAREST, len(used)))[1]
    nearest = used[nearest.reshape(len(wanted), -1)]
    owner = np.repeat(np.arange(len(simplices)), simplices.shape[1])
    order = np.argsort(simplices.ravel(), kind="stable")
    counts = np.bincount(simplices.ravel(), minlength=len(points))
    elements = Neighbours(np.concatenate([[0], counts.cumsum()]), owner[order])
    slot, element = elements.of(nearest.ravel())
    pairs = np.unique(np.column_stack([slot // nearest.shape[1], element]), axis=0)
    return pairs[:, 0], pairs[:, 1]


def _shares(corners: NDArray, wanted: NDArray) -> tuple[NDArray, NDArray[np.bool_]]:
    """Shares of the corners in the place of each simplex that is near a position.

    Barycentric coordinates, those below 0 taken as 0: the nearest place up to a part of
    an element, which decides between neighbours only.

    Returns:
        Shares, (n, n_vertices), and whether the position is upright above a triangle.
    """
    edges = corners[:, 1:] - corners[:, :1]
    gram = np.einsum("ijk,ilk->ijl", edges, edges)
    right = np.einsum("ijk,ik->ij", edges, wanted - corners[:, 0])
    inner = np.linalg.solve(gram, right[:, :, None])[:, :, 0]
    share = np.column_stack([1.0 - inner.sum(axis=1), inner])
    is_above = (share.min(axis=1) >= -UPRIGHT) & (share.shape[1] == 3)
    share = np.maximum(share, 0.0)
    return share / share.sum(axis=1, keepdims=True), is_above


def _placed(position: ArrayLike) -> NDArray:
    given = np.atleast_1d(np.asarray(position, dtype=float))
    if not 1 <= given.size <= 3:
        raise ValueError(f"position {_said(position)} has {given.size} numbers; give 3")
    return np.concatenate([given, np.zeros(3 - given.size)])


def _said(position: ArrayLike) -> str:
    return f"({', '.join(f'{x:g}' for x in np.atleast_1d(position))})"
