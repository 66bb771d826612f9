"""From a mesh and its diffusivities to the operator that couples its nodes."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from cardiosim.tissue.finite_difference import GridOperator
from cardiosim.tissue.finite_element import ElementOperator
from cardiosim.tissue.mesh import Mesh

Array = NDArray[np.float64]


class Operator(Protocol):
    """M and K of M dV/dt = -K V: K symmetric, positive semidefinite, 1' K = 0.

    Vectors may be longer than the mesh has nodes; `expand` and `restrict` go between.
    """

    n_nodes: int
    dimension: int
    lumped_mass: Array
    consistent: float

    def expand(self, values: Array) -> Array:
        """Return values at the nodes, (n_nodes,), as a vector of the operator."""

    def restrict(self, values: Array) -> Array:
        """Return a vector of the operator at the mesh's nodes, (n_nodes,)."""

    def apply(self, mass: float, stiffness: float, u: Array, out: Array) -> Array:
        """Set out = (mass M + stiffness K) u."""

    def diagonal(self, mass: float, stiffness: float) -> Array:
        """Return the diagonal of mass M + stiffness K as a vector of the operator."""

    def matrix(self, mass: float, stiffness: float) -> scipy.sparse.csr_array:
        """Return mass M + stiffness K over the mesh's nodes."""


def discretise(
    mesh: Mesh,
    tensors: Array,
    consistent: float = 0.5,
) -> Operator:
    """Operator of a mesh: finite differences on grids, finite elements elsewhere.

    Args:
        mesh: of any kind but "point"; elements of several dimensions need its
            thickness and cross_section.
        tensors: diffusivity of each element, mm2/ms, shape (n_elements, 6): xx, yy,
            zz, xy, xz, yz.
        consistent: blend of the mass, from 0 (lumped) to 1 (consistent); 1/2 is fourth
            order on uniform grids.

    Raises:
        ValueError: the mesh couples nothing, the tensors are none, or the elements of
            a mixed mesh lack their thickness or cross-section.
    """
    if mesh.dimension == 0:
        raise ValueError(
            f'a mesh of kind "{mesh.kind}" has uncoupled nodes; diffusion needs a '
            "cable, a sheet, a slab or a mesh of lines, triangles or tetrahedra"
        )
    if not 0.0 <= consistent <= 1.0:
        raise ValueError(
            f"mass blend {consistent:g} is outside 0 (lumped) to 1 (consistent); "
            "0.5 is fourth order on a uniform grid"
        )
    _check_tensors(mesh, tensors)
    if mesh.grid is not None:
        return GridOperator(mesh.grid, tensors, consistent)
    _check_extents(mesh)
    return ElementOperator(mesh, tensors, consistent)


def isotropic(mesh: Mesh, D: float | Array) -> Array:
    """Tensors of equal diffusivity D, mm2/ms, along all axes, (n_elements, 6).

    Args:
        mesh: of any kind.
        D: one number, or one an element.
    """
    tensors = np.zeros((mesh.n_elements, 6))
    tensors[:, :3] = np.broadcast_to(np.asarray(D, dtype=float), mesh.n_elements)[
        :, np.newaxis
    ]
    return tensors


def _check_tensors(mesh: Mesh, tensors: Array) -> None:
    if tensors.shape != (mesh.n_elements, 6):
        raise ValueError(
            f"diffusivities have shape {tensors.shape}; expected six components an "
            f"element, {(mesh.n_elements, 6)}"
        )
    xx, yy, zz, xy, xz, yz = tensors.T
    # Positive semidefinite, up to rounding of a tensor that conducts along one line.
    largest = np.abs(tensors).max(axis=1, initial=0.0)
    slack = 1e-12 * largest
    minors = (xx * yy - xy**2, xx * zz - xz**2, yy * zz - yz**2)
    determinant = (
        xx * (yy * zz - yz**2) - xy * (xy * zz - xz * yz) + xz * (xy * yz - xz * yy)
    )
    good = np.isfinite(tensors).all(axis=1)
    good &= np.minimum(np.minimum(xx, yy), zz) >= -slack
    good &= np.min(minors, axis=0) >= -slack * largest
    good &= determinant >= -slack * largest**2
    if not good.all():
        worst = int(np.flatnonzero(~good)[0])
        raise ValueError(
            f"diffusivity D of element {worst} is {tensors[worst].tolist()} mm2/ms "
            "(xx, yy, zz, xy, xz, yz); it must be finite and not negative in any "
            "direction"
        )


def _check_extents(mesh: Mesh) -> None:
    dimensions = {block.dimension for block in mesh.blocks}
    if len(dimensions) < 2:
        return
    needed = [
        f"{key} (of its {shape}s, {unit})"
        for key, given, dimension, shape, unit in (
            ("thickness", mesh.thickness, 2, "triangle", "mm"),
            ("cross_section", mesh.cross_section, 1, "line", "mm2"),
        )
        if dimension in dimensions and given is None
    ]
    if needed:
        raise ValueError(
            f"the mesh mixes {', '.join(b.shape for b in mesh.blocks)} elements, whose "
            f"masses must be volumes; give mesh.{' and mesh.'.join(needed)}"
        )
