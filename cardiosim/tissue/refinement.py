"""Uniform refinement: every edge is halved, a simplex becomes 2, 4 or 8.

A tetrahedron leaves its four corners and an octahedron between the middles of its
edges, which is cut into four along the shortest of its three diagonals; that keeps the
elements of repeated refinements from growing thin. The diagonal lies inside the
element, so that neighbours need not agree on it.

Reference: Bey 1995, doi:10.1007/BF02238487; Zhang 1995, Houston J. Math. 21, 541-556
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cardiosim.tissue.file_numbering import FileNumbering
from cardiosim.tissue.mesh import ElementBlock, Mesh

# Vertices of the children: first the corners of the element, then the middles of its
# edges 01, 02, 12 of a triangle and 01, 02, 03, 12, 13, 23 of a tetrahedron.
_OF_LINE = ((0, 2), (2, 1))
_OF_TRIANGLE = ((0, 3, 4), (3, 1, 5), (4, 5, 2), (3, 5, 4))
_OF_CORNERS = ((0, 4, 5, 6), (4, 1, 7, 8), (5, 7, 2, 9), (6, 8, 9, 3))
# Diagonal of the octahedron, then the four other middles in turn around it.
_DIAGONALS = (
    ((4, 9), (5, 6, 8, 7)),
    ((5, 8), (4, 7, 9, 6)),
    ((6, 7), (4, 5, 9, 8)),
)
_OF_TETRAHEDRON = np.array(
    [
        _OF_CORNERS + tuple((*ends, ring[i], ring[(i + 1) % 4]) for i in range(4))
        for ends, ring in _DIAGONALS
    ]
)


def refine(mesh: Mesh, times: int = 1) -> Mesh:
    """Halve every edge of a mesh, as often as is said.

    The elements made of one lie together in its place and inherit its region, fibre and
    sheet; a new node belongs to a node set if both ends of its edge do. Nodes of the
    mesh keep their numbers, and `numbering` tells what elements were made of.

    Args:
        mesh: of lines, triangles and tetrahedra.
        times: how often, 0 or more.

    Raises:
        ValueError: the mesh has other elements, such as those of a grid.
    """
    if times < 0:
        raise ValueError(f"a mesh was to be refined {times} times; give 0 or more")
    others = {block.shape for block in mesh.blocks} - {"line", "triangle", "tetra"}
    if others or mesh.grid is not None:
        raise ValueError(
            f'a mesh of kind "{mesh.kind}" is not refined; expected lines, triangles '
            "and tetrahedra (a grid takes a smaller dx)"
        )
    if times and mesh.numbering is None:
        n, m = mesh.n_nodes, mesh.n_elements
        own = FileNumbering.of(np.arange(n), n, np.arange(m), m)
        mesh = replace(mesh, numbering=own)
    for _ in range(times):
        mesh = _halved(mesh)
    return mesh


def _halved(mesh: Mesh) -> Mesh:
    edges, of_elements = _edges(mesh)
    middles = mesh.points[edges].mean(axis=1)
    points = np.concatenate([mesh.points, middles])
    blocks, counts = [], []
    for block, numbers in zip(mesh.blocks, of_elements, strict=True):
        vertices = np.hstack([block.nodes, numbers + mesh.n_nodes])
        children = _children(block.shape, vertices, points)
        counts.append(np.full(len(block), children.shape[1]))
        nodes = children.reshape(-1, children.shape[2])
        blocks.append(ElementBlock(block.shape, nodes))
    times = np.concatenate(counts)
    arrays = {
        name: None
        if getattr(mesh, name) is None
        else np.repeat(getattr(mesh, name), times, axis=0)
        for name in ("regions", "fibres", "sheets")
    }
    sets = {}
    for name, members in mesh.node_sets.items():
        inside = np.zeros(mesh.n_nodes, dtype=bool)
        inside[members] = True
        new = mesh.n_nodes + np.flatnonzero(inside[edges].all(axis=1))
        sets[name] = np.concatenate([members, new])
    return replace(
        mesh,
        points=points,
        blocks=tuple(blocks),
        node_sets=sets,
        numbering=mesh.numbering.halved(edges, times),
        **arrays,
    )


def _edges(mesh: Mesh) -> tuple[NDArray[np.int64], list[NDArray[np.int64]]]:
    """Edges of all elements, and which of them the elements of each block have.

    Returns:
        Nodes of each edge, shape (n_edges, 2), and edge numbers of each block, shape
        (n_elements, edges of an element).
    """
    keys = []
    for block in mesh.blocks:
        pairs = list(itertools.combinations(range(block.nodes.shape[1]), 2))
        ends = np.sort(block.nodes[:, pairs].astype(np.int64), axis=2)
        keys.append(ends[..., 0] * mesh.n_nodes + ends[..., 1])
    unique, number = np.unique(
        np.concatenate([key.ravel() for key in keys]), return_inverse=True
    )
    edges = np.column_stack(np.divmod(unique, mesh.n_nodes))
    starts = np.cumsum([0, *(key.size for key in keys)])
    of_elements = [
        number[start : start + key.size].reshape(key.shape)
        for start, key in zip(starts[:-1], keys, strict=True)
    ]
    return edges, of_elements


def _children(
    shape: str, vertices: NDArray[np.int64], points: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Elements made of each, shape (n_elements, n_children, n_vertices).

    Args:
        shape: of the elements.
        vertices: corners and middles of the edges of each element.
        points: positions of the nodes, the new ones too.
    """
    if shape != "tetra":
        return vertices[:, _OF_LINE if shape == "line" else _OF_TRIANGLE]
    lengths = [
        np.linalg.norm(points[vertices[:, a]] - points[vertices[:, b]], axis=1)
        for (a, b), _ in _DIAGONALS
    ]
    # Rounding must not choose between diagonals of one length: the first is taken.
    nearly = np.array(lengths) <= np.min(lengths, axis=0) * (1.0 + 1e-9)
    chosen = _OF_TETRAHEDRON[nearly.argmax(axis=0)]
    return np.take_along_axis(vertices[:, np.newaxis, :], chosen, axis=2)
