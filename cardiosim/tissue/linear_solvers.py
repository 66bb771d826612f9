"""Solving (mass M + stiffness K) x = b: factors kept, or conjugate gradients.

A cable is factored as the chain it is, small meshes by sparse LU, and what is larger is
iterated on: the matrix of a time step is well conditioned (its condition is that of the
mass plus theta dt times the largest rate of diffusion), so that a few iterations from
the last step's answer do.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from scipy.linalg.lapack import dpttrf, dpttrs
from scipy.sparse.linalg import SuperLU, splu

from cardiosim.tissue.conjugate_gradients import ConjugateGradients
from cardiosim.tissue.discretisation import Operator

Array = NDArray[np.float64]

METHODS = ("auto", "direct", "cg")
# Of conjugate gradients, where a case names none: moves no activation of a plane wave
# by more than a millionth of a millisecond.
TOLERANCE = 1e-6

# Largest meshes whose factors are quicker than iterations, by dimension, in nodes:
# LU fills in the more the more dimensions there are (docs/performance.md).
FACTORED = {1: np.inf, 2: 4_000, 3: 2_000}
# Beyond, "direct" would need more than some three gigabytes, and in three dimensions
# minutes to factor.
LARGEST_FACTORED = {1: np.inf, 2: 1_000_000, 3: 100_000}


class LinearSolver(Protocol):
    """Solves one system for many right-hand sides."""

    name: str

    def solve(self, b: Array) -> Array:
        """Return x, a vector of the operator; it is overwritten by the next call."""


def linear_solver(
    operator: Operator,
    mass: float,
    stiffness: float,
    method: str = "auto",
    tolerance: float = TOLERANCE,
) -> LinearSolver:
    """Solver of (mass M + stiffness K) x = b.

    Args:
        operator: M and K.
        mass: factor of M, positive.
        stiffness: factor of K, not negative.
        method: "direct", "cg", or "auto", which chooses by the number of nodes.
        tolerance: of "cg": largest residual, relative to b in the 2-norm.

    Raises:
        ValueError: unknown method, a tolerance outside 0 to 1, or a mesh too large to
            be factored.
    """
    if method not in METHODS:
        raise ValueError(
            f'unknown linear solver "{method}"; choose from {", ".join(METHODS)}'
        )
    if not 0.0 < tolerance < 1.0:
        raise ValueError(
            f"solver tolerance {tolerance:g}; it must lie between 0 and 1, as 1e-8 does"
        )
    if stiffness == 0.0 and operator.consistent == 0.0:
        return Diagonal(mass * operator.lumped_mass)
    n, dimension = operator.n_nodes, operator.dimension
    if method == "auto":
        method = "direct" if n <= FACTORED[dimension] else "cg"
    if method == "cg":
        return ConjugateGradients(operator, mass, stiffness, tolerance)
    largest = LARGEST_FACTORED[dimension]
    if n > largest:
        raise ValueError(
            f'solver "direct" was asked to factor {n} nodes in {dimension} dimensions, '
            f"which takes too much memory; above {largest} use "
            '"cg" or "auto"'
        )
    matrix = operator.matrix(mass, stiffness)
    if _is_chain(matrix):
        return Chain(operator, matrix)
    return Factors(operator, matrix)


class Diagonal:
    """Divides by a diagonal."""

    name = "diagonal"

    def __init__(self, diagonal: Array):
        self._diagonal = diagonal
        self._x = np.empty_like(diagonal)

    def solve(self, b: Array) -> Array:
        """Return b over the diagonal."""
        return np.divide(b, self._diagonal, out=self._x)


class Chain:
    """L D L' of a tridiagonal matrix (LAPACK pttrf)."""

    name = "direct"

    def __init__(self, operator: Operator, matrix: scipy.sparse.csr_array):
        self._operator = operator
        self._diagonal, self._off_diagonal, info = dpttrf(
            matrix.diagonal(), matrix.diagonal(1)
        )
        if info != 0:
            raise ValueError(
                "mass + theta dt stiffness is not positive definite at row "
                f"{info - 1}; a mass must be positive and a stiffness not negative"
            )
        self._x = np.empty((matrix.shape[0], 1), order="F")

    def solve(self, b: Array) -> Array:
        """Return x."""
        self._x[:, 0] = self._operator.restrict(b)
        dpttrs(self._diagonal, self._off_diagonal, self._x, 1)
        return self._operator.expand(self._x[:, 0])


class Factors:
    """Sparse LU (SuperLU), ordered for a symmetric matrix."""

    name = "direct"

    def __init__(self, operator: Operator, matrix: scipy.sparse.csr_array):
        self._operator = operator
        self._factors = factorised(matrix)

    def solve(self, b: Array) -> Array:
        """Return x."""
        operator = self._operator
        return operator.expand(self._factors.solve(operator.restrict(b)))


def factorised(matrix: scipy.sparse.csr_array) -> SuperLU:
    """Factors of a symmetric positive definite matrix."""
    return splu(
        matrix.tocsc(),
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )


def _is_chain(matrix: scipy.sparse.csr_array) -> bool:
    """Whether every node is coupled to its neighbours in number only."""
    rows, columns = matrix.nonzero()
    return bool((np.abs(rows - columns) <= 1).all())
