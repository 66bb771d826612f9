"""Grids as lines, triangles and tetrahedra with the same nodes.

Each brick is cut into the six tetrahedra between two opposite corners, one for each
order in which the three axes can be walked (a square into two triangles). All bricks
being cut alike, every node inside has the same neighbours and the same mass; the cut
into five tetrahedra, which alternates, gives neighbouring nodes masses of 1 to 5. One
diagonal for all would favour a direction, so it is mirrored at the middle of the grid
along each axis: on an even number of bricks the mesh is its own mirror image. Only on
the lines where two such planes meet do nodes have other neighbours than elsewhere.

Reference: Freudenthal 1942, doi:10.2307/1968813; Kuhn 1960, doi:10.1147/rd.45.0518.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cardiosim.tissue.mesh import ElementBlock, Mesh

_SHAPES = {1: "line", 2: "triangle", 3: "tetra"}


def simplices_of(mesh: Mesh, along: Sequence[float] | None = None) -> Mesh:
    """Return a cable, sheet or slab as a mesh of lines, triangles or tetrahedra.

    Args:
        mesh: with a grid, with or without holes.
        along: direction to whose side the diagonals of all bricks run, one number an
            axis; None mirrors them at the middle. Diagonals across oblique fibres
            make waves across these too fast, by tens of percent where dx is coarse.

    Returns:
        A mesh of kind "mesh": the same nodes; d! elements for one of the grid, one
        behind the other, which have its region, fibre and sheet.

    Raises:
        ValueError: the mesh has no grid.
    """
    if mesh.grid is None:
        raise ValueError(
            f'only grids are cut into simplices; a mesh of kind "{mesh.kind}" has none'
        )
    d = mesh.grid.dimension
    (block,) = mesh.blocks
    middle = np.array(mesh.grid.size) / 2.0
    beyond = mesh.centroids[:, :d] > middle
    if along is not None:
        beyond[:] = np.asarray(along[:d]) < 0.0
    walks = [_walk(order) for order in itertools.permutations(range(d))]
    nodes = np.empty((len(block), len(walks), d + 1), dtype=block.nodes.dtype)
    for octant in np.unique(beyond, axis=0):
        rows = np.flatnonzero((beyond == octant).all(axis=1))
        for number, (corners, is_even) in enumerate(walks):
            places = _place_of_corner(corners ^ octant)
            # Mirroring turns an element inside out, as an odd order of axes does.
            if is_even == bool(octant.sum() % 2):
                places[[-2, -1]] = places[[-1, -2]]
            nodes[rows, number] = block.nodes[rows][:, places]
    each = len(walks)
    repeated = {
        name: None if values is None else np.repeat(values, each, axis=0)
        for name in ("regions", "fibres", "sheets")
        for values in [getattr(mesh, name)]
    }
    return Mesh(
        "mesh",
        mesh.points,
        (ElementBlock(_SHAPES[d], nodes.reshape(-1, d + 1)),),
        region_names=mesh.region_names,
        node_sets=mesh.node_sets,
        thickness=mesh.thickness,
        cross_section=mesh.cross_section,
        **repeated,
    )


def _walk(order: tuple[int, ...]) -> tuple[NDArray[np.bool_], bool]:
    """Corners on the way to the far one along the axes in this order; is it even?"""
    corners = np.zeros((len(order) + 1, len(order)), dtype=bool)
    for step, axis in enumerate(order):
        corners[step + 1 :, axis] = True
    is_even = np.linalg.det(np.eye(len(order))[list(order)]) > 0.0
    return corners, is_even


def _place_of_corner(corners: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Where in the element's list a corner stands: counter-clockwise, bottom first."""
    far = np.zeros((len(corners), 3), dtype=np.intp)
    far[:, : corners.shape[1]] = corners
    x, y, z = far.T
    return np.where(y == 1, 3 - x, x) + 4 * z
