"""Conjugate gradients with Jacobi preconditioning, warm started, in place.

    r = b - A x,  p = r / diag A;   then until |r| <= tolerance |b|:
    a = (r, r / diag A) / (p, A p),   x += a p,   r -= a A p
    p = r / diag A + (new over old (r, r / diag A)) p

The answers of successive steps change smoothly: a parabola through the last three
foretells the next, which saves half of the iterations (docs/performance.md).

The loop is our own because it is the heart of a time step: SciPy's allocates several
vectors an iteration and adds them on one thread, which at 60 000 nodes took ten times
as long as the product with A (docs/performance.md). Sums are taken over blocks of fixed
length, so that they do not depend on the number of threads.

Reference: Saad 2003, Iterative Methods for Sparse Linear Systems, 2nd ed., alg. 9.1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from cardiosim.tissue.discretisation import Operator

Array = NDArray[np.float64]

BLOCK = 2048  # nodes whose products are added up together
NODES_PER_THREAD = 50_000  # below, a thread has too little to do to be worth waking
MOST_ITERATIONS = 1000
# Of the last answer, the one before and the one before that, by how many there are.
EXTRAPOLATION = ((0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (2.0, -1.0, 0.0), (3.0, -3.0, 1.0))

_KERNEL = {"error_model": "numpy", "fastmath": {"contract", "reassoc"}, "cache": True}


class NoConvergence(RuntimeError):
    """The iterations did not reach the residual that was asked for."""


class ConjugateGradients:
    """Solves (mass M + stiffness K) x = b, started from the last answer."""

    name = "cg"

    def __init__(
        self,
        operator: Operator,
        mass: float,
        stiffness: float,
        tolerance: float,
        most_iterations: int | None = None,
    ):
        """Prepare the vectors.

        Args:
            operator: M and K.
            mass: factor of M, positive.
            stiffness: factor of K, not negative.
            tolerance: largest residual, relative to b in the 2-norm.
            most_iterations: of one solve; MOST_ITERATIONS by default.
        """
        self.tolerance = tolerance
        self.n_iterations = 0  # over all solves
        self._most_iterations = most_iterations or MOST_ITERATIONS
        self._apply = operator.apply
        self._factors = mass, stiffness
        self._inverse = 1.0 / operator.diagonal(mass, stiffness)
        n = self._inverse.size
        self._x, self._r, self._p, self._q = (np.zeros(n) for _ in range(4))
        self._earlier = [np.zeros(n), np.zeros(n)]  # x of the last solve but one, ...
        self._n_solved = 0
        self._sums = np.empty((3, -(-n // BLOCK)))
        self._threads = min(numba.get_num_threads(), n // NODES_PER_THREAD)

    def solve(self, b: Array) -> Array:
        """Return x, which the next call overwrites.

        Where b is not finite it is returned as it is, for the run to find and report.

        Raises:
            NoConvergence: the residual is still larger after the most iterations.
        """
        x, p, q = self._foretell(), self._p, self._q
        self._apply(*self._factors, x, q)
        of_residual, size, wanted = self._begin(b)
        if wanted == 0.0:  # V is uniform
            x.fill(0.0)
            return x
        if not math.isfinite(wanted):
            self.forget()
            return b
        wanted *= self.tolerance**2
        last = self.n_iterations + self._most_iterations
        while not size <= wanted:
            if self.n_iterations == last or not math.isfinite(size):
                self.forget()
                raise NoConvergence(
                    f"conjugate gradients did not reach a residual of "
                    f"{self.tolerance:g} in {self._most_iterations} iterations (it is "
                    f"{math.sqrt(size / wanted):.3g} times that); use a larger "
                    "tolerance, or the direct solver"
                )
            self._apply(*self._factors, p, q)
            along = self._product()
            before, (of_residual, size) = of_residual, self._move(of_residual / along)
            self._turn(of_residual / before)
            self.n_iterations += 1
        return x

    def forget(self) -> None:
        """Begin the next solve from 0: its right-hand side is unlike the last ones."""
        self._n_solved = 0
        for answer in (self._x, *self._earlier):  # 0 times what is not finite is not 0
            answer.fill(0.0)

    def _foretell(self) -> Array:
        """x, to begin with: the last three answers, or fewer, carried on."""
        last, (before, first) = self._x, self._earlier
        weights = EXTRAPOLATION[min(self._n_solved, 3)]
        self._run(_carry_on_all, _carry_on_pool, *weights, last, before, first)
        self._x, self._earlier = first, [last, before]
        self._n_solved += 1
        return self._x

    def _run(self, alone: Callable, pool: Callable, *arguments: Any) -> None:
        """Call a kernel, or the one that shares its blocks among the threads."""
        if self._threads < 2:
            alone(*arguments)
        else:
            pool(self._threads, *arguments)

    def _begin(self, b: Array) -> tuple[float, float, float]:
        """Set r and p; return (r, r / diag A), (r, r) and (b, b)."""
        self._run(
            _begin_all,
            _begin_pool,
            b,
            self._inverse,
            self._r,
            self._p,
            self._q,
            self._sums,
        )
        return tuple(self._sums.sum(axis=1).tolist())

    def _product(self) -> float:
        """Return (p, A p)."""
        self._run(_dot_all, _dot_pool, self._p, self._q, self._sums)
        return float(self._sums[0].sum())

    def _move(self, step: float) -> tuple[float, float]:
        """Set x and r; return (r, r / diag A) and (r, r)."""
        vectors = self._x, self._r, self._p, self._q
        self._run(_move_all, _move_pool, step, self._inverse, *vectors, self._sums)
        return tuple(self._sums[:2].sum(axis=1).tolist())

    def _turn(self, share: float) -> None:
        """Set p."""
        self._run(_turn_all, _turn_pool, share, self._inverse, self._r, self._p)


@njit(**_KERNEL)
def _begin_block(i, b, inverse, r, p, q, sums):
    preconditioned = size = wanted = 0.0
    for k in range(i * BLOCK, min((i + 1) * BLOCK, b.size)):
        r[k] = b[k] - q[k]
        p[k] = r[k] * inverse[k]
        preconditioned += r[k] * p[k]
        size += r[k] * r[k]
        wanted += b[k] * b[k]
    sums[0, i], sums[1, i], sums[2, i] = preconditioned, size, wanted


@njit(**_KERNEL)
def _dot_block(i, p, q, sums):
    along = 0.0
    for k in range(i * BLOCK, min((i + 1) * BLOCK, p.size)):
        along += p[k] * q[k]
    sums[0, i] = along


@njit(**_KERNEL)
def _move_block(i, step, inverse, x, r, p, q, sums):
    preconditioned = size = 0.0
    for k in range(i * BLOCK, min((i + 1) * BLOCK, x.size)):
        x[k] += step * p[k]
        left = r[k] - step * q[k]
        r[k] = left
        preconditioned += left * left * inverse[k]
        size += left * left
    sums[0, i], sums[1, i] = preconditioned, size


@njit(**_KERNEL)
def _turn_block(i, share, inverse, r, p):
    for k in range(i * BLOCK, min((i + 1) * BLOCK, p.size)):
        p[k] = r[k] * inverse[k] + share * p[k]


@njit(**_KERNEL)
def _carry_on_block(i, a, b, c, last, before, first):
    for k in range(i * BLOCK, min((i + 1) * BLOCK, last.size)):
        first[k] = a * last[k] + b * before[k] + c * first[k]


@njit(**_KERNEL)
def _carry_on_all(a, b, c, last, before, first):
    for i in range(-(-last.size // BLOCK)):
        _carry_on_block(i, a, b, c, last, before, first)


@njit(parallel=True, **_KERNEL)
def _carry_on_pool(threads, a, b, c, last, before, first):
    blocks = -(-last.size // BLOCK)
    for part in prange(threads):
        for i in range(part * blocks // threads, (part + 1) * blocks // threads):
            _carry_on_block(i, a, b, c, last, before, first)


@njit(**_KERNEL)
def _begin_all(b, inverse, r, p, q, sums):
    for i in range(-(-b.size // BLOCK)):
        _begin_block(i, b, inverse, r, p, q, sums)


@njit(parallel=True, **_KERNEL)
def _begin_pool(threads, b, inverse, r, p, q, sums):
    blocks = -(-b.size // BLOCK)
    for part in prange(threads):
        for i in range(part * blocks // threads, (part + 1) * blocks // threads):
            _begin_block(i, b, inverse, r, p, q, sums)


@njit(**_KERNEL)
def _dot_all(p, q, sums):
    for i in range(-(-p.size // BLOCK)):
        _dot_block(i, p, q, sums)


@njit(parallel=True, **_KERNEL)
def _dot_pool(threads, p, q, sums):
    blocks = -(-p.size // BLOCK)
    for part in prange(threads):
        for i in range(part * blocks // threads, (part + 1) * blocks // threads):
            _dot_block(i, p, q, sums)


@njit(**_KERNEL)
def _move_all(step, inverse, x, r, p, q, sums):
    for i in range(-(-x.size // BLOCK)):
        _move_block(i, step, inverse, x, r, p, q, sums)


@njit(parallel=True, **_KERNEL)
def _move_pool(threads, step, inverse, x, r, p, q, sums):
    blocks = -(-x.size // BLOCK)
    for part in prange(threads):
        for i in range(part * blocks // threads, (part + 1) * blocks // threads):
            _move_block(i, step, inverse, x, r, p, q, sums)


@njit(**_KERNEL)
def _turn_all(share, inverse, r, p):
    for i in range(-(-p.size // BLOCK)):
        _turn_block(i, share, inverse, r, p)


@njit(parallel=True, **_KERNEL)
def _turn_pool(threads, share, inverse, r, p):
    blocks = -(-p.size // BLOCK)
    for part in prange(threads):
        for i in range(part * blocks // threads, (part + 1) * blocks // threads):
            _turn_block(i, share, inverse, r, p)
