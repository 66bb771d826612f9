"""Steps of the diffusion half of the monodomain equation.

    M dV/dt = -K V                                     no-flux boundary

Two rules with one interface. The theta-rule,

    (M + theta dt K) V_new = (M - (1 - theta) dt K) V_old,

is Crank-Nicolson (second order) for theta = 1/2, backward Euler for 1 and the explicit
Euler step for 0. It is solved for the change of V,

    (M + theta dt K) (V_new - V_old) = -dt K V_old,

where K V is a sum of fluxes between nodes: a uniform V then stays what it is to the
last bit, and 1' M V is conserved as well as the system is solved.

The Runge-Kutta-Chebyshev rule (second order, lumped mass) is explicit: it takes as many
stages as the largest rate of diffusion asks for, s stages reaching some 0.65 s^2 times
as far as one Euler step. Nothing is solved and 1' M V is conserved to rounding.

References: Hairer, Wanner 1996, Solving Ordinary Differential Equations II, IV.3 (the
theta-rule is stable for dt lambda <= 2 / (1 - 2 theta)); Sommeijer, Shampine, Verwer
1998, doi:10.1016/S0377-0427(97)00219-7, section 2 (Runge-Kutta-Chebyshev).
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cardiosim.tissue.chebyshev import Stages, stages
from cardiosim.tissue.discretisation import Operator
from cardiosim.tissue.linear_solvers import TOLERANCE, LinearSolver, linear_solver
from cardiosim.tissue.spectrum import largest_rate

Array = NDArray[np.float64]


class Diffusion(Protocol):
    """What couples the nodes over one step."""

    def advance(self, V: Array, dt: float) -> None:
        """Diffuse V, mV, shape (n_nodes,), over dt, ms, in place."""

    def check_stability(self, dt: float) -> None:
        """Raise ValueError if a step of dt, ms, would grow without bound."""


class ThetaRule:
    """Theta-rule; prepares the solution for each dt that it meets."""

    def __init__(
        self,
        operator: Operator,
        theta: float = 0.5,
        solver: str = "auto",
        tolerance: float = TOLERANCE,
    ):
        """Prepare steps of (M + theta dt K).

        Args:
            operator: M and K.
            theta: from 0 (explicit) to 1 (implicit).
            solver: "auto", "direct" or "cg"; see linear_solvers.py.
            tolerance: of conjugate gradients.
        """
        if not 0.0 <= theta <= 1.0:
            raise ValueError(
                f"theta {theta:g} is outside 0 (explicit) to 1 (backward Euler); "
                "0.5 is Crank-Nicolson"
            )
        self.operator, self.theta = operator, theta
        self.solver, self.tolerance = solver, tolerance
        self._solvers: dict[float, LinearSolver] = {}
        self._flux = np.empty_like(operator.lumped_mass)

    def advance(self, V: Array, dt: float) -> None:
        """Diffuse V over dt in place.

        Args:
            V: potential, mV, shape (n_nodes,).
            dt: ms.
        """
        solver = self._solvers.get(dt) or self.prepare(dt)
        operator = self.operator
        flux = operator.apply(0.0, -dt, operator.expand(V), self._flux)
        V += operator.restrict(solver.solve(flux))

    def prepare(self, dt: float) -> LinearSolver:
        """Return the solver for steps of dt, ms; made at the first call."""
        if not 0.0 < dt < math.inf:
            raise ValueError(f"diffusion step of {dt:g} ms; it must be positive")
        if dt not in self._solvers:
            self._solvers[dt] = linear_solver(
                self.operator,
                1.0,
                self.theta * dt,
                self.solver,
                self.tolerance,
            )
        return self._solvers[dt]

    def stable_dt(self) -> float:
        """Return the largest stable dt, ms; infinite for theta of 1/2 and more."""
        if self.theta >= 0.5:
            return math.inf
        fastest = largest_rate(self.operator)
        return 2.0 / ((1.0 - 2.0 * self.theta) * fastest) if fastest else math.inf

    def check_stability(self, dt: float) -> None:
        """Raise ValueError if a step of dt, ms, would grow without bound."""
        largest = self.stable_dt()
        if dt > largest * (1.0 + 1e-9):
            raise ValueError(
                f"dt {dt:g} ms is unstable with theta {self.theta:g}; use dt of at "
                f"most {_rounded_down(largest)} ms, or theta of 0.5 or more, or a "
                "coarser mesh"
            )


class RungeKuttaChebyshev:
    """Explicit rule with as many stages as stability asks for."""

    MOST_STAGES = 60

    def __init__(self, operator: Operator):
        """Find the largest rate of diffusion.

        Args:
            operator: with a lumped mass.

        Raises:
            ValueError: its mass is not lumped.
        """
        if operator.consistent != 0.0:
            raise ValueError(
                f"explicit steps need a lumped mass, and this one has a share of "
                f"{operator.consistent:g} of the consistent mass; set it to 0 "
                "(diffusion.mass = 0), or step implicitly"
            )
        self.operator = operator
        self.fastest = largest_rate(operator)
        self._stages: dict[float, Stages] = {}

    def advance(self, V: Array, dt: float) -> None:
        """Diffuse V over dt in place; arguments as in ThetaRule.advance."""
        chosen = self._stages.get(dt) or self.prepare(dt)
        operator = self.operator
        u = operator.expand(V)
        V += operator.restrict(chosen.change(self._rate, u))

    def prepare(self, dt: float) -> Stages:
        """Return the stages of a step of dt, ms."""
        if not 0.0 < dt < math.inf:
            raise ValueError(f"diffusion step of {dt:g} ms; it must be positive")
        if dt not in self._stages:
            self._stages[dt] = stages(dt, self.fastest)
        return self._stages[dt]

    def stable_dt(self) -> float:
        """Return the largest dt, ms, that some number of stages makes stable."""
        if self.fastest == 0.0:
            return math.inf
        return Stages.reach(self.MOST_STAGES) / self.fastest

    def check_stability(self, dt: float) -> None:
        """Raise ValueError if a step of dt, ms, takes more stages than sensible."""
        largest = self.stable_dt()
        if dt > largest * (1.0 + 1e-9):
            raise ValueError(
                f"dt {dt:g} ms would take more than {self.MOST_STAGES} explicit "
                f"stages; use dt of at most {_rounded_down(largest)} ms, or an "
                "implicit solver"
            )

    def _rate(self, u: Array) -> Array:
        """dV/dt = -M^-1 K u, mV/ms; no mass is zero."""
        flux = np.empty_like(u)
        self.operator.apply(0.0, -1.0, u, flux)
        flux /= self.operator.lumped_mass
        return flux


def _rounded_down(dt: float) -> str:
    """Four digits of dt, none too long."""
    unit = 10.0 ** (math.floor(math.log10(dt)) - 3)
    return f"{math.floor(dt / unit) * unit:.4g}"
