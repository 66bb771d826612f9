"""The left atrium as an implicit surface: where it is, and where it is open.

    f(x) = 0        the wall,   f < 0 inside
    c(x) = 0        the rims;   wall with c < 0 is cut away

A body (ellipsoid and the vestibule of the mitral valve), four veins and an appendage
are joined by the smooth minimum of I. Quilez ("Smooth minimum", quadratic form), whose
third argument is about how far a fillet reaches. Axes: x to the patient's left, y to
the back, z to the head; mm; the origin is the centre of the body.

What is drawn after: Cabrera et al. 2014, doi:10.1155/2014/289720; Ho, Cabrera,
Sanchez-Quintana 2012, doi:10.1161/CIRCEP.111.962720. The sizes are round numbers of the
order of an adult's: body about 4 cm across, ostia of 14 to 17 mm. No patient is meant.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Opening:
    """A plane that cuts the wall open, near its axis only.

    Attributes:
        origin: on the axis, mm.
        direction: of the axis, outward, a unit vector.
        radius: of the vein; of the opening for the valve, mm.
        height: of the plane above the origin, mm.
        reach: how far from the axis the plane cuts, mm.
    """

    origin: Array
    direction: Array
    radius: float
    height: float
    reach: float

    def along(self, points: Array) -> Array:
        """Height above the origin, mm, shape (n,)."""
        return (points - self.origin) @ self.direction

    def across(self, points: Array) -> Array:
        """Distance from the axis, mm, shape (n,)."""
        offset = points - self.origin
        along = (offset @ self.direction)[:, np.newaxis]
        return np.linalg.norm(offset - along * self.direction, axis=1)

    def kept(self, points: Array) -> Array:
        """Negative where the plane cuts away."""
        return np.maximum(
            self.height - self.along(points), self.across(points) - self.reach
        )


def _unit(*vector: float) -> Array:
    return np.array(vector) / np.linalg.norm(vector)


def _vein(
    origin: tuple[float, ...], direction: Array, radius: float, length: float
) -> Opening:
    return Opening(np.array(origin), direction, radius, length, 1.7 * radius)


BODY = np.array([22.5, 19.5, 21.5])  # semi-axes, mm
VALVE = Opening(np.zeros(3), _unit(0.10, -0.52, -0.85), 15.0, 18.0, 18.5)
VESTIBULE = (6.0 * VALVE.direction, 18.5)  # centre and radius, mm
VEINS = {
    "left_superior_vein": _vein((15.5, 9.0, 12.0), _unit(0.80, 0.42, 0.43), 8.0, 13.0),
    "left_inferior_vein": _vein(
        (15.0, 12.0, -6.0), _unit(0.72, 0.68, -0.14), 7.0, 12.0
    ),
    "right_superior_vein": _vein(
        (-15.5, 6.5, 12.0), _unit(-0.86, 0.18, 0.48), 8.5, 12.0
    ),
    "right_inferior_vein": _vein(
        (-15.0, 11.5, -6.0), _unit(-0.70, 0.70, -0.15), 7.5, 11.0
    ),
}
OPENINGS = {"mitral_valve": VALVE, **VEINS}
# Centre line of the appendage and its radius, mm: neck, bend, lobe, tip.
APPENDAGE = np.array(
    [
        [12.0, -8.0, 9.0, 8.5],
        [23.5, -14.0, 11.0, 7.5],
        [30.0, -23.0, 8.0, 7.0],
        [29.0, -31.0, 1.0, 4.5],
    ]
)
BOX = np.array([[-45.0, -42.0, -32.0], [45.0, 36.0, 36.0]])  # mm, holds all of it


def wall(points: Array) -> Array:
    """Value of f, about the distance from the wall in mm, shape (n,)."""
    value = body(points)
    for vein in VEINS.values():
        start = vein.origin - 8.0 * vein.direction
        end = vein.origin + (vein.height + 6.0) * vein.direction
        value = _join(value, _cone(points, start, end, vein.radius, vein.radius), 7.0)
    return _join(value, appendage(points), 6.0)


def body(points: Array) -> Array:
    """The value of f for the body alone: ellipsoid and vestibule."""
    scaled = np.linalg.norm(points / BODY, axis=1)
    slope = np.maximum(np.linalg.norm(points / BODY**2, axis=1), 1e-12)
    centre, radius = VESTIBULE
    vestibule = np.linalg.norm(points - centre, axis=1) - radius
    return _join(scaled * (scaled - 1.0) / slope, vestibule, 6.0)


def appendage(points: Array) -> Array:
    """The value of f for the appendage alone."""
    parts = [
        _cone(points, start[:3], end[:3], start[3], end[3])
        for start, end in zip(APPENDAGE[:-1], APPENDAGE[1:], strict=True)
    ]
    value = parts[0]
    for part in parts[1:]:
        value = _join(value, part, 5.0)
    return value


def kept(points: Array) -> Array:
    """The value of c: negative where an opening cuts the wall away."""
    return np.min([opening.kept(points) for opening in OPENINGS.values()], axis=0)


def rim_of(points: Array) -> NDArray[np.intp]:
    """Which opening, in the order of OPENINGS, each point of a rim belongs to."""
    return np.argmin(
        [np.abs(opening.kept(points)) for opening in OPENINGS.values()], axis=0
    )


def normals(points: Array) -> Array:
    """Gradient of f by central differences, shape (n, 3)."""
    h = 1e-4
    steps = h * np.eye(3)
    columns = [(wall(points + step) - wall(points - step)) / (2 * h) for step in steps]
    return np.stack(columns, axis=1)


def on_wall(points: Array, steps: int = 4) -> Array:
    """Move points onto the wall along its normal (Newton)."""
    for _ in range(steps):
        gradient = normals(points)
        squared = np.sum(gradient**2, axis=1)
        points = points - (wall(points) / squared)[:, np.newaxis] * gradient
    return points


def on_rim(points: Array, rims: NDArray[np.intp], steps: int = 6) -> Array:
    """Move points onto the rim of their opening: on the wall and in its plane."""
    openings = list(OPENINGS.values())
    directions = np.array([opening.direction for opening in openings])[rims]
    heights = np.array([o.height + o.origin @ o.direction for o in openings])[rims]
    for _ in range(steps):
        off_plane = np.sum(points * directions, axis=1) - heights
        points = points - off_plane[:, np.newaxis] * directions
        gradient = normals(points)
        gradient -= np.sum(gradient * directions, axis=1)[:, np.newaxis] * directions
        squared = np.sum(gradient**2, axis=1)
        points = points - (wall(points) / squared)[:, np.newaxis] * gradient
    return points


def _join(one: Array, other: Array, reach: float) -> Array:
    overlap = np.maximum(reach - np.abs(one - other), 0.0) / reach
    return np.minimum(one, other) - overlap**2 * reach / 4.0


def _cone(points: Array, start: Array, end: Array, first: float, last: float) -> Array:
    axis = end - start
    along = np.clip((points - start) @ axis / (axis @ axis), 0.0, 1.0)
    offset = points - start - along[:, np.newaxis] * axis
    return np.linalg.norm(offset, axis=1) - (first + (last - first) * along)
