"""What a cell is to the rest of the program."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from numpy.typing import NDArray


class IonicModel(Protocol):
    """Cells at the nodes of a mesh.

    Attributes:
        name: of the cell.
        state_names: qualified names in row order; row 0 is the membrane potential.
    """

    name: str
    state_names: tuple[str, ...]

    def initial_states(self, n_nodes: int) -> NDArray:
        """Initial state at every node, (n_states, n_nodes), C-contiguous."""

    def react(
        self, states: NDArray, i_stim: NDArray, dt: float, n_steps: int = 1
    ) -> None:
        """Advance all nodes in place, the membrane potential included.

        Args:
            states: (n_states, n_nodes), C-contiguous.
            i_stim: stimulus, A/F, positive depolarises, (n_nodes,); held constant.
            dt: step, ms.
            n_steps: how many steps to take.
        """

    def observe(
        self, states: NDArray, names: Sequence[str], i_stim: NDArray | None = None
    ) -> NDArray:
        """States or intermediates by qualified name, (len(names), n_nodes)."""

    def at(self, nodes: NDArray) -> IonicModel:
        """The same cells at a subset of the nodes, per-node parameters included."""
