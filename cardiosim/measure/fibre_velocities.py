"""Velocity along and across the fibres, from a velocity field and the fibres.

Where diffusion is D = D_l f f^T + D_t (1 - f f^T), a plane front with the normal n runs
at a velocity in proportion to sqrt(n.D.n), so that

    v(phi)^2 = v_l^2 cos^2 phi + v_t^2 sin^2 phi        phi from the fibre f to n

a straight line in cos^2 phi, which is fitted to v^2 by least squares. phi is the angle
of the front's *normal*, as |v| = 1/|grad LAT| is its speed along the normal. (The form
1/v^2 = cos^2/v_l^2 + sin^2/v_t^2 is that of the distance from a point over the time to
come there, along rays; it is another function of another angle.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cardiosim.measure.mesh_graph import Blocks

LEAST_SPAN = 0.2  # of cos^2 phi, from its 5th to its 95th percentile
LEAST_NODES = 20


@dataclass(frozen=True)
class FibreVelocities:
    """Velocities of plane fronts along and across the fibres.

    Attributes:
        longitudinal: v_l, m/s; NaN, as the others, where fronts do not run at angles
            different enough, or where the line falls below 0.
        transverse: v_t, m/s.
        residual: root mean square of |v| minus the fit, m/s.
        span: 5th and 95th percentile of cos^2 phi.
    """

    longitudinal: float
    transverse: float
    residual: float
    span: tuple[float, float]

    @property
    def ratio(self) -> float:
        """v_l/v_t."""
        return self.longitudinal / self.transverse


def fibre_cosines(
    vectors: ArrayLike, blocks: Blocks, fibres: ArrayLike
) -> NDArray[np.float64]:
    """cos^2 of the angle between velocities and fibres at each node.

    Args:
        vectors: at the nodes, m/s, shape (n_nodes, 3).
        blocks: elements, (shape, nodes) each.
        fibres: unit vectors in the elements, one block behind the other, shape
            (n_elements, 3); 0 where there is none.

    Returns:
        Shape (n_nodes,), n.<f f^T>.n, the mean over the elements around the node; NaN
        where there is no velocity or no fibre.
    """
    vectors, fibres = np.asarray(vectors, dtype=float), np.asarray(fibres, dtype=float)
    with np.errstate(invalid="ignore", divide="ignore"):
        normals = vectors / np.linalg.norm(vectors, axis=1)[:, None]
    total, count = np.zeros(len(vectors)), np.zeros(len(vectors))
    has_fibre = np.linalg.norm(fibres, axis=1) > 0.5
    begin = 0
    for _, nodes in blocks:
        own = slice(begin, begin + len(nodes))
        begin += len(nodes)
        for corner in nodes.T:
            cosines = np.einsum("ij,ij->i", normals[corner], fibres[own])
            np.add.at(total, corner, np.where(has_fibre[own], cosines**2, 0.0))
            np.add.at(count, corner, has_fibre[own])
    with np.errstate(invalid="ignore", divide="ignore"):
        return total / count


def fibre_velocities(speed: ArrayLike, cosines: ArrayLike) -> FibreVelocities:
    """Fit v^2 against cos^2 phi.

    Args:
        speed: m/s, shape (n_nodes,); NaN where not measured.
        cosines: cos^2 phi, shape (n_nodes,).
    """
    speed, cosines = np.asarray(speed, dtype=float), np.asarray(cosines, dtype=float)
    known = np.isfinite(speed) & np.isfinite(cosines)
    speed, cosines = speed[known], cosines[known]
    if speed.size < LEAST_NODES:
        return FibreVelocities(*[float("nan")] * 3, (float("nan"),) * 2)
    low, high = (float(x) for x in np.percentile(cosines, (5.0, 95.0)))
    if high - low < LEAST_SPAN:
        return FibreVelocities(*[float("nan")] * 3, (low, high))
    rise, foot = np.polyfit(cosines, speed**2, 1)
    if foot <= 0.0 or foot + rise <= 0.0:
        return FibreVelocities(*[float("nan")] * 3, (low, high))
    fitted = np.sqrt(np.maximum(foot + rise * cosines, 0.0))
    residual = float(np.sqrt(np.mean((speed - fitted) ** 2)))
    return FibreVelocities(
        float(np.sqrt(foot + rise)), float(np.sqrt(foot)), residual, (low, high)
    )
