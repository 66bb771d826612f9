"""Parameters that a file gives node by node or element by element."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cardiosim.case.cell_tables import CellFieldTable
from cardiosim.case.read import CaseError
from cardiosim.tissue.mesh import Mesh
from cardiosim.tissue.number_files import read_numbers


def field_values(table: CellFieldTable, mesh: Mesh, key: str) -> NDArray[np.float64]:
    """Numbers of a field at all nodes, shape (n_nodes,), in the unit of the file.

    What is given per element is averaged at each node over the elements around it.

    Args:
        table: of the field.
        mesh: of the case.
        key: of the field in the case, for messages.

    Raises:
        CaseError: a file that cannot be read, of another length than the mesh, or a
            scale below 0.
    """
    try:
        values = read_numbers(table.file, table.parameter)
    except ValueError as error:
        raise CaseError(f"{key}: {error}") from None
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise CaseError(
            f"{key}: {table.file} holds an array of shape {values.shape}; expected one "
            "number a node or element"
        )
    if table.scale is not None and values.min() < 0.0:
        raise CaseError(
            f"{key}: {table.file} scales {table.parameter} by {values.min():g}; a "
            "scale is not below 0"
        )
    per = table.per or _told_by_length(values.size, mesh, table.file, key)
    expected = mesh.n_nodes if per == "node" else mesh.n_elements
    if values.size != expected:
        raise CaseError(
            f"{key}: {table.file} holds {values.size} numbers; the mesh has {expected} "
            f"{per}s"
        )
    at_nodes = values if per == "node" else node_means(mesh, values)
    return at_nodes if table.levels is None else _binned(at_nodes, table.levels)


def _told_by_length(size: int, mesh: Mesh, file: str, key: str) -> str:
    lengths = {"node": mesh.n_nodes, "element": mesh.n_elements}
    fitting = [per for per, length in lengths.items() if size == length]
    if not fitting:
        raise CaseError(
            f"{key}: {file} holds {size} numbers; expected one for each of the "
            f"{mesh.n_nodes} nodes or {mesh.n_elements} elements of the mesh"
        )
    if len(fitting) > 1:
        raise CaseError(
            f"{key}: the mesh has {size} nodes and as many elements; say which the "
            f'file is for: per = "node" or per = "element"'
        )
    return fitting[0]


def node_means(mesh: Mesh, of_elements: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean at each node of what its elements have, (n_elements,) -> (n_nodes,)."""
    total, count = np.zeros(mesh.n_nodes), np.zeros(mesh.n_nodes)
    for block, part in zip(mesh.blocks, mesh.slices(), strict=True):
        for vertices in block.nodes.T:
            total += np.bincount(vertices, of_elements[part], mesh.n_nodes)
            count += np.bincount(vertices, minlength=mesh.n_nodes)
    return total / count


def _binned(values: NDArray[np.float64], levels: int) -> NDArray[np.float64]:
    """Values moved to the middle of one of so many equal bins between the extremes."""
    low, high = values.min(), values.max()
    width = (high - low) / levels
    if width == 0.0:
        return values
    bins = np.minimum(np.floor((values - low) / width), levels - 1)
    return low + (bins + 0.5) * width
