"""Meshes and tensors to discretise, and their matrices by other means."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cardiosim.tissue.mesh import cable, sheet, slab, with_holes
from cardiosim.tissue.simplices import simplices_of

BLENDS = [0.0, 0.5, 1.0]


def grids():
    """Small grids of one, two and three dimensions, two of them with holes."""
    flat, deep = sheet((1.2, 0.8), (0.3, 0.2)), slab((0.9, 0.8, 0.6), (0.3, 0.2, 0.15))
    return {
        "cable": cable(1.2, 0.3),
        "sheet": flat,
        "slab": deep,
        "holed sheet": with_holes(flat, np.isin(np.arange(16), [5, 6, 9, 10, 15])),
        # Two by two by two bricks at the side x = 0, and one in a corner.
        "holed slab": with_holes(
            deep, np.isin(np.arange(48), [15, 16, 18, 19, 27, 28, 30, 31, 47])
        ),
    }


def simplices():
    """Meshes of lines, triangles and tetrahedra whose inner nodes are moved."""
    return {
        "lines": distorted(cable(1.2, 0.3)),
        "triangles": distorted(sheet((1.2, 0.8), (0.3, 0.2))),
        "tetrahedra": distorted(slab((0.9, 0.8, 0.6), (0.3, 0.2, 0.15))),
    }


def distorted(mesh, share=0.2):
    """Simplices of a grid, its inner nodes moved by up to a share of the spacing."""
    d = mesh.grid.dimension
    size, points = np.array(mesh.grid.size), mesh.points.copy()
    inner = ((points[:, :d] > 0.0) & (points[:, :d] < size)).all(axis=1)
    moves = np.random.default_rng(2).uniform(-1.0, 1.0, (inner.sum(), d))
    points[inner, :d] += share * moves * mesh.grid.spacing
    return replace(simplices_of(mesh), points=points)


def random_tensors(mesh, seed=0):
    """A positive definite tensor for each element, of eigenvalues up to 2 mm2/ms."""
    roots = np.random.default_rng(seed).uniform(-0.5, 0.5, (mesh.n_elements, 3, 3))
    return six(roots @ roots.transpose(0, 2, 1) + 0.01 * np.eye(3))


def six(tensors):
    """Components xx, yy, zz, xy, xz, yz of matrices, (..., 6)."""
    return tensors[..., [0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]]


def along(direction, longitudinal, transverse, n_elements):
    """One tensor for all elements: a fibre direction and two diffusivities."""
    f = np.array(direction) / np.linalg.norm(direction)
    tensor = transverse * np.eye(3) + (longitudinal - transverse) * np.outer(f, f)
    return np.tile(six(tensor), (n_elements, 1))


def by_columns(operator, mass, stiffness):
    """The matrix whose columns are the products with unit vectors."""
    columns = []
    for unit in np.eye(operator.n_nodes):
        u = operator.expand(unit)
        unfilled = np.full_like(u, np.nan)
        columns.append(operator.restrict(operator.apply(mass, stiffness, u, unfilled)))
    return np.array(columns).T


def scikit_fem(mesh, tensors):
    """Consistent mass and stiffness of scikit-fem's linear or multilinear elements."""
    import skfem

    (block,), d = mesh.blocks, mesh.dimension
    shape, element = {
        "line": (skfem.MeshLine1, skfem.ElementLineP1),
        "triangle": (skfem.MeshTri1, skfem.ElementTriP1),
        "tetra": (skfem.MeshTet1, skfem.ElementTetP1),
        "quad": (skfem.MeshQuad1, skfem.ElementQuad1),
        "hexahedron": (skfem.MeshHex1, skfem.ElementHex1),
    }[block.shape]
    order = np.arange(block.nodes.shape[1])
    if block.shape == "hexahedron":
        ours = [(0, 0), (1, 0), (1, 1), (0, 1)]
        corners = [(*xy, z) for z in (0, 1) for xy in ours]
        order = [corners.index(tuple(p)) for p in shape.elem.refdom.p.T.astype(int)]
    other = shape(
        np.ascontiguousarray(mesh.points.T[:d]),
        np.ascontiguousarray(block.nodes.T[order], dtype=np.int64),
        sort_t=False,
    )
    np.testing.assert_array_equal(other.t, block.nodes.T[order])
    basis = skfem.Basis(other, element(), intorder=2 * d)
    D = np.empty((3, 3, mesh.n_elements, 1))
    for value, (i, j) in zip(
        tensors.T, [(0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)], strict=True
    ):
        D[i, j, :, 0] = D[j, i, :, 0] = value

    @skfem.BilinearForm
    def mass(u, v, _):
        return u * v

    @skfem.BilinearForm
    def stiffness(u, v, _):
        return np.einsum("i...,ij...,j...->...", u.grad, D[:d, :d], v.grad)

    return mass.assemble(basis).toarray(), stiffness.assemble(basis).toarray()
