"""What reading a mesh has shown: findings, and where its parts stand in the file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Finding:
    """One line about a mesh.

    Attributes:
        level: "warning" if the file may not be what was meant, else "note".
        line: what was found.
    """

    level: str
    line: str

    def __str__(self) -> str:
        return f"{self.level}: {self.line}"


@dataclass(frozen=True, eq=False)
class MeshReport:
    """What there is to say about a mesh that was read.

    Attributes:
        findings: warnings and notes.
        unit: that the lengths of the file were taken in.
        edge_lengths: shortest, mean and longest edge, mm; the mean is over the edges of
            all elements, so that an inner edge counts once for each.
        file_nodes: number in the file of each node, for lists and fields that come with
            the file, shape (n_nodes,).
        file_elements: the same of each element, shape (n_elements,).
        n_file_nodes: number of nodes in the file.
        n_file_elements: number of elements in the file.
    """

    findings: tuple[Finding, ...]
    unit: str
    edge_lengths: tuple[float, float, float]
    file_nodes: NDArray[np.intp]
    file_elements: NDArray[np.intp]
    n_file_nodes: int
    n_file_elements: int

    @property
    def warnings(self) -> list[str]:
        """What a run should say, without the notes."""
        return [found.line for found in self.findings if found.level == "warning"]

    def nodes_of_file(self, numbers: NDArray[np.integer]) -> NDArray[np.intp]:
        """Translate node numbers of the file to those of the mesh.

        Args:
            numbers: as a vertex list that belongs to the file has them.

        Returns:
            The same nodes in the mesh, in the same order; what is no part of the mesh
            is left out.

        Raises:
            ValueError: a number that the file does not have.
        """
        numbers = np.asarray(numbers)
        outside = (numbers < 0) | (numbers >= self.n_file_nodes)
        if outside.any():
            raise ValueError(
                f"node {numbers[outside][0]} is not in the mesh file; its nodes are "
                f"numbered 0..{self.n_file_nodes - 1}"
            )
        return renumbered(numbers, self.file_nodes, self.n_file_nodes)


def renumbered(
    numbers: NDArray[np.integer], kept: NDArray[np.integer], total: int
) -> NDArray[np.intp]:
    """Places in `kept` of the numbers that are in it.

    Args:
        numbers: out of 0..total - 1.
        kept: those that are left, in their new order.
        total: how many there were.
    """
    place = np.full(total, -1, dtype=np.intp)
    place[kept] = np.arange(len(kept))
    found = place[numbers]
    return found[found >= 0]


def counted(count: int, noun: str) -> str:
    """A number of things, in words: 1 element, 2 elements."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
