"""Nodes at positions in space."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def nearest_nodes(
    points: NDArray[np.float64],
    positions: Sequence[float | Sequence[float]],
    spacing: float | None = None,
) -> NDArray[np.intp]:
    """Number of the node nearest to each position.

    Args:
        points: of the mesh, mm, shape (n_nodes, 3).
        positions: mm: numbers along x, or x, (y, (z)); the rest is 0.
        spacing: of a grid, mm; a position may lie outside by half of it, outside other
            meshes by a hundredth of their extent.

    Returns:
        Shape (n_positions,).

    Raises:
        ValueError: a position has more than three numbers, or lies outside the mesh.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    slack = 0.01 * (high - low).max() if spacing is None else 0.5 * spacing
    found = []
    for given in positions:
        position = np.zeros(3)
        numbers = np.atleast_1d(np.asarray(given, dtype=float))
        if numbers.size > 3:
            raise ValueError(
                f"position {given} has {numbers.size} numbers; give x, y and z in mm"
            )
        position[: numbers.size] = numbers
        if (position < low - slack).any() or (position > high + slack).any():
            text = ", ".join(f"{number:g}" for number in numbers)
            raise ValueError(
                f"{text} mm is outside the mesh, which has "
                + ", ".join(
                    f"{a:g} <= {axis} <= {b:g} mm" if b > a else f"{axis} = {a:g} mm"
                    for axis, a, b in zip("xyz", low, high, strict=True)
                )
            )
        found.append(int(((points - position) ** 2).sum(axis=1).argmin()))
    return np.array(found, dtype=np.intp)
