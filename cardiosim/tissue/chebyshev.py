"""Stages of the second-order Runge-Kutta-Chebyshev rule.

For u' = F(u) with negative real rates, s stages are stable up to dt lambda of some
0.65 s^2. With T_j the Chebyshev polynomials, epsilon = 2/13, w0 = 1 + epsilon / s^2 and
w1 = T_s'(w0) / T_s''(w0),

    b_j = T_j''(w0) / T_j'(w0)^2,  b_0 = b_1 = b_2,   a_j = 1 - b_j T_j(w0)
    d_1 = b_1 w1 dt F_0
    d_j = mu d_(j-1) + nu d_(j-2) + (2 b_j w1 / b_(j-1)) dt (F_(j-1) - a_(j-1) F_0)
    mu = 2 b_j w0 / b_(j-1),  nu = -b_j / b_(j-2)

where d_j is the change of u up to stage j, so that a steady u does not move at all.

Reference: Sommeijer, Shampine, Verwer 1998, doi:10.1016/S0377-0427(97)00219-7, eqs.
2.2 to 2.5, with b_1 = b_2 as there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

Array = NDArray[np.float64]

DAMPING = 2.0 / 13.0  # epsilon: keeps the fastest modes from merely being stable


@dataclass(frozen=True, eq=False)
class Stages:
    """Coefficients of the stages of a step.

    Attributes:
        dt: ms.
        first: of F_0 in the first stage.
        later: mu, nu, of F_(j-1), of F_0 in each later stage, shape (s - 1, 4).
    """

    dt: float
    first: float
    later: Array
    name: ClassVar[str] = "explicit"

    @property
    def count(self) -> int:
        """Number of stages, evaluations of F."""
        return 1 + len(self.later)

    @staticmethod
    def reach(count: int) -> float:
        """Largest stable dt lambda of so many stages."""
        w0, first, second = _at_damped_end(count)
        return (w0 + 1.0) * second[count] / first[count]

    def change(self, rate: Callable[[Array], Array], u: Array) -> Array:
        """Change of u over dt.

        Args:
            rate: F, per ms; returns a new array.
            u: shape (n,).
        """
        rate_0 = rate(u)
        older, newer = np.zeros_like(u), (self.first * self.dt) * rate_0
        for mu, nu, of_last, of_first in self.later:
            following = rate(u + newer)
            following *= of_last * self.dt
            following += mu * newer
            following += nu * older
            following += (of_first * self.dt) * rate_0
            older, newer = newer, following
        return newer


def stages(dt: float, fastest: float) -> Stages:
    """Fewest stages, two at least, that are stable at this rate.

    Args:
        dt: ms.
        fastest: largest rate, 1/ms.
    """
    count = max(2, math.ceil(math.sqrt(1.0 + 1.54 * dt * fastest)) - 1)
    while Stages.reach(count) < dt * fastest:
        count += 1
    w0, first, second = _at_damped_end(count)
    w1 = first[count] / second[count]
    b = np.empty(count + 1)
    b[2:] = second[2:] / first[2:] ** 2
    b[:2] = b[2]
    a = 1.0 - b * [chebyshev.chebval(w0, unit) for unit in np.eye(count + 1)]
    later = [
        (
            2.0 * b[j] * w0 / b[j - 1],
            -b[j] / b[j - 2],
            2.0 * b[j] * w1 / b[j - 1],
            -a[j - 1] * 2.0 * b[j] * w1 / b[j - 1],
        )
        for j in range(2, count + 1)
    ]
    return Stages(dt, b[1] * w1, np.array(later))


def _at_damped_end(count: int) -> tuple[float, Array, Array]:
    """w0, and the first and second derivatives of T_0 to T_count there."""
    w0 = 1.0 + DAMPING / count**2
    unit = np.eye(count + 1)
    first = [chebyshev.chebval(w0, chebyshev.chebder(row)) for row in unit]
    second = [chebyshev.chebval(w0, chebyshev.chebder(row, 2)) for row in unit]
    return w0, np.array(first), np.array(second)
