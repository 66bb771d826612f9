"""Regular grids of nodes in one, two or three dimensions, with or without holes.

Nodes are numbered x fastest, then y, then z; elements likewise. A node that belongs to
no element of the grid (it lies inside a hole) has no number in the mesh.
"""

from __future__ import annotations

import itertools
import math
import os
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

MOST_NODES = 2**31 - 1  # whose numbers are 32-bit


@dataclass(frozen=True, eq=False)
class Grid:
    """Nodes at equal distances along each axis, from the origin.

    Attributes:
        shape: number of nodes along x, (y, (z)).
        size: extent along each axis, mm.
        present: elements that are there, x fastest, shape (n_grid_elements,); None
            if all are.
    """

    shape: tuple[int, ...]
    size: tuple[float, ...]
    present: NDArray[np.bool_] | None = None

    @classmethod
    def fit(
        cls, kind: str, size: tuple[float, ...], spacing: tuple[float, ...]
    ) -> Grid:
        """Return the grid of this size, mm, with nodes `spacing`, mm, apart.

        Raises:
            ValueError: a size is no whole multiple of its spacing; names the nearest.
                Or there are more nodes than fit into memory.
        """
        shape = tuple(
            _intervals(kind, axis, length, dx) + 1
            for axis, length, dx in zip("xyz", size, spacing, strict=False)
        )
        _check_count(kind, shape)
        return cls(shape, tuple(map(float, size)))

    @property
    def dimension(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def spacing(self) -> tuple[float, ...]:
        """Distance of neighbouring nodes along each axis, mm."""
        return tuple(s / (n - 1) for s, n in zip(self.size, self.shape, strict=True))

    @property
    def n_grid_nodes(self) -> int:
        """Number of nodes with those in holes."""
        return math.prod(self.shape)

    @cached_property
    def grid_nodes(self) -> NDArray[np.intp] | None:
        """Number in the whole grid of each node of the mesh; None without holes."""
        if self.present is None:
            return None
        used = np.zeros(self.n_grid_nodes, dtype=bool)
        used[self._corners()[self.present]] = True
        return np.flatnonzero(used)

    def without(self, inside: NDArray[np.bool_]) -> Grid:
        """Return the grid without some of its elements, a mask over those present."""
        present = np.ones(math.prod(n - 1 for n in self.shape), dtype=bool)
        if self.present is not None:
            present = self.present.copy()
        present[np.flatnonzero(present)[inside]] = False
        return replace(self, present=present)

    def points(self) -> NDArray[np.float64]:
        """Positions of the nodes, mm, shape (n_nodes, 3)."""
        # Multiplying first keeps round positions round: node 20 of 200 sits at 2.0.
        axes = [
            np.arange(n) * length / (n - 1)
            for n, length in zip(self.shape, self.size, strict=True)
        ]
        points = np.zeros((self.n_grid_nodes, 3))
        for axis, positions in enumerate(np.meshgrid(*axes, indexing="ij")):
            points[:, axis] = positions.ravel(order="F")
        return points if self.grid_nodes is None else points[self.grid_nodes]

    def element_nodes(self) -> NDArray[np.int32]:
        """Nodes of each element, counter-clockwise, bottom before top.

        Returns:
            Shape (n_elements, 2), (n_elements, 4) or (n_elements, 8).
        """
        # Corners come with x fastest; the far edge of a square runs back.
        order = {1: [0, 1], 2: [0, 1, 3, 2], 3: [0, 1, 3, 2, 4, 5, 7, 6]}
        corners = self._corners()[:, order[self.dimension]]
        if self.present is None:
            return corners
        numbers = np.full(self.n_grid_nodes, -1, dtype=np.int32)
        numbers[self.grid_nodes] = np.arange(len(self.grid_nodes))
        return numbers[corners[self.present]]

    def _corners(self) -> NDArray[np.int32]:
        """Corners of every element of the whole grid, x fastest, (n, 2**dimension)."""
        strides = np.cumprod([1, *self.shape[:-1]])
        axes = [np.arange(n - 1) * s for n, s in zip(self.shape, strides, strict=True)]
        first = sum(np.meshgrid(*axes, indexing="ij")).ravel(order="F")
        offsets = [
            sum(s for s, is_far in zip(strides, reversed(far), strict=True) if is_far)
            for far in itertools.product((0, 1), repeat=self.dimension)
        ]
        return (first[:, np.newaxis] + np.array(offsets)).astype(np.int32)


def _check_count(kind: str, shape: tuple[int, ...]) -> None:
    """Check that positions and elements of a grid have a place in memory."""
    n_nodes = math.prod(shape)
    # Three positions of 8 bytes a node, 2^d node numbers of 4 bytes an element.
    size = n_nodes * (24 + 4 * 2 ** len(shape))
    memory = _memory()
    if n_nodes > MOST_NODES or size > memory:
        there = f"{memory / 1e9:.3g} GB are there" if memory < math.inf else "too much"
        raise ValueError(
            f"{kind} of {' x '.join(map(str, shape))} = {n_nodes:.3g} nodes, at most "
            f"{MOST_NODES:.2g} have numbers; its mesh alone takes {size / 1e9:.3g} GB "
            f"({there}); use a larger dx or a smaller size"
        )


def _memory() -> float:
    """Memory of the machine, bytes; infinite where it is not told."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):
        return math.inf


def _intervals(kind: str, axis: str, length: float, dx: float) -> int:
    """How many times dx goes into a length."""
    what = {"cable": "length"}.get(kind, f"size along {axis}")
    if not (0.0 < dx < math.inf and 0.0 < length < math.inf):
        raise ValueError(
            f"{kind} of {what} {length:g} mm with dx {dx:g} mm; "
            "both must be positive and finite"
        )
    count = round(length / dx)
    if count < 1 or abs(length / dx - count) > 1e-6:
        below, above = max(1, math.floor(length / dx)), max(2, math.ceil(length / dx))
        raise ValueError(
            f"{kind} {what} {length:g} mm is no whole multiple of dx {dx:g} mm; "
            f"use {below * dx:.9g} or {above * dx:.9g} mm, "
            f"or dx {length / below:.9g} or {length / above:.9g} mm"
        )
    return count
