"""Meshes: where the nodes are and which of them are neighbours."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Mesh:
    """Nodes, and the elements between them.

    Attributes:
        kind: "point" (uncoupled nodes) or "cable" (a line along x).
        points: node positions, mm, shape (n_nodes, 3).
        elements: node numbers of each element, shape (n_elements, n_vertices).
        spacing: distance of neighbouring nodes, mm; None where there is not one.
    """

    kind: str
    points: NDArray[np.float64]
    elements: NDArray[np.intp]
    spacing: float | None = None

    @property
    def n_nodes(self) -> int:
        """Number of nodes."""
        return len(self.points)


def point(count: int = 1) -> Mesh:
    """Return `count` uncoupled nodes at the origin: single cells."""
    if count < 1:
        raise ValueError(
            f"a point mesh of {count} nodes was asked for; give one or more"
        )
    nodes = np.arange(count, dtype=np.intp)
    return Mesh("point", np.zeros((count, 3)), nodes[:, np.newaxis])


def cable(length: float, dx: float) -> Mesh:
    """Return a cable from x = 0 to x = `length` with nodes `dx` apart.

    Args:
        length: mm, a whole multiple of dx.
        dx: mm.
    """
    if not (0.0 < dx < math.inf and 0.0 < length < math.inf):
        raise ValueError(
            f"cable of length {length:g} mm with dx {dx:g} mm; "
            "both must be positive and finite"
        )
    count = round(length / dx)
    if count < 1 or abs(length / dx - count) > 1e-6:
        below, above = max(1, math.floor(length / dx)), max(2, math.ceil(length / dx))
        raise ValueError(
            f"cable length {length:g} mm is no whole multiple of dx {dx:g} mm; "
            f"use length {below * dx:.9g} or {above * dx:.9g} mm, "
            f"or dx {length / below:.9g} or {length / above:.9g} mm"
        )
    nodes = np.arange(count + 1, dtype=np.intp)
    points = np.zeros((count + 1, 3))
    # Multiplying first keeps round positions round: node 20 of 200 sits at 2.0.
    points[:, 0] = nodes * length / count
    elements = np.column_stack((nodes[:-1], nodes[1:]))
    return Mesh("cable", points, elements, spacing=length / count)
