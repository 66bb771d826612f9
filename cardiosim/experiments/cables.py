"""Cables side by side in one mesh of lines, each with its own dx and D: one run.

They are not coupled to each other, and are all excited at the same end. Velocities are
those of conduction_velocity.py, between 25 and 75 % of each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cardiosim.measure.conduction_velocity import NoConduction, conduction_velocity
from cardiosim.tissue.diffusion import ThetaRule
from cardiosim.tissue.discretisation import Operator, discretise, isotropic
from cardiosim.tissue.mesh import ElementBlock, Mesh

EXCITED = 2.0  # mm of each cable


@dataclass(frozen=True)
class Cables:
    """Cables side by side, all as long.

    Attributes:
        dx: of each, mm, shape (n_cables,).
        D: of each, mm2/ms.
        length: mm; each is the nearest whole number of its dx.
    """

    dx: tuple[float, ...]
    D: tuple[float, ...]
    length: float

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Nodes of each cable."""
        return tuple(round(self.length / dx) + 1 for dx in self.dx)

    @cached_property
    def slices(self) -> tuple[slice, ...]:
        """Where the nodes of each cable lie."""
        ends = np.cumsum([0, *self.sizes])
        return tuple(
            slice(int(a), int(b)) for a, b in zip(ends[:-1], ends[1:], strict=True)
        )

    @cached_property
    def mesh(self) -> Mesh:
        """One mesh of lines."""
        points = np.zeros((sum(self.sizes), 3))
        elements = []
        for k, part in enumerate(self.slices):
            n = self.sizes[k]
            points[part, 0] = self.dx[k] * np.arange(n)
            points[part, 1] = k  # mm apart, which couples nothing
            first = np.arange(n - 1, dtype=np.intp) + part.start
            elements.append(np.column_stack([first, first + 1]))
        return Mesh("mesh", points, (ElementBlock("line", np.concatenate(elements)),))

    def diffusion(self, consistent: float = 0.5, theta: float = 0.5) -> ThetaRule:
        """The theta-rule, Crank-Nicolson with half-lumped mass by default.

        Args:
            consistent: share of the consistent mass.
            theta: of the rule.
        """
        return ThetaRule(self.operator(consistent), theta, "direct")

    def operator(self, consistent: float = 0.5) -> Operator:
        """M and K, with some share of the consistent mass."""
        D = np.repeat(self.D, [n - 1 for n in self.sizes])
        return discretise(self.mesh, isotropic(self.mesh, D), consistent)

    def begins(self, cables: NDArray[np.intp] | None = None) -> NDArray[np.intp]:
        """Nodes of the ends that are stimulated, of some cables or of all."""
        x = self.mesh.points[:, 0] <= EXCITED + 1e-9
        if cables is None:
            return np.flatnonzero(x)
        chosen = np.zeros(self.mesh.n_nodes, dtype=bool)
        for k in cables:
            chosen[self.slices[k]] = True
        return np.flatnonzero(x & chosen)

    def middles(self) -> list[slice]:
        """Nodes between 25 and 75 % of each cable."""
        quarters = [
            (p.start, n // 4) for p, n in zip(self.slices, self.sizes, strict=True)
        ]
        return [
            slice(start + quarter, start + 3 * quarter + 1)
            for start, quarter in quarters
        ]

    def velocities(self, lat: NDArray[np.float64]) -> NDArray[np.float64]:
        """Velocity in each cable, m/s, (n_cables,); NaN where no wave came through."""
        return np.array([self._velocity(part, lat) for part in self.slices])

    def _velocity(self, part: slice, lat: NDArray[np.float64]) -> float:
        try:
            return conduction_velocity(self.mesh.points[part, 0], lat[part])
        except NoConduction:
            return math.nan
