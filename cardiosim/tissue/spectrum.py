"""The largest rate of diffusion, on which the stability of explicit steps hangs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator, eigsh

from cardiosim.tissue.conjugate_gradients import ConjugateGradients
from cardiosim.tissue.discretisation import Operator

DENSE = 200  # nodes: below, all eigenvalues are found at once
# Of the eigenvalue, which is raised by as much to be a bound. The fastest modes of a
# large mesh lie close together: the Lanczos process is within this after some twenty
# products (measured 0.1 to 0.4 % too low) and would take thousands to tell them apart.
ACCURACY = 0.01
MASS_TOLERANCE = 1e-10  # of the residual when the mass is divided by


def largest_rate(operator: Operator) -> float:
    """Return the largest eigenvalue of M^-1 K, 1/ms: the rate of the fastest mode.

    On more than a few nodes a bound of it that is at most 1 % too large.
    By the Lanczos process, without any matrix being assembled; a mass that is not
    lumped is divided by in a few iterations, being well conditioned: between 1 and
    (1 - 2a/3)^d of its lumped form on grids, 1 - a + a/(d + 2) on simplices, with the
    share a of the consistent mass.
    """
    if operator.n_nodes <= DENSE:
        K, M = (operator.matrix(*w).toarray() for w in ((0.0, 1.0), (1.0, 0.0)))
        return float(scipy.linalg.eigh(K, M, eigvals_only=True)[-1])
    if not operator.diagonal(0.0, 1.0).any():
        return 0.0
    # A fixed start: the same bound in every run.
    generator = np.random.default_rng(0)
    wanted = {"which": "LA", "tol": ACCURACY, "return_eigenvectors": False}
    n = operator.lumped_mass.size
    start = generator.standard_normal(n)

    def product(mass: float, stiffness: float, u: NDArray) -> NDArray:
        return operator.apply(mass, stiffness, u.ravel(), np.empty(n))

    def as_matrix(multiply: Callable[[NDArray], NDArray]) -> LinearOperator:
        return LinearOperator((n, n), matvec=multiply, dtype=float)

    if operator.consistent != 0.0:
        mass = ConjugateGradients(operator, 1.0, 0.0, MASS_TOLERANCE)

        def divide(u: NDArray) -> NDArray:
            mass.forget()
            return mass.solve(u.ravel()).copy()

        K, M = (as_matrix(partial(product, *w)) for w in ((0.0, 1.0), (1.0, 0.0)))
        found = eigsh(K, 1, M, Minv=as_matrix(divide), v0=start, **wanted)
        return float(found[0]) * (1.0 + ACCURACY)
    scale = 1.0 / np.sqrt(operator.lumped_mass)
    scaled = as_matrix(lambda u: scale * product(0.0, 1.0, scale * u.ravel()))
    found = eigsh(scaled, 1, v0=start, **wanted)
    return float(found[0]) * (1.0 + ACCURACY)
