"""Some nodes taken out of the states of all, stepped by their cell and put back.

States lie one behind the other, (n_states, n_nodes), so that every state of a few nodes
is somewhere else in memory; the kernel of a cell wants them together.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from cardiosim.ionic.cell import Cell

VALUES_IN_PARALLEL = 40_000  # below, gathering costs less than waking threads


class GatheredNodes:
    """Nodes of one cell that are stepped together.

    Attributes:
        cell: at these nodes.
        n_nodes: how many.
    """

    def __init__(
        self,
        cell: Cell,
        rows: NDArray[np.intp],
        nodes: NDArray[np.intp],
        values: NDArray[np.float64],
    ) -> None:
        """Choose the nodes.

        Args:
            cell: of its nodes.
            rows: of the cell's states in those of the mosaic, and more that are kept.
            nodes: numbers of nodes.
            values: room for them, which may be that of other blocks too.
        """
        self.cell, self.n_nodes = cell, nodes.size
        self._rows, self._nodes = rows, nodes.astype(np.int32)
        size = rows.size * nodes.size
        self._kept = values[:size].reshape(rows.size, nodes.size)
        self._states = self._kept[: len(cell.state_names)]
        self._i_stim = np.empty(nodes.size)
        in_parallel = size >= VALUES_IN_PARALLEL
        self._gather = _gather_parallel if in_parallel else _gather
        self._put_back = _put_back_parallel if in_parallel else _put_back

    def gather(self, states: NDArray, i_stim: NDArray) -> None:
        """Take the nodes out of the states of all."""
        self._gather(states, self._rows, self._nodes, self._kept)
        np.take(i_stim, self._nodes, out=self._i_stim, mode="clip")

    def react(self, states: NDArray, dt: float, n_steps: int) -> None:
        """Step what was gathered, and put it back."""
        self.cell.react(self._states, self._i_stim, dt, n_steps)
        self._put_back(states, self._rows, self._nodes, self._kept)


@njit(cache=True)
def _gather(states, rows, nodes, own):
    for row in range(rows.size):
        for node in range(nodes.size):
            own[row, node] = states[rows[row], nodes[node]]


@njit(cache=True)
def _put_back(states, rows, nodes, own):
    for row in range(rows.size):
        for node in range(nodes.size):
            states[rows[row], nodes[node]] = own[row, node]


@njit(cache=True, parallel=True)
def _gather_parallel(states, rows, nodes, own):
    for row in prange(rows.size):
        for node in range(nodes.size):
            own[row, node] = states[rows[row], nodes[node]]


@njit(cache=True, parallel=True)
def _put_back_parallel(states, rows, nodes, own):
    for row in prange(rows.size):
        for node in range(nodes.size):
            states[rows[row], nodes[node]] = own[row, node]
