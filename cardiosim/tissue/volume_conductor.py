"""What an electrode in an unbounded volume conductor sees of the current of a tissue.

    phi(x) = 1 / (4 pi sigma_b)  integral of  div(sigma grad V) / |r - x|  over r

The source is the current that leaves the cells, chi (C_m dV/dt + I_ion - I_stim), per
volume; with no flux through the boundary it is the same as the gradient form

    phi(x) = -1 / (4 pi sigma_b)  integral of  sigma grad V . grad(1 / |r - x|).

In space it is -sigma/D K V, of the operator that the run itself is stepped with: a
uniform V gives 0 to the last bit, and the currents of all nodes cancel. The current of
a node is spread evenly over a ball of the node's volume v, 4/3 pi a^3 = v. Outside of
it that is the 1/r of a point; inside, (3 a^2 - r^2) / (2 a^3) stays finite, so that an
electrode may lie within the tissue.

References: Plonsey, Barr 2007, Bioelectricity, ch. 8 (the integrals and when they
hold); Gima, Rudy 2002, doi 10.1161/01.RES.0000016960.61087.86 (pseudo-ECG of a strand);
Bishop, Plank 2011, doi 10.1109/TBME.2011.2148718 (what an unbounded bath leaves out).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from cardiosim.tissue.discretisation import Operator
from cardiosim.tissue.mesh import Mesh

Array = NDArray[np.float64]

MOST_BYTES = 4e9  # of the weights of all electrodes


class VolumeConductor:
    """Potentials at electrodes, of V at the nodes.

    Attributes:
        electrodes: mm, shape (n_electrodes, 3).
        weights: potential of a unit of K V, shape (n_electrodes, n_nodes).
    """

    def __init__(
        self,
        mesh: Mesh,
        operator: Operator,
        electrodes: Array,
        conductivity: float,
        capacitance: float,
        across: float = 1.0,
    ) -> None:
        """Compute the weights.

        Args:
            mesh: of the tissue.
            operator: of the mesh; K in mm^d/ms.
            electrodes: positions, mm, shape (n_electrodes, 3).
            conductivity: of the volume conductor, sigma_b, mS/mm.
            capacitance: chi C_m, uF/mm3, with which D becomes sigma, mS/mm.
            across: what makes a volume of the masses of the operator: thickness, mm,
                or cross-section, mm2.

        Raises:
            ValueError: more electrodes than the memory takes.
        """
        self.electrodes = np.asarray(electrodes, dtype=float)
        size = 8.0 * len(self.electrodes) * mesh.n_nodes
        if size > MOST_BYTES:
            raise ValueError(
                f"{len(self.electrodes)} electrodes over {mesh.n_nodes} nodes take "
                f"{1e-9 * size:.1f} GB; at most {1e-9 * MOST_BYTES:g} GB are taken: "
                "give fewer electrodes, or a coarser mesh"
            )
        self._operator = operator
        volumes = across * operator.restrict(operator.lumped_mass)
        scale = -across * capacitance / (4.0 * math.pi * conductivity)
        self.weights = np.empty((len(self.electrodes), mesh.n_nodes))
        for electrode, row in zip(self.electrodes, self.weights, strict=True):
            row[:] = scale * inverse_distances(mesh.points, volumes, electrode)
        self._flux = np.empty_like(operator.lumped_mass)

    def potentials(self, V: Array) -> Array:
        """Return the potential at each electrode, mV, of V, mV, shape (n_nodes,)."""
        operator = self._operator
        operator.apply(0.0, 1.0, operator.expand(V), self._flux)
        return self.weights @ operator.restrict(self._flux)


def inverse_distances(points: Array, volumes: Array, electrode: Array) -> Array:
    """Mean of 1/r from an electrode over the ball of each node, 1/mm, (n_nodes,).

    Args:
        points: of the nodes, mm, shape (n_nodes, 3).
        volumes: of the nodes, mm3, shape (n_nodes,).
        electrode: mm, shape (3,).
    """
    r2 = ((points - electrode) ** 2).sum(axis=1)
    a2 = (0.75 / math.pi * volumes) ** (2.0 / 3.0)
    inside = r2 < a2
    found = 1.0 / np.sqrt(np.where(inside, a2, r2))
    found[inside] *= 1.5 - 0.5 * r2[inside] / a2[inside]
    return found


def clearances(mesh: Mesh, electrodes: Array) -> tuple[Array, Array]:
    """How far electrodes are from the tissue, and how far its nodes are apart there.

    Args:
        mesh: of the tissue.
        electrodes: mm, shape (n_electrodes, 3).

    Returns:
        Distance to the nearest node, and from that to its own nearest neighbour, mm;
        shape (n_electrodes,) each.
    """
    from scipy.spatial import cKDTree

    tree = cKDTree(mesh.points)
    distance, nodes = tree.query(electrodes)
    spacing = tree.query(mesh.points[nodes], k=min(2, mesh.n_nodes))[0]
    return distance, spacing.reshape(len(nodes), -1)[:, -1]
