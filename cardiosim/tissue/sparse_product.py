"""Product of a sparse symmetric matrix with a vector, as fluxes between nodes.

A row of A that sums to s_i acts as s_i u_i + sum_j A_ij (u_j - u_i): of a constant the
second part is 0 to the last bit, and what one node gets by it another loses.
"""

from __future__ import annotations

import numba
import numpy as np
import scipy.sparse
from numba import njit, prange
from numpy.typing import NDArray

# Below this a thread has too little to do to be worth waking.
NODES_PER_THREAD = 5_000

_KERNEL = {"error_model": "numpy", "fastmath": {"contract"}, "cache": True}


def sparse_product(
    scale: float,
    couplings: scipy.sparse.csr_array,
    factor: float,
    row_sums: NDArray[np.float64],
    u: NDArray[np.float64],
    out: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Set out_i = factor row_sums_i u_i + scale sum_j couplings_ij (u_j - u_i).

    Args:
        scale: of the couplings.
        couplings: off-diagonal entries, (n, n).
        factor: of the row sums.
        row_sums: (n,).
        u: (n,).
        out: (n,), filled and returned.
    """
    a = couplings
    threads = min(numba.get_num_threads(), u.size // NODES_PER_THREAD)
    arguments = (scale, a.indptr, a.indices, a.data, factor, row_sums, u, out)
    if threads > 1:
        _parallel(threads, *arguments)
    else:
        _rows(0, u.size, *arguments)
    return out


@njit(parallel=True, **_KERNEL)
def _parallel(threads, scale, starts, columns, entries, factor, row_sums, u, out):
    n = u.size
    for part in prange(threads):
        first, last = part * n // threads, (part + 1) * n // threads
        _rows(first, last, scale, starts, columns, entries, factor, row_sums, u, out)


@njit(**_KERNEL)
def _rows(first, last, scale, starts, columns, entries, factor, row_sums, u, out):
    for i in range(first, last):
        here, flux = u[i], 0.0
        for k in range(starts[i], starts[i + 1]):
            flux += entries[k] * (u[columns[k]] - here)
        out[i] = factor * row_sums[i] * here + scale * flux
