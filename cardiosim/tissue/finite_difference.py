"""Mass and stiffness of a cable: finite differences with no-flux ends.

    M dV/dt = -K V        D in mm2/ms, M in mm, K in mm/ms

The ends are half cells. K is the second difference with the flux D (V_i+1 - V_i) / dx
between neighbours and none through the ends, so its rows sum to zero. M blends the
lumped mass (classical finite differences) with the consistent mass of linear elements,

    M = (1 - a) M_lumped + a M_consistent,

which acts on cos(kx) as 1 - a (k dx)^2/6 + O((k dx)^4), while K acts on it as
D k^2 (1 - (k dx)^2/12 + O((k dx)^4)): a = 1/2 makes their quotient fourth order on a
uniform grid. It stays second order where D jumps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cardiosim.tissue.mesh import Mesh


@dataclass(frozen=True, eq=False)
class Tridiagonal:
    """A symmetric tridiagonal matrix.

    Attributes:
        diagonal: shape (n,).
        off_diagonal: entries beside the diagonal, shape (n - 1,).
    """

    diagonal: NDArray[np.float64]
    off_diagonal: NDArray[np.float64]

    def __matmul__(self, vector: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the product with a vector, shape (n,)."""
        product = self.diagonal * vector
        product[:-1] += self.off_diagonal * vector[1:]
        product[1:] += self.off_diagonal * vector[:-1]
        return product


def cable_mass(mesh: Mesh, consistent: float = 0.5) -> Tridiagonal:
    """Mass of a cable, mm.

    Args:
        mesh: a cable.
        consistent: the blend a, from 0 (lumped) to 1 (consistent).
    """
    dx = _spacing(mesh)
    if not 0.0 <= consistent <= 1.0:
        raise ValueError(
            f"mass blend {consistent:g} is outside 0 (lumped) to 1 (consistent); "
            "0.5 is fourth order on a uniform grid"
        )
    a = consistent
    # An element gives each of its ends dx/2 when lumped, dx/3 and dx/6 across if not.
    diagonal = _sum_over_elements(np.full(mesh.n_nodes - 1, dx * (1 / 2 - a / 6)))
    return Tridiagonal(diagonal, np.full(mesh.n_nodes - 1, dx * a / 6))


def cable_stiffness(mesh: Mesh, D: float | NDArray[np.float64]) -> Tridiagonal:
    """Stiffness of a cable, mm/ms.

    Args:
        mesh: a cable.
        D: diffusivity sigma / (chi C_m), mm2/ms, one number or shape (n_elements,).
    """
    dx = _spacing(mesh)
    D = np.broadcast_to(np.asarray(D, dtype=float), (mesh.n_nodes - 1,))
    if not np.all(np.isfinite(D) & (D >= 0.0)):
        raise ValueError(
            f"diffusivity D from {D.min():g} to {D.max():g} mm2/ms; "
            "it must be finite and not negative"
        )
    conductance = D / dx
    return Tridiagonal(_sum_over_elements(conductance), -conductance)


def _sum_over_elements(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum at each node the values of the elements that touch it."""
    diagonal = np.zeros(len(values) + 1)
    diagonal[:-1] += values
    diagonal[1:] += values
    return diagonal


def _spacing(mesh: Mesh) -> float:
    if mesh.kind != "cable" or mesh.spacing is None:
        raise ValueError(
            f'finite differences need a mesh of kind "cable", got "{mesh.kind}"; '
            "uncoupled nodes have no diffusion"
        )
    return mesh.spacing
