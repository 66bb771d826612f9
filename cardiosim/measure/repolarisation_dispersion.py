"""How unevenly tissue repolarises: how wide the times spread, and how steep they are.

    range      latest minus earliest repolarisation
    deviation  standard deviation over the nodes
    middle     between the 5th and the 95th percentile of the nodes, which one odd node
               does not change
    gradient   |grad| of the time in each element, from the plane through its vertices;
               its largest value, and its 95th percentile over the elements

Nodes count alike, whatever area or volume is theirs. A gradient within one element has
no resolution below the element: next to a line of block it grows as the mesh is
refined, as there is a jump, and is then a mark of the jump alone.

Reference: Coronel et al. 2009, Heart Rhythm 6:537 (range against gradient, and
that re-entry asks for the gradient).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

PERCENTILES = (5.0, 95.0)
CHUNK = 200_000  # elements at once


@dataclass(frozen=True)
class Dispersion:
    """Spread of one time or duration over tissue; NaN where too few nodes have it.

    Attributes:
        share: of the nodes that have it.
        range: ms.
        deviation: ms.
        middle: ms, from the 5th to the 95th percentile.
        gradient_max: ms/mm.
        gradient_95: ms/mm.
        place: middle of the element with the largest gradient, mm, shape (3,).
    """

    share: float
    range: float
    deviation: float
    middle: float
    gradient_max: float
    gradient_95: float
    place: NDArray


def dispersion(
    points: ArrayLike,
    blocks: Sequence[tuple[str, NDArray[np.integer]]],
    values: ArrayLike,
) -> Dispersion:
    """Spread of values at nodes; definitions in the module.

    Args:
        points: of the nodes, mm, shape (n_nodes, 3).
        blocks: shape and node numbers, (n_elements, n_vertices), of the elements.
        values: repolarisation times, or durations, ms, shape (n_nodes,); NaN where a
            node has none, whose elements then have no gradient.

    Raises:
        ValueError: shapes do not fit.
    """
    points, values = np.asarray(points, dtype=float), np.asarray(values, dtype=float)
    if values.ndim != 1 or points.shape != (values.size, 3):
        raise ValueError(
            f"points have shape {points.shape} and values {values.shape}; expected "
            "(n_nodes, 3) and (n_nodes,)"
        )
    known = values[np.isfinite(values)]
    if not known.size:
        return Dispersion(0.0, *[math.nan] * 5, np.full(3, math.nan))
    low, high = np.percentile(known, PERCENTILES)
    sizes, places = gradients(points, blocks, values)
    steepest = 0 if not sizes.size else int(sizes.argmax())
    return Dispersion(
        known.size / values.size,
        float(np.ptp(known)),
        float(known.std()),
        float(high - low),
        float(sizes[steepest]) if sizes.size else math.nan,
        float(np.percentile(sizes, PERCENTILES[1])) if sizes.size else math.nan,
        places[steepest] if sizes.size else np.full(3, math.nan),
    )


def gradients(
    points: NDArray, blocks: Sequence[tuple[str, NDArray]], values: NDArray
) -> tuple[NDArray, NDArray]:
    """Size of the gradient in each element whose vertices all have a value.

    That of the plane which fits its vertices best, in the line or plane of the element.

    Args:
        points: mm, shape (n_nodes, 3).
        blocks: shape and node numbers of the elements.
        values: shape (n_nodes,).

    Returns:
        Per mm, shape (n,), and middles of the elements, mm, shape (n, 3).
    """
    sizes, places = [np.empty(0)], [np.empty((0, 3))]
    for _, nodes in blocks:
        if nodes.shape[1] < 2:
            continue
        nodes = nodes[np.isfinite(values[nodes]).all(axis=1)]
        for first in range(0, len(nodes), CHUNK):
            part = nodes[first : first + CHUNK]
            middle = points[part].mean(axis=1)
            offsets = points[part] - middle[:, np.newaxis]
            away = values[part] - values[part].mean(axis=1)[:, np.newaxis]
            # The least solution: no slope across a line or an area.
            slope = np.einsum("eia,ea->ei", np.linalg.pinv(offsets, rcond=1e-9), away)
            sizes.append(np.linalg.norm(slope, axis=1))
            places.append(middle)
    return np.concatenate(sizes), np.concatenate(places)
