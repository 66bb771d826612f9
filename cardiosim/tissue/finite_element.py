"""Linear finite elements on lines, triangles and tetrahedra in space.

    M dV/dt = -K V,   K_ij = sum_e |e| grad(phi_i) . D_e grad(phi_j),   no flux outwards

The elements may have fewer dimensions than space: a triangle of an atrial shell lies
anywhere in it. Its basis functions have gradients in its own plane, so that of D only
the part in that plane counts. Elements of different dimensions that share nodes are
coupled through them; a line counts with its cross-section and a triangle with its
thickness, so that all masses are volumes. M blends the lumped mass, |e|/(d+1) at each
vertex, with the consistent one, |e|/((d+1)(d+2)) (1 + delta_ij): half of each, as on
grids, is better than either, though not fourth order where the elements are irregular.

Reference: Zienkiewicz, Taylor, Zhu 2013, The Finite Element Method, ch. 3 and 5.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from cardiosim.tissue.element_measures import DEGENERATE
from cardiosim.tissue.mesh import SHAPES, Mesh
from cardiosim.tissue.sparse_product import sparse_product

# Elements that are looked at together: a few hundred megabytes of temporaries.
CHUNK = 500_000


def simplex_geometry(
    points: NDArray[np.float64], nodes: NDArray[np.integer]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Size of each simplex, and the gradients of its basis functions.

    Args:
        points: mm, shape (n_nodes, 3).
        nodes: of each element, shape (n_elements, d + 1), d from 1 to 3.

    Returns:
        Length, area or volume, mm^d, shape (n_elements,); and the gradients, 1/mm,
        shape (n_elements, d + 1, 3), which lie in the line or plane of the element.

    Raises:
        ValueError: an element has no size.
    """
    d = nodes.shape[1] - 1
    coordinates = np.ascontiguousarray(points.T)
    corners = [coordinates[:, vertices] for vertices in nodes.T]
    edges = [corner - corners[0] for corner in corners[1:]]
    # The dual basis g_i . e_j = delta_ij by cofactors, times the square of a length (of
    # the edge or of the normal) or the sixfold volume.
    if d == 1:
        duals, divisor = edges, _dot(edges[0], edges[0])
        size = np.sqrt(divisor)
    elif d == 2:
        normal = _cross(*edges)
        divisor = _dot(normal, normal)
        duals = [_cross(edges[1], normal), _cross(normal, edges[0])]
        size = np.sqrt(divisor) / 2.0
    else:
        duals = [_cross(edges[1], edges[2]), _cross(edges[2], edges[0])]
        duals.append(_cross(edges[0], edges[1]))
        divisor = _dot(edges[0], duals[0])
        size = np.abs(divisor) / 6.0
    pairs = itertools.combinations(corners, 2)
    longest = np.sqrt(np.max([_dot(a - b, a - b) for a, b in pairs], axis=0))
    flat = ~(size > DEGENERATE * longest**d)
    if flat.any():
        worst = int(np.flatnonzero(flat)[0])
        raise ValueError(
            f"the element of nodes {', '.join(map(str, nodes[worst]))} has no size; "
            "`cardiosim mesh info` names all that is wrong with a mesh"
        )
    gradients = np.zeros((len(nodes), d + 1, 3))
    for vertex, dual in enumerate(duals, start=1):
        dual = dual / divisor
        gradients[:, vertex] = dual.T
        gradients[:, 0] -= dual.T
    return size, gradients


