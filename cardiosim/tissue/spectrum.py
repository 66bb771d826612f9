"""The largest rate of diffusion, on which the stability of explicit steps hangs."""

from __future__ import annotations

import numpy as np
import scipy.linalg
from scipy.sparse.linalg import LinearOperator, eigsh

from cardiosim.tissue.discretisation import Operator

DENSE = 200  # nodes: below, all eigenvalues are found at once
# Of the eigenvalue, which is raised by as much to be a bound. The fastest modes of a
# large mesh lie close together: the Lanczos process is within this after some twenty
# products (measured 0.1 to 0.4 % too low) and would take thousands to tell them apart.
ACCURACY = 0.01


def largest_rate(operator: Operator) -> float:
    """Return the largest eigenvalue of M^-1 K, 1/ms: the rate of the fastest mode.

    On more than a few nodes a bound of it that is at most 1 % too large.
    By the Lanczos process; for a lumped mass without any matrix being assembled.
    """
    if operator.n_nodes <= DENSE:
        K, M = (operator.matrix(*w).toarray() for w in ((0.0, 1.0), (1.0, 0.0)))
        return float(scipy.linalg.eigh(K, M, eigvals_only=True)[-1])
    if not operator.diagonal(0.0, 1.0).any():
        return 0.0
    # A fixed start: the same bound in every run.
    generator = np.random.default_rng(0)
    wanted = {"which": "LA", "tol": ACCURACY, "return_eigenvectors": False}
    if operator.consistent != 0.0:
        K, M = operator.matrix(0.0, 1.0), operator.matrix(1.0, 0.0).tocsc()
        found = eigsh(K, 1, M, v0=generator.standard_normal(K.shape[0]), **wanted)
        return float(found[0]) * (1.0 + ACCURACY)
    scale = 1.0 / np.sqrt(operator.lumped_mass)
    product = np.empty_like(scale)
    scaled = LinearOperator(
        (scale.size, scale.size),
        matvec=lambda u: scale * operator.apply(0.0, 1.0, scale * u.ravel(), product),
        dtype=float,
    )
    found = eigsh(scaled, 1, v0=generator.standard_normal(scale.size), **wanted)
    return float(found[0]) * (1.0 + ACCURACY)
