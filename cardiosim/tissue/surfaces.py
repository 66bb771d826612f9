"""Where a mesh ends: the facets that belong to one of its elements only.

The facets of volumes are faces, those of areas edges, those of lines ends. What grids
lack is known from their shape; elsewhere facets with the same nodes are found by
sorting, so that no step runs over single elements.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cardiosim.tissue.element_keys import element_keys
from cardiosim.tissue.mesh import ElementBlock, Mesh

# Shape of the facets of an element, and their vertices, counter-clockwise from outside;
# of squares and bricks at low x, high x, low y, high y, low z, high z.
FACETS = {
    "line": ("vertex", ((0,), (1,))),
    "triangle": ("line", ((0, 1), (1, 2), (2, 0))),
    "quad": ("line", ((3, 0), (1, 2), (0, 1), (2, 3))),
    "tetra": ("triangle", ((0, 2, 1), (0, 1, 3), (1, 2, 3), (0, 3, 2))),
    "hexahedron": (
        "quad",
        (
            (0, 4, 7, 3),
            (1, 2, 6, 5),
            (0, 1, 5, 4),
            (3, 7, 6, 2),
            (0, 3, 2, 1),
            (4, 5, 6, 7),
        ),
    ),
}


def boundary_facets(mesh: Mesh) -> tuple[ElementBlock, ...]:
    """Faces, edges and ends that belong to one element only, the largest first.

    Where a line joins an area, or either a volume, it does not end: a facet with all
    its nodes in elements of a higher dimension is left out. A closed surface has no
    boundary, and uncoupled nodes have none.

    Returns:
        Blocks of "quad" or "triangle", "line" and "vertex" elements, those that there
        are. Faces of volumes turn their front to the outside; edges keep the direction
        in which their area has them, so that the area lies on the left.
    """
    if mesh.grid is not None:
        return (_facets_of_grid(mesh),)
    found = []
    inside = np.zeros(mesh.n_nodes, dtype=bool)  # of elements of a higher dimension
    for dimension in (3, 2, 1):
        blocks = [block for block in mesh.blocks if block.dimension == dimension]
        for shape in dict.fromkeys(block.shape for block in blocks):
            nodes = np.concatenate([b.nodes for b in blocks if b.shape == shape])
            facets = _lone_facets(shape, nodes, mesh.points)
            facets = facets[~inside[facets].all(axis=1)]
            if len(facets):
                found.append(ElementBlock(FACETS[shape][0], facets))
        for block in blocks:
            inside[block.nodes] = True
    return tuple(found)


def boundary_nodes(mesh: Mesh) -> NDArray[np.intp]:
    """Increasing numbers of the nodes of `boundary_facets`."""
    on_boundary = np.zeros(mesh.n_nodes, dtype=bool)
    for block in boundary_facets(mesh):
        on_boundary[block.nodes] = True
    return np.flatnonzero(on_boundary)


def boundary_triangles(mesh: Mesh) -> NDArray[np.integer]:
    """The outside of the volumes of a mesh, in triangles with their front outwards.

    Returns:
        Node numbers, shape (n_triangles, 3); none for a mesh without volumes.
    """
    if mesh.dimension < 3:
        return np.empty((0, 3), dtype=np.int32)
    return _triangles(boundary_facets(mesh))


def visible_triangles(mesh: Mesh) -> NDArray[np.integer]:
    """What there is to draw of a mesh: the outside of its volumes, and its areas.

    Returns:
        Node numbers, shape (n_triangles, 3); none for lines and nodes.
    """
    return np.concatenate([boundary_triangles(mesh), _triangles(mesh.blocks)])


def _triangles(blocks: tuple[ElementBlock, ...]) -> NDArray[np.integer]:
    """The triangles of some blocks, and their squares cut in two."""
    found = [np.empty((0, 3), dtype=np.int32)]
    for block in blocks:
        if block.shape == "triangle":
            found.append(block.nodes)
        elif block.shape == "quad":
            halves = block.nodes[:, [[0, 1, 2], [0, 2, 3]]]
            found.append(halves.reshape(-1, 3))
    return np.concatenate(found)


def _facets_of_grid(mesh: Mesh) -> ElementBlock:
    """Facets between an element and a hole, or the end of the grid."""
    grid, (block,) = mesh.grid, mesh.blocks
    counts = [n - 1 for n in grid.shape]
    if grid.present is None:
        present = np.ones(counts, dtype=bool)
    else:
        present = grid.present.reshape(counts, order="F")
    in_mesh = present.ravel(order="F")
    shape, facets = FACETS[block.shape]
    found = []
    for axis in range(grid.dimension):
        for neighbour, vertices in zip((-1, 1), facets[2 * axis :], strict=False):
            exposed = present.copy()
            here, there = np.moveaxis(exposed, axis, 0), np.moveaxis(present, axis, 0)
            if neighbour < 0:
                here[1:] &= ~there[:-1]
            else:
                here[:-1] &= ~there[1:]
            chosen = exposed.ravel(order="F")[in_mesh]
            found.append(block.nodes[chosen][:, vertices])
    return ElementBlock(shape, np.concatenate(found))


def _lone_facets(
    shape: str, nodes: NDArray[np.integer], points: NDArray[np.float64]
) -> NDArray[np.integer]:
    """Facets that only one of the elements has, in the order of these.

    Args:
        shape: of the elements.
        nodes: of the elements, shape (n_elements, n_vertices).
        points: mm, shape (n_nodes, 3).

    Returns:
        Node numbers, shape (n_lone, n_vertices of a facet).
    """
    vertices = np.array(FACETS[shape][1])
    facets = nodes[:, vertices].reshape(-1, vertices.shape[1])
    keys = element_keys(facets, len(points))
    order = np.argsort(keys)
    keys = keys[order]
    differs = np.concatenate([[True], keys[1:] != keys[:-1], [True]])
    lone = np.sort(order[differs[:-1] & differs[1:]])
    facets = facets[lone]
    if shape == "tetra":  # which may be numbered either way round
        a, b, c = np.moveaxis(points[facets], 1, 0)
        outwards = a - points[nodes[lone // len(vertices)]].mean(axis=1)
        flipped = np.einsum("ij,ij->i", np.cross(b - a, c - a), outwards) < 0.0
        facets[flipped] = facets[flipped][:, ::-1]
    return facets
