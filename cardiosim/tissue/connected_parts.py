"""Parts of a mesh that no current flows between: they share no node that conducts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from cardiosim.tissue.mesh import Mesh


def connected_parts(
    mesh: Mesh, conducts: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Nodes that elements join, one part behind the other.

    Args:
        mesh: with elements.
        conducts: elements that join their nodes, shape (n_elements,); all if None.

    Returns:
        Part of each node, the largest part being 0, and -1 for nodes that no such
        element has, shape (n_nodes,); number of nodes of each part, decreasing.
    """
    starts, ends = [], []
    for block, own in zip(mesh.blocks, mesh.slices(), strict=True):
        nodes = block.nodes if conducts is None else block.nodes[conducts[own]]
        # A chain through its vertices joins an element.
        starts.append(nodes[:, :-1].ravel())
        ends.append(nodes[:, 1:].ravel())
    start, end = np.concatenate(starts), np.concatenate(ends)
    joined = np.zeros(mesh.n_nodes, dtype=bool)
    joined[start] = joined[end] = True
    ones = np.ones(len(start), dtype=np.int8)
    graph = coo_array((ones, (start, end)), shape=(mesh.n_nodes,) * 2)
    _, part = connected_components(graph, directed=False)
    sizes = np.bincount(part[joined], minlength=part.max(initial=-1) + 1)
    order = np.argsort(-sizes, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    sizes = sizes[order]
    return np.where(joined, place[part], -1), sizes[sizes > 0]
