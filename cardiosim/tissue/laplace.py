"""Potential problems on a mesh: coordinates between boundaries, for rules of fibres.

    div grad phi = 0        phi given on sets of nodes, no flux through the rest

in linear elements. On a surface in 3D the gradients lie in the surface.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from cardiosim.tissue.conjugate_gradients import ConjugateGradients, NoConvergence
from cardiosim.tissue.discretisation import discretise
from cardiosim.tissue.finite_element import element_gradients
from cardiosim.tissue.linear_solvers import FACTORED, factorised
from cardiosim.tissue.mesh import Mesh
from cardiosim.tissue.sparse_product import sparse_product

# Nodes up to which a system is factored, by dimension. Lines and surfaces fill in
# little, and without a mass their condition grows with the number of nodes.
LARGEST_FACTORISED = {1: np.inf, 2: 300_000, 3: FACTORED[3]}
SOLVER_TOLERANCE = 1e-10
MOST_ITERATIONS = 20_000


def solve_laplace(
    mesh: Mesh, fixed: Mapping[float, NDArray[np.integer]]
) -> NDArray[np.float64]:
    """Solution of the Laplace equation.

    Args:
        mesh: whose every component touches a fixed node.
        fixed: node numbers by the value that phi has there.

    Returns:
        phi, shape (n_nodes,), between the smallest and the largest value given.

    Raises:
        ValueError: two values for a node, an empty set, or nodes that no fixed one
            can be reached from.
    """
    phi = np.zeros(mesh.n_nodes)
    is_fixed = np.zeros(mesh.n_nodes, dtype=bool)
    for value, nodes in fixed.items():
        nodes = np.asarray(nodes, dtype=np.intp)
        if not len(nodes):
            raise ValueError(
                f"no node holds the value {value:g}; a Laplace problem needs nodes for "
                "each of its values"
            )
        taken = is_fixed[nodes] & (phi[nodes] != value)
        if taken.any():
            raise ValueError(
                f"{np.count_nonzero(taken)} nodes are to have {value:g} and also "
                f"{phi[nodes][taken][0]:g}; sets of nodes may not overlap"
            )
        phi[nodes], is_fixed[nodes] = value, True
    if not fixed:
        raise ValueError("a Laplace problem without any fixed nodes; give their values")
    unit = np.broadcast_to([1.0, 1.0, 1.0, 0.0, 0.0, 0.0], (mesh.n_elements, 6))
    operator = discretise(mesh, unit, 0.0)
    stiffness = operator.matrix(0.0, 1.0).tocsr()
    _check_reached(stiffness, is_fixed)
    return solve_with_fixed(stiffness, phi, is_fixed, mesh.dimension)


def solve_with_fixed(
    matrix: sparse.csr_array,
    values: NDArray[np.float64],
    is_fixed: NDArray[np.bool_],
    dimension: int,
) -> NDArray[np.float64]:
    """Solution u of matrix u = 0 at the free nodes.

    Args:
        matrix: shape (n_nodes, n_nodes), positive definite over the free nodes.
        values: u at the fixed nodes, shape (n_nodes,).
        is_fixed: shape (n_nodes,).
        dimension: of the mesh.

    Returns:
        Shape (n_nodes,).
    """
    solution = np.where(is_fixed, values, 0.0)
    free = np.flatnonzero(~is_fixed)
    if len(free):
        rows = matrix[free]
        rhs = -(rows[:, np.flatnonzero(is_fixed)] @ solution[is_fixed])
        solution[free] = solve_positive_definite(rows[:, free], rhs, dimension)
    return solution


def solve_positive_definite(
    matrix: sparse.csr_array, rhs: NDArray[np.float64], dimension: int
) -> NDArray[np.float64]:
    """Solution of a symmetric positive definite system of a mesh.

    Args:
        matrix: shape (n, n).
        rhs: shape (n,).
        dimension: of the mesh: factors of surfaces fill in little, of volumes much.

    Raises:
        NoConvergence: the iterations did not.
    """
    if len(rhs) <= LARGEST_FACTORISED[dimension]:
        return factorised(matrix).solve(rhs)
    solver = ConjugateGradients(
        _Assembled(matrix), 1.0, 1.0, SOLVER_TOLERANCE, MOST_ITERATIONS
    )
    try:
        return solver.solve(rhs)
    except NoConvergence:
        raise NoConvergence(
            f"{len(rhs)} equations did not converge in {MOST_ITERATIONS} iterations; "
            "look for elements of no size in the mesh"
        ) from None


class _Assembled:
    """A matrix in the place of an operator: its row sums are the mass."""

    def __init__(self, matrix: sparse.csr_array):
        self._diagonal = matrix.diagonal()
        self._couplings = sparse.csr_array(matrix - sparse.diags_array(self._diagonal))
        self._row_sums = self._diagonal + self._couplings.sum(axis=1)

    def apply(
        self,
        mass: float,
        stiffness: float,
        u: NDArray[np.float64],
        out: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Set out to the product with u."""
        return sparse_product(stiffness, self._couplings, mass, self._row_sums, u, out)

    def diagonal(self, mass: float, stiffness: float) -> NDArray[np.float64]:
        """Return the diagonal of the matrix."""
        return self._diagonal


def gradients_in_elements(mesh: Mesh, phi: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gradient of a nodal quantity in each element, of grids at their centres.

    Args:
        mesh: of any kind but "point".
        phi: shape (n_nodes,).

    Returns:
        Unit of phi per mm, shape (n_elements, 3); it has no part across a line or a
        surface.
    """
    if mesh.grid is None:
        return element_gradients(mesh, phi)
    nodes = mesh.blocks[0].nodes
    vertices = mesh.points[nodes[0]]
    sides = np.sign(vertices - vertices.mean(axis=0))  # -1 near, 1 far, 0 no such axis
    gradients = np.zeros((mesh.n_elements, 3))
    for axis, dx in enumerate(mesh.grid.spacing):
        # Mean over the far side less the mean over the near one.
        gradients[:, axis] = phi[nodes] @ sides[:, axis] / (0.5 * nodes.shape[1] * dx)
    return gradients


def _check_reached(stiffness: sparse.csr_array, is_fixed: NDArray[np.bool_]) -> None:
    n_components, component = connected_components(stiffness, directed=False)
    reached = np.zeros(n_components, dtype=bool)
    reached[component[is_fixed]] = True
    n_lost = int(np.count_nonzero(~reached[component]))
    if n_lost:
        raise ValueError(
            f"{n_lost} of {len(is_fixed)} nodes are in {np.count_nonzero(~reached)} "
            "parts of the mesh that no fixed node belongs to; fix nodes in each part, "
            "or remove the loose ones"
        )
