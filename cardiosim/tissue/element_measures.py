"""Is an element flat or inside out? Signed measures of simplices, and their edges.

What finite_element.py assembles with has no sign; when an element is flat is said here
for both.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from cardiosim.tissue.mesh import ElementBlock, Mesh

# Measure over (longest edge)^dimension: 0.43 of an equilateral triangle, 0.12 of a
# regular tetrahedron. Rounding of coordinates leaves 1e-13 of a flat element; a flat
# one that was stored in single precision is a sliver.
DEGENERATE = 1e-10

_CHUNK = 1 << 17  # elements handled at a time, so that temporaries stay small


def edge_lengths(mesh: Mesh) -> tuple[float, float, float]:
    """Shortest, mean and longest edge, mm; an edge counts once for each element."""
    shortest, total, longest, count = np.inf, 0.0, 0.0, 0
    for block in mesh.blocks:
        for _, corners in _chunks(mesh.points, block):
            lengths = _edges(corners)
            shortest = min(shortest, float(lengths.min()))
            longest = max(longest, float(lengths.max()))
            total, count = total + float(lengths.sum()), count + lengths.size
    return shortest, total / max(count, 1), longest


def signed_measures(
    points: NDArray[np.float64], block: ElementBlock
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Length, area or volume of elements, and how far from flat they are.

    Args:
        points: mm, shape (n_nodes, 3).
        block: lines, triangles or tetrahedra.

    Returns:
        The measure, mm, mm2 or mm3, negative of a tetrahedron whose last node lies
        behind the first three; it over (longest edge)^dimension; each (n_elements,).
    """
    measure, quality = np.empty(len(block)), np.empty(len(block))
    for part, corners in _chunks(points, block):
        a, *others = np.moveaxis(corners, 1, 0)
        sides = [other - a for other in others]
        if block.shape == "line":
            found = np.linalg.norm(sides[0], axis=1)
        elif block.shape == "triangle":
            found = np.linalg.norm(np.cross(*sides), axis=1) / 2.0
        else:
            found = np.einsum("ij,ij->i", np.cross(sides[0], sides[1]), sides[2]) / 6.0
        measure[part] = found
        longest = _edges(corners).max(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            quality[part] = np.nan_to_num(found / longest**block.dimension)
    return measure, quality


def _chunks(
    points: NDArray[np.float64], block: ElementBlock
) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """Some elements after the other, with their corners, (n, n_vertices, 3)."""
    for first in range(0, len(block), _CHUNK):
        part = slice(first, min(first + _CHUNK, len(block)))
        yield part, points[block.nodes[part]]


def _edges(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lengths of the edges of simplices, (n_edges, n)."""
    pairs = itertools.combinations(range(corners.shape[1]), 2)
    return np.array(
        [np.linalg.norm(corners[:, j] - corners[:, i], axis=1) for i, j in pairs]
    )
