"""Theta-rule step of the diffusion half of the monodomain equation.

    M dV/dt = -K V                                     no-flux boundary

    (M + theta dt K) V_new = (M - (1 - theta) dt K) V_old

theta = 1/2 is Crank-Nicolson (second order), 1 backward Euler, 0 with a lumped mass
the explicit step. Solved for the change of V,

    (M + theta dt K) (V_new - V_old) = -dt K V_old,

with -K V as differences of the fluxes between neighbours: a uniform V then stays what
it is to the last bit and 1^T M V is conserved.

Reference: Hairer, Wanner 1996, Solving Ordinary Differential Equations II, IV.3
(stability function of the theta-rule: stable for dt lambda <= 2 / (1 - 2 theta)).
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpttrf, dpttrs

from cardiosim.tissue.finite_difference import Tridiagonal


class Diffusion(Protocol):
    """What couples the nodes over one step."""

    def advance(self, V: NDArray[np.float64], dt: float) -> None:
        """Diffuse V, mV, shape (n_nodes,), over dt, ms, in place."""

    def check_stability(self, dt: float) -> None:
        """Raise ValueError if a step of dt, ms, would grow without bound."""


class ThetaRule:
    """Theta-rule on a cable; factors once for each dt that it meets."""

    def __init__(self, stiffness: Tridiagonal, mass: Tridiagonal, theta: float = 0.5):
        """Prepare steps of (M + theta dt K).

        Args:
            stiffness: K, mm/ms, rows that sum to zero.
            mass: M, mm, positive definite.
            theta: from 0 (explicit) to 1 (implicit).
        """
        if not 0.0 <= theta <= 1.0:
            raise ValueError(
                f"theta {theta:g} is outside 0 (explicit) to 1 (backward Euler); "
                "0.5 is Crank-Nicolson"
            )
        n_nodes = len(mass.diagonal)
        if len(stiffness.diagonal) != n_nodes:
            raise ValueError(
                f"stiffness of {len(stiffness.diagonal)} nodes with a mass of "
                f"{n_nodes}; build both on the same mesh"
            )
        leak = np.abs(stiffness @ np.ones(n_nodes)).max()
        if leak > 1e-10 * np.abs(stiffness.diagonal).max():
            raise ValueError(
                f"rows of the stiffness sum to up to {leak:g} mm/ms; they must sum "
                "to zero (no flux through the ends)"
            )
        self.stiffness = stiffness
        self.mass = mass
        self.theta = theta
        self._factors: dict[float, tuple] = {}
        # Flux through each face, the two ends included, where it stays zero.
        self._flux = np.zeros(n_nodes + 1)
        self._inner_flux = self._flux[1:-1]
        self._flux_in, self._flux_out = self._flux[1:], self._flux[:-1]
        self._solution = np.zeros((n_nodes, 1), order="F")
        self._change = self._solution[:, 0]

    def advance(self, V: NDArray[np.float64], dt: float) -> None:
        """Diffuse V over dt in place.

        Args:
            V: potential, mV, shape (n_nodes,).
            dt: ms.
        """
        factors = self._factors.get(dt)
        if factors is None:
            factors = self._factor(dt)
        diagonal, off_diagonal, transfer = factors
        flux = self._inner_flux
        np.subtract(V[1:], V[:-1], out=flux)
        np.multiply(flux, transfer, out=flux)
        np.subtract(self._flux_in, self._flux_out, out=self._change)
        dpttrs(diagonal, off_diagonal, self._solution, 1)
        np.add(V, self._change, out=V)

    def _factor(self, dt: float) -> tuple:
        if not 0.0 < dt < math.inf:
            raise ValueError(f"diffusion step of {dt:g} ms; it must be positive")
        weight = self.theta * dt
        diagonal, off_diagonal, info = dpttrf(
            self.mass.diagonal + weight * self.stiffness.diagonal,
            self.mass.off_diagonal + weight * self.stiffness.off_diagonal,
        )
        if info != 0:
            raise ValueError(
                "mass + theta dt stiffness is not positive definite at row "
                f"{info - 1}; a mass must be positive and a stiffness not negative"
            )
        factors = diagonal, off_diagonal, -dt * self.stiffness.off_diagonal
        self._factors[dt] = factors
        return factors

    def stable_dt(self) -> float:
        """Return the largest stable dt, ms; infinite for theta of 1/2 and more."""
        if self.theta >= 0.5:
            return math.inf
        fastest = self._largest_eigenvalue()
        return 2.0 / ((1.0 - 2.0 * self.theta) * fastest) if fastest else math.inf

    def check_stability(self, dt: float) -> None:
        """Raise ValueError if a step of dt, ms, would grow without bound."""
        largest = self.stable_dt()
        if dt > largest * (1.0 + 1e-9):
            raise ValueError(
                f"dt {dt:g} ms is unstable with theta {self.theta:g}; use dt of at "
                f"most {largest:.4g} ms, or theta of 0.5 or more, or a coarser mesh"
            )

    def _largest_eigenvalue(self) -> float:
        """Return the largest eigenvalue of M^-1 K, 1/ms.

        shift M - K is positive definite exactly for shifts above it, which the
        factorisation tells: bisection in O(n) each.
        """
        if not self.stiffness.diagonal.any():
            return 0.0
        high = float((self.stiffness.diagonal / self.mass.diagonal).max())
        while not self._is_above_spectrum(high):
            high *= 2.0
        low = 0.0
        while high - low > 1e-12 * high:
            middle = 0.5 * (low + high)
            if self._is_above_spectrum(middle):
                high = middle
            else:
                low = middle
        return high

    def _is_above_spectrum(self, shift: float) -> bool:
        *_, info = dpttrf(
            shift * self.mass.diagonal - self.stiffness.diagonal,
            shift * self.mass.off_diagonal - self.stiffness.off_diagonal,
        )
        return info == 0