def _cross(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Vector products of columns, (3, n)."""
    return np.stack(
        [
            a[1] * b[2] - a[2] * b[1],
            a[2] * b[0] - a[0] * b[2],
            a[0] * b[1] - a[1] * b[0],
        ]
    )


def _dot(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scalar products of columns, (3, n) -> (n,)."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def element_gradients(mesh: Mesh, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gradient of a field in each element, per mm, shape (n_elements, 3).

    Args:
        mesh: of lines, triangles and tetrahedra.
        values: at the nodes, shape (n_nodes,).
    """
    found = np.empty((mesh.n_elements, 3))
    for part, nodes in _chunks(mesh):
        _, gradients = simplex_geometry(mesh.points, nodes)
        found[part] = np.einsum("ea,eai->ei", values[nodes], gradients)
    return found


def element_sizes(mesh: Mesh) -> NDArray[np.float64]:
    """Volume of each element, mm3, shape (n_elements,).

    Args:
        mesh: a grid, or of lines, triangles and tetrahedra; without a thickness the
            sizes of squares and triangles are areas, without a cross-section those of
            lines are lengths.
    """
    sizes = np.empty(mesh.n_elements)
    if mesh.grid is not None:
        sizes[:] = math.prod(mesh.grid.spacing) * mesh.across(mesh.dimension)
        return sizes
    for part, nodes in _chunks(mesh):
        size, _ = simplex_geometry(mesh.points, nodes)
        sizes[part] = size * mesh.across(nodes.shape[1] - 1)
    return sizes


class ElementOperator:
    """M and K of a mesh of simplices, as sparse matrices.

    Attributes:
        n_nodes: of the mesh.
        dimension: of the largest elements.
        lumped_mass: row sums of M, mm3, shape (n_nodes,).
    """

    def __init__(
        self,
        mesh: Mesh,
        tensors: NDArray[np.float64],
        consistent: float = 0.5,
    ) -> None:
        """Assemble the matrices.

        Args:
            mesh: of lines, triangles and tetrahedra.
            tensors: diffusivity of each element, mm2/ms, shape (n_elements, 6): xx,
                yy, zz, xy, xz, yz.
            consistent: share of the consistent mass, 0 to 1.

        Raises:
            ValueError: a node belongs to no element, or an element has no size.
        """
        n = self.n_nodes = mesh.n_nodes
        self.consistent = consistent
        self.dimension = mesh.dimension
        self.lumped_mass = np.zeros(n)
        mass = stiffness = scipy.sparse.csr_array((n, n))
        for part, nodes in _chunks(mesh):
            size, gradients = simplex_geometry(mesh.points, nodes)
            n_vertices = nodes.shape[1]
            size *= mesh.across(n_vertices - 1)
            D = tensors[part]
            self.lumped_mass += np.bincount(
                nodes.ravel(), np.repeat(size / n_vertices, n_vertices), minlength=n
            )
            # What conducts nothing shares no mass either: a scar follows no other.
            share = size * D.any(axis=1) / (n_vertices * (n_vertices + 1))
            flux = _times(D, gradients) * size[:, np.newaxis, np.newaxis]
            rows, columns = np.triu_indices(n_vertices, k=1)
            a, b = nodes[:, rows].ravel(), nodes[:, columns].ravel()
            entries = np.einsum("epi,epi->ep", flux[:, rows], gradients[:, columns])
            stiffness = stiffness + _upper(entries.ravel(), a, b, n)
            mass = mass + _upper(np.repeat(share, len(rows)), a, b, n)
        if not (self.lumped_mass > 0.0).all():
            node = int(np.flatnonzero(~(self.lumped_mass > 0.0))[0])
            raise ValueError(
                f"node {node} belongs to no element; `cardiosim mesh info` names all "
                "that is wrong with a mesh"
            )
        self._mass, self._stiffness = _symmetric(mass), _symmetric(stiffness)
        self._combined: tuple[tuple[float, float], scipy.sparse.csr_array] | None = None

    def expand(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the values as they are: all nodes are the mesh's own."""
        return values

    def restrict(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the values as they are: all nodes are the mesh's own."""
        return values

    def apply(
        self,
        mass: float,
        stiffness: float,
        u: NDArray[np.float64],
        out: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Set out = (mass M + stiffness K) u, both of shape (n_nodes,)."""
        if mass == 0.0:
            # As it is, so that a step's own combination of the two stays at hand.
            return sparse_product(
                stiffness, self._stiffness, 0.0, self.lumped_mass, u, out
            )
        couplings = self._couplings(mass, stiffness)
        return sparse_product(1.0, couplings, mass, self.lumped_mass, u, out)

    def diagonal(self, mass: float, stiffness: float) -> NDArray[np.float64]:
        """Return the diagonal of mass M + stiffness K, shape (n_nodes,)."""
        across = self._couplings(mass, stiffness).sum(axis=1)
        return mass * self.lumped_mass - across

    def matrix(self, mass: float, stiffness: float) -> scipy.sparse.csr_array:
        """Return mass M + stiffness K."""
        diagonal = scipy.sparse.diags_array(self.diagonal(mass, stiffness))
        return scipy.sparse.csr_array(self._couplings(mass, stiffness) + diagonal)

    def _couplings(self, mass: float, stiffness: float) -> scipy.sparse.csr_array:
        """Off-diagonal part of mass M + stiffness K; the last one is kept."""
        if mass == 0.0 and stiffness == 1.0:
            return self._stiffness
        if self._combined is None or self._combined[0] != (mass, stiffness):
            # The consistent mass has (n_vertices + 1) on the diagonal to 1 beside it:
            # its lumped form less the couplings.
            off = stiffness * self._stiffness + (mass * self.consistent) * self._mass
            self._combined = (mass, stiffness), scipy.sparse.csr_array(off)
        return self._combined[1]


def _chunks(mesh: Mesh) -> Iterator[tuple[slice, NDArray[np.integer]]]:
    """Elements in pieces: where they lie in arrays over elements, and their nodes."""
    for block, whole in zip(mesh.blocks, mesh.slices(), strict=True):
        if block.dimension == 0 or len(block.nodes.T) != block.dimension + 1:
            raise ValueError(
                f"{block.shape} elements have no linear finite elements here; expected "
                + ", ".join(name for name, (n, d) in SHAPES.items() if 0 < d == n - 1)
            )
        for first in range(0, len(block), CHUNK):
            nodes = block.nodes[first : first + CHUNK]
            start = whole.start + first
            yield slice(start, start + len(nodes)), nodes


def _times(
    tensors: NDArray[np.float64], vectors: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Products of symmetric tensors (n, 6) with vectors (n, k, 3)."""
    xx, yy, zz, xy, xz, yz = tensors.T[:, :, np.newaxis]
    x, y, z = vectors[..., 0], vectors[..., 1], vectors[..., 2]
    return np.stack(
        [
            xx * x + xy * y + xz * z,
            xy * x + yy * y + yz * z,
            xz * x + yz * y + zz * z,
        ],
        axis=-1,
    )


def _upper(values, a, b, n: int) -> scipy.sparse.csr_array:
    """Entries above the diagonal, those of one pair of nodes added up."""
    low, high = np.minimum(a, b), np.maximum(a, b)
    return scipy.sparse.coo_array((values, (low, high)), shape=(n, n)).tocsr()


def _symmetric(upper: scipy.sparse.csr_array) -> scipy.sparse.csr_array:
    """Both triangles of a matrix without diagonal."""
    whole = scipy.sparse.csr_array(upper + upper.T)
    whole.sum_duplicates()
    whole.eliminate_zeros()
    return whole
