"""Conduction velocity along a cable from local activation times (LAT).

    CV = (x1 - x0)/(LAT(x1) - LAT(x0))

with x0 and x1 at given fractions of the cable, 25 % and 75 % unless told: far
enough from the stimulus and from the sealed end, where the front is not steady.
LAT is linear between nodes. mm/ms = m/s; positive when the wave runs to larger x.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


class NoConduction(ValueError):
    """No single wave crossed the measured part of the cable."""


@dataclass(frozen=True)
class ConductionFit:
    """Least-squares line LAT = intercept + x/velocity through the nodes."""

    velocity: float  # m/s
    intercept: float  # ms, LAT of the line at x = 0
    residual: float  # ms, root mean square of LAT minus the line


def conduction_velocity(
    x: ArrayLike, lat: ArrayLike, start: float = 0.25, stop: float = 0.75
) -> float:
    """Velocity of the wave between two fractions of the cable's length.

    Args:
        x: node positions along the cable, mm, shape (n_nodes,), in any order.
        lat: activation times of one beat, ms, shape (n_nodes,).
        start: fraction of the cable where the measurement begins.
        stop: fraction where it ends.

    Returns:
        Conduction velocity, m/s.

    Raises:
        NoConduction: a node that the measurement needs did not activate, or the
            activation does not run one way.
    """
    x, lat, x0, x1 = _measured_part(x, lat, start, stop)
    lat0, lat1 = np.interp([x0, x1], x, lat)
    return float((x1 - x0) / (lat1 - lat0))


def conduction_fit(
    x: ArrayLike, lat: ArrayLike, start: float = 0.25, stop: float = 0.75
) -> ConductionFit:
    """Least-squares line through the activation times of the same part.

    Arguments and errors as in `conduction_velocity`. A residual far above the
    sampling error of LAT says that the wave is not steady there.
    """
    x, lat, x0, x1 = _measured_part(x, lat, start, stop)
    inside = (x >= x0) & (x <= x1)
    if inside.sum() < 2:
        raise ValueError(
            f"only {inside.sum()} node lies between x = {x0:g} and {x1:g} mm; a line "
            "needs two: refine the mesh or widen start and stop"
        )
    centre = x[inside].mean()
    at_centre, slope = np.polynomial.polynomial.polyfit(
        x[inside] - centre, lat[inside], 1
    )
    line = at_centre + slope * (x[inside] - centre)
    return ConductionFit(
        velocity=float(1.0 / slope),
        intercept=float(at_centre - slope * centre),
        residual=float(np.sqrt(np.mean((lat[inside] - line) ** 2))),
    )


def _measured_part(
    x: ArrayLike, lat: ArrayLike, start: float, stop: float
) -> tuple[NDArray, NDArray, float, float]:
    """Nodes from the last at or before x0 to the first at or after x1."""
    x = np.asarray(x, dtype=float)
    lat = np.asarray(lat, dtype=float)
    if x.ndim != 1 or lat.shape != x.shape or x.size < 2:
        raise ValueError(
            f"x has shape {x.shape} and lat has shape {lat.shape}; expected the same "
            "(n_nodes,) with at least two nodes: pass the activation of one beat"
        )
    if not 0.0 <= start < stop <= 1.0:
        raise ValueError(
            f"start = {start:g} and stop = {stop:g}; expected fractions of the cable "
            "with 0 <= start < stop <= 1"
        )
    order = np.argsort(x, kind="stable")
    x, lat = x[order], lat[order]
    if np.any(np.diff(x) <= 0.0):
        raise ValueError(
            f"two nodes lie at x = {x[np.argmax(np.diff(x) <= 0.0)]:g} mm; a cable "
            "has one node at each position: select the nodes along one line first"
        )
    length = x[-1] - x[0]
    x0, x1 = x[0] + start * length, x[0] + stop * length
    # A node at 5.000000000000001 mm is the node at 5 mm.
    x0, x1 = _snap(x0, x, length), _snap(x1, x, length)
    first = int(np.searchsorted(x, x0, side="right")) - 1
    last = int(np.searchsorted(x, x1, side="left"))
    x, lat, order = (values[first : last + 1] for values in (x, lat, order))
    silent = np.flatnonzero(~np.isfinite(lat))
    if silent.size:
        k = silent[0]
        raise NoConduction(
            f"{silent.size} of the {x.size} nodes between x = {x[0]:g} and "
            f"{x[-1]:g} mm did not activate, the first of them node {order[k]} at "
            f"x = {x[k]:g} mm: run longer or stimulate more, or the wave is blocked"
        )
    if np.any(np.diff(lat) * np.sign(lat[-1] - lat[0]) <= 0.0):
        raise NoConduction(
            f"activation does not run one way between x = {x[0]:g} and {x[-1]:g} mm: "
            f"{_turn(x, lat)}; measure on one side of the stimulus and of a collision "
            "(start, stop)"
        )
    return x, lat, float(x0), float(x1)


def _turn(x: NDArray, lat: NDArray) -> str:
    """Where activation that does not run one way turns, or what it does instead."""
    early, late = sorted((lat[0], lat[-1]))
    source, collision = early - lat.min(), lat.max() - late
    if source <= 0.0 and collision <= 0.0:
        # No summit outside the range of the ends: it halts, or jumps back, within.
        k = int((np.diff(lat) * np.sign(lat[-1] - lat[0]) <= 0.0).argmax())
        return (
            f"LAT is {lat[k]:g} ms at x = {x[k]:g} mm and {lat[k + 1]:g} ms at "
            f"x = {x[k + 1]:g} mm"
        )
    summit = lat.min() if source > collision else lat.max()
    # A region that is stimulated whole activates at once; it turns in its middle.
    at = x[np.abs(lat - summit) <= 1e-9 * max(abs(summit), 1.0)]
    meaning = "it starts" if source > collision else "two waves meet"
    return f"it turns at x = {at.mean():g} mm (LAT {summit:g} ms), where {meaning}"


def _snap(position: float, x: NDArray, length: float) -> float:
    nearest = x[np.argmin(np.abs(x - position))]
    return nearest if abs(nearest - position) <= 1e-9 * length else position
