"""How well a least-squares fit determines its parameters.

Everything follows from J, the derivatives of the residuals (divided by their standard
errors) by the logarithms of the parameters, at the end of the fit: the covariance is
(J^T J)^-1, and the condition number of J says how much less the worst determined
combination of the parameters is determined than the best.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

CORRELATED = 0.95  # parameters that the targets hardly tell apart
ILL_CONDITIONED = 1e3  # then some combination of parameters is a guess


def standard_errors(
    jacobian: NDArray, inside: NDArray
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Standard errors of the parameters, and their correlations.

    Args:
        jacobian: with the rows of the priors, (n_residuals, n_parameters).
        inside: which parameters are not at a bound, (n_parameters,).

    Returns:
        Shapes (n_parameters,) and (n_parameters, n_parameters); NaN for parameters at
        a bound, and for all where some combination is not determined at all.
    """
    n = len(inside)
    errors, correlation = np.full(n, np.nan), np.full((n, n), np.nan)
    if not inside.any():
        return errors, correlation
    _, singular, rows = np.linalg.svd(jacobian[:, inside], full_matrices=False)
    if len(jacobian) < inside.sum() or singular[-1] <= 1e-12 * singular[0]:
        return errors, correlation
    covariance = (rows.T / singular**2) @ rows
    errors[inside] = np.sqrt(np.diag(covariance))
    both = np.outer(errors[inside], errors[inside])
    correlation[np.ix_(inside, inside)] = covariance / both
    return errors, correlation


def condition_number(jacobian: NDArray) -> float:
    """Largest over smallest singular value; infinite with fewer rows than columns.

    NaN without a column: where nothing is free, nothing is determined.
    """
    n_values, n_parameters = jacobian.shape
    if n_parameters == 0:
        return np.nan
    if n_values < n_parameters:
        return np.inf
    singular = np.linalg.svd(jacobian, compute_uv=False)
    return float(singular[0] / singular[-1]) if singular[-1] > 0.0 else np.inf


def what_is_uncertain(
    names: Sequence[str], bounds: Sequence[str], condition: float, correlation: NDArray
) -> list[str]:
    """One line for each reason not to trust single parameters.

    Args:
        names: of the parameters.
        bounds: at which each of them ended; "" for none.
        condition: number of the Jacobian of the targets, without priors.
        correlation: from `standard_errors`.
    """
    notes = []
    if np.isinf(condition):
        notes.append(
            "the targets do not determine all parameters: some combination of them "
            "changes none of the targets, and only priors hold it"
        )
    elif condition > ILL_CONDITIONED:
        notes.append(
            f"the targets hardly determine some combination of the parameters "
            f"(condition number {condition:.1e}); fix one, or give priors"
        )
    for i, j in zip(*np.triu_indices(len(names), 1), strict=True):
        if abs(correlation[i, j]) > CORRELATED:
            notes.append(
                f"{names[i]} and {names[j]} are hardly told apart by the targets "
                f"(correlation {correlation[i, j]:+.3f})"
            )
    at = [f"{n} ({bound})" for n, bound in zip(names, bounds, strict=True) if bound]
    if at:
        notes.append(f"at a bound: {', '.join(at)}; their errors are not known")
    return notes
