"""Symmetric 3 x 3 tensors as rows of six components."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

COMPONENTS = ("xx", "yy", "zz", "xy", "xz", "yz")
# Row and column of each component.
FIRST = [0, 1, 2, 0, 0, 1]
SECOND = [0, 1, 2, 1, 2, 2]


def dyads(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """V v^T of vectors (n, 3), shape (n, 6)."""
    return vectors[:, FIRST] * vectors[:, SECOND]


def matrices(components: NDArray[np.float64]) -> NDArray[np.float64]:
    """Tensors (n, 6) as matrices, shape (n, 3, 3)."""
    whole = np.empty((len(components), 3, 3))
    whole[:, FIRST, SECOND] = whole[:, SECOND, FIRST] = components
    return whole
