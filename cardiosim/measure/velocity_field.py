"""The velocity of a wave at every node, from activation times (LAT) alone.

Around each node a polynomial is fitted to LAT (local_fits.py): a parabola, over the
nodes that can be reached through the mesh within a radius R, with weights that fall
smoothly to nothing, so that neither a neighbour more or less nor LAT on a staircase of
samples shows as stripes. The front runs along its normal, at

    v = g/|g|^2        |v| = 1/|g|, mm/ms = m/s        g the slope of LAT at the node

Where one front does not pass, a fit means nothing. Such nodes are masked, each reason
a bit of the mask, of which several may hold (`REASONS`):

    not_activated  the node has no LAT
    too_few        fewer activated neighbours than coefficients, or all in a line
    boundary       nearer than a margin to where the mesh ends, or a fit whose
                   neighbours lie ahead of the front only, or behind it
    stimulus       within R of a node that was stimulated
    source         within R of a node that activates no later than all around it: where
                   a wave begins, or breaks through from below
    collision      within R of a node that activates no earlier than all around it; and
                   where waves merge side by side, so that the front is concave, with a
                   radius of less than 10 R
    block          within R of an edge along which LAT differs by more than at the
                   slowest velocity that is believed
    misfit         the fit leaves more than a share of the spread of LAT: a corner of
                   the front, or no wave at all

The curvature of the front, div n with n = g/|g|, comes with the parabolas; it is
positive where the wave spreads and 1/r for a circle of radius r. A front that spreads
is slower than a plane one by about D div n, one that is concave faster: that is so in
tissue, and no error of the fit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cardiosim.measure.local_fits import local_fits
from cardiosim.measure.mesh_graph import (
    Blocks,
    Neighbours,
    dimension_of_nodes,
    edges_of,
    neighbourhoods,
    rim_nodes,
)

REASONS = {
    "not_activated": 1,
    "too_few": 2,
    "boundary": 4,
    "stimulus": 8,
    "source": 16,
    "collision": 32,
    "block": 64,
    "misfit": 128,
}
SLOWEST = 0.05  # m/s; slower is no conduction along an edge, but another way round
# Share of the spread of LAT in a neighbourhood, by order. A corner of the front of 20
# degrees leaves more; a circle with a radius of 1.5 R leaves as much.
MISFIT = {1: 0.1, 2: 0.03}
CONCAVE = 0.1  # largest curvature of a concave front that is no collision, times R
ONE_SIDED = 0.1  # of R, from a node to the middle of its neighbours, along the wave
EDGES_IN_RADIUS = {1: 4.0, 2: 4.0, 3: 3.0}  # by dimension, where none is given


@dataclass(frozen=True, eq=False)
class VelocityField:
    """The velocity of one wave at every node, and where not to believe it.

    Attributes:
        vectors: normal velocity of the front, m/s, shape (n_nodes, 3); NaN where
            nothing could be fitted, and there also at masked nodes where it could.
        curvature: of the front, 1/mm, shape (n_nodes,); NaN where planes were fitted.
        residual: root mean square of LAT minus the fit, ms, shape (n_nodes,).
        spread: standard deviation of LAT around the node, ms, shape (n_nodes,).
        mask: sum of the REASONS that hold, shape (n_nodes,); 0 where to believe it.
        radius: R, mm.
    """

    vectors: NDArray
    curvature: NDArray
    residual: NDArray
    spread: NDArray
    mask: NDArray[np.uint8]
    radius: float

    @property
    def is_measured(self) -> NDArray[np.bool_]:
        """Nodes without a reason against them, shape (n_nodes,)."""
        return self.mask == 0

    @property
    def speed(self) -> NDArray:
        """m/s, shape (n_nodes,); NaN where masked."""
        speed = np.linalg.norm(self.vectors, axis=1)
        return np.where(self.is_measured, speed, np.nan)

    @property
    def resolution(self) -> NDArray:
        """Of the speed, m/s, shape (n_nodes,); NaN where masked.

        The share of LAT's spread that the fit leaves, of the speed: what the speed may
        be off if all of the misfit were slope.
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.speed * self.residual / self.spread

    def masked(self, reason: str) -> NDArray[np.bool_]:
        """Nodes for which one of the REASONS holds, shape (n_nodes,)."""
        if reason not in REASONS:
            raise ValueError(f'reason "{reason}"; expected one of {", ".join(REASONS)}')
        return (self.mask & REASONS[reason]) != 0


def default_radius(points: NDArray, blocks: Blocks) -> float:
    """R where none is given: three mean edges in volumes, four in areas and lines, mm.

    Raises:
        ValueError: the mesh has no edges.
    """
    edges = edges_of(blocks)
    if not len(edges):
        raise ValueError(
            "the nodes have no edges between them, and so no velocity; give the "
            "elements of tissue"
        )
    mean = np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1).mean()
    dimension = int(dimension_of_nodes(blocks, len(points)).max())
    return float(EDGES_IN_RADIUS[dimension] * mean)


