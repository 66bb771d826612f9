"""How the nodes and elements of a mesh come from those of its file.

Reading drops nodes and elements, and puts elements of one shape together; refinement
makes new ones. Lists and fields that come with the file go by its numbers all the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse


@dataclass(frozen=True, eq=False)
class FileNumbering:
    """What each node and element of a mesh was in its file.

    Attributes:
        weights: of the nodes of the file in each node, shape (n_nodes, n_file_nodes):
            one 1 for a node of the file, and for the middle of an edge the mean of
            its ends.
        elements: number in the file of what each element was made of, (n_elements,).
        n_file_elements: number of elements in the file.
    """

    weights: sparse.csr_array
    elements: NDArray[np.intp]
    n_file_elements: int

    @classmethod
    def of(
        cls,
        nodes: NDArray[np.integer],
        n_file_nodes: int,
        elements: NDArray[np.integer],
        n_file_elements: int,
    ) -> FileNumbering:
        """From the number in the file of each node and element."""
        n = len(nodes)
        weights = sparse.csr_array(
            (np.ones(n), np.asarray(nodes), np.arange(n + 1)), shape=(n, n_file_nodes)
        )
        return cls(weights, np.asarray(elements, dtype=np.intp), n_file_elements)

    @property
    def n_file_nodes(self) -> int:
        """Number of nodes in the file."""
        return self.weights.shape[1]

    @property
    def is_that_of_the_file(self) -> bool:
        """Whether every node and element has the number that it has in the file."""
        n, n_file = self.weights.shape
        return (
            n == n_file
            and self.weights.nnz == n
            and np.array_equal(self.weights.indices, np.arange(n))
            and np.array_equal(self.elements, np.arange(self.n_file_elements))
        )

    def at_nodes(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values at the nodes of the file, (n_file_nodes,), at those of the mesh.

        What refinement has added lies between the ends of its edge, linearly.
        """
        return self.weights @ values

    def among_nodes(self, inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Nodes of a set of the file's, (n_file_nodes,) -> (n_nodes,).

        What refinement has added is in the set if both ends of its edge are.
        """
        return self.weights @ inside.astype(float) > 1.0 - 1e-9

    def halved(
        self, edges: NDArray[np.integer], counts: NDArray[np.integer]
    ) -> FileNumbering:
        """Numbering once the middles of the edges follow the nodes.

        Args:
            edges: nodes at both ends, shape (n_edges, 2).
            counts: elements that each element becomes, (n_elements,).
        """
        middles = 0.5 * (self.weights[edges[:, 0]] + self.weights[edges[:, 1]])
        return FileNumbering(
            sparse.csr_array(sparse.vstack([self.weights, middles])),
            np.repeat(self.elements, counts),
            self.n_file_elements,
        )
