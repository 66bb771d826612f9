"""Nodes that do not fill a strip, stepped in a padded copy.

The production kernels step whole strips of literal length. The last nodes of a mesh,
or a single cell, are copied into a strip of their own whose other lanes repeat the last
node; those are stepped along and dropped.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


class Padding:
    """One strip with room for every input row of a kernel.

    Attributes:
        states: (n_states, strip).
        parameters: (n_parameters, strip).
        i_stim: (strip,).
    """

    def __init__(self, n_states: int, n_parameters: int, strip: int) -> None:
        self.states = np.empty((n_states, strip))
        self.parameters = np.empty((n_parameters, strip))
        self.i_stim = np.empty(strip)

    def fill(
        self, states: NDArray, parameters: NDArray, i_stim: NDArray, first: int
    ) -> None:
        """Copy the nodes from `first` on, fewer than a strip."""
        _fill(states, first, self.states)
        _fill(parameters, first, self.parameters)
        _fill(i_stim.reshape(1, -1), first, self.i_stim.reshape(1, -1))

    def write_back(self, states: NDArray, first: int) -> None:
        """Copy the stepped states back."""
        _write_back(self.states, first, states)


@njit(cache=True)
def _fill(source, first, target):
    n = source.shape[1] - first
    for i in range(target.shape[0]):
        own, row = source[i, first:], target[i]
        for j in range(n):
            row[j] = own[j]
        for j in range(n, row.size):
            row[j] = own[n - 1]


@njit(cache=True)
def _write_back(source, first, target):
    n = target.shape[1] - first
    for i in range(target.shape[0]):
        own, row = target[i, first:], source[i]
        for j in range(n):
            own[j] = row[j]
