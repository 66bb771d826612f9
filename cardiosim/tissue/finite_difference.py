"""Finite differences on grids: mass and stiffness of a cable, sheet or slab.

    M dV/dt = -K V        D in mm2/ms, M in mm^d, K in mm^d/ms, no flux outwards

Each brick of a grid contributes products of one-dimensional matrices of its edges,

    K = sum_ij D_ij  k_ij,   k_xx = k (x) m (x) m,   k_xy = (c (x) c' + c' (x) c) (x) m

    k = [1 -1; -1 1] / dx,   c = [-1 -1; 1 1] / 2,
    m = dx [1/2 - a/6, a/6; a/6, 1/2 - a/6],          M = m (x) m (x) m

where a blends the lumped (a = 0) and the consistent (a = 1) mass along each axis. a = 0
is the classical five- or seven-point stencil with the mixed differences of the tensor
taken over the corners of each brick; a = 1 are multilinear elements. On cos(kx) m acts
as dx (1 - a (k dx)^2/6 + ...) and k as dx k^2 (1 - (k dx)^2/12 + ...): a = 1/2 makes
their quotient fourth order along every axis of a uniform grid. The mixed differences,
and places where D jumps, stay second order. For every blend K is symmetric and positive
semidefinite, because each of its terms is a quadrature of grad u . D grad u.

Mixed differences over all four corners of a square are the mean of those along its two
diagonals. Taking from K

    t s (1 - 2 a / 3) |D_xy| / 2  [1 -1; -1 1] (x) [1 -1; -1 1],   t from 0 to 1,

moves them to the diagonal along which the tissue conducts better; the fourth order of
the axes is left as it is, and the largest error of waves across oblique fibres falls by
a factor of seven (docs/verification.md). s = min(1, 2 - 2a), as multilinear elements
(a = 1) are better left alone. t = 1 is the most that keeps K semidefinite in two
dimensions, and in three where fibres lie in a plane of the grid; elsewhere each brick
has its own.

Nothing is assembled (stencil.py): the product with a vector goes brick by brick, in the
sums and differences of a brick's corners, where a constant is 0 to the last bit.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from cardiosim.tissue.grid import Grid
from cardiosim.tissue.stencil import add_bricks, turned_share
from cardiosim.tissue.symmetric_tensors import COMPONENTS

CHUNK = 200_000  # bricks that are looked at together


class GridOperator:
    """M and K of a grid, applied brick by brick.

    Vectors are over all nodes of the grid, those inside holes included, whose rows are
    those of a unit matrix; `expand` and `restrict` go between them and the mesh.

    Attributes:
        n_nodes: of the mesh.
        dimension: of the grid.
        lumped_mass: row sums of M, mm^d, over all nodes of the grid.
    """

    def __init__(
        self, grid: Grid, tensors: NDArray[np.float64], consistent: float = 0.5
    ) -> None:
        """Prepare the bricks.

        Args:
            grid: of the mesh.
            tensors: diffusivity of each element, mm2/ms, shape (n_elements, 6):
                xx, yy, zz, xy, xz, yz; those along axes that the grid lacks are
                ignored.
            consistent: the blend a, from 0 (lumped) to 1 (consistent).
        """
        self._grid = grid
        self._nodes = grid.grid_nodes
        n_grid = grid.n_grid_nodes
        self.n_nodes = n_grid if self._nodes is None else len(self._nodes)
        self.consistent = consistent
        self.dimension = grid.dimension
        self._bricks = _brick_fields(grid, tensors)
        self.lumped_mass = _lumped_mass(grid)

    def expand(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Put values of the mesh's nodes on the whole grid; zero inside holes."""
        if self._nodes is None:
            return values
        whole = np.zeros(self._grid.n_grid_nodes)
        whole[self._nodes] = values
        return whole

    def restrict(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return values of the whole grid at the mesh's nodes."""
        return values if self._nodes is None else values[self._nodes]

    def apply(
        self,
        mass: float,
        stiffness: float,
        u: NDArray[np.float64],
        out: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Set out = (mass M + stiffness K) u; both over all nodes of the grid."""
        grid = self._grid
        add_bricks(
            grid.shape,
            grid.spacing,
            self.consistent,
            mass,
            stiffness,
            self._bricks,
            self.lumped_mass,
            u,
            out,
        )
        return out

    def diagonal(self, mass: float, stiffness: float) -> NDArray[np.float64]:
        """Return the diagonal of mass M + stiffness K over all nodes of the grid."""
        diagonal = mass * self.lumped_mass
        for a, b, entries in self._entries(mass, stiffness):
            if a is b:
                # No node twice among the first, second, ... corners of the bricks.
                diagonal[a] += entries
        return diagonal

    def matrix(self, mass: float, stiffness: float) -> scipy.sparse.csr_array:
        """Return mass M + stiffness K over the nodes of the mesh."""
        n = self._grid.n_grid_nodes
        whole = scipy.sparse.diags_array(mass * self.lumped_mass, format="csr")
        for a, b, entries in self._entries(mass, stiffness):
            whole = whole + scipy.sparse.coo_array((entries, (a, b)), shape=(n, n))
        whole = scipy.sparse.csr_array(whole)
        if self._nodes is not None:
            whole = whole[self._nodes][:, self._nodes]
        return whole

    def _entries(self, mass: float, stiffness: float):
        """Node pairs of all bricks and what they add to the lumped mass matrix."""
        grid = self._grid
        first = _first_corners(grid)
        bricks = self._bricks
        if grid.present is not None:
            first, bricks = first[grid.present], bricks[:, grid.present]
        strides = np.cumprod([1, *grid.shape[:-1]])
        corners = [first + strides @ bits for bits in _corners(grid.dimension)]
        M, K = _brick_matrices(grid, self.consistent)
        bricks = _with_turned_rows(bricks)
        M = M - math.prod(dx / 2.0 for dx in grid.spacing) * np.eye(len(M))
        for i, j in itertools.product(range(len(corners)), repeat=2):
            weights = np.array([mass * M[i, j], *(stiffness * K[:, i, j])])
            yield corners[i], corners[j], weights @ bricks


def _corners(dimension: int) -> list[tuple[int, ...]]:
    """Near (0) or far (1) along x, (y, (z)) for each corner, x fastest."""
    return [bits[::-1] for bits in itertools.product((0, 1), repeat=dimension)]


def _components(dimension: int) -> list[str]:
    """Components of a tensor that a grid of this dimension feels."""
    return [c for c in COMPONENTS if set(c) <= set("xyz"[:dimension])]


def _first_corners(grid: Grid) -> NDArray[np.intp]:
    """Node at the near corner of every brick, x fastest."""
    numbers = np.arange(grid.n_grid_nodes).reshape(tuple(reversed(grid.shape)))
    return numbers[(slice(-1),) * grid.dimension].ravel()


def _brick_fields(grid: Grid, tensors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Whether each brick shares its mass (0 or 1), and the components of its tensor.

    Returns:
        Shape (1 + n_components, n_grid_elements), x fastest; in three dimensions with
        the share t of the mixed differences that is turned to one diagonal behind.
    """
    kept = [COMPONENTS.index(c) for c in _components(grid.dimension)]
    n_bricks = math.prod(n - 1 for n in grid.shape)
    fields = np.zeros((1 + len(kept) + (grid.dimension == 3), n_bricks))
    here = slice(None) if grid.present is None else grid.present
    for row, component in enumerate(kept, start=1):
        fields[row, here] = tensors[:, component]
    # What conducts nothing shares no mass either: a scar does not follow others.
    fields[0] = fields[1 : 1 + len(kept)].any(axis=0)
    if grid.dimension == 3:
        fields[7] = _semidefinite_share(grid.spacing, fields[1:7])
    return fields


def _semidefinite_share(
    spacing: tuple[float, ...], components: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Largest t, at most 1, for which K of a brick stays semidefinite, (n_bricks,).

    The modes with differences along two axes, xy, xz and yz, have the matrix B with the
    sums of two diagonal components on its diagonal; taken away is t times a diagonal A,
    and t is the inverse of the largest eigenvalue of B^-1 A.
    """
    dx, dy, dz = spacing
    scale = np.array([dx * dx, dy * dy, dz * dz, dx * dy, dx * dz, dy * dz])
    share = np.ones(components.shape[1])
    # A single mixed component needs no search, and is what most tissue has.
    several = np.flatnonzero((components[3:] != 0.0).sum(axis=0) > 1)
    for first in range(0, several.size, CHUNK):
        chosen = several[first : first + CHUNK]
        xx, yy, zz, xy, xz, yz = components[:, chosen] / scale[:, np.newaxis]
        B = np.array([[xx + yy, yz, xz], [yz, xx + zz, xy], [xz, xy, yy + zz]])
        B = B.transpose(2, 0, 1) + 1e-12 * (xx + yy + zz)[:, None, None] * np.eye(3)
        root = np.sqrt(2.0 * np.abs([xy, xz, yz]).T)
        scaled = root[:, :, None] * np.linalg.inv(B) * root[:, None, :]
        largest = np.linalg.eigvalsh(0.5 * (scaled + scaled.transpose(0, 2, 1)))[:, -1]
        share[chosen] = np.minimum(1.0, (1.0 - 1e-9) / largest)
    return share


def _with_turned_rows(bricks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fields of the bricks with t |D_ij| of the mixed components in the last rows."""
    if len(bricks) == 2:
        return bricks
    if len(bricks) == 4:
        return np.vstack([bricks, np.abs(bricks[3:])])
    return np.vstack([bricks[:7], bricks[7] * np.abs(bricks[4:7])])


def _lumped_mass(grid: Grid) -> NDArray[np.float64]:
    """Row sums of M over all nodes of the grid; 1 inside holes."""
    share = math.prod(dx / 2.0 for dx in grid.spacing)
    bricks = np.ones(math.prod(n - 1 for n in grid.shape), dtype=bool)
    if grid.present is not None:
        bricks = grid.present
    bricks = bricks.reshape([n - 1 for n in reversed(grid.shape)])
    mass = np.zeros(tuple(reversed(grid.shape)))
    for corner in _corners(grid.dimension):
        reversed_axes = zip(reversed(corner), bricks.shape, strict=True)
        mass[tuple(slice(far, far + n) for far, n in reversed_axes)] += share * bricks
    mass[mass == 0.0] = 1.0
    return mass.ravel()


def _brick_matrices(
    grid: Grid, consistent: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """M of a brick, and its K for each component of the tensor alone.

    Returns:
        Shapes (n_corners, n_corners) and (n_components + n_mixed, n_corners,
        n_corners); the last ones belong to t |D_ij| of the mixed components.
    """
    a, d = consistent, grid.dimension
    blended = np.array([[0.5 - a / 6, a / 6], [a / 6, 0.5 - a / 6]])
    m = [dx * blended for dx in grid.spacing]
    k = [np.array([[1.0, -1.0], [-1.0, 1.0]]) / dx for dx in grid.spacing]
    c = np.array([[-0.5, -0.5], [0.5, 0.5]])

    def product(**factors: NDArray) -> NDArray:
        """Kronecker product, x fastest; the mass along axes not named."""
        whole = np.ones((1, 1))
        for axis in range(d):
            whole = np.kron(factors.get("xyz"[axis], m[axis]), whole)
        return whole

    stiffness = [
        product(**{i: k["xyz".index(i)]})
        if i == j
        else product(**{i: c, j: c.T}) + product(**{i: c.T, j: c})
        for i, j in _components(d)
    ]
    across = [dx / 4.0 * np.ones((2, 2)) for dx in grid.spacing]
    difference = np.array([[1.0, -1.0], [-1.0, 1.0]])
    for i, j in _components(d)[d:]:
        rest = {axis: across["xyz".index(axis)] for axis in "xyz"[:d]}
        turned = product(**(rest | {i: difference, j: difference}))
        stiffness.append(-(0.5 - a / 3.0) * turned_share(a) * turned)
    return product(), np.array(stiffness)
