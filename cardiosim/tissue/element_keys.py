"""One number for a set of nodes, to find equal elements, faces and edges by sorting."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def element_keys(nodes: NDArray[np.integer], n_nodes: int) -> NDArray[np.int64]:
    """One number for the nodes of each row, equal for the same nodes in any order.

    Keys of one call compare with each other only.

    Args:
        nodes: node numbers, shape (n_elements, n_vertices).
        n_nodes: number of nodes of the mesh.

    Returns:
        Shape (n_elements,).
    """
    ordered = np.sort(nodes, axis=1)
    keys = ordered[:, 0].astype(np.int64)
    bound = n_nodes
    for column in ordered.T[1:]:
        if bound * n_nodes >= 2**63:  # the rank of a key tells it apart as well
            keys = np.unique(keys, return_inverse=True)[1].astype(np.int64)
            bound = len(keys)
        keys = keys * n_nodes + column
        bound *= n_nodes
    return keys