def velocity_field(
    points: ArrayLike,
    blocks: Blocks,
    lat: ArrayLike,
    radius: float | None = None,
    *,
    order: int = 2,
    stimulated: ArrayLike | None = None,
    margin: float | None = None,
    slowest: float = SLOWEST,
    misfit: float | None = None,
) -> VelocityField:
    """Velocity at every node of a mesh or grid, from one LAT a node.

    Args:
        points: mm, shape (n_nodes, 3).
        blocks: elements, (shape, nodes) each; see mesh_graph.py.
        lat: of one wave, ms, shape (n_nodes,); NaN where a node did not activate.
        radius: R, mm; `default_radius` by default.
        order: 2 fits parabolas, 1 planes.
        stimulated: whether each node was, shape (n_nodes,).
        margin: mm; R by default where there are areas or lines only. In volumes 0,
            as a wall has nothing else but nodes near its surface.
        slowest: m/s, of "block".
        misfit: share, of "misfit"; by default 0.03 of parabolas and 0.1 of planes. LAT
            from coarse samples needs more, or a larger radius.

    Raises:
        ValueError: shapes that do not fit, a radius within which there are no
            neighbours, an order other than 1 and 2.
    """
    points, lat = _checked(points, lat)
    if order not in (1, 2):
        raise ValueError(f"order {order}; expected 1, a plane, or 2, a parabola")
    radius = default_radius(points, blocks) if radius is None else float(radius)
    edges = edges_of(blocks)
    dimension = dimension_of_nodes(blocks, len(points))
    lengths = np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1)
    if not radius > lengths.min(initial=np.inf):
        raise ValueError(
            f"radius {radius:g} mm holds no neighbours: the shortest edge is "
            f"{lengths.min(initial=np.inf):g} mm; take three edges or more"
        )
    misfit = MISFIT[order] if misfit is None else misfit
    rim = rim_nodes(blocks, len(points))
    if margin is None:
        margin = radius if dimension.max() < 3 else 0.0
    seeds = _seeds(edges, lengths, lat, rim, stimulated, slowest)
    n_nodes = len(points)
    slope = np.full((n_nodes, 3), np.nan)
    curvature, residual, spread = (np.full(n_nodes, np.nan) for _ in range(3))
    mask = np.zeros(n_nodes, dtype=np.uint8)
    for centres, near in neighbourhoods(points, edges, radius):
        mask[centres] |= np.bitwise_or.reduceat(seeds[near.nodes], near.begins[:-1])
        for size in np.unique(dimension[centres]):
            chosen = dimension[centres] == size
            own = centres[chosen]
            if size == 0:
                mask[own] |= REASONS["too_few"]
                continue
            rows = _rows(near, chosen)
            fit = local_fits(points, lat, radius, own, rows, int(size), order)
            slope[own], curvature[own] = fit.slope, fit.curvature
            residual[own], spread[own] = fit.residual, fit.spread
            mask[own[fit.too_few]] |= REASONS["too_few"]
            mask[own[np.abs(fit.offset) > ONE_SIDED]] |= REASONS["boundary"]
    with np.errstate(invalid="ignore", divide="ignore"):
        mask[residual > misfit * spread] |= REASONS["misfit"]
        mask[curvature * radius < -CONCAVE] |= REASONS["collision"]
        vectors = slope / np.einsum("ij,ij->i", slope, slope)[:, None]
    if margin > 0.0 and rim.any():
        from scipy.spatial import cKDTree

        away = cKDTree(points[rim]).query(points)[0]
        mask[away < margin * (1.0 - 1e-9)] |= REASONS["boundary"]
    mask[~np.isfinite(lat)] = REASONS["not_activated"]
    vectors[~np.isfinite(vectors).all(axis=1)] = np.nan
    return VelocityField(vectors, curvature, residual, spread, mask, radius)


def _checked(points: ArrayLike, lat: ArrayLike) -> tuple[NDArray, NDArray]:
    points, lat = np.asarray(points, dtype=float), np.asarray(lat, dtype=float)
    if points.ndim != 2 or points.shape[1] != 3 or lat.shape != points.shape[:1]:
        raise ValueError(
            f"points have shape {points.shape} and lat {lat.shape}; expected "
            "(n_nodes, 3) and (n_nodes,): pass the activation of one beat"
        )
    return points, lat


def _seeds(
    edges: NDArray,
    lengths: NDArray,
    lat: NDArray,
    rim: NDArray[np.bool_],
    stimulated: ArrayLike | None,
    slowest: float,
) -> NDArray[np.uint8]:
    """Reasons that a node gives to all within R of it, as bits, shape (n_nodes,)."""
    seeds = np.zeros(len(lat), dtype=np.uint8)
    active = np.isfinite(lat)
    both = active[edges].all(axis=1)
    edges, lengths = edges[both], lengths[both]
    first, second = edges.T
    later = lat[second] - lat[first]
    # What is equal to rounding is neither earlier nor later.
    same = 1e-9 * max(1.0, float(np.abs(lat[active]).max(initial=0.0)))
    has_earlier, has_later = (np.zeros(len(lat), dtype=bool) for _ in range(2))
    has_earlier[second[later > same]] = has_later[first[later > same]] = True
    has_earlier[first[later < -same]] = has_later[second[later < -same]] = True
    seeds[active & ~has_earlier] |= REASONS["source"]
    # A wave that leaves the tissue does not collide with anything.
    seeds[active & ~has_later & ~rim] |= REASONS["collision"]
    jumps = np.abs(later) > lengths / slowest
    seeds[edges[jumps].ravel()] |= REASONS["block"]
    if stimulated is not None:
        seeds[np.asarray(stimulated, dtype=bool)] |= REASONS["stimulus"]
    return seeds


def _rows(near: Neighbours, chosen: NDArray[np.bool_]) -> Neighbours:
    """Neighbours of some of the nodes."""
    if chosen.all():
        return near
    _, nodes = near.of(np.flatnonzero(chosen))
    counts = np.diff(near.begins)[chosen]
    return Neighbours(np.concatenate([[0], counts.cumsum()]), nodes)
