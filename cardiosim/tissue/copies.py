"""Several copies of one tissue side by side, coupled to nothing but themselves.

Many runs of a small tissue that differ in their stimuli are one run of its copies: the
loop over time steps, and the cells' kernel, are then called once for all. The nodes of
copy k are k n_nodes to (k + 1) n_nodes - 1.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from cardiosim.tissue.diffusion import Diffusion, RungeKuttaChebyshev, ThetaRule
from cardiosim.tissue.discretisation import Operator
from cardiosim.tissue.mesh import Mesh

Array = NDArray[np.float64]


class CopiedOperator:
    """M and K of copies: blocks along the diagonal; see `Operator`."""

    def __init__(self, operator: Operator, count: int) -> None:
        """Copy an operator `count` times."""
        self._one, self._count = operator, count
        self.n_nodes = count * operator.n_nodes
        self.dimension = operator.dimension
        self.consistent = operator.consistent
        self.lumped_mass = np.tile(operator.lumped_mass, count)

    def expand(self, values: Array) -> Array:
        """See `Operator`."""
        return np.concatenate(
            [self._one.expand(part) for part in values.reshape(self._count, -1)]
        )

    def restrict(self, values: Array) -> Array:
        """See `Operator`."""
        return np.concatenate(
            [self._one.restrict(part) for part in values.reshape(self._count, -1)]
        )

    def apply(self, mass: float, stiffness: float, u: Array, out: Array) -> Array:
        """See `Operator`."""
        parts = zip(
            u.reshape(self._count, -1), out.reshape(self._count, -1), strict=True
        )
        for u_part, out_part in parts:
            self._one.apply(mass, stiffness, u_part, out_part)
        return out

    def diagonal(self, mass: float, stiffness: float) -> Array:
        """See `Operator`."""
        return np.tile(self._one.diagonal(mass, stiffness), self._count)

    def matrix(self, mass: float, stiffness: float) -> scipy.sparse.csr_array:
        """See `Operator`."""
        one = self._one.matrix(mass, stiffness)
        blocks = scipy.sparse.block_diag([one] * self._count, format="csr")
        return scipy.sparse.csr_array(blocks)


def copied_diffusion(diffusion: Diffusion | None, count: int) -> Diffusion | None:
    """The rule of one tissue for `count` copies of it.

    Args:
        diffusion: of one tissue; None for nodes that are not coupled.
        count: how many copies.

    Raises:
        ValueError: a rule that is not known here.
    """
    if diffusion is None or count == 1:
        return diffusion
    if isinstance(diffusion, ThetaRule):
        return ThetaRule(
            CopiedOperator(diffusion.operator, count),
            diffusion.theta,
            diffusion.solver,
            diffusion.tolerance,
        )
    if isinstance(diffusion, RungeKuttaChebyshev):
        return RungeKuttaChebyshev(CopiedOperator(diffusion.operator, count))
    raise ValueError(
        f"a diffusion of type {type(diffusion).__name__} cannot be copied; run the "
        "tissues one by one"
    )


def copied_mesh(mesh: Mesh, count: int) -> Mesh:
    """Nodes and elements of a mesh `count` times, all at the same place.

    It says where nodes are; what couples them is `copied_diffusion`.
    """
    if count == 1:
        return mesh
    shifts = mesh.n_nodes * np.arange(count)
    blocks = tuple(
        replace(
            block,
            nodes=np.concatenate([block.nodes + shift for shift in shifts]),
        )
        for block in mesh.blocks
    )
    kind = mesh.kind if mesh.kind == "point" else "mesh"
    return Mesh(kind, np.tile(mesh.points, (count, 1)), blocks)
