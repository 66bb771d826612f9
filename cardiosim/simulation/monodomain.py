"""The monodomain problem, ready to march.

    dV/dt = -I_ion(V, states) + i_stim + div(D grad V)

A cell acts at every node and a diffusion couples the nodes; without one the nodes are
single cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cardiosim.tissue.diffusion import Diffusion
from cardiosim.tissue.mesh import Mesh
from cardiosim.tissue.stimulus import Stimulus

if TYPE_CHECKING:
    from cardiosim.ionic.interface import IonicModel


@dataclass
class Monodomain:
    """What is stepped, and where it stands.

    Attributes:
        mesh: the nodes.
        cell: acts at every node.
        diffusion: couples the nodes; None for single cells.
        stimuli: currents injected into nodes.
        states: float64, shape (n_states, n_nodes), C-contiguous, V (mV) in row 0; the
            initial states of the cell if none are given. Changed in place by a run.
        warnings: what is odd about mesh and tissue, a line each.
    """

    mesh: Mesh
    cell: IonicModel
    diffusion: Diffusion | None = None
    stimuli: tuple[Stimulus, ...] = ()
    states: NDArray[np.float64] | None = None
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.stimuli = tuple(self.stimuli)
        if self.states is None:
            self.states = self.cell.initial_states(self.mesh.n_nodes)
        shape = len(self.cell.state_names), self.mesh.n_nodes
        if self.states.shape != shape:
            raise ValueError(
                f"states of shape {self.states.shape}; {self.cell.name} on this mesh "
                f"needs {shape} (states, nodes)"
            )
        if self.states.dtype != np.float64 or not self.states.flags.c_contiguous:
            raise ValueError(
                f"states are {self.states.dtype} in a "
                f"{'C' if self.states.flags.c_contiguous else 'non C'}-contiguous "
                "array; convert with np.ascontiguousarray(states, dtype=np.float64)"
            )
        for stimulus in self.stimuli:
            nodes = stimulus.nodes
            if nodes.size and not 0 <= nodes[0] <= nodes[-1] < self.mesh.n_nodes:
                raise ValueError(
                    f"stimulus on nodes {nodes[0]} to {nodes[-1]}; the mesh has nodes "
                    f"0 to {self.mesh.n_nodes - 1}"
                )

    @property
    def V(self) -> NDArray[np.float64]:
        """Membrane potential, mV, shape (n_nodes,): a view of the states."""
        return self.states[0]


def uniform_states(state: NDArray[np.float64], n_nodes: int) -> NDArray[np.float64]:
    """Put one cell's state, shape (n_states,), at every node: (n_states, n_nodes)."""
    column = np.asarray(state, dtype=np.float64)[:, np.newaxis]
    return np.repeat(column, n_nodes, axis=1)
