"""Polynomials fitted to activation times (LAT) around nodes, by weighted least squares.

    LAT(d) = T + g.d + d.H.d/2        d from the node, |d| < R;  H = 0: a plane

with weights (1 - |d|^2/R^2)^2. In an area d lies in the tangent plane of the
neighbourhood, with its length in space; in a line along its tangent. What the
neighbours do not determine is 0: the slope across a line of nodes, the curvature across
a wall that is one element thick.

Reference: Bayly et al. 1998, IEEE Trans Biomed Eng 45:563, doi 10.1109/10.668746, who
fit quadratic polynomials to the LAT of electrodes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cardiosim.measure.mesh_graph import Neighbours

FLAT = 1e-3  # of R^2, least variance of the neighbours' places in any direction
# Of the weights: coefficients that neighbours do not determine are 0, others as if
# there were none; curvature gives way to slope.
RIDGE_OF_SLOPE, RIDGE_OF_CURVATURE = 1e-10, 1e-7

Total = Callable[[NDArray], NDArray]  # sums over the neighbours of each node


@dataclass(frozen=True, eq=False)
class LocalFits:
    """Polynomials around some nodes.

    Attributes:
        slope: g, ms/mm, shape (n, 3); NaN, as all else, where nothing was fitted.
        curvature: div g/|g|, 1/mm, shape (n,); NaN of planes.
        residual: weighted root mean square of LAT minus the fit, ms, shape (n,).
        spread: standard deviation of LAT, weighted likewise, ms, shape (n,).
        too_few: fewer known values than coefficients, or all in a line, shape (n,).
        offset: from the node to the middle of its neighbours, along the slope, in
            units of the radius, shape (n,).
    """

    slope: NDArray
    curvature: NDArray
    residual: NDArray
    spread: NDArray
    too_few: NDArray[np.bool_]
    offset: NDArray


def local_fits(
    points: NDArray,
    lat: NDArray,
    radius: float,
    centres: NDArray,
    near: Neighbours,
    dimension: int,
    order: int,
) -> LocalFits:
    """Fit LAT around nodes that all lie in lines, in areas or in volumes.

    Args:
        points: mm, shape (n_nodes, 3).
        lat: ms, shape (n_nodes,), NaN where unknown.
        radius: mm.
        centres: nodes around which to fit, shape (n,).
        near: their neighbours within the radius, themselves among them.
        dimension: 1, 2 or 3.
        order: 1, planes, or 2, parabolas.
    """
    begins = near.begins[:-1]
    place = np.repeat(np.arange(len(centres)), np.diff(near.begins))

    def total(values: NDArray) -> NDArray:
        return np.add.reduceat(values, begins)

    away = (points[near.nodes] - points[centres][place]) / radius
    weight = np.maximum(1.0 - np.einsum("ij,ij->i", away, away), 0.0) ** 2
    axes = _axes(away, weight, total, place, dimension)
    d = _unrolled(away, axes, place)
    known = np.isfinite(lat[near.nodes])
    weight = np.where(known, weight, 0.0)
    # LAT from that of the node on: of a late wave no digits are lost.
    late = np.where(known, lat[near.nodes] - lat[centres][place], 0.0)
    terms = [np.ones(len(d)), *d.T]
    if order == 2:
        pairs = [(a, b) for a in range(dimension) for b in range(a, dimension)]
        terms += [d[:, a] * d[:, b] for a, b in pairs]
    n_terms = len(terms)
    matrix = np.empty((len(centres), n_terms, n_terms))
    right = np.empty((len(centres), n_terms))
    for i, one in enumerate(terms):
        weighted = weight * one
        right[:, i] = total(weighted * late)
        for j in range(i, n_terms):
            matrix[:, i, j] = matrix[:, j, i] = total(weighted * terms[j])
    weights = matrix[:, 0, 0].copy()
    ridge = np.full(n_terms, RIDGE_OF_CURVATURE)
    ridge[0], ridge[1 : dimension + 1] = 0.0, RIDGE_OF_SLOPE
    matrix[:, range(n_terms), range(n_terms)] += ridge * weights[:, None]
    mean_place = matrix[:, 0, 1 : dimension + 1] / np.maximum(weights, 1e-300)[:, None]
    count = total((weight > 0.0).astype(float))
    few = (count <= n_terms) | ~np.isfinite(lat[centres])
    few |= _is_flat(matrix, mean_place, weights, dimension)
    matrix[few], right[few] = np.eye(n_terms), 0.0
    found = np.linalg.solve(matrix, right[:, :, None])[:, :, 0]
    left = late - sum(found[place, i] * term for i, term in enumerate(terms))
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total(weight * late) / weights
        residual = np.sqrt(total(weight * left**2) / weights)
        variance = total(weight * late**2) / weights - mean**2
        slope = found[:, 1 : dimension + 1]
        offset = np.einsum("ij,ij->i", mean_place, slope)
        offset /= np.linalg.norm(slope, axis=1)
    gradient = np.einsum("ij,ijk->ik", slope, axes) / radius
    curvature = _curvature(slope, found[:, dimension + 1 :]) / radius
    gradient[few], residual[few], curvature[few] = np.nan, np.nan, np.nan
    spread = np.sqrt(np.maximum(variance, 0.0))
    return LocalFits(gradient, curvature, residual, spread, few, offset)


def _curvature(slope: NDArray, second: NDArray) -> NDArray:
    """Return div g/|g| = (tr H - n.H.n)/|g| in units of 1/R, shape (n,).

    Args:
        slope: (n, dimension).
        second: coefficients of the squares and products, as `local_fits` orders them.
    """
    n, dimension = slope.shape
    if not second.shape[1]:
        return np.full(n, np.nan)
    hessian = np.empty((n, dimension, dimension))
    column = 0
    for a in range(dimension):
        for b in range(a, dimension):
            hessian[:, a, b] = hessian[:, b, a] = second[:, column]
            column += 1
        hessian[:, a, a] *= 2.0
    length = np.linalg.norm(slope, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        along = np.einsum("ij,ijk,ik->i", slope, hessian, slope) / length**2
        return (np.trace(hessian, axis1=1, axis2=2) - along) / length


def _axes(
    away: NDArray, weight: NDArray, total: Total, place: NDArray, dimension: int
) -> NDArray:
    """Unit vectors along which a neighbourhood extends, shape (n, dimension, 3)."""
    n = int(place[-1]) + 1
    if dimension == 3:
        return np.broadcast_to(np.eye(3), (n, 3, 3))
    mean = np.column_stack([total(weight * x) for x in away.T]) / total(weight)[:, None]
    spread = np.empty((n, 3, 3))
    centred = away - mean[place]
    for i in range(3):
        for j in range(i, 3):
            spread[:, i, j] = spread[:, j, i] = total(
                weight * centred[:, i] * centred[:, j]
            )
    _, vectors = np.linalg.eigh(spread)  # columns, the least extended first
    return vectors[:, :, 3 - dimension :].transpose(0, 2, 1)


def _unrolled(away: NDArray, axes: NDArray, place: NDArray) -> NDArray:
    """Places along the axes, as far from the node as in space, (n_pairs, dimension)."""
    flat = np.einsum("ij,ikj->ik", away, axes[place])
    length = np.linalg.norm(flat, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        stretch = np.linalg.norm(away, axis=1) / length
    # What stands upright on the tangent plane has no direction in it.
    return flat * np.where(length > 0.0, np.minimum(stretch, 2.0), 1.0)[:, None]


def _is_flat(
    matrix: NDArray, mean: NDArray, weights: NDArray, dimension: int
) -> NDArray[np.bool_]:
    """Whether the activated neighbours determine no slope in some direction."""
    part = slice(1, dimension + 1)
    second = matrix[:, part, part] / np.maximum(weights, 1e-300)[:, None, None]
    spread = second - mean[:, :, None] * mean[:, None, :]
    spread[~np.isfinite(spread)] = 0.0
    return np.linalg.eigvalsh(spread)[:, 0] < FLAT
