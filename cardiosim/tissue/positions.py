"""Nodes at positions in space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from cardiosim.tissue.mesh import Mesh

# Edges of the elements around a node that a position may lie away from it, elsewhere
# than in grids: inside an element it is one at the most, and hands are not steady.
EDGES = 3.0

Positions = Sequence[float | Sequence[float]]


def nearest_nodes(
    points: NDArray[np.float64], positions: Positions
) -> NDArray[np.intp]:
    """Number of the node nearest to each position, however far away it is.

    Args:
        points: of the mesh, mm, shape (n_nodes, 3).
        positions: mm: numbers along x, or x, (y, (z)); the rest is 0.

    Returns:
        Shape (n_positions,).

    Raises:
        ValueError: a position has no number, or more than three.
    """
    found = []
    for given in positions:
        away = points - _placed(given)
        found.append(int(np.einsum("ij,ij->i", away, away).argmin()))
    return np.array(found, dtype=np.intp)


def nodes_at(mesh: Mesh, positions: Positions) -> NDArray[np.intp]:
    """Number of the node at each position of a mesh; see `nearest_nodes`.

    Raises:
        ValueError: the nearest node is farther away than the diagonal of a brick of a
            grid, or than EDGES of the longest edge around it in other meshes.
    """
    nodes = nearest_nodes(mesh.points, positions)
    for given, node in zip(positions, nodes, strict=True):
        position = _placed(given)
        distance = float(np.linalg.norm(mesh.points[node] - position))
        if distance > _reach(mesh, node) * (1.0 + 1e-9):
            raise ValueError(_far_away(mesh, given, position, node, distance))
    return nodes


def _placed(given: float | Sequence[float]) -> NDArray[np.float64]:
    """A position with three coordinates, mm."""
    numbers = np.atleast_1d(np.asarray(given, dtype=float))
    if not 1 <= numbers.size <= 3:
        raise ValueError(
            f"position {given} has {numbers.size} numbers; give x, y and z in mm"
        )
    position = np.zeros(3)
    position[: numbers.size] = numbers
    return position


def _reach(mesh: Mesh, node: int) -> float:
    """How far a position may lie from its node, mm."""
    if mesh.grid is not None:
        return float(np.linalg.norm(mesh.grid.spacing))
    longest = 0.0
    for block in mesh.blocks:
        around = block.nodes[(block.nodes == node).any(axis=1)]
        for vertices in around.T:
            edges = mesh.points[vertices] - mesh.points[node]
            longest = max(longest, np.linalg.norm(edges, axis=1).max(initial=0.0))
    return EDGES * float(longest)


def _far_away(
    mesh: Mesh,
    given: float | Sequence[float],
    position: NDArray[np.float64],
    node: int,
    distance: float,
) -> str:
    text = ", ".join(f"{number:g}" for number in np.atleast_1d(given))
    place = ", ".join(f"{x:.4g}" for x in mesh.points[node])
    nearest = f"the nearest node, {node} at ({place}) mm, is {distance:.3g} mm away"
    low, high = mesh.points.min(axis=0), mesh.points.max(axis=0)
    if ((position >= low) & (position <= high)).all():
        return f"{text} mm is no place of the mesh; {nearest}"
    box = ", ".join(
        f"{a:g} <= {axis} <= {b:g} mm" if b > a else f"{axis} = {a:g} mm"
        for axis, a, b in zip("xyz", low, high, strict=True)
    )
    return f"{text} mm is outside the mesh, which has {box}; {nearest}"
